/*
 * api_info: the calls of quoit.h that only tell: counts, headers of a result, the clock, versions.
 */
#include "base/bits.h"
#include "engine/engine.h"
#include "tls/context.h"

#include <stdio.h>
#include <threads.h>
#include <time.h>

void quoit_stats_read(const struct quoit_engine *engine, struct quoit_stats *stats_out)
{
    if (api_check(engine) != QUOIT_OK) {
        return;
    }
    struct quoit_stats stats = engine->stats;
    struct ring_stats ring = ring_stats_read(engine->ring);

    stats.queued = engine->slots.counts[SLOT_QUEUED];
    stats.waiting = engine->slots.counts[SLOT_WAITING];
    stats.in_flight = engine->in_flight;
    stats.done = engine->slots.counts[SLOT_DONE];
    stats.sqes = ring.sqes;
    stats.cqes = ring.cqes;
    stats.entries = ring.entries;
    stats.spin_ns = ring.spin_ns;
    stats.no_buffers = ring.no_buffers;
    stats.cq_overflows = ring.cq_overflows;
    stats.io = ring_io(engine->ring);
    stats.io_refusal = ring_refusal(engine->ring);
    *stats_out = stats;
}

const char *quoit_result_header(const struct quoit_result *result, const char *name)
{
    return header_find(result->headers, result->headers_count, name);
}

uint64_t quoit_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *quoit_version(void)
{
    return VERSION_TEXT(QUOIT_VERSION_MAJOR, QUOIT_VERSION_MINOR, QUOIT_VERSION_PATCH);
}

#ifndef QUOIT_LIBURING_VERSION
#define QUOIT_LIBURING_VERSION "unknown" /* the Makefile asks pkg-config: 2.3 has no macro */
#endif

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static char build_info[256];

static void build_info_make(void)
{
    snprintf(build_info, sizeof(build_info), "liburing %s, %s, llhttp %s, compiled by %s",
             QUOIT_LIBURING_VERSION, tls_context_library(), response_library(), __VERSION__);
}

const char *quoit_build_info(void)
{
    static once_flag once = ONCE_FLAG_INIT;

    call_once(&once, build_info_make);
    return build_info;
}
