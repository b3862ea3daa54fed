/* quota: see quota.h. */
#include "mock/quota.h"

#include "mock/text.h"

#include <math.h>

void quota_init(struct quota *quota, uint64_t per_minute, uint64_t capacity, uint64_t now_ns)
{
    *quota = (struct quota){
        .per_minute = per_minute,
        .capacity = capacity == 0 ? per_minute : capacity,
        .level = (double)(capacity == 0 ? per_minute : capacity),
        .at_ns = now_ns,
    };
}

static double quota_per_ns(const struct quota *quota)
{
    return (double)quota->per_minute / 60e9;
}

bool quota_has(struct quota *quota, double amount, uint64_t now_ns)
{
    if (quota->per_minute == 0) {
        return true;
    }
    quota->level += quota_per_ns(quota) * (double)(now_ns - quota->at_ns);
    quota->level = fmin(quota->level, (double)quota->capacity);
    quota->at_ns = now_ns;
    return quota->level >= fmin(amount, (double)quota->capacity);
}

void quota_take(struct quota *quota, double amount)
{
    quota->level = fmax(0, quota->level - amount);
}

uint64_t quota_wait_ns(const struct quota *quota, double amount)
{
    double missing = fmin(amount, (double)quota->capacity) - quota->level;

    if (quota->per_minute == 0 || missing <= 0) {
        return 0;
    }
    return (uint64_t)ceil(missing / quota_per_ns(quota));
}

/* A Go duration of whole milliseconds: below a second "12ms", else "1.5s" and "6m0s". */
static void quota_write_duration(struct blob *out, uint64_t ns)
{
    uint64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;

    if (ms < 1000) {
        blob_print(out, "%llums", (unsigned long long)ms);
        return;
    }
    if (ms >= 60000) {
        blob_print(out, "%llum", (unsigned long long)(ms / 60000));
        ms %= 60000;
    }
    blob_print(out, "%gs", (double)ms / 1000);
}

void quota_write_headers(const struct quota *quota, const char *name, struct blob *out)
{
    if (quota->per_minute == 0) {
        return;
    }
    blob_print(out, "x-ratelimit-limit-%s: %llu\r\nx-ratelimit-remaining-%s: %llu\r\n", name,
               (unsigned long long)quota->capacity, name, (unsigned long long)quota->level);
    blob_print(out, "x-ratelimit-reset-%s: ", name);
    quota_write_duration(out, quota_wait_ns(quota, (double)quota->capacity));
    blob_text(out, "\r\n");
}
