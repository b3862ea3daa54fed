/*
 * kernel: whether a kernel has what quoit asks of io_uring, by what uname says of it.
 *
 * The floor is 6.1. Above it one repair matters: "io_uring: always arm linked timeouts prior to
 * issue" of May 2025, without which a deadline can be missed. It came with 6.15, and to the series
 * that were kept up then with 6.1.139, 6.6.91, 6.12.29 and 6.14.7.
 */
#ifndef QUOIT_CLI_KERNEL_H
#define QUOIT_CLI_KERNEL_H

enum kernel_verdict {
    KERNEL_GOOD,
    KERNEL_UNTOLD,  /* a distribution's own numbers: the repair may be in it or not */
    KERNEL_UNFIXED, /* at least the floor, without the repair */
    KERNEL_OLD,     /* below the floor */
};

/*
 * `release` and `version` as in struct utsname: "6.12.29", "#1 SMP ...". Debian's kernels before 13
 * have their true number in `version` only.
 */
enum kernel_verdict kernel_judge(const char *release, const char *version);

#endif
