/*
 * check_ledger: CHECK and its kin for what a server's ledger says, counted, so that a test program
 * can tell how often it has not just taken the client's word.
 */
#ifndef QUOIT_TESTS_CHECK_LEDGER_H
#define QUOIT_TESTS_CHECK_LEDGER_H

#include "tests/unit/check.h"

static unsigned long check_ledger_count;

#define CHECK_LEDGER(holds)                                                                        \
    do {                                                                                           \
        check_ledger_count++;                                                                      \
        CHECK(holds);                                                                              \
    } while (0)

#define CHECK_LEDGER_EQ(got, wanted)                                                               \
    do {                                                                                           \
        check_ledger_count++;                                                                      \
        CHECK_EQ(got, wanted);                                                                     \
    } while (0)

#define CHECK_LEDGER_STR(got, wanted)                                                              \
    do {                                                                                           \
        check_ledger_count++;                                                                      \
        CHECK_STR(got, wanted);                                                                    \
    } while (0)

/* check_done, and before its line the count. */
static inline int check_ledger_done(void)
{
    printf("%lu looked at the ledger\n", check_ledger_count);
    return check_done();
}

#endif
