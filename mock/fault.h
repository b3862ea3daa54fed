/*
 * fault: the ways in which the mock can misbehave, and their names.
 *
 * A rule is a fault, its arguments and how often it strikes:
 *
 *     reset               always
 *     reset:0.1           in one of ten requests
 *     drip:10ms:4@0.5     arguments, then how often
 *
 * Several rules hold at once, each drawn for itself: "chunked,close-mid-body".
 */
#ifndef QUOIT_MOCK_FAULT_H
#define QUOIT_MOCK_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULT_RULES_MAX 8

/*
 * X(member, name, arguments, default of the first, help). Arguments: "" none, else one letter
 * each, t a duration, n a number; all have a default (that of a second n is 1).
 */
#define FAULT_MAP(X)                                                                               \
    X(RESET, "reset", "", 0, "RST in place of an answer")                                          \
    X(CLOSE_BEFORE, "close-before", "", 0, "FIN in place of an answer")                            \
    X(STALL_BEFORE, "stall-before", "", 0, "no answer, until the client leaves")                   \
    X(GARBAGE, "garbage", "", 0, "bytes that are not HTTP, then FIN")                              \
    X(STALL_HEAD, "stall-head", "", 0, "half of the head, then silence")                           \
    X(CLOSE_MID_HEAD, "close-mid-head", "", 0, "half of the head, then FIN")                       \
    X(STALL_MID_BODY, "stall-mid-body", "n", 0, "N bytes of the body (0: half), then silence")     \
    X(CLOSE_MID_BODY, "close-mid-body", "n", 0, "N bytes of the body (0: half), then FIN")         \
    X(RESET_MID_BODY, "reset-mid-body", "n", 0, "N bytes of the body (0: half), then RST")         \
    X(DRIP, "drip", "tn", 1000000000, "the answer in pieces of N bytes, one each T (1s, 1)")       \
    X(CUT, "cut", "t", 0, "the answer in pieces of 1 to 64 random bytes, one each T (0)")          \
    X(EARLY, "early", "n", 413, "status N as soon as the head is read, then FIN, body unread")     \
    X(EARLY_RESET, "early-reset", "n", 413, "the same, but the unread body makes it an RST")       \
    X(CLOSE_AFTER, "close-after", "", 0, "a good answer, then FIN, without Connection: close")     \
    X(RESET_AFTER, "reset-after", "", 0, "a good answer, then RST")                                \
    X(SECOND_RESPONSE, "second-response", "", 0, "a second answer in the same segment")            \
    X(LATE_RESPONSE, "late-response", "t", 50000000, "a second answer T (50ms) after the first")   \
    X(INFORMATIONAL, "informational", "n", 1, "N interim answers (102, 103) before the answer")    \
    X(CHUNKED, "chunked", "", 0, "the body in chunked coding")                                     \
    X(CLOSE_DELIMITED, "close-delimited", "", 0, "no length: the body ends with the connection")   \
    X(HTTP10, "http10", "", 0, "an answer in HTTP/1.0")                                            \
    X(NO_CLOSE_NOTIFY, "no-close-notify", "", 0, "TLS: the connection ends without close_notify")  \
    X(HALF_RECORD, "half-record", "", 0, "TLS: half of a record behind the answer, then FIN")      \
    X(KEY_UPDATE, "key-update", "", 0, "TLS 1.3: a KeyUpdate behind the answer")                   \
    X(NO_DONE, "no-done", "", 0, "a stream that ends without saying so (no [DONE])")               \
    X(ERROR_EVENT, "error-event", "", 0, "a stream whose middle event is an error, then the end")  \
    X(COMMENTS, "comments", "", 0, "a stream with a comment before each token")

enum fault {
#define X(member, name, arguments, first, help) FAULT_##member,
    FAULT_MAP(X)
#undef X
        FAULTS,
};

struct fault_rule {
    enum fault fault;
    double share; /* of the requests that it strikes, 0 to 1 */
    uint64_t arguments[2];
};

const char *fault_name(enum fault fault);

/* Read one rule. False, and *rule_out as it was, if it is none. Cuts `text` into pieces. */
bool fault_parse(char *text, struct fault_rule *rule_out);

/* Print a line of help for each, on stdout. */
void fault_print_help(void);

#endif
