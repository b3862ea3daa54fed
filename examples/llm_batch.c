/*
 * llm_batch: ask a model every line of standard input, and print each answer as it comes.
 *
 *   cc llm_batch.c $(pkg-config --cflags --libs quoit_llm) -o llm_batch
 *   OPENAI_BASE_URL=http://127.0.0.1:8000/v1 ./llm_batch MODEL <prompts.txt
 */
#include <quoit_llm.h>
#include <stdio.h>
#include <string.h>

#define PROMPTS_MAX 100000

static struct quoit_llm_prompt prompts[PROMPTS_MAX];

/* The lines of standard input, which are kept to the end. */
static size_t read_prompts(void)
{
    char line[65536];
    size_t count = 0;

    while (count < PROMPTS_MAX && fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        prompts[count++].text = strdup(line);
    }
    return count;
}

int main(int argc, char **argv)
{
    struct quoit_llm_options options = {
        .parameters = { .model = argc > 1 ? argv[1] : NULL, .max_tokens = 4000 },
        .in_flight_max = 64,
        .request = { .retries = 5 },
    };
    struct quoit_llm_batch *batch;
    struct quoit_llm_counts counts;
    size_t index;

    enum quoit_error error = quoit_llm_batch_create(&options, prompts, read_prompts(), &batch);
    if (error != QUOIT_OK) {
        fprintf(stderr, "llm_batch: %s\n", quoit_error_message(error));
        return 1;
    }
    while ((index = quoit_llm_batch_next(batch, QUOIT_NEVER)) != SIZE_MAX) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, index);
        printf("%zu: %s\n", index + 1, answer->good ? answer->content.bytes : answer->detail);
    }
    quoit_llm_batch_counts(batch, &counts);
    fprintf(stderr, "%zu prompts, %zu answers, %llu tokens\n", counts.prompts, counts.good,
            (unsigned long long)counts.tokens_out);
    quoit_llm_batch_destroy(batch);
    return counts.good == counts.prompts ? 0 : 1;
}
