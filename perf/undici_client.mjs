// undici_client: the same work as the other clients of perf/, by undici, the client of Node.js: one
// Pool with as many connections as there are requests in flight, pool.request for each.
//
//     node perf/undici_client.mjs --modules FOLDER --url U [-n N] [-c C] [--unix-socket P]
//                                 [--cacert F] [--post F] [--stream] --json
//
// FOLDER is a node_modules. It prints one JSON object, whose members are those of perf/measure.h,
// and exits 1 if a request failed. --stream parses the JSON of each event.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const text = { type: "string" };
const flag = { type: "boolean", default: false };
const { values: options } = parseArgs({
  options: {
    modules: text, url: text, cacert: text, post: text, "unix-socket": text,
    stream: flag, json: flag,
    n: { type: "string", short: "n", default: "10000" },
    c: { type: "string", short: "c", default: "64" },
  },
});
const { Pool } = createRequire(resolve(options.modules, "x.js"))("undici");

const inFlight = Number(options.c);
const url = new URL(options.url);
const connect = {};
if (options.cacert) connect.ca = readFileSync(options.cacert);
if (options["unix-socket"]) connect.socketPath = options["unix-socket"];
const pool = new Pool(url.origin, {
  connections: inFlight, pipelining: 1, bodyTimeout: 0, headersTimeout: 0, connect,
});
const request = { path: url.pathname + url.search, method: "GET" };
if (options.post) {
  request.method = "POST";
  request.body = readFileSync(options.post);
  request.headers = { "content-type": "application/json" };
}

let left = Number(options.n);
let failed = 0;
let tokens = 0;
const latencies = [];
const firstTokens = [];
const gaps = [];

// The tokens of one stream. True: it has said that it is over.
async function readEvents(body, sent) {
  const decoder = new TextDecoder();
  let rest = "";
  let last = sent;
  let times = firstTokens;
  let ended = false;
  for await (const piece of body) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice(6);
      if (data === "[DONE]") {
        ended = true;
      } else if (JSON.parse(data).choices[0]?.delta.content) {
        const now = performance.now();
        times.push(now - last);
        last = now;
        times = gaps;
        tokens++;
      }
    }
  }
  return ended;
}

async function ask() {
  const sent = performance.now();
  const { statusCode, body } = await pool.request(request);
  let good = statusCode >= 200 && statusCode < 300;
  if (options.stream) {
    good = (await readEvents(body, sent)) && good;
  } else {
    await body.arrayBuffer();
  }
  latencies.push(performance.now() - sent);
  return good;
}

async function work() {
  while (left > 0) {
    left--;
    try {
      if (!(await ask())) failed++;
    } catch (error) {
      failed++;
      console.error(`undici_client: ${error}`);
    }
  }
}

function percentiles(name, values) {
  values.sort((a, b) => a - b);
  const found = {};
  for (const [key, percent] of [["p50", 50], ["p99", 99], ["p99_9", 99.9]]) {
    const at = Math.min(values.length - 1, Math.floor((values.length * percent) / 100));
    found[`${name}${key}_us`] = values.length ? values[at] * 1e3 : 0;
  }
  return found;
}

const began = performance.now();
await Promise.all(Array.from({ length: inFlight }, work));
const seconds = (performance.now() - began) / 1e3;
await pool.close();
console.log(JSON.stringify({
  program: "undici_client", requests: latencies.length, failed, seconds,
  requests_per_second: latencies.length / seconds, tokens,
  ...percentiles("", latencies), ...percentiles("ttft_", firstTokens), ...percentiles("itl_", gaps),
}));
process.exitCode = failed ? 1 : 0;
