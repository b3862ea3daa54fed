/*
 * floor: what is possible. A bare io_uring loop with the mechanisms of the engine and nothing else.
 *
 *     connect, learn -> [ send quietly -> turn -> count what arrives -> send ... ]
 *
 * It uses what DESIGN.md 3.1 to 3.4 and 3.6 describe: the same ring flags, a quiet send, one
 * standing receive per connection from one shared buffer ring with one lazy linked deadline, one
 * kernel entry per turn, the clock read beside it, and a spin when little is in flight. It parses
 * nothing: one request, sent before all others, tells how long an answer is, and from then on it
 * counts bytes. So the engine's CPU per request divided by this one's is the price of being a
 * client: slots, pool, deadlines, HTTP parsing.
 *
 * It measures a server that answers each request with the same number of bytes over kept
 * connections. Anything else (another length, an end, an error) ends it with 1 and a line that
 * says what happened: a floor that repaired things would not be one.
 */
#include "perf/measure.h"

#include <liburing.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FLOOR_SQES 256
#define FLOOR_CQES 4096
#define FLOOR_BUFFERS 1024
#define FLOOR_BUFFER_SIZE 4096
#define FLOOR_GROUP 1
#define FLOOR_SPIN_IN_FLIGHT 4
#define FLOOR_SPIN_NS 50000
#define FLOOR_PENALTY_MAX 63
#define FLOOR_LEARN_MAX (64 * 1024)
#define FLOOR_URL_MAX 2048
#define FLOOR_QUIET (MSG_WAITALL | MSG_DONTWAIT | MSG_NOSIGNAL)

enum floor_verb {
    FLOOR_RECV = 1,
    FLOOR_SEND,
    FLOOR_DEADLINE,
};

struct conn {
    int fd;
    uint32_t sequence;   /* of operations, so that no user_data is used twice */
    uint64_t received;   /* of the answer under way */
    uint64_t sent;       /* of the request; moves only when a quiet send was short */
    uint64_t sent_at_ns; /* just before the kernel entry that hands the request over */
};

struct floor {
    const struct options *options;
    struct io_uring ring;
    struct io_uring_buf_ring *buffers;
    char *buffer_memory;
    char *request;
    uint64_t request_size;
    uint64_t response_size;
    struct conn *conns;
    uint32_t *started; /* connections whose request goes out with the next entry */
    uint32_t started_count;
    uint32_t in_flight;
    uint32_t spin_penalty, spin_skip; /* DESIGN.md 3.6 */
    uint64_t spin_max_ns;
    uint64_t before_ns, after_ns; /* the clock beside the last kernel entry */
    uint64_t to_start, done;      /* requests of the present run */
    struct measure_counts totals;
    struct measure measure;
};

static struct __kernel_timespec floor_deadline = { .tv_sec = 60 };

static _Noreturn __attribute__((format(printf, 1, 2))) void floor_die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("floor: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static void *floor_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        floor_die("out of memory");
    }
    return memory;
}

/* --- Before the ring: the address, the request, the length of an answer. --- */

/* The authority of a plain http URL; *path_out is what follows it. */
static size_t floor_authority(const char *url, const char **authority_out, const char **path_out)
{
    if (strncmp(url, "http://", 7) != 0 || strlen(url) > FLOOR_URL_MAX) {
        floor_die("not an http URL, or too long a one: %s", url);
    }
    *authority_out = url + 7;
    size_t size = strcspn(*authority_out, "/?");
    *path_out = *authority_out + size;
    return size;
}

static void floor_encode(struct floor *floor)
{
    const char *authority;
    const char *path;
    size_t authority_size = floor_authority(floor->options->url, &authority, &path);
    uint64_t body_size = floor->options->body_size;
    char length[64] = "";

    if (body_size != 0) {
        snprintf(length, sizeof(length), "Content-Length: %" PRIu64 "\r\n", body_size);
    }
    floor->request = floor_allocate(1, FLOOR_URL_MAX + 256 + body_size);
    int head_size = snprintf(floor->request, FLOOR_URL_MAX + 256,
                             "%s %s%s HTTP/1.1\r\nHost: %.*s\r\n%s"
                             "Accept-Encoding: identity\r\n\r\n",
                             body_size != 0 ? "POST" : "GET", *path == '/' ? "" : "/", path,
                             (int)authority_size, authority, length);
    memset(floor->request + head_size, 'x', body_size);
    floor->request_size = (uint64_t)head_size + body_size;
}

static int floor_connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        floor_die("too long for a unix socket: %s", path);
    }
    memcpy(address.sun_path, path, strlen(path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        floor_die("%s: %s", path, strerror(errno));
    }
    return fd;
}

static int floor_connect_tcp(const char *url)
{
    const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const char *authority;
    const char *path;
    char host[256];
    size_t size = floor_authority(url, &authority, &path);
    size_t host_size = strcspn(authority, ":/?");
    int on = 1;

    if (size >= sizeof(host)) {
        floor_die("too long a host: %s", url);
    }
    memcpy(host, authority, size);
    host[size] = host[host_size] = '\0';
    const char *port = host_size < size ? host + host_size + 1 : "80";
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        floor_die("no IPv4 address: %s", url);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        floor_die("%s: %s", url, strerror(errno));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    freeaddrinfo(found);
    return fd;
}

static int floor_connect(const struct options *options)
{
    return options->unix_path != NULL ? floor_connect_unix(options->unix_path)
                                      : floor_connect_tcp(options->url);
}

/* Ask once, on a connection of its own: head and Content-Length are the length of every answer. */
static void floor_learn(struct floor *floor)
{
    char *answer = floor_allocate(1, FLOOR_LEARN_MAX + 1);
    int fd = floor_connect(floor->options);
    size_t size = 0;
    char *body = NULL;

    for (size_t sent = 0; sent < floor->request_size;) {
        ssize_t more = send(fd, floor->request + sent, floor->request_size - sent, MSG_NOSIGNAL);
        if (more <= 0) {
            floor_die("the first request was not taken: %s", strerror(errno));
        }
        sent += (size_t)more;
    }
    while (body == NULL) {
        ssize_t more = recv(fd, answer + size, FLOOR_LEARN_MAX - size, 0);
        if (more <= 0) {
            floor_die("the first answer has no head within %d bytes", FLOOR_LEARN_MAX);
        }
        size += (size_t)more;
        body = strstr(answer, "\r\n\r\n");
    }
    body[2] = '\0';
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    if (length == NULL) {
        floor_die("the answer has no Content-Length, so its length is unknown");
    }
    floor->response_size = (uint64_t)(body + 4 - answer) + strtoull(length + 17, NULL, 10);
    close(fd);
    free(answer);
}

/* --- The ring. --- */

static void floor_give_back(struct floor *floor, uint32_t buffer, int offset)
{
    io_uring_buf_ring_add(floor->buffers, floor->buffer_memory + (size_t)buffer * FLOOR_BUFFER_SIZE,
                          FLOOR_BUFFER_SIZE, (unsigned short)buffer,
                          io_uring_buf_ring_mask(FLOOR_BUFFERS), offset);
}

static void floor_open_ring(struct floor *floor)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                 IORING_SETUP_CLAMP,
        .cq_entries = FLOOR_CQES,
    };
    int result = io_uring_queue_init_params(FLOOR_SQES, &floor->ring, &params);
    void *table = NULL;
    void *memory = NULL;

    if (result != 0) {
        floor_die("io_uring is refused: %s", strerror(-result));
    }
    io_uring_register_ring_fd(&floor->ring);
    io_uring_ring_dontfork(&floor->ring);
    if (posix_memalign(&table, 4096, FLOOR_BUFFERS * sizeof(struct io_uring_buf)) != 0 ||
        posix_memalign(&memory, 4096, (size_t)FLOOR_BUFFERS * FLOOR_BUFFER_SIZE) != 0) {
        floor_die("out of memory");
    }
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)table,
        .ring_entries = FLOOR_BUFFERS,
        .bgid = FLOOR_GROUP,
    };
    result = io_uring_register_buf_ring(&floor->ring, &registration, 0);
    if (result != 0) {
        floor_die("no buffer ring: %s", strerror(-result));
    }
    floor->buffers = table;
    floor->buffer_memory = memory;
    io_uring_buf_ring_init(floor->buffers);
    for (uint32_t i = 0; i < FLOOR_BUFFERS; i++) {
        floor_give_back(floor, i, (int)i);
    }
    io_uring_buf_ring_advance(floor->buffers, FLOOR_BUFFERS);
}

/* Room for `count` SQEs that must be submitted together. */
static void floor_reserve(struct floor *floor, uint32_t count)
{
    if (io_uring_sq_space_left(&floor->ring) < count) {
        floor->totals.entries++;
        io_uring_submit(&floor->ring);
    }
    floor->totals.sqes += count;
}

static uint64_t floor_user_data(struct conn *conn, uint32_t index, enum floor_verb verb)
{
    return (uint64_t)conn->sequence++ << 32 | (uint64_t)index << 4 | (uint64_t)verb;
}

/* One standing receive, and the deadline that costs nothing while it does not fire. */
static void floor_listen(struct floor *floor, uint32_t index)
{
    struct conn *conn = &floor->conns[index];

    floor_reserve(floor, 2);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&floor->ring);
    io_uring_prep_recv_multishot(sqe, conn->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT | IOSQE_IO_LINK;
    sqe->buf_group = FLOOR_GROUP;
    sqe->user_data = floor_user_data(conn, index, FLOOR_RECV);

    sqe = io_uring_get_sqe(&floor->ring);
    io_uring_prep_link_timeout(sqe, &floor_deadline, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = floor_user_data(conn, index, FLOOR_DEADLINE);
}

/* The quiet send: silence means that all of it is in the socket buffer. */
static void floor_send(struct floor *floor, uint32_t index)
{
    struct conn *conn = &floor->conns[index];

    floor_reserve(floor, 1);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&floor->ring);
    io_uring_prep_send(sqe, conn->fd, floor->request, floor->request_size, FLOOR_QUIET);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = floor_user_data(conn, index, FLOOR_SEND);
    conn->sent = 0;
    conn->received = 0;
    floor->started[floor->started_count++] = index;
    floor->in_flight++;
    floor->to_start--;
}

/* It spoke, so it was short: the rest goes out as ordinary sends. */
static void floor_on_send(struct floor *floor, uint32_t index, int32_t result)
{
    struct conn *conn = &floor->conns[index];

    if (result < 0 && result != -EAGAIN) {
        floor_die("send: %s", strerror(-result));
    }
    conn->sent += result > 0 ? (uint64_t)result : 0;
    if (conn->sent == floor->request_size) {
        return;
    }
    floor_reserve(floor, 1);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&floor->ring);
    io_uring_prep_send(sqe, conn->fd, floor->request + conn->sent, floor->request_size - conn->sent,
                       MSG_NOSIGNAL);
    sqe->user_data = floor_user_data(conn, index, FLOOR_SEND);
}

static void floor_on_bytes(struct floor *floor, uint32_t index, uint64_t size)
{
    struct conn *conn = &floor->conns[index];

    conn->received += size;
    if (conn->received < floor->response_size) {
        return;
    }
    if (conn->received > floor->response_size) {
        floor_die("an answer of %" PRIu64 " bytes where %" PRIu64 " were expected", conn->received,
                  floor->response_size);
    }
    measure_latency(&floor->measure, floor->after_ns - conn->sent_at_ns);
    floor->in_flight--;
    floor->done++;
    if (floor->to_start != 0) {
        floor_send(floor, index);
    }
}

static void floor_on_recv(struct floor *floor, uint32_t index, const struct io_uring_cqe *cqe)
{
    if (cqe->res == 0) {
        floor_die("the server closed a connection");
    }
    if (cqe->res < 0 && cqe->res != -ECANCELED && cqe->res != -ENOBUFS) {
        floor_die("recv: %s", strerror(-cqe->res));
    }
    if (cqe->res > 0) {
        floor_give_back(floor, cqe->flags >> IORING_CQE_BUFFER_SHIFT, 0);
        io_uring_buf_ring_advance(floor->buffers, 1);
        floor_on_bytes(floor, index, (uint64_t)cqe->res);
    }
    floor->totals.no_buffers += cqe->res == -ENOBUFS;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        floor_listen(floor, index); /* its deadline came, or a buffer was missing */
    }
}

/* --- The turn. --- */

static bool floor_may_spin(struct floor *floor)
{
    if (floor->spin_max_ns == 0 || floor->in_flight > FLOOR_SPIN_IN_FLIGHT) {
        return false;
    }
    if (floor->spin_skip != 0) {
        floor->spin_skip--;
        return false;
    }
    return true;
}

static void floor_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool floor_has_news(struct floor *floor)
{
    return io_uring_cq_ready(&floor->ring) != 0 ||
           (__atomic_load_n(floor->ring.sq.kflags, __ATOMIC_ACQUIRE) & IORING_SQ_TASKRUN) != 0;
}

/* Look at the ring without the kernel until something is there, but not for long. */
static void floor_spin(struct floor *floor)
{
    uint64_t start_ns = measure_now_ns();
    uint64_t now_ns = start_ns;
    bool won = false;

    while (!won && now_ns - start_ns < floor->spin_max_ns) {
        for (int i = 0; i < 16 && !won; i++) {
            floor_relax();
            won = floor_has_news(floor);
        }
        now_ns = measure_now_ns();
    }
    floor->totals.spin_ns += now_ns - start_ns;
    if (won) {
        floor->spin_penalty /= 2;
        return;
    }
    uint32_t penalty = 2 * floor->spin_penalty + 1;
    floor->spin_penalty = penalty < FLOOR_PENALTY_MAX ? penalty : FLOOR_PENALTY_MAX;
    floor->spin_skip = floor->spin_penalty;
}

/* Hand over what was started, and wait. */
static void floor_enter(struct floor *floor)
{
    struct __kernel_timespec wait = { .tv_sec = 1 };
    struct io_uring_cqe *cqe;

    floor->before_ns = measure_now_ns();
    for (uint32_t i = 0; i < floor->started_count; i++) {
        floor->conns[floor->started[i]].sent_at_ns = floor->before_ns;
    }
    floor->started_count = 0;
    if (floor_may_spin(floor)) {
        floor->totals.entries++;
        io_uring_submit_and_get_events(&floor->ring);
        floor_spin(floor);
    }
    if (io_uring_cq_ready(&floor->ring) == 0) {
        floor->totals.entries++;
        io_uring_submit_and_wait_timeout(&floor->ring, &cqe, 1, &wait, NULL);
    }
    floor->after_ns = measure_now_ns();
}

static void floor_turn(struct floor *floor)
{
    struct io_uring_cqe *cqe;
    uint32_t head;
    uint32_t count = 0;

    floor_enter(floor);
    io_uring_for_each_cqe(&floor->ring, head, cqe)
    {
        uint32_t index = (uint32_t)cqe->user_data >> 4;

        count++;
        switch ((enum floor_verb)(cqe->user_data & 15)) {
        case FLOOR_RECV:
            floor_on_recv(floor, index, cqe);
            break;
        case FLOOR_SEND:
            floor_on_send(floor, index, cqe->res);
            break;
        case FLOOR_DEADLINE:
            floor_die("a linked deadline ran alone: %s", strerror(-cqe->res));
        }
    }
    io_uring_cq_advance(&floor->ring, count);
    floor->totals.cqes += count;
}

/* Send `requests`, keeping as many in flight as asked for, until all are answered. */
static void floor_run(struct floor *floor, uint64_t requests)
{
    floor->to_start = requests;
    floor->done = 0;
    for (uint32_t i = 0; i < floor->options->in_flight && floor->to_start != 0; i++) {
        floor_send(floor, i);
    }
    while (floor->done < requests) {
        floor_turn(floor);
    }
}

static void floor_open(struct floor *floor)
{
    uint64_t in_flight = floor->options->in_flight;

    floor_encode(floor);
    floor_learn(floor);
    floor_open_ring(floor);
    floor->conns = floor_allocate(in_flight, sizeof(floor->conns[0]));
    floor->started = floor_allocate(in_flight, sizeof(floor->started[0]));
    for (uint32_t i = 0; i < in_flight; i++) {
        floor->conns[i].fd = floor_connect(floor->options);
        floor_listen(floor, i);
    }
}

/* Nothing is in flight but standing receives, which end with the ring. */
static void floor_close(struct floor *floor)
{
    io_uring_queue_exit(&floor->ring);
    for (uint32_t i = 0; i < floor->options->in_flight; i++) {
        close(floor->conns[i].fd);
    }
    free(floor->buffer_memory);
    free(floor->buffers);
    free(floor->started);
    free(floor->conns);
    free(floor->request);
    free(floor);
}

int main(int count, char **words)
{
    struct options options = options_read("floor", count, words);
    struct floor *floor = floor_allocate(1, sizeof(*floor));

    if (options.ca_file != NULL || options.post != NULL || options.stream) {
        options_refuse("floor", "no --cacert, --post or --stream here", "");
    }
    if (options.body_size > 256 * 1024) {
        floor_die("a quiet send is at most 256 KiB");
    }
    floor->options = &options;
    floor->spin_max_ns = options.spin_ns == 0             ? FLOOR_SPIN_NS
                         : options.spin_ns == QUOIT_NEVER ? 0
                                                          : options.spin_ns;
    floor_open(floor);
    floor_run(floor, options.warmup);
    measure_start(&floor->measure, &floor->totals);
    floor_run(floor, options.requests);
    measure_end(&floor->measure, &floor->totals);
    floor->measure.requests = floor->done;
    measure_print(&floor->measure, &options);
    floor_close(floor);
    return 0;
}
