/* text: see text.h. */
#include "mock/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_S_MAX (10.0 * 365 * 24 * 3600)

struct text_unit {
    const char *name;
    double factor;
};

bool text_to_number(const char *text, uint64_t max, uint64_t *number_out)
{
    uint64_t number = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text)) {
            return false;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > max || number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *number_out = number;
    return true;
}

/* A number and then one of the units; gives their product. */
static bool text_to_product(const char *text, const struct text_unit *units, double *product_out)
{
    char *rest = NULL;

    if (!isdigit((unsigned char)*text) && *text != '.') {
        return false; /* strtod would take signs, spaces, inf and nan */
    }
    double number = strtod(text, &rest);
    for (; units->name != NULL; units++) {
        if (strcasecmp(rest, units->name) == 0) {
            *product_out = number * units->factor;
            return true;
        }
    }
    return false;
}

bool text_to_real(const char *text, double max, double *real_out)
{
    static const struct text_unit units[] = { { "", 1 }, { NULL, 0 } };
    double real = 0;

    if (!text_to_product(text, units, &real) || real > max) {
        return false;
    }
    *real_out = real;
    return true;
}

bool text_to_ns(const char *text, uint64_t *ns_out)
{
    static const struct text_unit units[] = { { "", 1 },     { "ns", 1e-9 }, { "us", 1e-6 },
                                              { "s", 1 },    { "ms", 1e-3 }, { "m", 60 },
                                              { "h", 3600 }, { NULL, 0 } };
    double seconds = 0;

    if (!text_to_product(text, units, &seconds) || seconds > TEXT_S_MAX) {
        return false;
    }
    *ns_out = (uint64_t)(seconds * 1e9 + 0.5);
    return true;
}

bool text_to_size(const char *text, size_t *size_out)
{
    static const struct text_unit units[] = {
        { "", 1 },       { "k", 1e3 },         { "m", 1e6 },
        { "KiB", 1024 }, { "MiB", 1048576.0 }, { "GiB", 1073741824.0 },
        { NULL, 0 }
    };
    double size = 0;

    if (!text_to_product(text, units, &size) || size > 64.0 * 1073741824.0) {
        return false;
    }
    *size_out = (size_t)size;
    return true;
}

char *text_cut(char *text, char separator)
{
    char *end = strchr(text, separator);

    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    return end + 1;
}

bool text_is(const char *bytes, size_t size, const char *text)
{
    return strlen(text) == size && strncasecmp(bytes, text, size) == 0;
}
