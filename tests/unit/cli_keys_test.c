/*
 * keys: where a key comes from, and when it is read again.
 */
#include "cli/keys.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    fputs(text, file);
    fclose(file);
}

static void test_a_key_comes_from_the_variable_and_becomes_a_bearer(void)
{
    struct keys keys;

    setenv("OPENAI_API_KEY", " K1\n", 1);
    CHECK(keys_open(&keys, &(struct keys_source){ .variable = NULL }));
    CHECK_STR(keys.header.name, "Authorization");
    CHECK_STR(keys.header.value, "Bearer K1");
    CHECK_STR(keys.variable, "OPENAI_API_KEY");
    keys_close(&keys);

    setenv("AZURE", "K2", 1);
    CHECK(keys_open(&keys, &(struct keys_source){ .variable = "AZURE", .header = "api-key" }));
    CHECK_STR(keys.header.name, "api-key");
    CHECK_STR(keys.header.value, "K2");
    keys_close(&keys);
    unsetenv("OPENAI_API_KEY");
}

static void test_no_key_is_none_unless_one_was_asked_for(void)
{
    struct keys keys;

    unsetenv("OPENAI_API_KEY");
    CHECK(keys_open(&keys, &(struct keys_source){ .variable = NULL }));
    CHECK(keys.header.value == NULL);
    keys_close(&keys);
    CHECK(!keys_open(&keys, &(struct keys_source){ .variable = "NOT_SET_AT_ALL" }));
    keys_close(&keys);
    CHECK(!keys_open(&keys, &(struct keys_source){ .file = "/nowhere/at/all" }));
    keys_close(&keys);
    setenv("BROKEN", "a\r\nX-Injected: 1", 1);
    CHECK(!keys_open(&keys, &(struct keys_source){ .variable = "BROKEN" }));
    CHECK(keys.header.value == NULL);
    keys_close(&keys);
}

static void test_a_file_is_read_again_when_it_has_changed(void)
{
    char path[] = "/tmp/quoit-keys-XXXXXX";
    struct keys keys;

    close(mkstemp(path));
    write_file(path, "first\n");
    CHECK(keys_open(&keys, &(struct keys_source){ .file = path }));
    CHECK_STR(keys.header.value, "Bearer first");
    uint32_t generation = keys.generation;
    keys_refresh(&keys, true);
    CHECK_EQ(keys.generation, generation); /* the same key is no new one */
    write_file(path, "second key\n");
    keys.next_look_ns = 0; /* a second has passed */
    keys_refresh(&keys, false);
    CHECK_STR(keys.header.value, "Bearer second key");
    CHECK(keys.generation != generation);
    write_file(path, "");
    keys_refresh(&keys, true);
    CHECK_STR(keys.header.value, "Bearer second key"); /* an empty file is no key */
    unlink(path);
    keys_refresh(&keys, true);
    CHECK_STR(keys.header.value, "Bearer second key");
    keys_close(&keys);
}

int main(void)
{
    RUN(test_a_key_comes_from_the_variable_and_becomes_a_bearer);
    RUN(test_no_key_is_none_unless_one_was_asked_for);
    RUN(test_a_file_is_read_again_when_it_has_changed);
    return check_done();
}
