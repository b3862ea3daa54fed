/*
 * finding: see finding.h.
 */
#include "cli/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finding *findings_add(struct findings *findings, const char *name)
{
    assert(findings->count < FINDINGS_MAX);
    struct finding *finding = &findings->items[findings->count++];

    *finding = (struct finding){ .name = name };
    return finding;
}

void finding_say(struct finding *finding, const char *format, ...)
{
    size_t size = strlen(finding->found);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(finding->found + size, sizeof(finding->found) - size, format, arguments);
    va_end(arguments);
}

static void finding_judge(struct finding *finding, enum finding_verdict verdict, const char *format,
                          va_list arguments)
{
    if (verdict > finding->verdict) {
        finding->verdict = verdict;
        vsnprintf(finding->remedy, sizeof(finding->remedy), format, arguments);
    }
}

void finding_warn(struct finding *finding, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    finding_judge(finding, FINDING_WARN, format, arguments);
    va_end(arguments);
}

void finding_fail(struct finding *finding, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    finding_judge(finding, FINDING_FAIL, format, arguments);
    va_end(arguments);
}

size_t findings_count(const struct findings *findings, enum finding_verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < findings->count; i++) {
        count += findings->items[i].verdict == verdict;
    }
    return count;
}

const char *finding_word(enum finding_verdict verdict)
{
    switch (verdict) {
    case FINDING_OK:
        return "ok";
    case FINDING_WARN:
        return "warn";
    case FINDING_FAIL:
        return "fail";
    }
    abort(); /* a verdict without a word */
}
