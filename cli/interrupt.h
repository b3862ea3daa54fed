/*
 * interrupt: SIGINT, SIGTERM and SIGHUP, as something that the run looks at.
 *
 * The handler notes the signal and wakes the engine; all else is done by the run in its own time.
 * A SIGHUP that is ignored at the start (nohup) stays ignored. SIGPIPE is ignored, so that a reader
 * who has gone is an error of write.
 */
#ifndef QUOIT_CLI_INTERRUPT_H
#define QUOIT_CLI_INTERRUPT_H

#include "quoit.h"

/* From now on. */
void interrupt_catch(void);

/* Whom to wake; NULL: nobody, which must be said before the engine is destroyed. */
void interrupt_set_engine(struct quoit_engine *engine);

/* The first signal that came; 0: none. */
int interrupt_signal(void);

/* How many have come. */
int interrupt_count(void);

#endif
