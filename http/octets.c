/*
 * octets: the table of octets.h.
 */
#include "http/octets.h"

enum { TOKEN = OCTETS_TOKEN, TEXT = OCTETS_TEXT, BOTH = OCTETS_TOKEN | OCTETS_TEXT };

const uint8_t octets_kinds[256] = {
    ['\t'] = TEXT,         [' '] = TEXT,         ['!'] = BOTH,           ['"'] = TEXT,
    ['#' ... '\''] = BOTH, ['('] = TEXT,         [')'] = TEXT,           ['*' ... '+'] = BOTH,
    [','] = TEXT,          ['-' ... '.'] = BOTH, ['/'] = TEXT,           ['0' ... '9'] = BOTH,
    [':' ... '@'] = TEXT,  ['A' ... 'Z'] = BOTH, ['['] = TEXT,           ['\\'] = TEXT,
    [']'] = TEXT,          ['^' ... 'z'] = BOTH, ['{'] = TEXT,           ['|'] = BOTH,
    ['}'] = TEXT,          ['~'] = BOTH,         [0x80 ... 0xff] = TEXT,
};
