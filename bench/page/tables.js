
/*
 * tables: what is told in numbers: key figures, objectives, all times, errors, the client.
 */
const METRICS = [
    ["latency_ms", "Latency", "from when it was due to its end"],
    ["service_ms", "Service", "from send to its end"],
    ["queue_ms", "Queue", "due, and no slot was free"],
    ["connect_ms", "Connect", "name look-up, connect and TLS"],
    ["ttft_ms", "TTFT", "from send to the first token"],
    ["ttft_schedule_ms", "TTFT from schedule", "from when it was due to the first token"],
    ["tpot_ms", "TPOT", "mean time per output token of a request"],
    ["itl_ms", "ITL", "between two events with output"],
    ["e2el_ms", "E2EL", "from send to the last token"],
];
const LAG = ["lag_ms", "Lag", "of the client itself"];
const PHASES = [
    ["resolve_ms", "Phase: resolve", "name look-up"], ["tls_ms", "Phase: TLS", "its handshake"],
    ["send_ms", "Phase: send", "from its first byte to its last"],
    ["wait_ms", "Phase: wait", "from the last byte sent to the first that came"],
    ["receive_ms", "Phase: receive", "from the first byte that came to the last"],
];
const STATS = ["mean", "std", "min", "p50", "p75", "p90", "p95", "p99", "p99.9", "max"];

const VERDICTS = {
    ok: ["OK", "The client kept up, so these numbers are the server's.", ""],
    client_limited: ["CLIENT LIMITED",
        "The client itself was the bottleneck, so these numbers are partly its own.",
        "Give it more --threads or a machine of its own; quoit doctor tells what this one can do."],
    slots_limited: ["SLOTS LIMITED",
        "Requests that were due had to wait because every slot that -c gives was taken.",
        "Raise -c or leave it out, unless that limit is what is being tested."],
    saturated: ["SATURATED",
        "The server did not keep up with the rate that was asked for: its queue grew to the end.",
        "Ask for a lower rate with -q, or let --find-max-rate find the highest that it holds."],
};

function verdictOf(result) {
    const verdict = (result.client || {}).verdict || "unknown";
    return { word: verdict, texts: VERDICTS[verdict] ||
        [verdict.replace(/_/g, " ").toUpperCase(), "", ""] };
}

function badge(result) {
    const { word, texts } = verdictOf(result);
    return html("span", { class: "badge " + (word === "ok" ? "good" : "warn") }, texts[0]);
}

function lagged(result) {
    return result.lag_ms || (result.client || {}).lag_ms || { count: 0 };
}

/* A member of H, also where the metric is not there at all. */
function stat(result, key, name) {
    const values = key === "lag_ms" ? lagged(result) : result[key];
    return (values || {})[name] ?? null;
}

/* Unsent ones are errors too, as for --slo. */
function errorRate(result) {
    const { total, ok } = result.requests || {};
    return total > 0 ? (total - ok) / total : null;
}

/* --- Key figures --- */

function tile(name, value, below, tone) {
    return html("div", { class: "tile" }, html("dt", {}, name),
        html("dd", { class: tone }, value),
        html("dd", { class: "below" }, below));
}

function latencyTile(result, name) {
    return tile(`Latency ${name}`, duration(stat(result, "latency_ms", name)),
        `service ${duration(stat(result, "service_ms", name))}`);
}

function rateBelow(result) {
    const { asked, sent } = result.rate || {};
    if (!isNumber(sent)) {
        return "as fast as answers came";
    }
    return isNumber(asked) ? `asked ${rate(asked)}, sent ${rate(sent)}` : `sent ${rate(sent)}`;
}

function errorsBelow(result) {
    const { failed, unsent, ok } = result.requests || {};
    const more = unsent > 0 ? `, ${count(unsent)} unsent` : "";
    return `${count(ok)} ok, ${count(failed)} failed${more}`;
}

function goodputTile(result) {
    if (!isNumber(result.goodput)) {
        return null;
    }
    const all = result.requests_per_second;
    return tile("Goodput", rate(result.goodput) + " /s",
        `${percent(all > 0 ? result.goodput / all : null)} of good answers`);
}

function keyFigures(result) {
    const errors = errorRate(result);
    return html("dl", { class: "tiles", id: "key-figures" },
        tile("Requests per second", rate(result.requests_per_second), rateBelow(result)),
        tile("Error rate", percent(errors), errorsBelow(result), errors > 0 ? "bad" : null),
        goodputTile(result),
        ["p50", "p90", "p99", "max"].map((name) => latencyTile(result, name)));
}

function pairBelow(result, key) {
    return `p90 ${duration(stat(result, key, "p90"))}, p99 ${duration(stat(result, key, "p99"))}`;
}

function streamFiguresOf(result) {
    const { out_per_second: out, total_per_second: total } = result.tokens || {};
    return html("dl", { class: "tiles", id: "stream-figures" },
        tile("Output tokens per second", rate(out), `${rate(total)} with those of the input`),
        ["ttft_ms", "tpot_ms", "itl_ms", "e2el_ms"].map((key) => {
            const [, name] = METRICS.find(([metric]) => metric === key);
            return tile(name + " p50", duration(stat(result, key, "p50")), pairBelow(result, key));
        }));
}

/* --- Objectives --- */

/* The value is in the unit of the expression: a share, a number a second, or ms. */
function objectiveValue(expr, value) {
    if (/^\s*error_rate/.test(expr)) {
        return percent(value);
    }
    return /^\s*(goodput|requests_per_second)/.test(expr) ? rate(value) + " /s" : duration(value);
}

function metCell(met) {
    return { text: met ? "\u2713 met" : "\u2717 missed", class: met ? "good" : "bad" };
}

function objectives(runs) {
    const all = runs.flatMap((run) => run.result.slo || []);
    const exprs = [...new Set(all.map((slo) => slo.expr))];
    if (exprs.length === 0) {
        return null;
    }
    const columns = runs.flatMap((run) => runs.length === 1 ? ["measured", ""] : [run.name, ""]);
    return table("Objectives", ["objective", ...columns], exprs.map((expr) => [expr,
        ...runs.flatMap((run) => {
            const slo = (run.result.slo || []).find((one) => one.expr === expr);
            return slo === undefined ? [NONE, ""]
                : [objectiveValue(expr, slo.value), metCell(slo.met)];
        })]));
}

/* --- All that was measured --- */

function measured(result) {
    const phases = result.phases || {};
    const rows = [
        ...[...METRICS, LAG].map((metric) => [...metric, result]),
        ...PHASES.map((metric) => [...metric, phases]),
    ].filter(([key, , , of]) => stat(of, key, "count") > 0);
    if (rows.length === 0) {
        return null;
    }
    const about = "Percentiles are " + (result.percentiles === "exact"
        ? "exact, between neighbours linear." : "the upper bounds of buckets of 3 digits.") +
        " A dash: too few values for that percentile.";
    return [
        table("All times", ["", "values", ...STATS], rows.map(([key, name, title, of]) => [
            { text: name, title }, count(stat(of, key, "count")),
            ...STATS.map((one) => duration(stat(of, key, one)))])),
        html("p", { class: "about" }, about + " " + rows.map(([, name, title]) =>
            `${name}: ${title}`).join("; ") + "."),
    ];
}

/* --- Errors --- */

/* [[kind, number]...]: errors by their code, and answers that are not 2xx by status. */
function errorKinds(result) {
    const statuses = Object.entries(result.statuses || {})
        .filter(([status]) => !/^2/.test(status)).map(([status, n]) => ["status " + status, n]);
    return [...Object.entries((result.requests || {}).errors || {}), ...statuses]
        .filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1]);
}

function errorTable(runs) {
    const kinds = [...new Set(runs.flatMap((run) => errorKinds(run.result).map(([kind]) => kind)))];
    if (kinds.length === 0) {
        return null;
    }
    const columns = runs.flatMap((run) =>
        runs.length === 1 ? ["requests", "of all"] : [run.name, "of all"]);
    return table("Errors by kind", ["kind", ...columns], kinds.map((kind) => [kind,
        ...runs.flatMap((run) => {
            const [, number] = errorKinds(run.result).find(([name]) => name === kind) || [kind, 0];
            return [count(number), percent(number / run.result.requests.total)];
        })]));
}

/* --- The client --- */

const CLIENT = [
    ["cpu_us_per_request", "CPU per request", (value) => rate(value) + " \u00b5s"],
    ["cpu_share", "CPU, share of a core", percent],
    ["spin_share", "spinning, share of a core", percent],
    ["enters_per_request", "kernel entries per request", rate],
    ["sqes_per_request", "operations per request", rate],
    ["cqes_per_request", "completions per request", rate],
    ["events_per_read", "stream events per read", rate],
    ["no_buffers", "receives without a buffer", count],
    ["slots_full_share", "time with all slots taken", percent],
];

function clientTable(runs) {
    const rows = CLIENT.filter(([key]) => runs.some((run) =>
        isNumber((run.result.client || {})[key])));
    const lag = runs.map((run) => duration(stat(run.result, "lag_ms", "p99")));
    return table("The client", ["", ...runs.map((run) => runs.length === 1 ? "value" : run.name)],
        [["lag p99", ...lag], ...rows.map(([key, name, format]) => [name,
            ...runs.map((run) => {
                const value = (run.result.client || {})[key];
                return isNumber(value) ? format(value) : NONE;
            })])]);
}

/* --- Search, configuration --- */

function searchTable(run) {
    return table("Steps of the search", ["rate asked", "sent", "p50", "p99", "verdict", ""],
        run.result.search.map((step) => [rate(step.rate), rate(step.sent),
            duration((step.latency_ms || {}).p50), duration((step.latency_ms || {}).p99),
            (VERDICTS[step.verdict] || [step.verdict || NONE])[0], metCell(step.met)]));
}

function shownValue(value) {
    if (value === null || value === undefined) {
        return NONE;
    }
    return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function configTable(runs) {
    const keys = [...new Set(runs.flatMap((run) => Object.keys(run.result.config || {})))];
    if (keys.length === 0) {
        return null;
    }
    return table("Options as used", ["option",
        ...runs.map((run) => runs.length === 1 ? "value" : run.name)],
        keys.map((key) => [key.replace(/_/g, " "),
            ...runs.map((run) => shownValue((run.result.config || {})[key]))]));
}

/* --- What `quoit compare` found --- */

const UNIT_FORMATS = {
    "/s": (value) => rate(value) + " /s",
    "%": (value) => percent(value / 100),
    ms: duration,
    us: (value) => rate(value) + " \u00b5s",
};

/* A file without its folder and ending. */
function shortName(name) {
    return name.replace(/\/+$/, "").replace(/^.*\//, "").replace(/\.json\b/, "");
}

/* "latency_p99.9" as "latency p99.9". */
function measureName(name) {
    return name.replace("_us_", "_").replace(/_/g, " ")
        .replace(/^(ttft|tpot|itl|e2el|cpu)\b/, (word) => word.toUpperCase());
}

/* Changes of the error rate, a percentage itself, are points of it. */
function signed(value, unit) {
    const sign = value > 0 ? "+" : value < 0 ? "\u2212" : "";
    return sign + trimmed(digits(Math.abs(value), 2)) + (unit === "%" ? " points" : " %");
}

function changeRow(change, isRegression) {
    const format = UNIT_FORMATS[change.unit] || rate;
    const isKnown = isNumber(change.low_percent) && isNumber(change.high_percent);
    const tone = { better: "good", worse: "bad" }[change.verdict] || null;
    return [measureName(change.metric), format(change.base), format(change.value),
        { text: isNumber(change.change_percent) ? signed(change.change_percent, change.unit) : NONE,
          class: tone },
        isKnown ? signed(change.low_percent, change.unit) + " to " +
            signed(change.high_percent, change.unit) : NONE,
        { text: change.verdict + (isRegression ? ", regression" : ""), class: tone },
    ];
}

/* How sure it is depends on what chance was judged by. */
function basisOf(changes) {
    const texts = {
        runs: "Chance is judged by repeated runs.",
        intervals: "Chance is judged by the intervals of one run each, so what differs from run " +
            "to run is not seen.",
    };
    const known = changes.find((change) => texts[change.samples_of] !== undefined);
    return known === undefined
        ? "There are too few runs and intervals to tell a change from chance."
        : texts[known.samples_of] + " \u201csame\u201d: the 95 % interval holds no change.";
}

function sideTable(compare, side) {
    const changes = compare.metrics.filter((change) => change.side === side.name);
    const isRegression = (change) => (compare.regressions || []).some((regression) =>
        regression.metric === change.metric && regression.side === side.name);
    const caption = `${shortName(side.name)} against ${shortName(compare.base)}`;
    return html("div", { class: "side" },
        table(caption, ["", shortName(compare.base), shortName(side.name), "change",
                        "95 % interval", "verdict"],
            changes.map((change) => changeRow(change, isRegression(change)))),
        html("p", { class: "about" }, basisOf(changes)));
}

function compareTables(compare) {
    const sides = (compare.sides || []).filter((side) => side.name !== compare.base);
    const warnings = compare.warnings || [];
    return [
        warnings.length === 0 ? null : html("ul", { id: "warnings" },
            warnings.map((warning) => html("li", {}, warning))),
        sides.map((side) => sideTable(compare, side)),
    ];
}
