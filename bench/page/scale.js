
/*
 * scale: from values to places on an axis, and which values to write beside it.
 *
 * A scale is { place(value): 0 to 1, ticks: [{ value, label, minor }], low, high }. A tick without
 * label is a fine line. `room` is how many labels the axis can carry.
 */
function niceStep(span, room, steps) {
    const rough = span / Math.max(room, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    return steps.find((step) => step >= rough) ||
        [1, 2, 5, 10].find((n) => n * power >= rough * (1 - 1e-9)) * power;
}

function linearTicks(low, high, step, format) {
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
        ticks.push({ value: i * step, label: format(Number((i * step).toPrecision(12))) });
    }
    return ticks;
}

/* From 0 to a round value at or above `high`. Of things that are counted there are no halves. */
function linearScale(high, room, format) {
    const span = high > 0 ? high : 1;
    const step = Math.max(niceStep(span, room, []), format === count ? 1 : 0);
    const end = Math.ceil(span / step - 1e-9) * step;
    return {
        low: 0, high: end, place: (value) => value / end,
        ticks: linearTicks(0, end, step, format),
    };
}

/* Seconds of a run; ends where the run does. */
function timeScale(high, room) {
    const span = high > 0 ? high : 1;
    const step = span <= 10 ? niceStep(span, room, []) : niceStep(span, room,
        [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400]);
    const [unit, length] = step >= 3600 ? ["h", 3600] : step >= 60 ? ["min", 60] : ["s", 1];
    return {
        low: 0, high: span, place: (value) => value / span,
        ticks: linearTicks(0, span, step,
            (value) => trimmed((value / length).toFixed(6)) + " " + unit),
    };
}

/* Some round numbers of each power of ten from `low` to `high`, with one below to spare. */
function roundNumbers(low, high) {
    const steps = high / low < 10 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8] : [1, 2, 5];
    const numbers = [];
    for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.log10(high) + 1; power++) {
        steps.forEach((n) => numbers.push(Number(`${n}e${power}`)));
    }
    const first = numbers.findIndex((n) => n >= low) - 1;
    return numbers.slice(first, numbers.findIndex((n) => n >= high && n > low) + 1);
}

/* Lengths of time; both ends are round numbers, and there is always something between them. */
function logScale(low, high, room) {
    const numbers = roundNumbers(low, high);
    const [from, to] = [numbers[0], numbers[numbers.length - 1]];
    const span = Math.log10(to / from);
    const isPower = (n) => Math.abs(Math.log10(n) - Math.round(Math.log10(n))) < 1e-9;
    const all = span <= 1.3 || numbers.length <= room;
    const every = Math.max(1, Math.ceil(Math.ceil(span) / room));
    const labelled = (n) => all || (isPower(n) && Math.round(Math.log10(n)) % every === 0);
    return {
        low: from, high: to, place: (value) => Math.log10(Math.max(value, from) / from) / span,
        ticks: numbers.map((n) => ({ value: n, label: labelled(n) ? roundDuration(n) : "" })),
    };
}

/*
 * Percentiles as HdrHistogram plots them: each nine more is as wide as the one before. The largest
 * of `samples` has no place on such an axis (100 is at infinity) and stands at its end.
 */
function percentileScale(samples, room) {
    const end = Math.max(Math.log10(samples), 1);
    const place = (value) => value >= 100 ? 1 : Math.min(-Math.log10(1 - value / 100) / end, 1);
    const values = [0, 50, 75];
    for (let nines = 1; nines < end - 0.15; nines++) {
        values.push(100 - 100 * 10 ** -nines);
    }
    const ticks = values.map((value) => ({ value, label: percentile(value) }));
    const gap = 1 / room;
    const kept = ticks.filter((tick) => tick.value !== 75 || place(90) - place(50) > 2 * gap);
    return { low: 0, high: 100, place, ticks: [...kept, { value: 100, label: "max" }] };
}
