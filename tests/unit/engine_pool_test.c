/*
 * engine_pool: the newest of its shelf is taken, the oldest of all makes room, and no connection is
 * in the pool twice.
 */
#include "engine/pool.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#define CONNS 16
#define SHELVES 3
#define OPERATIONS 100000

static void test_an_empty_pool_gives_none(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf shelf;

    CHECK(pool != NULL);
    pool_shelf_init(&shelf);
    CHECK_EQ(pool_take(pool, &shelf), POOL_NONE);
    CHECK_EQ(pool_oldest(pool), POOL_NONE);
    for (uint32_t conn = 0; conn < CONNS; conn++) {
        CHECK(!pool_has(pool, conn));
    }
    pool_destroy(pool);
    pool_destroy(NULL);
}

static void test_the_connection_put_last_is_taken_first(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf shelf;

    pool_shelf_init(&shelf);
    pool_put(pool, &shelf, 3);
    pool_put(pool, &shelf, 0);
    pool_put(pool, &shelf, CONNS - 1);
    CHECK_EQ(pool_take(pool, &shelf), CONNS - 1);
    pool_put(pool, &shelf, 7);
    CHECK_EQ(pool_take(pool, &shelf), 7);
    CHECK_EQ(pool_take(pool, &shelf), 0);
    CHECK_EQ(pool_take(pool, &shelf), 3);
    CHECK_EQ(pool_take(pool, &shelf), POOL_NONE);
    pool_destroy(pool);
}

static void test_what_was_taken_is_out_of_the_pool(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf shelf;

    pool_shelf_init(&shelf);
    pool_put(pool, &shelf, 5);
    CHECK(pool_has(pool, 5));
    CHECK_EQ(pool_take(pool, &shelf), 5);
    CHECK(!pool_has(pool, 5));
    CHECK_EQ(pool_oldest(pool), POOL_NONE);
    pool_put(pool, &shelf, 5); /* and may come back */
    CHECK(pool_has(pool, 5));
    pool_destroy(pool);
}

static void test_a_shelf_gives_only_its_own(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf first, second;

    pool_shelf_init(&first);
    pool_shelf_init(&second);
    pool_put(pool, &first, 1);
    pool_put(pool, &second, 2);
    CHECK_EQ(pool_take(pool, &first), 1);
    CHECK_EQ(pool_take(pool, &first), POOL_NONE);
    CHECK_EQ(pool_take(pool, &second), 2);
    pool_destroy(pool);
}

static void test_the_oldest_of_all_shelves_is_named_and_stays(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf first, second;

    pool_shelf_init(&first);
    pool_shelf_init(&second);
    pool_put(pool, &second, 9);
    pool_put(pool, &first, 1);
    pool_put(pool, &second, 2);
    CHECK_EQ(pool_oldest(pool), 9);
    CHECK_EQ(pool_oldest(pool), 9);
    CHECK(pool_has(pool, 9));
    pool_remove(pool, 9);
    CHECK_EQ(pool_oldest(pool), 1);
    CHECK_EQ(pool_take(pool, &first), 1);
    CHECK_EQ(pool_oldest(pool), 2);
    pool_put(pool, &second, 9); /* back again, it is the youngest */
    CHECK_EQ(pool_oldest(pool), 2);
    pool_destroy(pool);
}

static void test_removing_what_is_not_there_is_harmless(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf shelf;

    pool_shelf_init(&shelf);
    pool_remove(pool, 4);
    pool_put(pool, &shelf, 4);
    pool_put(pool, &shelf, 5);
    pool_remove(pool, 4); /* from below */
    pool_remove(pool, 4);
    CHECK_EQ(pool_take(pool, &shelf), 5);
    CHECK_EQ(pool_take(pool, &shelf), POOL_NONE);
    pool_destroy(pool);
}

/* The same with nothing but the instant at which each was put; 0: not in the pool. */
struct model {
    uint64_t put[CONNS];
    size_t shelf[CONNS];
};

static uint32_t model_oldest(const struct model *model)
{
    uint32_t oldest = POOL_NONE;

    for (uint32_t conn = 0; conn < CONNS; conn++) {
        if (model->put[conn] != 0 &&
            (oldest == POOL_NONE || model->put[conn] < model->put[oldest])) {
            oldest = conn;
        }
    }
    return oldest;
}

static uint32_t model_newest(const struct model *model, size_t shelf)
{
    uint32_t newest = POOL_NONE;

    for (uint32_t conn = 0; conn < CONNS; conn++) {
        if (model->put[conn] != 0 && model->shelf[conn] == shelf &&
            (newest == POOL_NONE || model->put[conn] > model->put[newest])) {
            newest = conn;
        }
    }
    return newest;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_random_operations_agree_with_a_plain_array(void)
{
    struct pool *pool = pool_create(CONNS);
    struct pool_shelf shelves[SHELVES];
    struct model model = { 0 };
    uint64_t state = 20261121;

    for (size_t i = 0; i < SHELVES; i++) {
        pool_shelf_init(&shelves[i]);
    }
    for (uint64_t now = 1; now <= OPERATIONS && check_failures == 0; now++) {
        uint32_t conn = (uint32_t)(random_next(&state) % CONNS);
        size_t shelf = random_next(&state) % SHELVES;
        uint64_t verb = random_next(&state) % 4;
        if (verb == 0) {
            uint32_t newest = model_newest(&model, shelf);
            CHECK_EQ(pool_take(pool, &shelves[shelf]), newest);
            if (newest != POOL_NONE) {
                model.put[newest] = 0;
            }
        } else if (verb == 1) {
            pool_remove(pool, conn);
            model.put[conn] = 0;
        } else if (model.put[conn] == 0) {
            pool_put(pool, &shelves[shelf], conn);
            model.put[conn] = now;
            model.shelf[conn] = shelf;
        }
        CHECK_EQ(pool_oldest(pool), model_oldest(&model));
        for (uint32_t other = 0; other < CONNS; other++) {
            CHECK_EQ(pool_has(pool, other), model.put[other] != 0);
        }
    }
    pool_destroy(pool);
}

int main(void)
{
    RUN(test_an_empty_pool_gives_none);
    RUN(test_the_connection_put_last_is_taken_first);
    RUN(test_what_was_taken_is_out_of_the_pool);
    RUN(test_a_shelf_gives_only_its_own);
    RUN(test_the_oldest_of_all_shelves_is_named_and_stays);
    RUN(test_removing_what_is_not_there_is_harmless);
    RUN(test_random_operations_agree_with_a_plain_array);
    return check_done();
}
