/*
 * units: see units.h.
 */
#include "bench/units.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Digits behind the point, so that three count. */
static int decimals(double number)
{
    return number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
}

void units_time(char out[UNITS_SIZE], double ns)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" }, { 1, "ns" } };

    if (isnan(ns)) {
        snprintf(out, UNITS_SIZE, "-");
        return;
    }
    size_t i = 0;
    while (i < 3 && ns < 0.9995 * units[i].ns) {
        i++;
    }
    snprintf(out, UNITS_SIZE, "%.*f%s", decimals(ns / units[i].ns), ns / units[i].ns,
             units[i].name);
}

void units_number(char out[UNITS_SIZE], double number)
{
    char plain[UNITS_SIZE];
    size_t used = 0;

    bool whole_number = number == floor(number) || number >= 999.5;
    snprintf(plain, sizeof(plain), "%.*f", whole_number ? 0 : decimals(number), number);
    size_t whole = strcspn(plain, ".");
    for (size_t i = 0; plain[i] != '\0' && used + 2 < UNITS_SIZE; i++) {
        out[used++] = plain[i];
        if (i + 1 < whole && (whole - i - 1) % 3 == 0) {
            out[used++] = ',';
        }
    }
    out[used] = '\0';
}
