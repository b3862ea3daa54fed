/*
 * hdr: a histogram as HdrHistogram's tools write and read it: its V2 encoding, compressed, in
 * base64.
 *
 *     base64 of   cookie, size         8 bytes, and behind them, deflated:
 *                 cookie, size, ...    40 bytes: digits, lowest and highest value
 *                 count, count, ...    ZigZag LEB128; -N stands for N buckets that are empty
 *
 * Numbers before the counts are big-endian. The buckets of cli/histogram are HdrHistogram's of
 * three digits from 1 on, so no count moves. What is lost are the exact minimum, maximum, mean and
 * deviation: who reads has those of the buckets. HdrHistogram's values are signed, so what is above
 * 2^63 (292 years) is counted in the last bucket below.
 *
 * Reading takes any bytes: nothing is allocated by a size that they tell.
 */
#ifndef QUOIT_CLI_HDR_H
#define QUOIT_CLI_HDR_H

#include "cli/histogram.h"
#include "llm/text.h"

/* Append it. False: there is no memory, and what was appended is not all. */
bool hdr_encode(const struct histogram *histogram, struct text *text);

/*
 * False: `*reason_out` is a static text that says why, and the histogram is empty. It is refused if
 * its values are not counted to three digits from 1 on.
 */
bool hdr_decode(struct json_span text, struct histogram *histogram_out, const char **reason_out);

#endif
