/*
 * journal: the output of an earlier run, read so that a run can go on with it.
 *
 * Happy path: journal_check for the output and for the file of errors; journal_read for both;
 * journal_drop; then the run appends to both; journal_finish at its end.
 *
 *     torn tail          cut off: a file is trusted for whole lines only; but a whole answer that
 *                        lacks its LF gets it
 *     answer             into ids: its line is not sent again
 *     failed, again      dropped before anything is appended; its line is sent
 *     said twice         one is dropped: a good answer stays, else the first
 *     no answer          dropped (after a loss of power), but on line 1, where it says that this
 *                        is some other file: then nothing is touched
 *     another body       stays until the run has ended, and is dropped then: until the new answer
 *                        is there, it is the only one; if the run was a mistake, nothing is lost
 *
 * To drop lines the rest is copied to a new file beside it, which takes its place. So a kill at any
 * moment leaves one of the two, and the next run comes to the same end. Nothing is copied where
 * nothing is dropped.
 *
 * It fails with a line in `message`.
 */
#ifndef QUOIT_CLI_JOURNAL_H
#define QUOIT_CLI_JOURNAL_H

#include "cli/ids.h"
#include "cli/output_file.h"

/* Which failed lines are sent again. The order is that of --resume-failed. */
enum journal_again { JOURNAL_AGAIN_ALL, JOURNAL_AGAIN_TRANSIENT, JOURNAL_AGAIN_NONE };

enum journal_verdict {
    JOURNAL_GOOD,
    JOURNAL_REFUSED, /* it is not the output of a batch, or not one that can be gone on with */
    JOURNAL_FAILED,  /* it cannot be read or written, or there is no memory */
};

struct journal {
    /* Set by the caller. */
    struct ids *ids; /* borrowed */
    enum journal_again again;
    bool ordered; /* --order input: nothing may be missing in between */

    /* To be read. */
    struct ids_counts counts; /* of the answers that stay, and of those that are there twice */
    uint64_t unnamed;         /* answers that stay and cannot be found again */
    uint64_t sent_again;      /* lines of requests that failed */
    uint64_t broken;          /* lines that are no answers */
    uint64_t torn_size;       /* bytes */
    uint64_t last_line;       /* the highest line of the input that has an answer */
    bool rewritten;           /* lines were dropped */
    char message[512];
};

/* Refuse a file of something else. Changes nothing: to be asked for all files before the first. */
enum journal_verdict journal_check(struct journal *journal, const struct output_file *file);

/* Learn what is there. Cuts a torn tail off. */
enum journal_verdict journal_read(struct journal *journal, struct output_file *file);

/* Drop what is not to stay. `errors` may be no file. Both then stand at their ends. */
enum journal_verdict journal_drop(struct journal *journal, struct output_file *answers,
                                  struct output_file *errors);

/*
 * All lines of the input were read and all that is new is on disk: drop the answers to bodies that
 * have changed. Only then: they may be all that there is.
 */
enum journal_verdict journal_finish(struct journal *journal, struct output_file *answers,
                                    struct output_file *errors);

#endif
