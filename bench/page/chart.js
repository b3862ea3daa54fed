
/*
 * chart: one figure: a legend, a plot in SVG with a crosshair, what it shows, and that as a table.
 *
 * chart({
 *     id, title, about,        // about: a sentence under the plot
 *     x: { label, format, scale(room) },
 *     y: { label, format, scale(room) },
 *     series: [{ name, color, dash, kind: "line" | "area" | "bar" | "dot", values: [[x, y]...],
 *                broad }],     // a line that is seen where the next one covers it
 *     marks: [{ x or y, label }],   // a line across the plot
 *     group,                   // charts of one group show their crosshairs together
 *     curve,                   // values are those of percentiles
 *     head(x),                 // what the tooltip calls a place, else format(x)
 * })
 *
 * A y of null is a gap. The values of a series are sorted by x. A bar reaches from its x to the
 * next, and an area is one of bars too; its last value ends it. The plot is drawn anew when its
 * width changes; its height is fixed by the style sheet, so nothing moves.
 */
const charts = [];
const X_LABEL_PX = 54, Y_LABEL_PX = 22, REACH_PX = 24;
let figures = 0;

const ruler = document.createElement("canvas").getContext("2d");

function textWidth(text) {
    return ruler.measureText(text).width;
}

function swatch(series) {
    const lineClass = series.broad ? "line broad" : "line";
    const box = { x: 1, y: 1, width: 18, height: 8 };
    const shapes = {
        bar: [svg("rect", { class: "fill solid", ...box })],
        area: [svg("rect", { class: "fill", ...box }), svg("rect", { class: lineClass, ...box })],
        dot: [dot([10, 5], series.hollow)],
        line: [svg("line", { class: lineClass, x1: 0, y1: 5, x2: 20, y2: 5,
                             "stroke-dasharray": series.dash })],
    };
    return svg("svg", { class: "swatch", width: 20, height: 10, "aria-hidden": "true",
                        style: { color: series.color } }, shapes[series.kind || "line"]);
}

/* Without the series that have no values. */
function chart(options) {
    const shown = options.series.filter((series) => series.values.some(([, y]) => isNumber(y)));
    if (shown.length === 0) {
        return null;
    }
    const self = { ...options, series: shown, marks: options.marks || [], at: null };
    self.places = [...new Set(shown.flatMap(placesOf))].sort((a, b) => a - b);
    self.head = options.head || options.x.format;
    self.number = ++figures;
    self.tip = html("div", { class: "tip", "aria-hidden": "true" });
    self.plot = html("div", { class: "plot" });
    self.figure = html("figure", { id: options.id, class: options.wide ? "wide" : null },
        html("h3", {}, options.title),
        html("ul", { class: "legend" }, shown.map((series) =>
            html("li", {}, swatch(series), series.name))),
        self.plot,
        html("figcaption", {}, html("b", {}, `Figure ${self.number}. `), options.about),
        dataTable(self));
    charts.push(self);
    return self.figure;
}

function isStepped(series) {
    return series.kind === "bar" || series.kind === "area";
}

/* Where the crosshair may stand: at the values, and in the middle of bars. */
function placesOf(series) {
    return series.values.filter(([, y]) => isNumber(y)).map(([x]) => {
        const next = isStepped(series) ? series.values.find(([at]) => at > x) : undefined;
        return next === undefined ? x : (x + next[0]) / 2;
    });
}

/* Made when it is opened: it may be long. */
function dataTable(self) {
    const details = html("details", {}, html("summary", {}, "Data"));
    details.addEventListener("toggle", () => {
        if (details.open && details.children.length === 1) {
            const columns = [self.x.label, ...self.series.map((series) => series.name)];
            details.append(table(self.title, columns, self.places.map((x) => [self.head(x),
                ...self.series.map((series) => self.y.format(valueAt(self, series, x)))])));
        }
    });
    return details;
}

/*
 * What a series has at x. A bar reaches to the next one, and a curve of percentiles says what all
 * up to there stay below; otherwise only what was measured at x counts.
 */
function valueAt(self, series, x) {
    if (isStepped(series)) {
        const next = series.values.findIndex(([at]) => at > x);
        return next > 0 ? series.values[next - 1][1] : null;
    }
    const found = series.values.find(([at, y]) => at >= x && isNumber(y));
    return found !== undefined && (self.curve || found[0] === x) ? found[1] : null;
}

/* --- Drawing --- */

function layout(self) {
    const { width, height } = self.room;
    const yScale = self.y.scale(Math.floor((height - 70) / Y_LABEL_PX));
    const left = Math.ceil(Math.max(...yScale.ticks.map((tick) => textWidth(tick.label)))) + 10;
    const box = { left, right: width - 22, top: 26, bottom: height - 44, width, height };
    const xScale = self.x.scale(Math.floor((box.right - box.left) / X_LABEL_PX));
    self.box = box;
    self.xScale = xScale;
    self.px = (x) => box.left + xScale.place(x) * (box.right - box.left);
    self.py = (y) => box.bottom - Math.min(yScale.place(y), 1) * (box.bottom - box.top);
    return yScale;
}

function drawAxes(self, yScale) {
    const { left, right, top, bottom } = self.box;
    const nodes = [];
    let below = Infinity; // the last label that is written
    for (const tick of yScale.ticks) {
        const y = self.py(tick.value), labelled = tick.label !== "" && y < below - 18;
        nodes.push(svg("line", { class: labelled ? "grid" : "grid fine", x1: left, x2: right, y1: y,
                                 y2: y }));
        if (labelled) {
            below = y;
            nodes.push(svg("text", { class: "tick-y", x: left - 8, y: y + 4, "text-anchor": "end" },
                tick.label));
        }
    }
    let taken = -Infinity; // where the last label ends
    for (const tick of self.xScale.ticks) {
        const x = self.px(tick.value), half = textWidth(tick.label) / 2;
        const labelled = tick.label !== "" && x - half > taken + 6;
        nodes.push(svg("line", { class: "axis", x1: x, x2: x, y1: bottom,
                                 y2: bottom + (labelled ? 5 : 3) }));
        if (labelled) {
            nodes.push(svg("text", { class: "tick-x", x, y: bottom + 19, "text-anchor": "middle" },
                tick.label));
            taken = x + half;
        }
    }
    nodes.push(svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    nodes.push(svg("text", { class: "label-y", x: 0, y: 12 }, self.y.label));
    nodes.push(svg("text", { class: "label-x", x: right, y: bottom + 38, "text-anchor": "end" },
        self.x.label));
    return nodes;
}

/* Runs of values without a gap, in pixels. */
function strokes(self, series) {
    const runs = [[]];
    for (const [x, y] of series.values) {
        if (isNumber(y)) {
            runs[runs.length - 1].push([self.px(x), self.py(y)]);
        } else if (runs[runs.length - 1].length !== 0) {
            runs.push([]);
        }
    }
    return runs.filter((run) => run.length !== 0);
}

function path(points) {
    return points.map(([x, y], i) =>
        `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function dot([x, y], hollow) {
    return svg("circle", { class: hollow === true ? "dot hollow" : "dot",
                           cx: x.toFixed(1), cy: y.toFixed(1),
                           r: hollow === undefined ? 3.5 : 4.5 });
}

function drawLine(self, series) {
    const runs = strokes(self, series);
    const line = runs.filter((run) => run.length > 1).map(path).join("");
    return [
        line === "" ? null : svg("path", { class: series.broad ? "line broad" : "line", d: line,
                                           "stroke-dasharray": series.dash }),
        runs.filter((run) => run.length === 1).map(([point]) => dot(point)),
    ];
}

/* The outline of all bars, filled. */
function drawArea(self, series) {
    const bottom = self.box.bottom;
    const outline = [];
    series.values.forEach(([x, y], i) => {
        const before = i === 0 ? bottom : outline[outline.length - 1][1];
        outline.push([self.px(x), before], [self.px(x), isNumber(y) ? self.py(y) : bottom]);
    });
    const closed = [...outline, [outline[outline.length - 1][0], bottom]];
    return [
        svg("path", { class: "fill", d: path(closed) + "Z" }),
        svg("path", { class: "line", d: path(outline), "stroke-dasharray": series.dash }),
    ];
}

function drawBars(self, series) {
    return series.values.slice(0, -1).filter(([, y]) => y > 0).map(([x, y]) => {
        const next = series.values[series.values.findIndex(([at]) => at > x)][0];
        const [from, to, top] = [self.px(x), self.px(next), self.py(y)];
        return svg("rect", { class: "fill solid", x: from.toFixed(1), y: top.toFixed(1),
                             width: Math.max(to - from - 1, 1).toFixed(1),
                             height: Math.max(self.box.bottom - top, 0.5).toFixed(1) });
    });
}

function drawSeries(self, series) {
    const draw = {
        line: drawLine, area: drawArea, bar: drawBars,
        dot: () => strokes(self, series).flat().map((point) => dot(point, series.hollow)),
    }[series.kind || "line"];
    return svg("g", { "data-series": series.name, style: { color: series.color } },
        draw(self, series).flat());
}

function drawMark(self, mark) {
    const { left, right, top, bottom } = self.box;
    const [x, y] = [mark.x === undefined ? null : self.px(mark.x),
                    mark.y === undefined ? null : self.py(mark.y)];
    const ends = x === null ? { x1: left, x2: right, y1: y, y2: y }
        : { x1: x, x2: x, y1: top, y2: bottom };
    const roomLeft = x === null || x - left > textWidth(mark.label) + 8;
    return svg("g", { class: "mark" }, svg("line", ends),
        svg("text", { x: x === null ? right : roomLeft ? x - 5 : x + 5,
                      y: x === null ? y - 5 : top + 11,
                      "text-anchor": roomLeft ? "end" : "start" }, mark.label));
}

/* What there is to see, in words. */
function spokenOf(self) {
    return self.title + ": " + self.series.map((series) => {
        const values = series.values.map(([, y]) => y).filter(isNumber);
        const [low, high] = [Math.min(...values), Math.max(...values)].map(self.y.format);
        return series.name + (low === high ? ` ${low}` : ` from ${low} to ${high}`);
    }).join("; ");
}

function drawChart(self) {
    const yScale = layout(self);
    const { width, height, top, bottom } = self.box;
    self.cross = svg("line", { class: "cross", y1: top, y2: bottom });
    self.dots = svg("g", { class: "cross-dots" });
    self.drawn = svg("svg", {
        viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0",
        "aria-label": spokenOf(self) + ". Arrow keys read single values.",
    }, drawAxes(self, yScale), self.series.map((series) => drawSeries(self, series)),
        self.marks.filter((mark) => mark.x !== undefined || yScale.place(mark.y) <= 1)
            .map((mark) => drawMark(self, mark)),
        self.cross, self.dots);
    self.plot.replaceChildren(self.drawn, self.tip);
    pointAt(self, null);
    listen(self);
}

/* --- The crosshair --- */

function showCross(self, x) {
    const [place] = [x === null ? null : self.px(x)];
    self.cross.style.display = x === null ? "none" : "";
    self.dots.replaceChildren();
    if (x === null) {
        return;
    }
    fill(self.cross, { x1: place, x2: place }, []);
    self.dots.append(...self.series.filter((series) => series.kind !== "bar").map((series) => {
        const y = valueAt(self, series, x);
        return isNumber(y) ? fill(dot([place, self.py(y)]), { style: { color: series.color } }, [])
            : "";
    }));
}

function showTip(self, x) {
    const rows = self.series.map((series) => [series, valueAt(self, series, x)])
        .filter(([, y]) => isNumber(y));
    self.tip.replaceChildren(html("b", {}, self.head(x)), ...rows.map(([series, y]) =>
        html("div", {}, swatch(series), html("span", {}, series.name),
            html("span", { class: "value" }, self.y.format(y)))));
    self.tip.style.display = "block";
    const width = self.tip.offsetWidth, place = self.px(x);
    const left = place + 14 + width > self.box.width ? place - 14 - width : place + 14;
    self.tip.style.left = Math.max(Math.min(left, self.box.width - width), 0) + "px";
    return self.head(x) + ": " + rows.map(([series, y]) =>
        series.name + " " + self.y.format(y)).join(", ");
}

/* Show what is at x (null: nothing), in all charts of the group. Returns that in words. */
function pointAt(self, x) {
    self.at = x;
    charts.filter((other) => other === self || (self.group && other.group === self.group))
        .filter((other) => other.drawn)
        .forEach((other) => showCross(other, x));
    if (x === null) {
        self.tip.style.display = "none";
        return "";
    }
    return showTip(self, x);
}

function nearest(self, px) {
    return self.places.reduce((best, x) =>
        Math.abs(self.px(x) - px) < Math.abs(self.px(best) - px) ? x : best);
}

function onKey(self, event) {
    const last = self.places.length - 1;
    const at = self.places.indexOf(self.at);
    const next = {
        ArrowRight: Math.min(at + 1, last), ArrowLeft: at < 0 ? last : Math.max(at - 1, 0),
        Home: 0, End: last,
    }[event.key];
    if (event.key === "Escape") {
        pointAt(self, null);
    } else if (next !== undefined) {
        event.preventDefault();
        document.getElementById("spoken").textContent = pointAt(self, self.places[next]);
    }
}

function listen(self) {
    self.drawn.addEventListener("pointermove", (event) => {
        const bounds = self.drawn.getBoundingClientRect();
        const px = (event.clientX - bounds.left) * self.box.width / bounds.width;
        const inside = px > self.box.left - REACH_PX && px < self.box.right + REACH_PX;
        pointAt(self, inside ? nearest(self, px) : null);
    });
    self.drawn.addEventListener("pointerleave", () => pointAt(self, null));
    self.drawn.addEventListener("blur", () => pointAt(self, null));
    self.drawn.addEventListener("keydown", (event) => onKey(self, event));
}

/* All are measured before any is drawn, or each would have the browser lay out the page again. */
function drawEach(some) {
    some.forEach((self) => {
        self.room = { width: Math.max(self.plot.clientWidth, 200), height: self.plot.clientHeight };
    });
    some.forEach(drawChart);
}

/* Draw all; again those whose room changes. What is not shown has none, and waits. */
function drawCharts() {
    ruler.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    drawEach(charts);
    const watch = new ResizeObserver(() => drawEach(charts.filter((self) =>
        self.plot.clientWidth !== self.room.width && self.plot.clientWidth > 0)));
    charts.forEach((self) => watch.observe(self.plot));
}
