/*
 * load: instants that are set once.
 */
#include "bench/load.h"

static uint64_t load_add(uint64_t ns, uint64_t more_ns)
{
    return more_ns > LOAD_UNKNOWN - 1 - ns ? LOAD_UNKNOWN : ns + more_ns;
}

void load_end(struct load *load, uint64_t end_ns)
{
    uint64_t unknown = LOAD_UNKNOWN;

    if (atomic_compare_exchange_strong(&load->end_ns, &unknown, end_ns)) {
        atomic_store(&load->over_ns, load_add(end_ns, load->plan->grace_ns));
    }
}

void load_begin(struct load *load, uint64_t begin_ns)
{
    uint64_t unknown = LOAD_UNKNOWN;

    if (atomic_compare_exchange_strong(&load->begin_ns, &unknown, begin_ns) &&
        load->plan->duration_ns != UINT64_MAX) {
        load_end(load, load_add(begin_ns, load->plan->duration_ns));
    }
}
