/*
 * help: the parts of --help that no table holds.
 */
#ifndef QUOIT_MOCK_HELP_H
#define QUOIT_MOCK_HELP_H

extern const char help_head[];    /* before the server's options */
extern const char help_answers[]; /* between those and the options of answers */
extern const char help_faults[];  /* between those and the faults */
extern const char help_rest[];    /* modes, paths, the ledger, the log */

#endif
