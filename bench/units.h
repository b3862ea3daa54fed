/*
 * units: lengths of time and large numbers as people read them, with three digits that count.
 */
#ifndef QUOIT_BENCH_UNITS_H
#define QUOIT_BENCH_UNITS_H

#define UNITS_SIZE 24

/* "14.2us", "3.05ms", "1.20s"; "-" for what is not a number. */
void units_time(char out[UNITS_SIZE], double ns);

/* "0", "980", "12,345", "0.12" */
void units_number(char out[UNITS_SIZE], double number);

#endif
