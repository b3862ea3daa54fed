/*
 * ring_sim: engine/ring.h over the simulated network of this folder; linked in engine/ring.o's
 * place.
 *
 * A test begins a world (tests/sim/world.h) and its servers (tests/sim/server_sim.h), calls
 * ring_sim_begin, and then uses ring.h, or quoit.h above it. ring_turn never sleeps: it moves the
 * world's clock to the next thing that happens, or to the end of its wait.
 *
 * What the kernel does is done and no more (DESIGN.md 3): quiet sends read the caller's memory and
 * end in the turn that submits them; completions of one connection keep their order, those of
 * several may change places or come turns later; a cancel that finds its target ends it; a deadline
 * fires late, never early.
 *
 * Large buffers are 1 to 8 of 16 KiB, or refused.
 *
 * Violations, which end the process with the seed: two operations of one verb, an operation on a
 * closed or foreign descriptor, a close with operations under way, a cancel of nothing, memory of a
 * send changed while the kernel had it, a buffer not given back at the end of a turn or given back
 * twice, anything left at ring_destroy, a wait that nothing can end, too many turns.
 */
#ifndef QUOIT_TESTS_SIM_RING_SIM_H
#define QUOIT_TESTS_SIM_RING_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_sim_limits {
    uint32_t sockets_max; /* open at a time */
    uint32_t turns_max;   /* of a world */
    uint64_t end_ns;      /* how long a world may last */
    uint32_t buffers_max; /* small ones of a ring: 1 to this many; 0: 64 */
};

void ring_sim_begin(const struct ring_sim_limits *limits);

/* Turns since ring_sim_begin. */
uint64_t ring_sim_turns(void);

/*
 * For a caller, between two calls of the library: perhaps do something else, for up to seconds, a
 * few times in a world. The network and the servers go on meanwhile.
 */
void ring_sim_stay_away(void);

/* For how much of that time the caller was away so. */
uint64_t ring_sim_away_ns(uint64_t begin_ns, uint64_t end_ns);

/* Rings that were created and not destroyed; operations under way in them. */
uint32_t ring_sim_rings(void);
uint32_t ring_sim_operations(void);

/* Does the kernel hold a send of some of these bytes, or will it before the next turn returns? */
bool ring_sim_holds(const char *bytes, size_t size);

#endif
