
/*
 * number: how numbers, shares, dates and lengths of time (in ms) are written.
 *
 * A number that is not there (null: too few samples, or never measured) is a dash.
 */
const NONE = "\u2013";
const UNITS = [["h", 3600e3], ["min", 60e3], ["s", 1e3], ["ms", 1]];

function isNumber(value) {
    return typeof value === "number" && Number.isFinite(value);
}

/* Rounded to so many digits; no digit before the point is lost. */
function digits(value, count) {
    const size = Math.abs(Number(value.toPrecision(count)));
    const power = size === 0 ? 0 : Math.floor(Math.log10(size));
    return value.toFixed(Math.min(Math.max(count - 1 - power, 0), 9));
}

function trimmed(text) {
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function grouped(text) {
    const [whole, part] = text.split(".");
    const shown = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part === undefined ? shown : shown + "." + part;
}

/* What is measured is so to the microsecond, and so no part of one is shown. */
function duration(ms) {
    if (!isNumber(ms)) {
        return NONE;
    }
    const size = Math.abs(Number(ms.toPrecision(3)));
    if (size < 1) {
        return size === 0 ? "0 ms" : Math.round(ms * 1000) + " \u00b5s";
    }
    const [unit, length] = UNITS.find(([name, from]) => size >= (name === "min" ? 120e3 : from));
    return digits(ms / length, 3) + " " + unit;
}

/* A round value of an axis: 20 ms and not 20.0 ms, 200 s and not 3.33 min. */
function roundDuration(ms) {
    const [factor, unit] = ms < 1 ? [1000, "\u00b5s"] : ms < 1000 ? [1, "ms"] : [0.001, "s"];
    return grouped(trimmed((ms * factor).toFixed(3))) + " " + unit;
}

function count(value) {
    return isNumber(value) ? grouped(value.toFixed(0)) : NONE;
}

function rate(value) {
    return isNumber(value) ? grouped(trimmed(digits(value, 4))) : NONE;
}

/* Of 1. What is not all is never shown as 100 %. */
function percent(share) {
    if (!isNumber(share)) {
        return NONE;
    }
    const rest = Math.abs(1 - share) * 100;
    if (rest !== 0 && rest < 1) {
        const places = Math.min(1 - Math.floor(Math.log10(rest)), 9);
        return trimmed((share * 100).toFixed(places)) + " %";
    }
    return trimmed(digits(share * 100, 3)) + " %";
}

function date(text) {
    const when = new Date(typeof text === "number" ? text * 1000 : text);
    if (text === null || text === undefined || Number.isNaN(when.getTime())) {
        return "";
    }
    return when.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" })
        + " UTC";
}

/* A percentile of an axis: 99.9 without 99.90000000000001. */
function percentile(value) {
    return trimmed(value.toFixed(7));
}
