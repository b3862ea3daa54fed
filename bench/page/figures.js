
/*
 * figures: which charts there are, and how they are made of a result, or of several laid over each
 * other.
 *
 * A run is { name, result, color, dash }. A figure for which nothing was measured is null.
 */
const QUANTILES = [["p50", "var(--c3)"], ["p90", "var(--c1)"], ["p99", "var(--c4)"],
                   ["max", "var(--c2)"]];
const MANY_RUNS = 5; // from here on one line of each is enough

function pointsOf(run) {
    return (run.result.timeline || {}).points || [];
}

function intervalOf(run) {
    return (run.result.timeline || {}).interval_seconds || 1;
}

/* Of one point, in seconds: the last may be cut short. */
function lengthOf(run, point) {
    return point.length > 0 ? point.length : intervalOf(run);
}

function middleOf(run, point) {
    return point.seconds + lengthOf(run, point) / 2;
}

function lastSecond(runs) {
    return Math.max(0, ...runs.flatMap((run) => pointsOf(run).map((point) =>
        point.seconds + lengthOf(run, point))));
}

function seconds(value) {
    return trimmed(value.toFixed(2)) + " s";
}

/* Of a value in the middle of an interval: from when to when, or where in the run. */
function intervalName(runs) {
    return (x) => {
        const point = pointsOf(runs[0]).find((one) => Math.abs(middleOf(runs[0], one) - x) < 1e-6);
        return runs.length === 1 && point !== undefined
            ? trimmed(point.seconds.toFixed(2)) + "\u2013" +
                seconds(point.seconds + lengthOf(runs[0], point))
            : seconds(x);
    };
}

/* The end of the window, where what was still open came in after it. */
function endMark(runs) {
    const end = runs[0].result.seconds;
    const isPassed = runs.length === 1 && isNumber(end) && lastSecond(runs) > end * 1.02;
    return isPassed ? [{ x: end, label: "end of the window" }] : [];
}

function timeAxis(runs) {
    return { label: "time since the start of the window", format: seconds,
             scale: (room) => timeScale(lastSecond(runs), room) };
}

/* A chart over the time of the run; valueOf(point, its length, that of most) may be null. */
function overTime(runs, options) {
    const series = options.lines.flatMap((line) => runs.map((run) => ({
        name: runs.length === 1 ? line.name : run.name + (line.name === "" ? "" : " " + line.name),
        color: runs.length === 1 ? line.color : run.color,
        dash: runs.length === 1 ? line.dash : line.dash || run.dash,
        values: pointsOf(run).map((point) =>
            [middleOf(run, point),
             line.valueOf(point, lengthOf(run, point), intervalOf(run))]),
    })));
    return chart({
        ...options, series, group: "time", head: intervalName(runs),
        marks: [...(options.marks || []), ...endMark(runs)],
        x: timeAxis(runs),
    });
}

function valuesOf(series) {
    return series.flatMap((one) => one.values.map(([, y]) => y)).filter(isNumber);
}

/* The axis of these lengths of time; one of 0 has no place on it, and stands at its end. */
function durationAxis(values, label) {
    const above = values.filter((value) => value > 0);
    const low = above.length === 0 ? 0.001 : Math.min(...above);
    const high = above.length === 0 ? 1 : Math.max(...above);
    return { label: label + ", log scale", format: duration,
             scale: (room) => logScale(low, high, room) };
}

function numberAxis(values, label, format) {
    return { label, format, scale: (room) => linearScale(Math.max(0, ...values), room, format) };
}

/* Is it known for most intervals in which something was measured? Else it would be but dots. */
function isMostlyKnown(runs, key, name) {
    const measuredIn = runs.flatMap(pointsOf).filter((point) => (point[key] || {}).count > 0);
    return measuredIn.filter((point) => isNumber(point[key][name])).length * 2 > measuredIn.length;
}

/*
 * Of one run all that are known, of several the median and the one that says most of the tail, and
 * of many only that.
 */
function quantilesFor(runs, key) {
    const known = QUANTILES.filter(([name]) => isMostlyKnown(runs, key, name));
    const tail = ["p99", "p90", "max"].find((name) => known.some(([other]) => other === name));
    return runs.length === 1 ? known : known.filter(([name]) =>
        name === tail || (name === "p50" && runs.length < MANY_RUNS));
}

/* Percentiles of one metric over time. */
function quantilesOverTime(runs, key, options) {
    const chosen = quantilesFor(runs, key);
    const lines = chosen.map(([name, color]) => ({
        name, color, dash: runs.length > 1 && name === "p50" ? "2 3" : null,
        valueOf: (point) => (point[key] || {})[name] ?? null,
    }));
    const values = lines.flatMap((line) => runs.flatMap((run) => pointsOf(run).map(line.valueOf)));
    const missing = QUANTILES.filter(([name]) => !isMostlyKnown(runs, key, name));
    return overTime(runs, {
        ...options, lines, y: durationAxis(values.filter(isNumber), options.label),
        about: options.about + (values.length === 0 || missing.length === 0 ? "" :
            ` An interval has too few of them for ${missing.map(([name]) => name).join(" and ")}.`),
    });
}

function latencyOverTime(runs) {
    return quantilesOverTime(runs, "latency_ms", {
        id: "latency-time", title: "Latency over time", label: "latency", wide: true,
        about: "Latency of the requests that ended in each interval, counted from the moment " +
            "they were due: a server that stalls is charged for all that it kept waiting.",
    });
}

/* --- Percentile curves --- */

function distributionOf(run, key) {
    return (run.result.distributions || {})[key] || {};
}

/*
 * `metrics` are [key, name, color, name beside a run's]; of several runs the second and later ones
 * are dashed, and of many there is only the first.
 */
function curves(runs, allMetrics, options) {
    const metrics = runs.length < MANY_RUNS ? allMetrics : allMetrics.slice(0, 1);
    const series = metrics.flatMap(([key, name, color, short], i) => runs.map((run) => ({
        name: runs.length === 1 ? name : run.name + (short === undefined ? "" : " " + short),
        color: runs.length === 1 ? color : run.color,
        dash: runs.length === 1 || i === 0 ? run.dash : "2 3",
        broad: runs.length === 1 && metrics.length > 1 && i === 0,
        values: distributionOf(run, key).curve || [],
    })));
    const samples = Math.max(...metrics.flatMap(([key]) =>
        runs.map((run) => stat(run.result, key, "count") || 0)));
    return chart({
        ...options, series, curve: true,
        x: { label: "percentile", format: (value) => "p" + percentile(value),
             scale: (room) => percentileScale(samples, room) },
        y: durationAxis([...valuesOf(series), ...(options.marks || []).map((mark) => mark.y)],
            options.label),
        head: (x) => x >= 100 ? "the largest" : percentile(x) + " % are at most",
    });
}

function latencyCurve(runs) {
    return curves(runs, [["latency_ms", "latency, from schedule", "var(--c2)"],
                         ["service_ms", "service, from send", "var(--c1)", "service"]], {
        id: "latency-curve", title: "Percentiles of latency and service", label: "time",
        about: "Latency counts from when a request was due, service from when it was sent. The " +
            "gap between them is time spent waiting to be sent, which tools that count from " +
            "sending leave out.",
    });
}

/* --- Histograms --- */

/* How wide the buckets are that hold the requests, in powers of ten. */
function meanWidth(buckets) {
    const total = buckets.reduce((sum, [, , number]) => sum + number, 0);
    return buckets.reduce((sum, [from, to, number]) =>
        sum + number * Math.log10(to / from), 0) / total;
}

/* Edges of bars: at most about 50, on round numbers, and no finer than what they are made of. */
function logEdges(buckets) {
    const low = Math.min(...buckets.map(([from]) => from));
    const high = Math.max(...buckets.map(([, to]) => to));
    const decades = Math.log10(high / low), width = meanWidth(buckets) * 0.99;
    const each = [100, 40, 20, 10, 5, 2].find((n) => n * decades <= 50 && n * width <= 1) || 1;
    const first = Math.floor(Math.log10(low) * each + 1e-9);
    const last = Math.max(Math.ceil(Math.log10(high) * each - 1e-9), first + 1);
    return Array.from({ length: last - first + 1 }, (_, i) => 10 ** ((first + i) / each));
}

/* What of a bucket lies between two edges, as if it were even on the log scale. */
function shareBetween([from, to], low, high) {
    if (to <= from) {
        return from >= low && from < high ? 1 : 0;
    }
    const both = Math.log(Math.min(to, high) / Math.max(from, low));
    return Math.max(both, 0) / Math.log(to / from);
}

/* Buckets as shares of 1 in the bars between the edges: [[edge, share]...]. */
function barsOf(buckets, edges) {
    const total = buckets.reduce((sum, [, , number]) => sum + number, 0);
    return edges.map((edge, i) => [edge, i === edges.length - 1 ? null
        : buckets.reduce((sum, bucket) =>
            sum + bucket[2] * shareBetween(bucket, edge, edges[i + 1]), 0) / total]);
}

/* A bucket from 0 begins where the scale can show it. */
function bucketsOf(run, key) {
    return (distributionOf(run, key).buckets || []).filter(([, , number]) => number > 0)
        .map(([from, to, number]) => [from > 0 ? from : Math.max(to / 2, 0.0005),
                                      Math.max(to, 0.0005), number]);
}

function histogram(runs, metrics, options) {
    const sets = metrics.flatMap(([key, name, color], i) => runs.map((run) => ({
        name: runs.length === 1 ? name : run.name,
        color: runs.length === 1 ? color : run.color,
        dash: run.dash, kind: "area", buckets: bucketsOf(run, key), order: i,
    }))).filter((set) => set.buckets.length !== 0);
    if (sets.length === 0) {
        return null;
    }
    const edges = logEdges(sets.flatMap((set) => set.buckets));
    const series = sets.map((set) => ({ ...set, values: barsOf(set.buckets, edges) }));
    const barName = (x) => {
        const next = edges.findIndex((edge) => edge > x);
        return next < 1 ? duration(x)
            : `${duration(edges[next - 1])} \u2013 ${duration(edges[next])}`;
    };
    return chart({
        ...options, series, head: barName,
        x: { label: options.label + ", log scale", format: duration,
             scale: (room) => logScale(edges[0], edges[edges.length - 1], room) },
        y: numberAxis(valuesOf(series), "share of requests", percent),
    });
}

function latencyHistogram(runs) {
    const metrics = [["latency_ms", "latency", "var(--c2)"],
                     ["service_ms", "service", "var(--c1)"]];
    return histogram(runs, runs.length === 1 ? metrics : metrics.slice(0, 1), {
        id: "latency-histogram", title: runs.length === 1 ? "Histogram of latency and service"
            : "Histogram of latency", label: "time",
        about: "Each bar is as wide on the log scale as its neighbours; the shares add up to all " +
            "requests that were answered or timed out.",
    });
}

/* --- Load --- */

/* What is left of an interval at the end of a run may be too short to have a rate. */
function perSecond(member) {
    return (point, length, interval) => isNumber(point[member]) && length * 2 >= interval
        ? point[member] / length : null;
}

function highestOf(runs, lines) {
    return runs.flatMap((run) => pointsOf(run).flatMap((point) =>
        lines.map((line) =>
            line.valueOf(point, lengthOf(run, point), intervalOf(run))))).filter(isNumber);
}

/* The rate that was asked for, where it is one number for the whole run. */
function askedOf(run) {
    const config = run.result.config || {};
    const asked = (run.result.rate || {}).asked;
    return isNumber(asked) && asked > 0 && isNumber(config.rate) && !config.ramp ? asked : null;
}

function throughput(runs) {
    const single = runs.length === 1;
    const lines = single ? [
        { name: "sent", color: "var(--c8)", dash: "2 3", valueOf: perSecond("sent") },
        { name: "ok", color: "var(--c1)", valueOf: perSecond("ok") },
    ] : [{ name: "", valueOf: perSecond("ok") }];
    if (single && pointsOf(runs[0]).some((point) => point.failed > 0)) {
        lines.push({ name: "failed", color: "var(--c2)", valueOf: perSecond("failed") });
    }
    const asked = single ? askedOf(runs[0]) : null;
    return overTime(runs, {
        id: "throughput", title: "Throughput", lines,
        y: numberAxis([...highestOf(runs, lines), asked ?? 0], "requests per second", rate),
        marks: asked === null ? [] : [{ y: asked, label: `asked ${rate(asked)}` }],
        about: single ? "Requests that were sent, and that ended, in each interval."
            : "Good answers in each interval.",
    });
}

function inFlight(runs) {
    const lines = [{ name: runs.length === 1 ? "in flight" : "", color: "var(--c3)",
                     valueOf: (point) => point.in_flight ?? null }];
    return overTime(runs, {
        id: "in-flight", title: "Requests in flight", lines,
        y: numberAxis(highestOf(runs, lines), "requests", count),
        about: "Sent and not yet ended, at the end of each interval.",
    });
}

/* --- Streams --- */

function isStream(run) {
    return ["ttft_ms", "itl_ms", "tpot_ms"].some((key) => (run.result[key] || {}).count > 0);
}

function tokens(runs) {
    const lines = [{ name: runs.length === 1 ? "tokens" : "", color: "var(--c5)",
                     valueOf: perSecond("tokens_out") }];
    return overTime(runs, {
        id: "tokens-time", title: "Output tokens", lines, wide: true,
        y: numberAxis(highestOf(runs, lines), "tokens per second", rate),
        about: "Output tokens that came in each interval.",
    });
}

function streamFigures(runs) {
    return [
        quantilesOverTime(runs, "ttft_ms", {
            id: "ttft-time", title: "Time to first token over time", label: "TTFT",
            about: "From send to the first event with output, of the requests that ended in each " +
                "interval.",
        }),
        quantilesOverTime(runs, "itl_ms", {
            id: "itl-time", title: "Inter-token latency over time", label: "ITL",
            about: "All times between one event with output and the next.",
        }),
        curves(runs, [["ttft_schedule_ms", "from schedule", "var(--c2)", "from schedule"],
                      ["ttft_ms", "from send", "var(--c1)", "from send"]], {
            id: "ttft-curve", title: "Percentiles of time to first token", label: "TTFT",
            about: "What a user waits for, from send and from when the request was due.",
        }),
        curves(runs, [["itl_ms", "ITL", "var(--c3)", "ITL"],
                      ["tpot_ms", "TPOT", "var(--c4)", "TPOT"]], {
            id: "itl-curve", title: "Percentiles of time between tokens", label: "time",
            about: "ITL is each gap by itself; TPOT is the mean gap of one request.",
        }),
        tokens(runs),
    ];
}

/* --- Errors, client, search --- */

function errorsOverTime(runs) {
    const series = runs.map((run) => {
        const points = pointsOf(run);
        const values = points.map((point) => [point.seconds, point.failed ?? 0]);
        const end = points.length === 0 ? [] : [[lastSecond([run]), null]];
        return { name: runs.length === 1 ? "failed" : run.name, dash: run.dash,
                 color: runs.length === 1 ? "var(--c2)" : run.color,
                 kind: runs.length === 1 ? "bar" : "area", values: [...values, ...end] };
    });
    return chart({
        id: "errors-time", title: "Failed requests over time", series, group: "time",
        about: "Requests that failed in each interval.", head: intervalName(runs),
        x: timeAxis(runs),
        y: numberAxis(valuesOf(series), "requests", count),
    });
}

/* Above it the client's own lag would be part of what is reported: the rule of the verdict. */
function lagLimit(result) {
    const service = (result.service_ms || {}).p50;
    return Math.max(1, isNumber(service) ? service * 0.05 : 0);
}

function lagCurve(runs) {
    const limit = runs.length === 1 ? lagLimit(runs[0].result) : null;
    return curves(runs, [["lag_ms", "lag", "var(--c4)"]], {
        id: "lag-curve", title: "Percentiles of the client's lag", label: "lag",
        marks: limit === null ? [] : [{ y: limit, label: `limit for p99: ${duration(limit)}` }],
        about: "From when a request could be sent to when its first byte was handed to the " +
            "kernel: time that the client itself took.",
    });
}

function searchFigure(runs) {
    const series = runs.flatMap((run) => {
        const steps = [...(run.result.search || [])].sort((a, b) => a.rate - b.rate);
        const valuesIf = (holds) => steps.filter(holds)
            .map((step) => [step.rate, (step.latency_ms || {}).p99 ?? null]);
        const name = (what) => runs.length === 1 ? what : run.name + " " + what;
        const color = (own) => runs.length === 1 ? own : run.color;
        return [
            { name: name("p99"), color: color("var(--muted)"), dash: "2 3",
              values: valuesIf(() => true) },
            { name: name("met"), color: color("var(--good)"), kind: "dot", hollow: false,
              values: valuesIf((step) => step.met) },
            { name: name("missed"), color: color("var(--bad)"), kind: "dot", hollow: true,
              values: valuesIf((step) => !step.met) },
        ];
    });
    const rates = runs.flatMap((run) => (run.result.search || []).map((step) => step.rate));
    return chart({
        id: "search", title: "Search for the highest rate", series,
        about: "Each step of the search: latency p99 at the rate that was asked for, and " +
            "whether all objectives were met.",
        x: { label: "requests per second", format: (value) => rate(value) + " /s",
             scale: (room) => linearScale(Math.max(...rates), room, rate) },
        y: durationAxis(valuesOf(series), "latency p99"),
    });
}
