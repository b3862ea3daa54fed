/*
 * http_node: what the HTTP client of Node.js refuses, we refuse, and what both take is the same
 * (R10): over tests/data/responses and, where they are, the corpora of $QUOIT_SHARED. Its parser is
 * a later llhttp than ours. Node.js runs as a child process over 127.0.0.1; without it this is
 * skipped.
 */
#include "tests/unit/http_rows.h"

#include <dirent.h>
#include <unistd.h>

#define SCRIPT "tests/data/node_verdicts.js"
#define CASES_MAX 2048
#define PATH_SIZE 512
#define LINE_SIZE 16384
#define PATIENCE_S 120

/* What we say of each answer that node is asked about. */
struct said {
    char name[64];
    bool complete, to_head;
    uint16_t status;
    char body[EXCHANGE_TEXT_MAX];
    size_t body_size;
};

static struct said *said; /* CASES_MAX */
static uint32_t said_count;
static struct exchange exchange;

/* --- Asking --- */

static void print_hex(FILE *out, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        fprintf(out, "%02x", (unsigned char)bytes[i]);
    }
    fputc('\n', out);
}

/*
 * The server closes behind each answer, so ours is read with an end too. Where more bytes follow
 * the answer they are the connection's affair, and node may refuse the answer for them.
 */
static void ask(FILE *out, const char *name, const char *bytes, size_t size, bool to_head)
{
    const struct exchange_case closed = { .end = END_CLEAN, .to_head = to_head };

    CHECK(said_count < CASES_MAX);
    struct said *one = &said[said_count++];
    struct exchange_outcome got = exchange_run(&exchange, &closed, bytes, size, SIZE_MAX, SIZE_MAX);
    snprintf(one->name, sizeof(one->name), "%s", name);
    one->complete = got.progress == RESPONSE_COMPLETE && got.consumed == size;
    one->to_head = to_head;
    one->status = got.status;
    one->body_size = got.body_kept;
    memcpy(one->body, got.body, got.body_kept);
    fputs(to_head ? "HEAD " : "GET ", out);
    print_hex(out, bytes, size);
}

/* Rows with limits of their own say nothing of node, which has others. */
static void ask_rows(FILE *out)
{
    FILE *table = fopen(ROWS_FILE, "r");

    CHECK(table != NULL);
    while (table != NULL && row_read(table)) {
        const struct exchange_case *wanted = &row.wanted;
        if (wanted->head_size_max == 0 && wanted->headers_max == 0 && wanted->body_size_max == 0) {
            ask(out, wanted->name, wanted->bytes, wanted->size, wanted->to_head);
        }
    }
    if (table != NULL) {
        fclose(table);
    }
}

static void ask_file(FILE *out, const char *path, const char *name)
{
    char bytes[LINE_SIZE];
    FILE *file = fopen(path, "rb");

    if (file != NULL) {
        size_t size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        ask(out, name, bytes, size, false);
    }
}

static void ask_folder(FILE *out, const char *folder)
{
    const char *shared = getenv("QUOIT_SHARED");
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/corpora/%s", shared == NULL ? "../shared" : shared, folder);
    DIR *files = opendir(path);
    for (struct dirent *file; files != NULL && (file = readdir(files)) != NULL;) {
        char name[2 * PATH_SIZE];
        snprintf(name, sizeof(name), "%s/%s", path, file->d_name);
        if (file->d_name[0] != '.') {
            ask_file(out, name, file->d_name);
        }
    }
    if (files != NULL) {
        closedir(files);
    }
}

/* --- Comparing --- */

/* Is this the body in hex? */
static bool is_body(const struct said *one, const char *text)
{
    for (size_t i = 0; i < one->body_size; i++) {
        char byte[3];
        snprintf(byte, sizeof(byte), "%02x", (unsigned char)one->body[i]);
        if (strncmp(text + 2 * i, byte, 2) != 0) {
            return false;
        }
    }
    return text[2 * one->body_size] == '\n';
}

static void compare(const struct said *one, const char *verdict)
{
    unsigned status = 0;
    int body_at = 0;

    check_case(one->name);
    if (strncmp(verdict, "REJECT ", 7) == 0) {
        if (one->complete) {
            CHECK_FAIL("taken, and refused by Node.js: %s", verdict);
        }
        return;
    }
    CHECK_EQ(sscanf(verdict, "ACCEPT %u%n", &status, &body_at), 1);
    if (one->complete) {
        CHECK_EQ(one->status, status);
        CHECK(is_body(one, verdict + body_at + 1));
    }
}

static void test_what_node_refuses_is_refused(void)
{
    char path[] = "/tmp/quoit-node-XXXXXX", command[PATH_SIZE];
    static char verdict[LINE_SIZE];
    int fd = mkstemp(path);
    FILE *cases = fd < 0 ? NULL : fdopen(fd, "w");
    uint32_t count = 0;

    CHECK(cases != NULL);
    if (cases == NULL) {
        return;
    }
    ask_rows(cases);
    ask_folder(cases, "wpt-h1-parsing");
    ask_folder(cases, "llhttp-response");
    fclose(cases);
    snprintf(command, sizeof(command), "timeout %d node " SCRIPT " <%s", PATIENCE_S, path);
    FILE *verdicts = popen(command, "r");
    while (verdicts != NULL && count < said_count &&
           fgets(verdict, sizeof(verdict), verdicts) != NULL) {
        compare(&said[count++], verdict);
    }
    check_case("");
    CHECK(verdicts != NULL && pclose(verdicts) == 0);
    CHECK_EQ(count, said_count);
    CHECK(count > 800);
    unlink(path);
}

int main(void)
{
    if (system("node --version >/dev/null 2>&1") != 0) {
        printf("skipped: Node.js is not installed\n");
        return 77;
    }
    said = calloc(CASES_MAX, sizeof(*said));
    if (said == NULL) {
        return 1;
    }
    exchange_init(&exchange);
    RUN(test_what_node_refuses_is_refused);
    exchange_free(&exchange);
    free(said);
    return check_done();
}
