/*
 * base_list: order, and that no link is ever in two places or in half of one.
 */
#include "base/list.h"

#include "tests/unit/check.h"

struct item {
    int number;
    struct list link;
};

#define ITEMS 5

static struct item items[ITEMS];

static void make_items(void)
{
    for (int i = 0; i < ITEMS; i++) {
        items[i].number = i;
        list_init(&items[i].link);
    }
}

/* The numbers in the list, forwards; backwards must be the same turned round. */
static void check_numbers(struct list *list, const char *wanted)
{
    char forwards[ITEMS + 1], backwards[ITEMS + 1];
    size_t count = 0, left = ITEMS;

    LIST_EACH (list, link) {
        CHECK(count < ITEMS);
        forwards[count++] = (char)('0' + CONTAINER_OF(link, struct item, link)->number);
    }
    backwards[left] = '\0';
    for (struct list *link = list->prev; link != list; link = link->prev) {
        CHECK(left > 0);
        backwards[--left] = (char)('0' + CONTAINER_OF(link, struct item, link)->number);
    }
    CHECK_MEM(forwards, count, wanted, strlen(wanted));
    CHECK_STR(backwards + left, wanted);
    CHECK_EQ(list_is_empty(list), *wanted == '\0');
}

static void test_links_stand_in_the_order_they_came(void)
{
    struct list list;

    make_items();
    list_init(&list);
    check_numbers(&list, "");
    list_append(&list, &items[0].link);
    check_numbers(&list, "0");
    list_append(&list, &items[1].link);
    list_append(&list, &items[2].link);
    check_numbers(&list, "012");
    list_prepend(&list, &items[3].link);
    check_numbers(&list, "3012");
    CHECK(LIST_FIRST(&list, struct item, link) == &items[3]);
    CHECK(LIST_LAST(&list, struct item, link) == &items[2]);
}

static void test_leaving_closes_the_gap_and_may_be_done_twice(void)
{
    static const char *const left[ITEMS] = { "1234", "0234", "0134", "0124", "0123" };
    struct list list;

    for (int out = 0; out < ITEMS; out++) {
        make_items();
        list_init(&list);
        for (int i = 0; i < ITEMS; i++) {
            list_append(&list, &items[i].link);
        }
        list_remove(&items[out].link);
        check_numbers(&list, left[out]);
        CHECK(list_is_empty(&items[out].link));
        list_remove(&items[out].link);
        check_numbers(&list, left[out]);
    }
}

static void test_a_link_may_go_to_another_list_while_its_list_is_visited(void)
{
    struct list from, to;

    make_items();
    list_init(&from);
    list_init(&to);
    for (int i = 0; i < ITEMS; i++) {
        list_append(&from, &items[i].link);
    }
    LIST_EACH (&from, link) {
        if (CONTAINER_OF(link, struct item, link)->number % 2 == 0) {
            list_remove(link);
            list_append(&to, link);
        }
    }
    check_numbers(&from, "13");
    check_numbers(&to, "024");
}

static void test_all_of_a_list_may_go_behind_another_in_their_order(void)
{
    struct list from, to;

    for (int split = 0; split <= ITEMS; split++) {
        make_items();
        list_init(&from);
        list_init(&to);
        for (int i = 0; i < ITEMS; i++) {
            list_append(i < split ? &to : &from, &items[i].link);
        }
        list_append_all(&to, &from);
        check_numbers(&from, "");
        check_numbers(&to, "01234");
    }
}

static void test_the_last_to_leave_makes_it_empty(void)
{
    struct list list;

    make_items();
    list_init(&list);
    list_append(&list, &items[0].link);
    list_remove(&items[0].link);
    check_numbers(&list, "");
    list_prepend(&list, &items[0].link);
    check_numbers(&list, "0");
}

int main(void)
{
    RUN(test_links_stand_in_the_order_they_came);
    RUN(test_leaving_closes_the_gap_and_may_be_done_twice);
    RUN(test_a_link_may_go_to_another_list_while_its_list_is_visited);
    RUN(test_all_of_a_list_may_go_behind_another_in_their_order);
    RUN(test_the_last_to_leave_makes_it_empty);
    return check_done();
}
