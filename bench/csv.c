/*
 * csv: blocks go through one list behind a lock, which is held for a few instructions.
 */
#include "bench/csv.h"

#include "cli/output_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_RECORDS 1024

struct csv_block {
    struct csv_block *next;
    uint32_t count;
    struct csv_record records[BLOCK_RECORDS];
};

struct csv {
    struct output_file file;
    FILE *stream; /* owned; of file.fd */
    int os_error; /* of the first write that failed */
    _Atomic uint64_t lost;
    pthread_mutex_t lock;
    struct csv_block *full, **full_end; /* in the order in which they were filled */
    uint32_t workers;
    struct csv_block *filling[]; /* one a worker; NULL: none yet */
};

static const char csv_head[] =
    "due_s,latency_ms,service_ms,queue_ms,connect_ms,ttft_ms,ttft_schedule_ms,tpot_ms,itl_mean_ms,"
    "e2el_ms,lag_ms,status,error,ok,attempts,reused,tokens_in,tokens_out,bytes_in,bytes_out,"
    "thread\n";

struct csv *csv_open(const char *path, uint32_t workers)
{
    struct csv *csv = calloc(1, sizeof(*csv) + workers * sizeof(csv->filling[0]));
    int os_error = ENOMEM;

    if (csv == NULL || !output_file_open(&csv->file, path, false, &os_error) ||
        !output_file_empty(&csv->file, &os_error) ||
        (csv->stream = fdopen(csv->file.fd, "w")) == NULL) {
        fprintf(stderr, "quoit: --csv %s cannot be written: %s\n", path, strerror(os_error));
        if (csv != NULL) {
            output_file_close(&csv->file);
        }
        free(csv);
        return NULL;
    }
    pthread_mutex_init(&csv->lock, NULL);
    csv->full_end = &csv->full;
    csv->workers = workers;
    fputs(csv_head, csv->stream);
    return csv;
}

void csv_flush(struct csv *csv, uint32_t worker)
{
    struct csv_block *block = csv->filling[worker];

    if (block == NULL) {
        return;
    }
    csv->filling[worker] = NULL;
    pthread_mutex_lock(&csv->lock);
    *csv->full_end = block;
    csv->full_end = &block->next;
    pthread_mutex_unlock(&csv->lock);
}

void csv_put(struct csv *csv, uint32_t worker, const struct csv_record *record)
{
    struct csv_block *block = csv->filling[worker];

    if (block == NULL) {
        block = malloc(sizeof(*block));
        if (block == NULL) {
            csv->lost++;
            return;
        }
        block->next = NULL;
        block->count = 0;
        csv->filling[worker] = block;
    }
    block->records[block->count++] = *record;
    if (block->count == BLOCK_RECORDS) {
        csv_flush(csv, worker);
    }
}

static void csv_print(const struct csv *csv, const struct csv_record *record, uint64_t begin_ns)
{
    /* In the order of bench/metric.h, which is that of the head. */
    fprintf(csv->stream, "%.6f", ((double)record->due_ns - (double)begin_ns) / 1e9);
    for (unsigned metric = 0; metric < METRICS; metric++) {
        if (record->values_ns[metric] == CSV_NONE) {
            fputc(',', csv->stream);
        } else {
            fprintf(csv->stream, ",%.6f", (double)record->values_ns[metric] / 1e6);
        }
    }
    fprintf(csv->stream, ",%u,%s,%d,%u,%d,%ju,%ju,%ju,%ju,%u\n", record->status,
            record->error == QUOIT_OK ? "" : quoit_error_code(record->error), record->ok,
            record->attempts, record->reused, (uintmax_t)record->tokens_in,
            (uintmax_t)record->tokens_out, (uintmax_t)record->bytes_in,
            (uintmax_t)record->bytes_out, record->worker);
}

void csv_write(struct csv *csv, uint64_t begin_ns)
{
    pthread_mutex_lock(&csv->lock);
    struct csv_block *block = csv->full;
    csv->full = NULL;
    csv->full_end = &csv->full;
    pthread_mutex_unlock(&csv->lock);
    while (block != NULL) {
        struct csv_block *next = block->next;
        errno = 0;
        for (uint32_t i = 0; i < block->count; i++) {
            csv_print(csv, &block->records[i], begin_ns);
        }
        if (ferror(csv->stream) && csv->os_error == 0) {
            csv->os_error = errno != 0 ? errno : EIO;
        }
        free(block);
        block = next;
    }
}

bool csv_close(struct csv *csv)
{
    if (csv == NULL) {
        return true;
    }
    while (csv->full != NULL) { /* of a run that has come to nothing */
        struct csv_block *next = csv->full->next;
        free(csv->full);
        csv->full = next;
    }
    for (uint32_t i = 0; i < csv->workers; i++) {
        free(csv->filling[i]);
    }
    errno = 0;
    if (fflush(csv->stream) != 0 && csv->os_error == 0) {
        csv->os_error = errno;
    }
    if (csv->file.fd != STDOUT_FILENO && fclose(csv->stream) != 0 && csv->os_error == 0) {
        csv->os_error = errno;
    }
    int os_error = csv->lost != 0 && csv->os_error == 0 ? ENOMEM : csv->os_error;
    if (os_error != 0) {
        fprintf(stderr, "quoit: --csv %s: not all could be written: %s\n", csv->file.name,
                strerror(os_error));
    }
    pthread_mutex_destroy(&csv->lock);
    free(csv);
    return os_error == 0;
}
