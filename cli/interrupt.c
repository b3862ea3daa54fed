/*
 * interrupt: the handler touches two numbers and an eventfd, which is all that a handler may.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>

static volatile sig_atomic_t interrupt_first, interrupt_seen;
static _Atomic(struct quoit_engine *) interrupt_engine;

static void interrupt_on_signal(int number)
{
    struct quoit_engine *engine = atomic_load(&interrupt_engine);

    if (interrupt_seen == 0) {
        interrupt_first = number;
    }
    if (interrupt_seen < 100) {
        interrupt_seen = interrupt_seen + 1;
    }
    if (engine != NULL) {
        quoit_wake(engine);
    }
}

void interrupt_catch(void)
{
    /* Without SA_RESTART: a write that is held up by a slow reader must return. */
    struct sigaction action = { .sa_handler = interrupt_on_signal };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;

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
