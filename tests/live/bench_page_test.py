#!/usr/bin/env python3
"""bench_page: the pages of results, in Debian's chromium, as a reader sees them.

    tests/live/bench_page_test.py [NAME...]     all tests, or those whose name contains a NAME

QUOIT_BUILD is the build folder (build). The results are those of page_samples.py; the page of each
is made by build/tests/live/page and opened from disk, so that nothing here needs a network.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True  # nothing is written beside the sources
import browser
import page_questions
import page_samples

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, os.environ.get("QUOIT_BUILD", "build"), "tests", "live", "page")
WIDTHS = (400, 800, 1400)
SCHEMES = ("light", "dark")

SAMPLES = {name: getattr(page_samples, name)() for name in (
    "small", "stream", "stalled", "failed", "one", "nothing", "sparse", "searched", "hostile",
    "compared")}
SAMPLES["several"] = {"runs": page_samples.several(2)}
SAMPLES["many"] = {"runs": page_samples.several(9)}

FIGURES = {
    "small": "latency-time latency-curve latency-histogram throughput in-flight errors-time "
             "lag-curve",
    "stream": "latency-time latency-curve latency-histogram ttft-time itl-time ttft-curve "
              "itl-curve tokens-time throughput in-flight errors-time lag-curve",
    "stalled": "latency-time latency-curve latency-histogram throughput in-flight lag-curve",
    "failed": "throughput in-flight errors-time lag-curve",
    "one": "latency-time latency-curve latency-histogram throughput in-flight lag-curve",
    "nothing": "",
    "sparse": "latency-time latency-curve latency-histogram throughput in-flight lag-curve",
    "searched": "search latency-time latency-curve latency-histogram throughput in-flight "
                "errors-time lag-curve",
    "hostile": "throughput in-flight errors-time lag-curve",
    "compared": "latency-time latency-curve latency-histogram throughput in-flight errors-time "
                "lag-curve",
}
FIGURES["several"] = FIGURES["many"] = FIGURES["compared"]

shown = None  # the browser
folder = None


def path_of(name):
    return os.path.join(folder, name + ".html")


def show(name, width=1400, scheme="light"):
    shown.look(width, scheme)
    shown.open(path_of(name))


def ask(expression):
    return shown.evaluate(expression)


def check_equal(got, wanted, what=""):
    assert got == wanted, "%s is %r, wanted %r" % (what or "it", got, wanted)


def check_near(got, wanted, share, what=""):
    assert abs(got - wanted) <= share * abs(wanted), "%s is %r, wanted %r" % (what, got, wanted)


def text_of(selector):
    return ask("document.querySelector(%s).innerText" % json.dumps(selector))


# --- What must hold for every page ---

surveys = {}


def survey(name):
    """All that is asked of every page, by one visit."""
    if name not in surveys:
        show(name)
        surveys[name] = {
            "asked_for": shown.asked_for(), "complaints": shown.complaints(),
            "text": text_of("main"),
            "figures": ask("[...document.querySelectorAll('figure')].map((f) => f.id)"),
            "boxes": {width: shown.look(width) or ask(page_questions.BOXES) for width in WIDTHS},
            "worst": {scheme: shown.look(1400, scheme) or ask(page_questions.CONTRASTS) for scheme in SCHEMES}}
    return surveys[name]


NOT_A_NUMBER = re.compile(r"NaN|undefined|Infinity|\bnull\b|\[object")


def test_no_page_asks_for_anything_or_has_an_error_in_its_script():
    for name in SAMPLES:
        page = survey(name)
        check_equal(page["asked_for"], ["file://" + path_of(name)], name + " asked for")
        check_equal(page["complaints"], [], name + " complaints")
        found = NOT_A_NUMBER.search(page["text"])
        assert found is None, (name, page["text"][max(found.start() - 60, 0):found.end() + 60])
        check_equal(page["figures"], FIGURES[name].split(), name + " figures")


def test_the_policy_of_the_page_forbids_the_network():
    show("small")
    for ask_for in ("fetch('http://127.0.0.1:9/').catch(() => 0)",
                    "new Image().src = 'http://127.0.0.1:9/'",
                    "document.body.append(Object.assign(document.createElement('script'), "
                    "{ src: 'http://127.0.0.1:9/' }))"):
        violated = ask("new Promise((done) => { document.addEventListener("
                       "'securitypolicyviolation', (e) => done(e.blockedURI), { once: true }); "
                       + ask_for + "; })")
        check_equal(violated, "http://127.0.0.1:9/", ask_for)


def test_text_stays_in_its_box_at_every_width():
    for name in SAMPLES:
        for width in WIDTHS:
            check_equal(survey(name)["boxes"][width], [], "%s at %d" % (name, width))


def test_a_page_that_changes_its_width_is_drawn_for_it():
    show("stream", 1400)
    for width in WIDTHS:
        shown.look(width)
        check_equal(ask(page_questions.BOXES), [], "at %d" % width)
        sizes = ask("[...document.querySelectorAll('.plot > svg')].map((plot) => "
                    "[plot.viewBox.baseVal.width, plot.clientWidth])")
        assert len(sizes) == 12 and all(drawn == real for drawn, real in sizes), (width, sizes)


def test_nothing_moves_while_a_page_loads():
    for name, width in zip(("small", "stream", "compared"), WIDTHS):
        show(name, width)
        moved = ask("new Promise((done) => { let sum = 0; new PerformanceObserver((list) => "
                    "list.getEntries().forEach((e) => { sum += e.value; }))"
                    ".observe({ type: 'layout-shift', buffered: true }); "
                    "requestAnimationFrame(() => requestAnimationFrame(() => done(sum))); })")
        check_equal(moved, 0, "%s at %d" % (name, width))


# --- Light and dark ---

def test_text_and_lines_can_be_told_from_the_ground_in_light_and_dark():
    for name in SAMPLES:
        for scheme in SCHEMES:
            worst = survey(name)["worst"][scheme]
            assert worst["text"] >= 4.5, (name, scheme, worst)  # WCAG 2 AA
            assert worst.get("line", 21) >= 3, (name, scheme, worst)


GROUND = "getComputedStyle(document.body).backgroundColor"


def test_light_and_dark_follow_the_system_until_the_button_is_pressed():
    show("small", 1400, "light")
    light = ask(GROUND)
    shown.look(1400, "dark")
    dark = ask(GROUND)
    assert light != dark, light
    ask("document.getElementById('theme').click()")
    check_equal(ask(GROUND), light, "after the button")
    shown.look(1400, "light")
    shown.look(1400, "dark")
    check_equal(ask(GROUND), light, "still")
    ask("document.getElementById('theme').click()")
    check_equal(ask(GROUND), dark, "after the button again")
    ask("dispatchEvent(new Event('beforeprint'))")
    check_equal(ask(GROUND), light, "on paper")
    ask("dispatchEvent(new Event('afterprint'))")
    check_equal(ask(GROUND), dark, "behind the paper")


def test_a_page_can_be_printed():
    show("stream", 1400, "dark")
    path = os.path.join(folder, "stream.pdf")
    shown.print(path)
    with open(path, "rb") as file:
        pdf = file.read()
    assert pdf.startswith(b"%PDF") and len(pdf) > 20000, len(pdf)


# --- The charts say what the JSON says ---

UNITS_MS = {"µs": 0.001, "ms": 1, "s": 1000, "min": 60000, "h": 3600000}


def length_ms(text):
    number, unit = text.split(" ")
    return float(number.replace(",", "")) * UNITS_MS[unit]


def plot_of(figure):
    """Axis labels with their places, and each series with its points, in pixels of the drawing."""
    return ask("(%s)(document.getElementById(%s))" % (page_questions.PLOT, json.dumps(figure)))


def scale_from(ticks, value_of):
    """From pixels to values, as a reader would: by the first and last label."""
    (first, first_px), (last, last_px) = ticks[0], ticks[-1]
    low, high = value_of(first), value_of(last)
    for label, px in ticks:
        check_near(px, first_px + (value_of(label) - low) / (high - low) * (last_px - first_px),
                   0.01, "place of " + label)
    return lambda px: low + (px - first_px) / (last_px - first_px) * (high - low)


def log_scale(ticks):
    scale = scale_from(ticks, lambda label: math.log10(length_ms(label)))
    return lambda px: 10 ** scale(px)


def linear_scale(ticks):
    return scale_from(ticks, lambda label: float(label.split(" ")[0].replace(",", "")))


def time_scale(ticks):
    """In seconds."""
    return scale_from(ticks, lambda label: length_ms(label) / 1000)


def check_over_time(name, figure, series, value_of, y_scale, share=0.02):
    plot = plot_of(figure)
    time, values = time_scale(plot["x"]), y_scale(plot["y"])
    timeline = SAMPLES[name]["timeline"]
    wanted = [(point["seconds"] + timeline["interval_seconds"] / 2, value_of(point))
              for point in timeline["points"] if value_of(point) is not None]
    got = sorted((time(x), values(y)) for x, y in plot["series"][series])
    check_equal(len(got), len(wanted), "%s: points of %s" % (figure, series))
    for (at, value), (wanted_at, wanted_value) in zip(got, wanted):
        assert abs(at - wanted_at) < 0.01 * wanted[-1][0] + 0.001, (figure, at, wanted_at)
        assert abs(value - wanted_value) <= share * max(abs(wanted_value), 1), \
            (figure, series, wanted_at, value, wanted_value)


def of_metric(key, stat):
    return lambda point: point[key].get(stat)


def test_values_over_time_stand_where_the_axes_say():
    for name in ("small", "stream", "stalled", "sparse", "one"):
        show(name)
        interval = SAMPLES[name]["timeline"]["interval_seconds"]
        check_over_time(name, "latency-time", "max", of_metric("latency_ms", "max"), log_scale)
        check_over_time(name, "in-flight", "in flight", lambda point: point["in_flight"],
                        linear_scale)
        check_over_time(name, "throughput", "ok", lambda point: point["ok"] / interval,
                        linear_scale)
        if name in ("small", "stream", "stalled"):
            check_over_time(name, "latency-time", "p50", of_metric("latency_ms", "p50"), log_scale)
        if name == "stream":
            check_over_time(name, "ttft-time", "max", of_metric("ttft_ms", "max"), log_scale)
            check_over_time(name, "itl-time", "p99", of_metric("itl_ms", "p99"), log_scale)
            check_over_time(name, "tokens-time", "tokens",
                            lambda point: point["tokens_out"] / interval, linear_scale)


def test_percentile_curves_stand_where_the_axes_say():
    show("stalled")
    plot = plot_of("latency-curve")
    check_equal([label for label, _ in plot["x"]], ["0", "50", "90", "99", "99.9", "max"], "x")
    check_equal(plot["names"], ["time, log scale", "percentile"], "names")
    places = {float(label): px for label, px in plot["x"] if label != "max"}
    check_near(places[99] - places[90], places[99.9] - places[99], 0.02, "each nine is as wide")
    values = log_scale(plot["y"])
    for series, key in (("latency, from schedule", "latency_ms"),
                        ("service, from send", "service_ms")):
        curve = SAMPLES["stalled"]["distributions"][key]["curve"]
        points = plot["series"][series]
        check_equal(len(points), len(curve), series)
        for (px, py), (percent, value) in zip(points, curve):
            check_near(values(py), value, 0.02, "%s at %g" % (series, percent))
            if percent < 99.9:
                wanted = places[0] + (places[90] - places[0]) * -math.log10(1 - percent / 100)
                assert abs(px - wanted) < 1.5, (series, percent, px, wanted)
    at_95 = [values(min(plot["series"][series], key=lambda p: abs(p[0] - (places[90] + 0.301 * (
        places[99] - places[90]))))[1]) for series in plot["series"]]
    assert at_95[0] > 100 * at_95[1], at_95  # the gap that the figure is there to show


def test_the_histogram_holds_all_requests_in_log_spaced_bars():
    show("small")
    plot = plot_of("latency-histogram")
    shares, times = linear_scale(plot["y"]), log_scale(plot["x"])
    for series, key in (("latency", "latency_ms"), ("service", "service_ms")):
        points = plot["series"][series]
        tops = points[1::2][:-1]  # each edge is two points: up from the bar before, and the top
        check_near(sum(shares(y) for _, y in tops), 100, 0.02, "sum of " + series)
        edges = [times(x) for x, _ in points[1::2]]
        steps = [b / a for a, b in zip(edges, edges[1:])]
        assert max(steps) / min(steps) < 1.05, (series, min(steps), max(steps))
        mode = max(zip(edges, tops), key=lambda bar: -bar[1][1])[0]
        median = SAMPLES["small"][key]["p50"]
        assert 0.5 * median < mode < 1.5 * median, (series, mode, median)


def test_the_histogram_of_one_request_is_one_bar():
    show("one")
    plot = plot_of("latency-histogram")
    shares = linear_scale(plot["y"])
    for series in ("latency", "service"):
        check_near(max(shares(y) for _, y in plot["series"][series]), 100, 0.02, series)
    assert "The one request was answered well" in text_of("main")


def test_failures_stand_over_time_and_by_kind():
    show("failed")
    heights = ask("[...document.querySelectorAll('#errors-time rect.fill')].filter((r) => "
                  "r.closest('[data-series]')).length")
    check_equal(heights, 50, "bars")
    check_equal(ask("[...document.querySelectorAll('#errors-time ~ .scroll tr')].slice(1)"
                    ".map((row) => row.innerText.split('\\t'))"),
                [["connect_error", "214", "85.6 %"], ["dns_error", "36", "14.4 %"]], "kinds")
    assert "No request got an answer" in text_of("main")
    show("stalled")
    assert "No request failed." in text_of("main")


def test_a_search_shows_what_was_met_and_what_was_missed():
    show("searched")
    plot = plot_of("search")
    rates, values = linear_scale(plot["x"]), log_scale(plot["y"])
    steps = SAMPLES["searched"]["search"]
    for series, met in (("met", True), ("missed", False)):
        wanted = sorted((step["rate"], step["latency_ms"]["p99"]) for step in steps
                        if step["met"] == met)
        got = [(rates(x), values(y)) for x, y in plot["series"][series]]
        check_equal(len(got), len(wanted), series)
        for (at, value), (wanted_at, wanted_value) in zip(got, wanted):
            check_near(at, wanted_at, 0.02, series)
            check_near(value, wanted_value, 0.02, series)


# --- Numbers, sentences and tables ---


def figures_of(selector):
    return dict(ask("[...document.querySelectorAll('%s .tile')].map((tile) => "
                    "[tile.children[0].textContent, [tile.children[1].textContent, "
                    "tile.children[2].textContent]])" % selector))


def test_key_figures_are_those_of_the_json():
    show("stalled")
    figures = figures_of("#key-figures")
    check_equal(figures["Requests per second"], ["200", "asked 200, sent 200"], "requests")
    check_equal(figures["Error rate"], ["0 %", "6,000 ok, 0 failed"], "errors")
    made = SAMPLES["stalled"]
    for stat in ("p50", "p90", "p99", "max"):
        value, below = figures["Latency " + stat]
        check_near(length_ms(value), made["latency_ms"][stat], 0.005, stat)
        check_near(length_ms(below.replace("service ", "")), made["service_ms"][stat], 0.005, stat)
    show("stream")
    figures = figures_of("#stream-figures")
    made = SAMPLES["stream"]
    check_near(float(figures["Output tokens per second"][0].replace(",", "")),
               made["tokens"]["out_per_second"], 0.001, "tokens")
    for name, key in (("TTFT", "ttft_ms"), ("TPOT", "tpot_ms"), ("ITL", "itl_ms"),
                      ("E2EL", "e2el_ms")):
        check_near(length_ms(figures[name + " p50"][0]), made[key]["p50"], 0.005, name)
    rows = ask("[...document.querySelectorAll('main section')][0].innerText")
    assert "ttft_p99<200ms" in rows and "✗ missed" in rows and "✓ met" in rows, rows


def test_units_adapt_and_no_share_is_rounded_to_all():
    show("small")
    for value, wanted in ((0.0123, "12 µs"), (0.9996, "1.00 ms"), (12.34, "12.3 ms"),
                          (999.7, "1.00 s"), (83000, "83.0 s"), (125000, "2.08 min"),
                          (4.1e6, "1.14 h"), (0, "0 ms"), (None, "–")):
        check_equal(ask("duration(%s)" % json.dumps(value)), wanted, value)
    for value, wanted in ((0, "0 %"), (1, "100 %"), (0.99998, "99.998 %"), (0.9996, "99.96 %"),
                          (0.00123, "0.123 %"), (0.5, "50 %")):
        check_equal(ask("percent(%s)" % json.dumps(value)), wanted, value)
    for value, wanted in ((1234567.8, "1,234,568"), (999.84, "999.8"), (0.51312, "0.5131"),
                          (100, "100"), (1000, "1,000")):
        check_equal(ask("rate(%s)" % json.dumps(value)), wanted, value)


def test_the_verdict_says_what_it_means_and_what_to_do():
    for name, badge, remedy in (("small", "OK", ""), ("sparse", "CLIENT LIMITED", "--threads"),
                                ("stalled", "SLOTS LIMITED", "Raise -c")):
        show(name)
        text = text_of("#verdict")
        assert text.startswith(badge) and remedy in text, (name, text)
        check_equal(ask("document.getElementById('interrupted') !== null"), name == "sparse", name)
    check_equal(ask("VERDICTS.saturated[0]"), "SATURATED")


def test_a_figure_is_a_table_too():
    show("small")
    ask("document.querySelector('#latency-time details').open = true")
    ask("new Promise((done) => setTimeout(done, 0))")
    rows = ask("[...document.querySelectorAll('#latency-time details tr')].map((row) => "
               "[...row.children].map((cell) => cell.textContent))")
    points = SAMPLES["small"]["timeline"]["points"]
    check_equal(len(rows) - 1, len(points), "rows")
    check_equal(rows[0], ["time since the start of the window", "p50", "p90", "max"], "columns")
    for row, point in zip(rows[1:], points):
        check_near(length_ms(row[1]), point["latency_ms"]["p50"], 0.006, row[0])
    check_equal(rows[13][0], "1.2–1.3 s", "an interval")


def test_a_comparison_shows_the_rows_of_compare():
    show("compared")
    sides = ask("[...document.querySelectorAll('.side')].map((side) => [side.querySelector("
                "'caption').textContent, [...side.querySelectorAll('tr')].slice(1).map((row) => "
                "[...row.children].map((cell) => cell.textContent))])")
    check_equal([caption for caption, _ in sides], ["more-buffers against main",
                                                    "epoll against main"], "sides")
    rows = {row[0]: row[1:] for row in sides[1][1]}
    compared = SAMPLES["compared"]["compare"]["metrics"]
    wanted = {metric["metric"]: metric for metric in compared if metric["side"] == "epoll"}
    check_equal(len(rows), len(wanted), "rows")
    p50 = wanted["latency_p50"]
    check_near(length_ms(rows["latency p50"][0]), p50["base"], 0.005, "base")
    check_near(length_ms(rows["latency p50"][1]), p50["value"], 0.005, "value")
    check_equal(rows["latency p50"][2], "+%.0f %%" % p50["change_percent"], "change")
    check_equal(rows["latency p50"][3], "+%.0f %% to +%.0f %%" % (
        p50["low_percent"], p50["high_percent"]), "interval")
    check_equal(rows["latency p50"][4], "worse, regression", "verdict")
    check_equal(rows["CPU per request"][4], "same", "verdict")
    assert rows["error rate"][2].endswith(" points"), rows["error rate"]
    assert "different options" in text_of("#warnings")


def test_runs_that_are_laid_over_each_other_have_their_own_looks():
    for name, count in (("compared", 3), ("many", 9)):
        show(name)
        looks = ask("[...document.querySelectorAll('#throughput [data-series]')].map((g) => "
                    "getComputedStyle(g).color + g.querySelector('.line')"
                    ".getAttribute('stroke-dasharray'))")
        check_equal(len(looks), count, name)
        check_equal(len(set(looks)), count, name + ": looks")
    show("several")
    assert "Latency p99" in text_of("main section")


# --- Reading single values ---


def tip_of(figure):
    return ask("((tip) => tip.style.display === 'block' ? tip.innerText : null)"
               "(document.querySelector('#%s .tip'))" % figure)


def point(figure, share):
    """Move the pointer to a share of a plot's width."""
    ask("document.getElementById('%s').scrollIntoView({ block: 'center' })" % figure)
    x, y = ask("((b) => [b.left + b.width * %f, b.top + b.height / 2])"
               "(document.querySelector('#%s .plot').getBoundingClientRect())" % (share, figure))
    shown.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


def test_the_pointer_shows_a_crosshair_and_the_values():
    show("small")
    point("latency-time", 0.5)
    lines = tip_of("latency-time").split("\n")
    place = re.match(r"([\d.]+)–", lines[0])
    timeline = SAMPLES["small"]["timeline"]["points"]
    there = next(p for p in timeline if p["seconds"] == float(place.group(1)))
    check_near(length_ms(lines[lines.index("p50") + 1]), there["latency_ms"]["p50"], 0.006, "p50")
    check_near(length_ms(lines[lines.index("max") + 1]), there["latency_ms"]["max"], 0.006, "max")
    crosses = ask("['latency-time', 'throughput', 'latency-curve'].map((id) => "
                  "document.querySelector('#' + id + ' .cross').style.display)")
    check_equal(crosses, ["", "", "none"], "crosshairs of all that goes over time")
    for figure in FIGURES["small"].split():
        for share in (0.2, 0.97):
            point(figure, share)
            assert tip_of(figure), figure
            check_equal(ask(page_questions.BOXES), [], "tip of %s at %g" % (figure, share))
    shown.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    check_equal(tip_of("lag-curve"), None, "when the pointer has left")


def press(key):
    for kind in ("keyDown", "keyUp"):
        shown.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)


def test_the_keyboard_reads_single_values():
    show("small")
    ask("document.querySelector('#latency-time svg[tabindex]').focus()")
    spoken = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home"):
        press(key)
        spoken.append(text_of("#spoken").split(":")[0])
    check_equal(spoken, ["0–0.1 s", "0.1–0.2 s", "9.9–10 s", "9.8–9.9 s", "0–0.1 s"], "places")
    assert "p50" in text_of("#spoken") and tip_of("latency-time"), text_of("#spoken")
    press("Escape")
    check_equal(tip_of("latency-time"), None, "after Escape")
    label = ask("document.querySelector('#latency-time svg[tabindex]').getAttribute('aria-label')")
    assert label.startswith("Latency over time: p50 from "), label


# --- Text from outside ---


def test_text_of_a_result_is_shown_and_never_run():
    show("hostile")
    check_equal(ask("document.scripts.length"), 2, "scripts")
    check_equal(ask("document.querySelectorAll('main b.bold, main script').length"), 0, "elements")
    text = ask("document.querySelector('main').textContent")
    for part in page_samples.HOSTILE:
        assert part in text, part
    check_equal([event for event in shown.events
                 if event.get("method") == "Page.javascriptDialogOpening"], [], "dialogs")


# --- ---


def make_pages():
    for name, sample in SAMPLES.items():
        with open(path_of(name), "wb") as file:
            # Text as it is: what must be escaped is the page's task.
            subprocess.run([PAGE], input=json.dumps(sample, ensure_ascii=False).encode(),
                           stdout=file, check=True, timeout=60)


def run_tests(names):
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")
             and (not names or any(part in name for part in names))]
    failed = 0
    for name, test in tests:
        try:
            test()
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print("FAILED " + name)
    print("%d passed, %d failed" % (len(tests) - failed, failed))
    return failed


def main():
    global shown, folder
    if browser.PROGRAM is None:
        print("chromium is not installed")
        return 77
    folder = tempfile.mkdtemp(prefix="quoit-page-")
    try:
        make_pages()
        with browser.Browser() as shown:
            return 1 if run_tests(sys.argv[1:]) else 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
