/*
 * ab_client: perf/ab.py's queries from C, by include/quoit_llm.h.
 *
 *   ab_client BASE_URL IN_FLIGHT TOKENS <prompts, one a line
 *
 * It prints "WALL_NS CPU_NS", of the call alone, then a line for each prompt: when its answer was
 * there, in nanoseconds since the call, and the answer. Without retries; exit 1 if one failed.
 */
#include <quoit_llm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PROMPTS_MAX 100000

static struct quoit_llm_prompt prompts[PROMPTS_MAX];
static uint64_t done_ns[PROMPTS_MAX];

static size_t read_prompts(void)
{
    char line[4096];
    size_t count = 0;

    while (count < PROMPTS_MAX && fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        prompts[count++].text = strdup(line);
    }
    return count;
}

static uint64_t cpu_ns(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

static int print(const struct quoit_llm_batch *batch, size_t count)
{
    int code = 0;

    for (size_t i = 0; i < count; i++) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
        if (!answer->good) {
            fprintf(stderr, "ab_client: %s\n", answer->detail);
            code = 1;
        }
        printf("%llu %.*s\n", (unsigned long long)done_ns[i],
               (int)strcspn(answer->content.bytes, "\n"), answer->content.bytes);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct quoit_llm_options options = {
        .base_url = argc > 1 ? argv[1] : NULL,
        .api_key = "",
        .parameters = { .model = "m", .max_tokens = argc > 3 ? strtoul(argv[3], NULL, 10) : 0 },
        .in_flight_max = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0,
        .request = { .retries = QUOIT_NONE },
    };
    struct quoit_llm_batch *batch;
    size_t count = read_prompts(), index;
    uint64_t used_ns = cpu_ns(), began_ns = quoit_now_ns();

    enum quoit_error error = quoit_llm_batch_create(&options, prompts, count, &batch);
    if (error != QUOIT_OK) {
        fprintf(stderr, "ab_client: %s\n", quoit_error_message(error));
        return 1;
    }
    while ((index = quoit_llm_batch_next(batch, QUOIT_NEVER)) != SIZE_MAX) {
        done_ns[index] = quoit_now_ns() - began_ns;
    }
    printf("%llu %llu\n", (unsigned long long)(quoit_now_ns() - began_ns),
           (unsigned long long)(cpu_ns() - used_ns));
    int code = print(batch, count);
    quoit_llm_batch_destroy(batch);
    return code;
}
