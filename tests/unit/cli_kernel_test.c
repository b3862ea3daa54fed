/*
 * kernel: which kernels have the repair of linked timeouts.
 */
#include "cli/kernel.h"
#include "tests/unit/check.h"

struct row {
    const char *release, *version;
    enum kernel_verdict verdict;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_case(rows[i].release);
        CHECK_EQ(kernel_judge(rows[i].release, rows[i].version), rows[i].verdict);
    }
}

#define ROWS(array) array, sizeof(array) / sizeof((array)[0])

static void test_each_series_has_the_repair_from_its_own_release_on(void)
{
    static const struct row rows[] = {
        { "6.1.138", "#1 SMP", KERNEL_UNFIXED }, { "6.1.139", "#1 SMP", KERNEL_GOOD },
        { "6.6.90", "#1 SMP", KERNEL_UNFIXED },  { "6.6.91", "#1 SMP", KERNEL_GOOD },
        { "6.12.28", "#1 SMP", KERNEL_UNFIXED }, { "6.12.29", "#1 SMP", KERNEL_GOOD },
        { "6.14.6", "#1 SMP", KERNEL_UNFIXED },  { "6.14.7", "#1 SMP", KERNEL_GOOD },
        { "6.15.0", "#1 SMP", KERNEL_GOOD },     { "6.18.44-x", "#1 SMP", KERNEL_GOOD },
        { "7.0.1", "#1 SMP", KERNEL_GOOD },      { "6.15-rc7", "#1 SMP", KERNEL_GOOD },
        { "6.1.0", "#1 SMP", KERNEL_UNFIXED },   { "6.6.87.2-wsl2", "#1", KERNEL_UNFIXED },
        { "6.6.140.1-wsl2", "#1", KERNEL_GOOD }, { "6.12.48+deb13-amd64", "#1", KERNEL_GOOD },
    };

    check_rows(ROWS(rows));
}

static void test_a_series_that_ended_before_the_repair_never_has_it(void)
{
    static const struct row rows[] = {
        { "6.2.16", "#1 SMP", KERNEL_UNFIXED },
        { "6.5.13", "#1 SMP", KERNEL_UNFIXED },
        { "6.11.11", "#1 SMP", KERNEL_UNFIXED },
        { "6.13.12", "#1 SMP", KERNEL_UNFIXED },
    };

    check_rows(ROWS(rows));
}

static void test_what_is_below_the_floor_is_old(void)
{
    static const struct row rows[] = {
        { "6.0.19", "#1 SMP", KERNEL_OLD },
        { "5.15.0-140-generic", "#150-Ubuntu SMP", KERNEL_OLD },
        { "4.18.0-553.el8", "#1 SMP", KERNEL_OLD },
    };

    check_rows(ROWS(rows));
}

static void test_a_distributions_own_count_tells_nothing_but_debians_has_the_true_one_beside(void)
{
    static const struct row rows[] = {
        { "6.8.0-60-generic", "#63-Ubuntu SMP", KERNEL_UNTOLD },
        { "6.14.0-29-generic", "#29-Ubuntu SMP", KERNEL_UNTOLD },
        { "6.12.0-55.el10.x86_64", "#1 SMP", KERNEL_UNTOLD },
        { "6.17.0-5-generic", "#5-Ubuntu SMP", KERNEL_GOOD },
        { "6.1.0-37-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)", KERNEL_GOOD },
        { "6.1.0-34-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.135-1 (2025-04-25)",
          KERNEL_UNFIXED },
        { "5.10.0-34-amd64", "#1 SMP Debian 5.10.234-1 (2025-02-24)", KERNEL_OLD },
        { "unheard of", "#1", KERNEL_UNTOLD },
    };

    check_rows(ROWS(rows));
}

int main(void)
{
    RUN(test_each_series_has_the_repair_from_its_own_release_on);
    RUN(test_a_series_that_ended_before_the_repair_never_has_it);
    RUN(test_what_is_below_the_floor_is_old);
    RUN(test_a_distributions_own_count_tells_nothing_but_debians_has_the_true_one_beside);
    return check_done();
}
