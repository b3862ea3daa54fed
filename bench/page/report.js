
/*
 * report: reads the result in this file and lays the page out: head, key figures, sections.
 *
 * The JSON is one result of `quoit bench`, or {"runs":[{"name","result"}...],"compare":{...}}.
 */
const COLORS = 8;

function runsOf(data) {
    const runs = Array.isArray(data.runs) ? data.runs : [{ name: "", result: data }];
    const short = runs.map((run) => shortName(run.name));
    const isPlain = new Set(short).size === runs.length;
    return runs.map((run, i) => ({
        name: isPlain ? short[i] : run.name, result: run.result, color: `var(--c${i % COLORS + 1})`,
        dash: i < COLORS ? null : i < 2 * COLORS ? "8 3" : "1 3",
    }));
}

/* A section without any content is left out. */
function section(title, ...content) {
    const parts = content.flat(3).filter((part) => part !== null && part !== undefined);
    return parts.length === 0 ? null : html("section", {}, html("h2", {}, title), ...parts);
}

function figureGrid(...figures) {
    const shown = figures.flat().filter((figure) => figure !== null);
    return shown.length === 0 ? null : html("div", { class: "figures" }, shown);
}

function note(text) {
    return html("p", { class: "note" }, text);
}

/* --- Head --- */

function loadOf({ config = {}, seconds: length }) {
    const parts = [];
    if (isNumber(config.rate)) {
        const arrival = typeof config.arrival === "string" ? `, ${config.arrival} arrivals` : "";
        parts.push(`open loop, ${rate(config.rate)} requests/s${arrival}`);
    } else if (isNumber(config.concurrency)) {
        parts.push(`closed loop, ${count(config.concurrency)} in flight`);
    }
    if (length > 0) {
        parts.push(`window of ${roundDuration(Number((length * 1000).toPrecision(4)))}`);
    }
    return parts;
}

function factsOf(result) {
    const version = result.version === undefined ? [] : [`quoit ${result.version}`];
    return [date(result.started_at), ...version, ...loadOf(result)].filter((part) => part !== "");
}

function titleOf(result) {
    const { url, method } = result.server || {};
    const parts = [method, url].filter((part) => typeof part === "string");
    return parts.join(" ") || "A run of quoit bench";
}

function verdictNote(result) {
    const { word, texts: [name, meaning, remedy] } = verdictOf(result);
    return html("p", { class: "verdict " + (word === "ok" ? "good" : "warn"), id: "verdict" },
        badge(result),
        html("span", {}, meaning + " ", remedy === "" ? null : html("b", {}, remedy)));
}

function interruptedNote(result) {
    return result.interrupted
        ? html("p", { class: "verdict warn", id: "interrupted" },
            html("span", { class: "badge warn" }, "INTERRUPTED"),
            html("span", {}, "The run was stopped before its end; what it had measured until " +
                "then is here."))
        : null;
}

/* The result in two sentences, for who reads no further. */
function abstractOf(result) {
    const { total, ok } = result.requests || {};
    if (!(total > 0)) {
        return "No request was sent.";
    }
    if (ok === 0) {
        return `None of ${count(total)} requests was answered well.`;
    }
    const which = total === 1 ? "The one request was" : ok === total
        ? `All ${count(total)} requests were`
        : `${count(ok)} of ${count(total)} requests (${percent(ok / total)}) were`;
    const answered = `${which} answered well, ${rate(result.requests_per_second)} a second.`;
    const [p50, p99, max] = ["p50", "p99", "max"].map((name) => stat(result, "latency_ms", name));
    if (!isNumber(max)) {
        return answered;
    }
    const parts = [[p50, "Half ended within"], [p99, "99 % within"]]
        .filter(([value]) => isNumber(value)).map(([value, text]) => `${text} ${duration(value)}`);
    parts.push(parts.length === 0 ? `The slowest took ${duration(max)}`
        : `the slowest took ${duration(max)}`);
    return `${answered} ${parts.join(", ")}, from when they were due.`;
}

function head(result) {
    return html("header", { class: "head" },
        html("h1", {}, titleOf(result).split(/(?<=\/)/).flatMap((part) => [part, html("wbr")])),
        html("p", { class: "facts" }, factsOf(result).map((fact) => html("span", {}, fact))),
        html("p", { class: "abstract" }, abstractOf(result)),
        verdictNote(result), interruptedNote(result));
}

/* --- Several runs --- */

function runLine(run) {
    const { result } = run;
    return html("li", {},
        html("span", { class: "name" }, swatch(run), html("b", {}, run.name), badge(result),
            result.interrupted ? html("span", { class: "badge warn" }, "INTERRUPTED") : null),
        html("span", { class: "facts" }, [titleOf(result), ...factsOf(result)].map((fact) =>
            html("span", {}, fact))));
}

function headOfSeveral(runs) {
    return html("header", { class: "head" },
        html("h1", {}, `${runs.length} runs compared`),
        html("ul", { class: "runs" }, runs.map(runLine)));
}

/* Without a comparison by `quoit compare`: the values side by side. */
function sideBySide(runs) {
    const rows = [
        ["Requests per second", (result) => rate(result.requests_per_second)],
        ["Goodput per second", (result) => rate(result.goodput)],
        ["Error rate", (result) => percent(errorRate(result))],
        ...METRICS.flatMap(([key, name]) => ["p50", "p99"].map((one) =>
            [`${name} ${one}`, (result) => duration(stat(result, key, one))])),
        ["Output tokens per second", (result) => rate((result.tokens || {}).out_per_second)],
    ].map(([name, valueOf]) => [name, ...runs.map((run) => valueOf(run.result))]);
    return table("Runs side by side", ["", ...runs.map((run) => run.name)],
        rows.filter(([, ...values]) => values.some((value) => value !== NONE)));
}

function comparison(data, runs) {
    return section("Comparison", data.compare ? compareTables(data.compare) : sideBySide(runs));
}

/* --- Sections --- */

function latencySection(runs) {
    const noneAt = runs.filter((run) => !(stat(run.result, "latency_ms", "count") > 0));
    const unmeasured = noneAt.length === 0 ? null : note(runs.length === 1
        ? "No request got an answer, so there is no latency to show."
        : `No request got an answer in ${noneAt.map((run) => run.name).join(", ")}.`);
    return section("Latency", unmeasured, figureGrid(latencyOverTime(runs), latencyCurve(runs),
        latencyHistogram(runs)));
}

function errorSection(runs) {
    const failed = runs.some((run) => errorRate(run.result) > 0);
    return failed ? section("Errors", figureGrid(errorsOverTime(runs), errorTable(runs)))
        : section("Errors", note("No request failed."));
}

function searchSection(runs) {
    const searched = runs.filter((run) => Array.isArray(run.result.search) &&
        run.result.search.length !== 0);
    return searched.length === 0 ? null : section("Highest rate", figureGrid(
        searchFigure(searched), searched.length === 1 ? searchTable(searched[0]) : null));
}

function measuredSection(runs) {
    if (runs.length === 1) {
        return section("All times", measured(runs[0].result));
    }
    return section("All times", runs.map((run) => {
        const content = measured(run.result);
        return content === null ? null
            : html("details", {}, html("summary", {}, run.name), content);
    }));
}

function report(data) {
    const runs = runsOf(data);
    const single = runs.length === 1;
    const result = runs[0].result;
    return [
        single ? head(result) : headOfSeveral(runs),
        single ? keyFigures(result) : comparison(data, runs),
        single && isStream(runs[0]) ? streamFiguresOf(result) : null,
        section("Objectives", objectives(runs)),
        searchSection(runs),
        latencySection(runs),
        runs.some(isStream) ? section("Streams", figureGrid(streamFigures(runs))) : null,
        section("Load", figureGrid(throughput(runs), inFlight(runs))),
        errorSection(runs),
        section("Client", figureGrid(lagCurve(runs), clientTable(runs))),
        measuredSection(runs),
        section("Options", configTable(runs)),
    ].filter((part) => part !== null);
}

/* --- Light and dark: the reader's system decides, until the button does --- */

function setTheme(theme) {
    const button = document.getElementById("theme");
    document.documentElement.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Change to ${button.textContent.toLowerCase()} colours`);
}

function listenForTheme() {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const ofSystem = () => dark.matches ? "dark" : "light";
    let chosen = null;

    setTheme(ofSystem());
    dark.addEventListener("change", () => setTheme(chosen || ofSystem()));
    document.getElementById("theme").addEventListener("click", () => {
        chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
        setTheme(chosen);
    });
    window.addEventListener("beforeprint", () => setTheme("light"));
    window.addEventListener("afterprint", () => setTheme(chosen || ofSystem()));
}

function main() {
    const data = JSON.parse(document.getElementById("result").textContent);
    const runs = runsOf(data);

    listenForTheme();
    const title = runs.length === 1 ? titleOf(runs[0].result) : `${runs.length} runs compared`;
    document.title = title + " \u2013 Quoit bench";
    document.getElementById("report").append(...report(data));
    drawCharts();
}

main();
