// hlog_reader: what npm's hdr-histogram-js reads in a histogram log, for
// tests/unit/cli_hlog_node_test.c.
//
//     node tests/data/hlog_reader.js MODULE LOG COPY > INTERVALS
//
// MODULE is the folder of hdr-histogram-js. An interval is two lines, one as the reader of logs has
// it and one as its histogram alone is decoded: `TAG BEGIN END COUNT MIN MAX P50 P90 P99 P99.9 MEAN`,
// with both times in ms since the epoch; they are 0 for the histogram alone. COPY is the same log,
// as the module's writer writes it.
'use strict';
const fs = require('fs');
const [module_path, log_path, copy_path] = process.argv.slice(2);
const hdr = require(module_path);
const BITS = 64; // of a count

function tell(tag, begin_ms, end_ms, histogram) {
  const at = (percentile) => histogram.getValueAtPercentile(percentile);
  console.log(tag, Math.round(begin_ms), Math.round(end_ms), histogram.totalCount, at(0),
              histogram.maxValue, at(50), at(90), at(99), at(99.9), histogram.mean);
}

const content = fs.readFileSync(log_path, 'latin1');
const texts = content.split('\n').map((line) => line.split(',')).filter((fields) =>
    fields[0].startsWith('Tag=')).map((fields) => fields[4]);
const reader = new hdr.HistogramLogReader(content, BITS);
let copy = '';
const writer = new hdr.HistogramLogWriter((text) => { copy += text; });
writer.outputLogFormatVersion();
writer.outputLegend();
for (const text of texts) {
  const histogram = reader.nextIntervalHistogram();
  tell(histogram.tag, histogram.startTimeStampMsec, histogram.endTimeStampMsec, histogram);
  tell(histogram.tag, 0, 0, hdr.decodeFromCompressedBase64(text, BITS));
  writer.outputIntervalHistogram(histogram);
}
if (reader.nextIntervalHistogram() !== null) {
  throw new Error('more intervals than lines');
}
fs.writeFileSync(copy_path, copy);
