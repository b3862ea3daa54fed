/*
 * bench: the command `quoit bench`.
 */
#ifndef QUOIT_BENCH_BENCH_H
#define QUOIT_BENCH_BENCH_H

/* `words` are those behind `bench`. Returns the exit code. */
int bench_main(int count, char **words);

#endif
