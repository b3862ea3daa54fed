/*
 * base_error: the numbers are ABI and the codes stand in result files, so both are written out here
 * once more; messages are made to follow "quoit: line 17: ".
 */
#include "quoit.h"

#include "base/bits.h"
#include "tests/unit/check.h"

struct error_case {
    int number;
    const char *name, *code;
    bool transient;
};

/* Append only. A line that has to be changed here breaks programs that exist. */
static const struct error_case errors[] = {
    { 0, "QUOIT_OK", "ok", false },
    { 1, "QUOIT_E_NO_MEMORY", "resource", true },
    { 2, "QUOIT_E_NO_SLOT", "resource", false },
    { 3, "QUOIT_E_ARGUMENT", "invalid_request", false },
    { 4, "QUOIT_E_URL", "invalid_request", false },
    { 5, "QUOIT_E_HEADER", "invalid_request", false },
    { 6, "QUOIT_E_TLS_FILE", "tls_error", false },
    { 7, "QUOIT_E_NO_URING", "resource", false },
    { 8, "QUOIT_E_LOCKED_MEMORY", "resource", false },
    { 9, "QUOIT_E_THREAD", "resource", false },
    { 10, "QUOIT_E_FORKED", "resource", false },
    { 11, "QUOIT_E_STALE", "resource", false },
    { 12, "QUOIT_E_FINAL", "resource", false },
    { 20, "QUOIT_E_DNS", "dns_error", true },
    { 21, "QUOIT_E_CONNECT", "connect_error", true },
    { 22, "QUOIT_E_RESET", "connection_reset", true },
    { 23, "QUOIT_E_TLS", "tls_error", false },
    { 24, "QUOIT_E_PROTOCOL", "protocol_error", false },
    { 25, "QUOIT_E_INCOMPLETE", "incomplete_response", true },
    { 26, "QUOIT_E_TOO_LARGE", "too_large", false },
    { 27, "QUOIT_E_TIMEOUT_CONNECT", "timeout_connect", true },
    { 28, "QUOIT_E_TIMEOUT_TLS", "timeout_tls", true },
    { 29, "QUOIT_E_TIMEOUT_WRITE", "timeout_write", true },
    { 30, "QUOIT_E_TIMEOUT_FIRST_BYTE", "timeout_first_byte", true },
    { 31, "QUOIT_E_TIMEOUT_IDLE", "timeout_idle", true },
    { 32, "QUOIT_E_TIMEOUT_TOTAL", "timeout_total", true },
    { 33, "QUOIT_E_TIMEOUT_DEADLINE", "timeout_deadline", false },
    { 34, "QUOIT_E_CANCELLED", "cancelled", false },
    { 35, "QUOIT_E_NO_DESCRIPTOR", "resource", true },
    { 36, "QUOIT_E_PROXY", "proxy_refused", false },
    { 37, "QUOIT_E_NO_THREAD", "resource", true },
    { 38, "QUOIT_E_STREAM", "stream_error", false },
};

static const enum quoit_error all[] = { QUOIT_OK,
#define X(number, name, transient, code, message) QUOIT_E_##name,
                                        QUOIT_ERROR_MAP(X)
#undef X
};

static void test_numbers_names_codes_and_transience_are_stable(void)
{
    CHECK_EQ(COUNT_OF(all), COUNT_OF(errors));
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        enum quoit_error error = (enum quoit_error)errors[i].number;
        check_case(errors[i].name);
        CHECK_STR(quoit_error_name(error), errors[i].name);
        CHECK_STR(quoit_error_code(error), errors[i].code);
        CHECK_EQ(quoit_error_is_transient(error), errors[i].transient);
    }
}

static void test_numbers_rise_so_that_none_is_used_twice(void)
{
    for (size_t i = 1; i < COUNT_OF(all); i++) {
        check_case(quoit_error_name(all[i]));
        CHECK(all[i] > all[i - 1]);
    }
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static void test_messages_can_stand_behind_a_colon(void)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const char *message = quoit_error_message(all[i]);
        size_t size = strlen(message);
        check_case(quoit_error_name(all[i]));
        CHECK(size >= 3);
        CHECK(is_one_of(message[0], "abcdefghijklmnopqrstuvwxyz"));
        CHECK(!is_one_of(message[size - 1], ".!: \n"));
        CHECK(strchr(message, '\n') == NULL);
        CHECK(strstr(message, "  ") == NULL);
    }
}

static void test_no_two_errors_have_the_same_message(void)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (size_t k = 0; k < i; k++) {
            check_case(quoit_error_name(all[i]));
            CHECK(strcmp(quoit_error_message(all[i]), quoit_error_message(all[k])) != 0);
        }
    }
}

static void test_codes_are_words_for_machines(void)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const char *code = quoit_error_code(all[i]);
        check_case(quoit_error_name(all[i]));
        CHECK(*code != '\0');
        CHECK_EQ(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
    }
}

static void test_any_other_number_is_unknown_and_final(void)
{
    static const int numbers[] = { -1, 13, 19, 39, 1000, 2147483647, -2147483647 - 1 };

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        enum quoit_error error = (enum quoit_error)numbers[i];
        CHECK_STR(quoit_error_name(error), "unknown");
        CHECK_STR(quoit_error_code(error), "unknown");
        CHECK_STR(quoit_error_message(error), "unknown");
        CHECK(!quoit_error_is_transient(error));
    }
}

int main(void)
{
    RUN(test_numbers_names_codes_and_transience_are_stable);
    RUN(test_numbers_rise_so_that_none_is_used_twice);
    RUN(test_messages_can_stand_behind_a_colon);
    RUN(test_no_two_errors_have_the_same_message);
    RUN(test_codes_are_words_for_machines);
    RUN(test_any_other_number_is_unknown_and_final);
    return check_done();
}
