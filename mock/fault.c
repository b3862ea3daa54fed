/* fault: see fault.h. */
#include "mock/fault.h"

#include "mock/text.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *arguments;
    uint64_t first;
    const char *help;
} faults[FAULTS] = {
#define X(member, name, arguments, first, help) { name, arguments, first, help },
    FAULT_MAP(X)
#undef X
};

_Static_assert(FAULTS <= 32, "a plan keeps its faults as bits of 32");

const char *fault_name(enum fault fault)
{
    return faults[fault].name;
}

/* The arguments of the fault, and for one that has none a share without its @. */
static bool fault_parse_arguments(char *text, const char *kinds, struct fault_rule *rule)
{
    for (int i = 0; text != NULL; i++) {
        char *rest = text_cut(text, ':');
        bool good = false;
        if (i == 0 && kinds[0] == '\0') {
            good = rest == NULL && text_to_real(text, 1, &rule->share);
        } else if (i < 2 && kinds[i] == 't') {
            good = text_to_ns(text, &rule->arguments[i]);
        } else if (i < 2 && kinds[i] == 'n') {
            good = text_to_number(text, UINT32_MAX, &rule->arguments[i]);
        }
        if (!good || (kinds[0] != '\0' && i >= (int)strlen(kinds))) {
            return false;
        }
        text = rest;
    }
    return true;
}

bool fault_parse(char *text, struct fault_rule *rule_out)
{
    struct fault_rule rule = { .share = 1 };
    char *share = text_cut(text, '@');
    char *arguments = text_cut(text, ':');

    while (rule.fault < FAULTS && strcmp(faults[rule.fault].name, text) != 0) {
        rule.fault++;
    }
    if (rule.fault == FAULTS) {
        return false;
    }
    rule.arguments[0] = faults[rule.fault].first;
    rule.arguments[1] = 1;
    if (!fault_parse_arguments(arguments, faults[rule.fault].arguments, &rule)) {
        return false;
    }
    if (share != NULL && !text_to_real(share, 1, &rule.share)) {
        return false;
    }
    if ((rule.fault == FAULT_EARLY || rule.fault == FAULT_EARLY_RESET) &&
        (rule.arguments[0] < 200 || rule.arguments[0] > 599)) {
        return false;
    }
    *rule_out = rule;
    return true;
}

void fault_print_help(void)
{
    for (enum fault fault = 0; fault < FAULTS; fault++) {
        char name[40];
        const char *kinds = faults[fault].arguments;
        snprintf(name, sizeof(name), "%s%s%s", faults[fault].name,
                 kinds[0] == '\0'  ? ""
                 : kinds[0] == 't' ? "[:T"
                                   : "[:N",
                 kinds[0] == '\0'   ? ""
                 : kinds[1] == '\0' ? "]"
                                    : "[:N]]");
        printf("  %-32s %s\n", name, faults[fault].help);
    }
}
