/*
 * interrupt: the handler touches three numbers, the clock and an eventfd, which a handler may.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>

static volatile sig_atomic_t interrupt_first, interrupt_seen;
static uint64_t interrupt_int_grace_ns, interrupt_term_grace_ns;
static _Atomic uint64_t interrupt_grace_end_ns = UINT64_MAX;
static _Atomic(struct quoit_engine *) interrupt_engine;

static uint64_t interrupt_grace_end(int number)
{
    uint64_t grace_ns = number == SIGINT ? interrupt_int_grace_ns : interrupt_term_grace_ns;
    uint64_t now_ns = quoit_now_ns();

    return grace_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + grace_ns;
}

static void interrupt_on_signal(int number)
{
    struct quoit_engine *engine = atomic_load(&interrupt_engine);

    if (interrupt_seen == 0) {
        interrupt_first = number;
        atomic_store(&interrupt_grace_end_ns, interrupt_grace_end(number));
    }
    if (interrupt_seen < 100) {
        interrupt_seen = interrupt_seen + 1;
    }
    if (engine != NULL) {
        quoit_wake(engine);
    }
}

void interrupt_catch(uint64_t int_grace_ns, uint64_t term_grace_ns)
{
    /* Without SA_RESTART: a write that is held up by a slow reader must return. */
    struct sigaction action = { .sa_handler = interrupt_on_signal };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;

    interrupt_int_grace_ns = int_grace_ns;
    interrupt_term_grace_ns = term_grace_ns;
    sigfillset(&action.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) != 0 || before.sa_handler != SIG_IGN) {
        sigaction(SIGHUP, &action, NULL);
    }
}

void interrupt_set_engine(struct quoit_engine *engine)
{
    atomic_store(&interrupt_engine, engine);
}

int interrupt_signal(void)
{
    return interrupt_first;
}

int interrupt_count(void)
{
    return interrupt_seen;
}

uint64_t interrupt_end_ns(void)
{
    return atomic_load(&interrupt_grace_end_ns);
}
