/*
 * connection: the engine over the simulated network of tests/sim, several requests one behind the
 * other, against servers that say anything. The fuzzer decides what they say, how it is cut, and
 * how each operation completes.
 *
 *     input: requests, flags, chance_size (2), chance, then scripts (tests/fuzz/server_fuzz.h)
 *
 * Each request has one END; an answer that is OK is one that was said to it, byte for byte; and
 * when the engine is gone, the simulated kernel holds nothing. Requests count in its low three
 * bits, and the next two are how many may be in flight less one. Flags: 1 small limits, 2 streams,
 * 4 retries, 8 the network is not calm, 16 nor the kernel, 32 the engine is destroyed while it
 * works, 64 cancels, 128 HEAD.
 */
#include "base/bits.h"
#include "base/buffer.h"
#include "tests/fuzz/server_fuzz.h"
#include "tests/sim/net_sim.h"
#include "tests/sim/ring_sim.h"
#include "tests/sim/world.h"

#define ASKS_MAX 9 /* numbers are one digit */
#define TURNS_MAX 100000
#define TURNS_BEFORE_DESTROY 40
#define END_NS (24 * 3600 * NS_PER_S)
#define LARGE (1 << 20)

enum flag {
    FLAG_LIMITS = 1,
    FLAG_STREAMS = 2,
    FLAG_RETRIES = 4,
    FLAG_NETWORK = 8,
    FLAG_KERNEL = 16,
    FLAG_DESTROYED = 32,
    FLAG_CANCELS = 64,
    FLAG_HEAD = 128,
};

struct asked {
    uint32_t number;
    uint64_t id;
    bool ended, cancelled, head_seen;
    struct buffer pieces;
};

struct scene {
    uint8_t flags;
    struct quoit_engine *engine;
    struct asked asks[ASKS_MAX];
    uint32_t count, ended;
};

static void begin_world(const struct scene *scene, struct fuzz_input chance)
{
    struct world_profile profile = { { 0 } };
    struct ring_sim_limits limits = {
        .sockets_max = 64, .turns_max = TURNS_MAX, .end_ns = END_NS, .buffers_max = 8
    };

    for (uint32_t i = 0; i < WORLD_SERVER_FIRST; i++) {
        bool happens = (scene->flags & FLAG_KERNEL) != 0 ||
                       ((scene->flags & FLAG_NETWORK) != 0 && world_fault_is_calm(i));
        profile.permille[i] = happens ? 100 : 0;
    }
    profile.permille[WORLD_RING_REFUSED] = 0;
    world_begin(1, &profile, NULL);
    world_feed(chance.bytes, chance.size);
    ring_sim_begin(&limits);
}

/* What the engine is told, and the reference. */
static struct reference_limits make_engine(struct scene *scene, uint32_t in_flight_max)
{
    bool limited = (scene->flags & FLAG_LIMITS) != 0;
    const struct quoit_options options = {
        .requests_max = ASKS_MAX,
        .in_flight_max = in_flight_max,
        .headers_max = limited ? 4 : 256,
        .head_size_max = limited ? 128 : 65536,
        .body_size_max = limited ? 64 : LARGE,
        .stream_buffer_max = limited ? 16 : 0,
        .retry_budget_percent = 100,
        .pool_idle_ns = NS_PER_S,
        .spin_max_ns = QUOIT_NEVER,
        .timeouts = { .attempt_ns = 2 * NS_PER_S, .idle_ns = NS_PER_S },
    };

    FUZZ_HOLDS(quoit_create(&options, &scene->engine) == QUOIT_OK);
    return (struct reference_limits){
        .body_size_max = options.body_size_max,
        .head_size_max = options.head_size_max,
        .lines_max = options.headers_max,
        .interim_max = 16,
        .extension_max = 4096,
    };
}

static void ask(struct scene *scene, uint32_t number)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "HEAD" };
    static const enum quoit_stream streams[] = { QUOIT_WHOLE, QUOIT_PIECES, QUOIT_SSE };
    struct asked *asked = &scene->asks[number - 1];
    uint32_t method = (scene->flags & FLAG_HEAD) != 0 && number % 2 == 1 ? 3 : number % 3;
    char text[2] = { (char)('0' + number), '\0' };
    const struct quoit_header header = { "X-Number", text };
    const struct quoit_request request = {
        .method = methods[method],
        .url = "http://10.0.0.1/",
        .headers = &header,
        .headers_count = 1,
        .body = { "the body of a request", method == 1 || method == 2 ? 21 : 0 },
        .stream = (scene->flags & FLAG_STREAMS) != 0 ? streams[number % 3] : QUOIT_WHOLE,
        .retries = (scene->flags & FLAG_RETRIES) != 0 ? 2 : QUOIT_NONE,
        .context = asked,
    };

    asked->number = number;
    FUZZ_HOLDS(quoit_submit(scene->engine, &request, &asked->id) == QUOIT_OK);
}

static void check_end(struct scene *scene, struct asked *asked, const struct quoit_result *result)
{
    struct quoit_span body = asked->head_seen ? buffer_span(&asked->pieces) : result->body;

    FUZZ_HOLDS(!asked->ended);
    FUZZ_HOLDS(result->detail != NULL);
    FUZZ_HOLDS(result->error != QUOIT_E_CANCELLED || asked->cancelled);
    asked->ended = true;
    scene->ended++;
    bool events = asked->head_seen && asked->number % 3 == 2; /* messages, not bytes */
    if (result->error == QUOIT_OK && !events) {
        FUZZ_HOLDS(server_fuzz_has_said(asked->number, result, body));
    }
}

static void take_event(struct scene *scene, const struct quoit_event *event)
{
    struct asked *asked = event->context;

    FUZZ_HOLDS(event->id == asked->id && !asked->ended);
    switch (event->kind) {
    case QUOIT_HEAD:
        FUZZ_HOLDS(!asked->head_seen && event->result->status / 100 == 2);
        asked->head_seen = true;
        return;
    case QUOIT_PIECE:
        FUZZ_HOLDS(asked->head_seen && event->bytes.size > 0);
        FUZZ_HOLDS(buffer_append(&asked->pieces, event->bytes.bytes, event->bytes.size));
        return;
    case QUOIT_MESSAGE:
        FUZZ_HOLDS(asked->head_seen);
        return;
    case QUOIT_END:
        check_end(scene, asked, event->result);
        return;
    }
    abort(); /* no such event */
}

static void disturb(struct scene *scene)
{
    if ((scene->flags & FLAG_CANCELS) != 0 && world_below(16) == 0) {
        struct asked *asked = &scene->asks[world_below(scene->count)];
        enum quoit_error error = quoit_cancel(scene->engine, asked->id);
        FUZZ_HOLDS(error == (asked->ended ? QUOIT_E_STALE : QUOIT_OK));
        asked->cancelled = true;
    }
}

static void run(struct scene *scene)
{
    struct quoit_event event;
    uint32_t turns_max = (scene->flags & FLAG_DESTROYED) != 0
                             ? (uint32_t)world_below(TURNS_BEFORE_DESTROY)
                             : TURNS_MAX;

    for (uint32_t number = 1; number <= scene->count; number++) {
        ask(scene, number);
    }
    for (uint32_t turns = 0; scene->ended < scene->count && turns < turns_max; turns++) {
        quoit_turn(scene->engine, QUOIT_NEVER);
        while (quoit_next(scene->engine, &event, 1) == 1) {
            take_event(scene, &event);
        }
        disturb(scene);
    }
    quoit_destroy(scene->engine);
    FUZZ_HOLDS((scene->flags & FLAG_DESTROYED) != 0 || scene->ended == scene->count);
    FUZZ_HOLDS(ring_sim_rings() == 0 && ring_sim_operations() == 0 && net_open_count() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    uint8_t requests = fuzz_byte(&input);
    struct scene scene = { .flags = fuzz_byte(&input), .count = 1 + (requests & 7) };
    struct fuzz_input chance = fuzz_bytes(&input, fuzz_pair(&input));

    begin_world(&scene, chance);
    struct reference_limits limits = make_engine(&scene, 1 + (requests >> 3 & 3));
    server_fuzz_begin(input, &limits);
    run(&scene);
    server_fuzz_end();
    for (uint32_t i = 0; i < scene.count; i++) {
        buffer_free(&scene.asks[i].pieces);
    }
    return 0;
}
