/*
 * engine_slot: a slot is in one place, the picture in slot.h is kept, and an id outlives nothing.
 */
#include "engine/slot.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 8
#define OPERATIONS 100000

/* A slot of a fresh table on the shortest way to that state; the queue stands for a lane. */
static struct slot *slot_in(struct slot_table *table, struct list *queue, enum slot_state state)
{
    struct slot *slot = slot_first_free(table);

    if (state == SLOT_FREE) {
        return slot;
    }
    if (state == SLOT_WAITING) {
        slot_move(table, slot, SLOT_WAITING);
        return slot;
    }
    slot_queue(table, slot, queue, false);
    static const enum slot_state way[] = { SLOT_QUEUED, SLOT_ACTIVE, SLOT_DONE, SLOT_HANDED,
                                           SLOT_KEPT };
    for (size_t i = 1; slot->state != state && i < COUNT_OF(way); i++) {
        slot_move(table, slot, way[i]);
    }
    CHECK_EQ(slot->state, state);
    return slot;
}

static uint32_t list_count(const struct list *list)
{
    uint32_t count = 0;

    LIST_EACH (list, link) {
        count++;
    }
    return count;
}

/* Where a slot is and what it is doing cannot disagree. */
static void check_table(const struct slot_table *table, const struct list *queue)
{
    uint32_t sum = 0;

    for (unsigned state = 0; state < SLOT_STATES; state++) {
        const struct list *list = state == SLOT_QUEUED ? queue : &table->lists[state];
        uint32_t unmade = state == SLOT_FREE ? table->slots_max - table->slots_made : 0;
        CHECK_EQ(list_count(list) + unmade, table->counts[state]);
        LIST_EACH (list, link) {
            CHECK_EQ(CONTAINER_OF(link, struct slot, link)->state, state);
        }
        sum += table->counts[state];
    }
    CHECK(list_is_empty(&table->lists[SLOT_QUEUED]));
    CHECK_EQ(sum, table->slots_max);
}

static void test_a_fresh_table_is_free_and_each_slot_knows_its_place(void)
{
    struct slot_table table;
    struct list queue;

    list_init(&queue);
    CHECK(slot_table_init(&table, SLOTS));
    check_table(&table, &queue);
    CHECK_EQ(table.counts[SLOT_FREE], SLOTS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = slot_first_free(&table);
        CHECK(slot == &table.slots[i]);
        CHECK(slot_first_free(&table) == slot); /* until it is moved */
        CHECK_EQ(slot->index, i);
        CHECK_EQ(slot->conn, SLOT_NONE);
        CHECK_EQ(slot->rival, SLOT_NONE);
        CHECK_EQ(slot->timer.kind, TIMER_SLOT);
        CHECK_EQ(slot->timer.place, 0);
        CHECK(list_is_empty(&slot->ready));
        CHECK(list_is_empty(&slot->touched));
        CHECK(slot_find(&table, slot_id(slot)) == NULL); /* FREE: no request */
        slot_queue(&table, slot, &queue, false);
        check_table(&table, &queue);
    }
    CHECK(slot_first_free(&table) == NULL);
    slot_table_free(&table);
}

static void test_an_id_finds_its_slot_in_every_state_but_free(void)
{
    for (unsigned state = 0; state < SLOT_STATES; state++) {
        struct slot_table table;
        struct list queue;
        list_init(&queue);
        CHECK(slot_table_init(&table, SLOTS));
        struct slot *slot = slot_in(&table, &queue, (enum slot_state)state);
        CHECK(slot_id(slot) != 0);
        CHECK(slot_find(&table, slot_id(slot)) == (state == SLOT_FREE ? NULL : slot));
        slot_table_free(&table);
    }
}

static void test_a_released_id_finds_nothing(void)
{
    struct slot_table table;
    struct list queue;

    list_init(&queue);
    CHECK(slot_table_init(&table, SLOTS));
    struct slot *slot = slot_in(&table, &queue, SLOT_HANDED);
    uint64_t id = slot_id(slot);
    slot_move(&table, slot, SLOT_FREE);
    CHECK(slot_find(&table, id) == NULL);
    CHECK(slot_first_free(&table) == slot); /* the warm one is taken next */
    slot_queue(&table, slot, &queue, false);
    CHECK(slot_find(&table, id) == NULL);
    CHECK(slot_find(&table, slot_id(slot)) == slot);
    slot_table_free(&table);
}

static void test_ids_that_were_never_given_find_nothing(void)
{
    struct slot_table table;
    struct list queue;

    list_init(&queue);
    CHECK(slot_table_init(&table, SLOTS));
    uint64_t id = slot_id(slot_in(&table, &queue, SLOT_ACTIVE));
    CHECK(slot_find(&table, 0) == NULL);
    CHECK(slot_find(&table, UINT64_MAX) == NULL);
    CHECK(slot_find(&table, (uint32_t)id) == NULL); /* generation 0 */
    CHECK(slot_find(&table, id + SLOTS) == NULL);   /* behind the table */
    CHECK(slot_find(&table, id + 1) == NULL);       /* another, FREE */
    CHECK(slot_find(&table, id + (UINT64_C(1) << 32)) == NULL);
    slot_table_free(&table);
}

static void test_a_generation_that_wraps_skips_zero(void)
{
    struct slot_table table;
    struct list queue;

    list_init(&queue);
    CHECK(slot_table_init(&table, 1));
    slot_first_free(&table)->generation = UINT32_MAX;
    struct slot *slot = slot_in(&table, &queue, SLOT_HANDED);
    CHECK(slot_id(slot) == (uint64_t)UINT32_MAX << 32);
    CHECK(slot_find(&table, slot_id(slot)) == slot);
    slot_move(&table, slot, SLOT_FREE);
    CHECK_EQ(slot->generation, 1);
    slot_queue(&table, slot, &queue, false);
    CHECK(slot_id(slot) != 0);
    CHECK(slot_find(&table, slot_id(slot)) == slot);
    slot_table_free(&table);
}

static void test_queues_and_states_keep_the_order_in_which_slots_came(void)
{
    struct slot_table table;
    struct list queue;

    list_init(&queue);
    CHECK(slot_table_init(&table, SLOTS));
    struct slot *slots = table.slots;
    slot_queue(&table, slot_first_free(&table), &queue, false);
    slot_queue(&table, slot_first_free(&table), &queue, false);
    slot_queue(&table, slot_first_free(&table), &queue, true); /* had its turn already */
    CHECK(LIST_FIRST(&queue, struct slot, link) == &slots[2]);
    CHECK(LIST_LAST(&queue, struct slot, link) == &slots[1]);
    slot_move(&table, &slots[1], SLOT_DONE);
    slot_move(&table, &slots[0], SLOT_DONE);
    slot_move(&table, &slots[2], SLOT_DONE);
    CHECK(LIST_FIRST(&table.lists[SLOT_DONE], struct slot, link) == &slots[1]);
    CHECK(LIST_LAST(&table.lists[SLOT_DONE], struct slot, link) == &slots[2]);
    check_table(&table, &queue);
    slot_table_free(&table);
}

/* slot.h's picture, once more: which states may follow which. */
static const unsigned picture[SLOT_STATES] = {
    [SLOT_FREE] = BIT(SLOT_QUEUED) | BIT(SLOT_WAITING),
    [SLOT_QUEUED] = BIT(SLOT_ACTIVE) | BIT(SLOT_DONE),
    [SLOT_WAITING] = BIT(SLOT_QUEUED) | BIT(SLOT_DONE),
    [SLOT_ACTIVE] = BIT(SLOT_QUEUED) | BIT(SLOT_WAITING) | BIT(SLOT_DONE),
    [SLOT_DONE] = BIT(SLOT_HANDED) | BIT(SLOT_FREE),
    [SLOT_HANDED] = BIT(SLOT_FREE) | BIT(SLOT_KEPT) | BIT(SLOT_QUEUED) | BIT(SLOT_WAITING),
    [SLOT_KEPT] = BIT(SLOT_FREE),
};

static void move_to(struct slot_table *table, struct slot *slot, struct list *queue, unsigned to)
{
    if (to == SLOT_QUEUED) {
        slot_queue(table, slot, queue, false);
    } else {
        slot_move(table, slot, (enum slot_state)to);
    }
}

/* Does a child that makes this step die of an assert? */
static bool step_aborts(unsigned from, unsigned to)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit no_core = { 0, 0 };
        struct slot_table table;
        struct list queue;
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL || !slot_table_init(&table, SLOTS)) {
            _exit(1);
        }
        list_init(&queue);
        struct slot *slot = slot_in(&table, &queue, (enum slot_state)from);
        move_to(&table, slot, &queue, to);
        _exit(0);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_only_the_steps_of_the_picture_can_be_made(void)
{
    for (unsigned from = 0; from < SLOT_STATES; from++) {
        for (unsigned to = 0; to < SLOT_STATES; to++) {
            char name[32];
            snprintf(name, sizeof(name), "from %u to %u", from, to);
            check_case(name);
            CHECK_EQ(step_aborts(from, to), (picture[from] & BIT(to)) == 0);
        }
    }
    check_case("");
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_random_walks_keep_lists_counts_and_ids_in_step(void)
{
    struct slot_table table;
    struct list queue;
    uint64_t state = 20261121;
    uint64_t ids[SLOTS] = { 0 }; /* of the requests there are */

    list_init(&queue);
    CHECK(slot_table_init(&table, SLOTS));
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = slot_first_free(&table);
        slot_queue(&table, slot, &queue, false);
        ids[i] = slot_id(slot);
    }
    for (int i = 0; i < OPERATIONS && check_failures == 0; i++) {
        struct slot *slot = &table.slots[random_next(&state) % SLOTS];
        unsigned to = (unsigned)(random_next(&state) % SLOT_STATES);
        if ((picture[slot->state] & BIT(to)) == 0) {
            continue;
        }
        bool was_free = slot->state == SLOT_FREE;
        uint64_t id = slot_id(slot);
        CHECK_EQ(ids[slot->index], was_free ? 0 : id);
        move_to(&table, slot, &queue, to);
        ids[slot->index] = to == SLOT_FREE ? 0 : id;
        CHECK(slot_find(&table, id) == (to == SLOT_FREE ? NULL : slot));
        if (i % 16 == 0) {
            check_table(&table, &queue);
        }
    }
    slot_table_free(&table);
}

static bool fill(struct buffer *buffer, size_t size)
{
    static const char bytes[64];

    while (buffer->size < size) {
        if (!buffer_append(buffer, bytes, sizeof(bytes))) {
            return false;
        }
    }
    return true;
}

static void fill_buffers(struct slot *slot, size_t size)
{
    CHECK(fill(&slot->head, size));
    CHECK(fill(&slot->text, size));
    CHECK(fill(&slot->headers, size));
    CHECK(fill(&slot->answer, size));
    CHECK(fill(&slot->messages, size));
}

static void test_another_attempt_forgets_the_answer_and_keeps_the_request(void)
{
    struct slot_table table;
    int context = 0;

    CHECK(slot_table_init(&table, 1));
    struct slot *slot = slot_first_free(&table);
    fill_buffers(slot, 100);
    size_t head_size = slot->head.size;
    slot->context = &context;
    slot->retries = 3;
    slot->retries_max = 5;
    slot->cancelled = true;
    slot->deadline_ns = 77;
    slot->body = (struct quoit_span){ "body", 4 };
    slot->messages_read = slot->answer_read = 9;
    slot->stream_error = QUOIT_E_TOO_LARGE;
    slot->streams = slot->head_waits = slot->head_told = slot->full = true;
    slot->detail[0] = 'x';
    slot_reset_answer(slot);
    CHECK_EQ(slot->text.size + slot->headers.size + slot->answer.size + slot->messages.size, 0);
    CHECK_EQ(slot->messages_read + slot->answer_read, 0);
    CHECK_EQ(slot->stream_error, QUOIT_OK);
    CHECK(!slot->streams && !slot->head_waits && !slot->head_told && !slot->full);
    CHECK_STR(slot->detail, "");
    CHECK_EQ(slot->head.size, head_size);
    CHECK(slot->context == &context);
    CHECK_EQ(slot->retries, 3);
    CHECK_EQ(slot->retries_max, 5);
    CHECK(slot->cancelled);
    CHECK_EQ(slot->deadline_ns, 77);
    CHECK_MEM(slot->body.bytes, slot->body.size, "body", 4);
    slot_table_free(&table);
}

static void test_a_request_leaves_nothing_to_the_next_in_its_slot(void)
{
    struct slot_table table;

    CHECK(slot_table_init(&table, 1));
    struct slot *slot = slot_first_free(&table);
    fill_buffers(slot, 100);
    slot->body = (struct quoit_span){ "body", 4 };
    slot->conn = slot->rival = 3;
    slot->cancelled = slot->counted = slot->limited = slot->resent = slot->fresh = true;
    slot->probe = slot->awaits_budget = slot->resolving = slot->sending = slot->paused = true;
    slot->taker = &slot->link;
    slot->lane = (struct lane *)(void *)slot;
    slot->retries = slot->late = 2;
    slot->paced_ns = 5;
    slot->result.status = 200;
    slot_reset(slot);
    CHECK_EQ(slot->head.size + slot->text.size + slot->headers.size, 0);
    CHECK_EQ(slot->answer.size + slot->messages.size + slot->body.size, 0);
    CHECK_EQ(slot->conn, SLOT_NONE);
    CHECK_EQ(slot->rival, SLOT_NONE);
    CHECK(!slot->cancelled && !slot->counted && !slot->limited && !slot->resent && !slot->fresh);
    CHECK(!slot->probe && !slot->awaits_budget && !slot->resolving && !slot->sending);
    CHECK(!slot->paused);
    CHECK(slot->taker == NULL);
    CHECK(slot->lane == NULL);
    CHECK_EQ(slot->retries + slot->late, 0);
    CHECK_EQ(slot->paced_ns, 0);
    CHECK_EQ(slot->result.status, 0);
    slot_table_free(&table);
}

static void test_small_buffers_are_kept_for_the_next_request_and_large_ones_given_back(void)
{
    if (!BUFFER_KEEPS_ROOM) {
        return; /* make GUARD=1 keeps nothing */
    }
    static const size_t sizes[] = { 64, SLOT_ROOM_KEPT, SLOT_ROOM_KEPT + 64, 1024 * 1024 };

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct slot_table table;
        CHECK(slot_table_init(&table, 1));
        struct slot *slot = slot_first_free(&table);
        const struct buffer *buffers[] = { &slot->head, &slot->text, &slot->headers, &slot->answer,
                                           &slot->messages };
        size_t kept = 0;
        fill_buffers(slot, sizes[i]);
        for (size_t k = 0; k < COUNT_OF(buffers); k++) {
            kept += buffers[k]->room <= SLOT_ROOM_KEPT ? buffers[k]->room : 0;
        }
        slot_reset(slot);
        for (size_t k = 0; k < COUNT_OF(buffers); k++) {
            CHECK(buffers[k]->room <= SLOT_ROOM_KEPT);
            kept -= buffers[k]->room;
        }
        CHECK_EQ(kept, 0);
        slot_table_free(&table);
    }
}

int main(void)
{
    RUN(test_a_fresh_table_is_free_and_each_slot_knows_its_place);
    RUN(test_an_id_finds_its_slot_in_every_state_but_free);
    RUN(test_a_released_id_finds_nothing);
    RUN(test_ids_that_were_never_given_find_nothing);
    RUN(test_a_generation_that_wraps_skips_zero);
    RUN(test_queues_and_states_keep_the_order_in_which_slots_came);
    RUN(test_only_the_steps_of_the_picture_can_be_made);
    RUN(test_random_walks_keep_lists_counts_and_ids_in_step);
    RUN(test_another_attempt_forgets_the_answer_and_keeps_the_request);
    RUN(test_a_request_leaves_nothing_to_the_next_in_its_slot);
    RUN(test_small_buffers_are_kept_for_the_next_request_and_large_ones_given_back);
    return check_done();
}
