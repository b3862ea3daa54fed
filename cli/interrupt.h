/*
 * interrupt: SIGINT, SIGTERM and SIGHUP, as something that the run looks at.
 *
 * The handler notes the signal and its time, and wakes the engine; all else is done by the run in
 * its own time. A SIGHUP that is ignored at the start (nohup) stays ignored. SIGPIPE is ignored, so
 * that a reader who has gone is an error of write.
 */
#ifndef QUOIT_CLI_INTERRUPT_H
#define QUOIT_CLI_INTERRUPT_H

#include "quoit.h"

/*
 * From now on. What is under way may take that much longer after a first SIGINT, and after a first
 * SIGTERM or SIGHUP.
 */
void interrupt_catch(uint64_t int_grace_ns, uint64_t term_grace_ns);

/* Whom to wake; NULL: nobody, which must be said before the engine is destroyed. */
void interrupt_set_engine(struct quoit_engine *engine);

/* The first signal that came; 0: none. */
int interrupt_signal(void);

/* How many have come. */
int interrupt_count(void);

/* When the time of grace is over, of CLOCK_MONOTONIC; UINT64_MAX: never, or no signal has come. */
uint64_t interrupt_end_ns(void);

#endif
