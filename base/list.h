/*
 * list: a doubly linked list whose links live in its members.
 *
 * A list is a ring through its head. A link that is in no list points to itself, so leaving a list
 * twice is harmless and membership is a question that has an answer. Nothing allocates, nothing
 * fails; every call is O(1).
 */
#ifndef QUOIT_BASE_LIST_H
#define QUOIT_BASE_LIST_H

#include "base/bits.h"

#include <stdbool.h>

struct list {
    struct list *prev, *next;
};

/* The struct around the link, or around a head (of no use then): check list_is_empty first. */
#define LIST_FIRST(list, type, member) CONTAINER_OF((list)->next, type, member)
#define LIST_LAST(list, type, member) CONTAINER_OF((list)->prev, type, member)

/* Visit all links; the current one may leave the list meanwhile. */
#define LIST_EACH(head, link)                                                                      \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head);              \
         link = link##_next, link##_next = link->next)

static inline void list_init(struct list *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* Behind the last one. The link must be in no list. */
static inline void list_append(struct list *list, struct list *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

/* Before the first one. The link must be in no list. */
static inline void list_prepend(struct list *list, struct list *link)
{
    list_append(list->next, link);
}

/* Move all of `from` behind the last one, in their order. */
static inline void list_append_all(struct list *list, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    list_init(from);
}

/* Out of whatever list it is in, if any. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

#endif
