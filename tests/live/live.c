/*
 * live: see live.h.
 *
 * A mock prints one line per port, in order, when it listens: its stdout is a pipe that is read for
 * them and then closed. Its second port behaves, whatever --mode says of the first: the ledger is
 * asked for there. PR_SET_PDEATHSIG ends a server whose test has crashed.
 */
#include "tests/live/live.h"

#include "tests/io.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE_ASK_MS 2 /* between two looks into a ledger */

static const char *live_under_way = "";

void live_doing(const char *what)
{
    live_under_way = what;
}

void live_give_up(const char *what)
{
    printf("%s: gave up: %s\n0 passed, 1 failed\n", live_under_way, what);
    exit(1);
}

/* -------- paths -------- */

const char *live_build_path(const char *name)
{
    static char path[4096];
    const char *build = getenv("QUOIT_BUILD");
    char self[2048] = "";

    if (build == NULL) { /* this program is BUILD/tests/FOLDER/NAME */
        if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
            live_give_up("/proc/self/exe");
        }
        char *end = strstr(self, "/tests/");
        if (end == NULL) {
            live_give_up("not below tests/, and no QUOIT_BUILD");
        }
        *end = '\0';
        build = self;
    }
    snprintf(path, sizeof(path), "%s/%s", build, name);
    return path;
}

static char live_folder_path[256];

static void live_folder_remove(void)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -rf '%s'", live_folder_path);
    if (system(command) != 0) {
        printf("left behind: %s\n", live_folder_path);
    }
}

const char *live_folder(void)
{
    if (live_folder_path[0] == '\0') {
        const char *parent = getenv("TMPDIR");
        snprintf(live_folder_path, sizeof(live_folder_path), "%s/quoit-live-XXXXXX",
                 parent == NULL ? "/tmp" : parent);
        if (mkdtemp(live_folder_path) == NULL || atexit(live_folder_remove) != 0) {
            live_give_up("no folder of our own");
        }
    }
    return live_folder_path;
}

/* -------- processes -------- */

pid_t live_program_start(const char *const *command, int output)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid < 0) {
        live_give_up("fork");
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (output >= 0) {
            dup2(output, STDOUT_FILENO);
        }
        if (getppid() == parent) {
            execvp(command[0], (char *const *)(uintptr_t)command);
        }
        _exit(127);
    }
    return pid;
}

void live_program_stop(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGTERM);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

void live_read_line(int fd, char *line, size_t size)
{
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    size_t at = 0;

    for (;;) {
        if (poll(&readable, 1, LIVE_WAIT_MS) != 1 || at + 1 >= size ||
            read(fd, &line[at], 1) != 1) {
            live_give_up("a server that says where it listens");
        }
        if (line[at] == '\n') {
            line[at] = '\0';
            return;
        }
        at++;
    }
}

static bool options_have(const char *const *options, const char *name)
{
    for (; *options != NULL; options++) {
        if (strcmp(*options, name) == 0) {
            return true;
        }
    }
    return false;
}

struct live_server live_start(const char *const *options)
{
    struct live_server server = { 0 };
    const char *command[LIVE_ARGUMENTS_MAX + 4] = { live_build_path("quoit-mock") };
    bool secure = options_have(options, "--tls-cert");
    bool local = options_have(options, "--unix-socket");
    size_t count = 1;
    int out[2];
    char line[128];

    for (size_t i = 0; options[i] != NULL && count <= LIVE_ARGUMENTS_MAX; i++) {
        command[count++] = options[i];
    }
    if (!local) {
        command[count++] = "--plain-port";
        command[count++] = "0";
    }
    if (pipe2(out, O_CLOEXEC) != 0) {
        live_give_up("pipe");
    }
    server.pid = live_program_start(command, out[1]);
    close(out[1]);
    live_read_line(out[0], line, sizeof(line));
    if (local) {
        snprintf(server.unix_path, sizeof(server.unix_path), "%.100s", line);
        snprintf(server.url, sizeof(server.url), "http://mock.test");
    } else {
        server.port = (uint16_t)strtoul(line, NULL, 10);
        snprintf(server.url, sizeof(server.url), "http%s://127.0.0.1:%u", secure ? "s" : "",
                 server.port);
        live_read_line(out[0], line, sizeof(line));
        server.plain_port = (uint16_t)strtoul(line, NULL, 10);
    }
    close(out[0]);
    return server;
}

void live_stop(struct live_server *server)
{
    live_program_stop(server->pid);
    server->pid = 0;
}

const char *live_url(const struct live_server *server, const char *path)
{
    static char urls[8][512];
    static unsigned next;
    char *url = urls[next++ % 8];

    snprintf(url, sizeof(urls[0]), "%s%s", server->url, path);
    return url;
}

uint16_t live_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        live_give_up("a free port");
    }
    close(fd);
    return ntohs(address.sin_port);
}

/* -------- asking -------- */

static int live_connect(const struct live_server *server)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(server->plain_port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool is_local = server->unix_path[0] != '\0';
    int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(local.sun_path, sizeof(local.sun_path), "%s", server->unix_path);
    int result = is_local ? connect(fd, (struct sockaddr *)&local, sizeof(local))
                          : connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (result != 0) {
        live_give_up("a connection to the mock's ledger");
    }
    return fd;
}

char *live_ask(const struct live_server *server, const char *method, const char *target,
               const char *body)
{
    char head[512];
    size_t size = 0, room = 4096;
    char *answer = malloc(room);
    ssize_t got;
    int fd = live_connect(server);
    int head_size = snprintf(head, sizeof(head),
                             "%s %s HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n"
                             "Content-Length: %zu\r\n\r\n",
                             method, target, strlen(body));

    if (write(fd, head, (size_t)head_size) < 0 || write(fd, body, strlen(body)) < 0) {
        live_give_up("a request to the mock");
    }
    while ((got = read(fd, answer + size, room - size - 1)) > 0) {
        size += (size_t)got;
        if (room - size < 2) {
            room *= 2;
            answer = realloc(answer, room);
        }
    }
    close(fd);
    answer[size] = '\0';
    char *text = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || text == NULL) {
        printf("%s %s: %s\n", method, target, answer);
        live_give_up("a good answer of the mock");
    }
    memmove(answer, text + 4, strlen(text + 4) + 1);
    return answer;
}

void live_set(const struct live_server *server, const char *lines)
{
    free(live_ask(server, "POST", "/mock/settings", lines));
    free(live_ask(server, "POST", "/ledger/reset", ""));
}

/* What stands behind "name": in the ledger; NULL: there is none. */
static const char *ledger_find(const char *text, const char *name)
{
    char quoted[128];

    snprintf(quoted, sizeof(quoted), "\"%s\":", name);
    const char *found = strstr(text, quoted);
    return found == NULL ? NULL : found + strlen(quoted);
}

uint64_t live_number(const struct live_server *server, const char *name)
{
    char *ledger = live_ask(server, "GET", "/ledger", "");
    const char *found = ledger_find(ledger, name);

    if (found == NULL) {
        live_give_up(name);
    }
    uint64_t number = strtoull(found, NULL, 10);
    free(ledger);
    return number;
}

uint64_t live_tally(const struct live_server *server, const char *tally, const char *key)
{
    char *ledger = live_ask(server, "GET", "/ledger", "");
    char *begin = (char *)(uintptr_t)ledger_find(ledger, tally);

    if (begin == NULL) {
        live_give_up(tally);
    }
    begin[strcspn(begin, "}\n")] = '\0';
    const char *found = ledger_find(begin, key);
    uint64_t number = found == NULL ? 0 : strtoull(found, NULL, 10);
    free(ledger);
    return number;
}

void live_await_number(const struct live_server *server, const char *name, uint64_t wanted)
{
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;
    uint64_t number;

    while ((number = live_number(server, name)) != wanted) {
        if (quoit_now_ns() > end_ns) {
            printf("%s is %llu, wanted %llu\n", name, (unsigned long long)number,
                   (unsigned long long)wanted);
            live_give_up("the ledger to say so");
        }
        poll(NULL, 0, LIVE_ASK_MS); /* a ledger has no event to wait for */
    }
}

unsigned live_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}

void live_await_descriptors(unsigned wanted)
{
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;
    unsigned count;

    while ((count = live_descriptors()) > wanted) {
        if (quoit_now_ns() > end_ns) {
            printf("%u descriptors are open, wanted %u\n", count, wanted);
            live_give_up("descriptors to be closed");
        }
        poll(NULL, 0, LIVE_ASK_MS); /* nor does a thread of libc's have an event */
    }
}

size_t live_memory(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *stream = fopen("/proc/self/statm", "r");

    if (stream == NULL || fscanf(stream, "%lu %lu", &pages, &resident) != 2) {
        live_give_up("/proc/self/statm");
    }
    fclose(stream);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* -------- through the library -------- */

struct quoit_engine *live_engine(const struct quoit_options *options)
{
    struct quoit_options wanted = { 0 };
    struct quoit_engine *engine = NULL;

    if (options != NULL) {
        wanted = *options;
    }
    wanted.io = wanted.io == QUOIT_IO_AUTO ? test_io() : wanted.io;
    enum quoit_error error = quoit_create(&wanted, &engine);
    if (error != QUOIT_OK) {
        live_give_up(quoit_error_message(error));
    }
    return engine;
}

uint64_t live_submit(struct quoit_engine *engine, const struct quoit_request *request)
{
    uint64_t id = 0;
    enum quoit_error error = quoit_submit(engine, request, &id);

    if (error != QUOIT_OK) {
        printf("%s: ", request->url);
        live_give_up(quoit_error_message(error));
    }
    return id;
}

struct quoit_event live_next(struct quoit_engine *engine)
{
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;
    struct quoit_event event;

    while (quoit_next(engine, &event, 1) == 0) {
        if (quoit_now_ns() > end_ns) {
            live_give_up("an event");
        }
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    return event;
}

uint32_t live_drain(struct quoit_engine *engine, uint32_t count)
{
    uint32_t good = 0;

    while (count > 0) {
        struct quoit_event event = live_next(engine);
        if (event.kind == QUOIT_END) {
            good += event.result->error == QUOIT_OK && event.result->status == 200;
            count--;
        }
    }
    return good;
}

const struct quoit_result *live_run(struct quoit_engine *engine,
                                    const struct quoit_request *request)
{
    uint64_t id = live_submit(engine, request);

    for (;;) {
        struct quoit_event event = live_next(engine);
        if (event.kind == QUOIT_END && event.id == id) {
            return event.result;
        }
    }
}

const struct quoit_result *live_get(struct quoit_engine *engine, const char *url)
{
    return live_run(engine, &(struct quoit_request){ .url = url, .retries = QUOIT_NONE });
}

struct quoit_stats live_stats(const struct quoit_engine *engine)
{
    struct quoit_stats stats;

    quoit_stats_read(engine, &stats);
    return stats;
}

void live_turn_until_in_flight(struct quoit_engine *engine, uint64_t count)
{
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;

    while (live_stats(engine).in_flight != count) {
        if (quoit_now_ns() > end_ns) {
            live_give_up("so many in flight");
        }
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
}
