/*
 * finding: what a check found, how bad that is, and what can be done about it.
 *
 *     findings_add --> finding_say, and then perhaps finding_warn or finding_fail
 *
 * A list of fixed size and order, each text cut at its limit. All zero is empty.
 */
#ifndef QUOIT_CLI_FINDING_H
#define QUOIT_CLI_FINDING_H

#include <stddef.h>

#define FINDINGS_MAX 48
#define FINDING_FOUND_MAX 400
#define FINDING_REMEDY_MAX 400

enum finding_verdict {
    FINDING_OK,
    FINDING_WARN, /* it works, and could be better */
    FINDING_FAIL, /* it does not work */
};

struct finding {
    const char *name; /* static */
    enum finding_verdict verdict;
    char found[FINDING_FOUND_MAX];
    char remedy[FINDING_REMEDY_MAX]; /* one line; empty where all is well */
};

struct findings {
    struct finding items[FINDINGS_MAX];
    size_t count;
};

/* One more, which is OK until it is said otherwise. Asserts that there is room. */
struct finding *findings_add(struct findings *findings, const char *name);

/* Append to what was found. */
__attribute__((format(printf, 2, 3))) void finding_say(struct finding *finding, const char *format,
                                                       ...);

/* With the remedy. Of several verdicts the worst one stays, with the remedy that came first. */
__attribute__((format(printf, 2, 3))) void finding_warn(struct finding *finding, const char *format,
                                                        ...);
__attribute__((format(printf, 2, 3))) void finding_fail(struct finding *finding, const char *format,
                                                        ...);

/* How many have that verdict. */
size_t findings_count(const struct findings *findings, enum finding_verdict verdict);

/* "ok", "warn", "fail". Static. */
const char *finding_word(enum finding_verdict verdict);

#endif
