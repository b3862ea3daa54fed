"""plots: small SVG pictures, legible on light and dark ground, that need nothing else.

One picture for a scenario: on the left bars (CPU of each unit, median, with a whisker from the
least to the most; cut where they are very long), on the right dots on a logarithmic axis (p50, p99
and p99.9, as each client reports them), or bars of the wall clock where that is the matter.
"""

import math
from xml.sax.saxutils import escape

import tables

ROW = 22
NAME_WIDTH = 92
PANEL = 300
GAP = 40
TOP = 46
CUT = 8  # a bar this many times as long as the shortest is cut
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 } .small { font-size: 10px; fill: #666 }
.other { fill: #9aa5b1 } .ours { fill: #0b7285 }
.whisker { stroke: #333; stroke-width: 1 } .grid { stroke: #999; stroke-opacity: .3 }
.p50 { fill: #0b7285 } .p99 { fill: #e8890c } .p99_9 { fill: #c92a2a }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .small { fill: #aaa } .other { fill: #6b7683 } .ours { fill: #22b8cf }
.whisker { stroke: #ddd } .p50 { fill: #22b8cf } .p99 { fill: #ffb84d } .p99_9 { fill: #ff6b6b }
}
"""


def text(x, y, what, style="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
            + (f' class="{style}"' if style else "") + f">{escape(what)}</text>")


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def shown(value):
    """Three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def longest_bar(rows):
    """The most of all values but those far above the least: their bars are cut, lest one slow
    client makes those of the others alike."""
    middles = [tables.statistics.median(values) for _, values in rows if values]
    least = min((middle for middle in middles if middle > 0), default=1)
    return max([middle for middle in middles if middle <= CUT * least] + [least]) * 1.1


def bar(x, y, values, scale, style):
    """One bar with its whisker and number; a cut one has a gap before its end."""
    middle, room = tables.statistics.median(values), PANEL - NAME_WIDTH - 48
    width = max(middle * scale, 1)
    if width > room:
        return [f'<rect x="{x}" y="{y + 2}" width="{room - 16}" height="13" class="{style}"/>',
                f'<rect x="{x + room - 12}" y="{y + 2}" width="12" height="13" class="{style}"/>',
                text(x + room + 5, y + 12, shown(middle), "small")]
    most = min(max(values) * scale, room)
    parts = [f'<rect x="{x}" y="{y + 2}" width="{width:.1f}" height="13" class="{style}"/>']
    if len(values) > 1:
        parts.append(line(x + min(values) * scale, y + 8.5, x + most, y + 8.5, "whisker"))
    parts.append(text(x + max(most, width) + 5, y + 12, shown(middle), "small"))
    return parts


def bars(left, title, rows):
    """rows: (name, values). The longest bar leaves room for its number."""
    parts = [text(left, 16, title, "title")]
    scale = (PANEL - NAME_WIDTH - 48) / longest_bar(rows)
    for at, (name, values) in enumerate(rows):
        x, y = left + NAME_WIDTH, TOP + at * ROW
        parts.append(text(x - 6, y + 12, name, anchor="end"))
        if values:
            parts += bar(x, y, values, scale, "ours" if name in tables.OURS else "other")
        else:
            parts.append(text(x, y + 12, "-", "small"))
    return parts


def decades(low, high):
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0 ** power for power in range(first, max(last, first + 1) + 1)]


def time_text(value_us):
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if value_us >= size:
            return f"{value_us / size:g} {unit}"
    return f"{value_us:g} us"


def dots(left, title, rows):
    """rows: (name, {"p50": us, ...}), medians; on a logarithmic axis."""
    parts = [text(left, 16, title, "title")]
    values = [value for _, known in rows for value in known.values()]
    if not values:
        return parts
    marks = decades(min(values), max(values))
    scale = (PANEL - NAME_WIDTH - 16) / math.log10(marks[-1] / marks[0])
    bottom = TOP + len(rows) * ROW

    def place(value):
        return left + NAME_WIDTH + math.log10(value / marks[0]) * scale

    for mark in marks:
        parts.append(line(place(mark), TOP - 2, place(mark), bottom, "grid"))
        parts.append(text(place(mark), TOP - 6, time_text(mark), "small", "middle"))
    for at, (name, known) in enumerate(rows):
        y = TOP + at * ROW + 8.5
        parts.append(text(left + NAME_WIDTH - 6, y + 4, name, anchor="end"))
        if not known:
            parts.append(text(left + NAME_WIDTH, y + 4, "-", "small"))
        for key, value in known.items():
            parts.append(f'<circle cx="{place(value):.1f}" cy="{y}" r="4.5" class="{key}">'
                         f"<title>{escape(f'{name} {key}')}: {time_text(round(value, 1))}</title>"
                         "</circle>")
    for at, (key, name) in enumerate((("p50", "p50"), ("p99", "p99"), ("p99_9", "p99.9"))):
        x = left + PANEL - 150 + at * 50
        parts.append(f'<circle cx="{x}" cy="12" r="4.5" class="{key}"/>')
        parts.append(text(x + 8, 16, name, "small"))
    return parts


def picture(title, rows, parts):
    width, height = 2 * PANEL + GAP, TOP + rows * ROW + 8
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img" aria-label="{escape(title)}">'
            f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n")


def of_scenario(scenario, outcome):
    runs = outcome["runs"]
    cpu = [(name, tables.column(figures, "cpu_us")) for name, figures in runs.items()]
    parts = bars(0, f"CPU us per {scenario.unit}", cpu)
    if "wall" in scenario.columns and not scenario.stream:
        wall = [(name, tables.column(figures, "wall_s")) for name, figures in runs.items()]
        parts += bars(PANEL + GAP, "wall clock, seconds", wall)
    else:
        prefix = "ttft_" if scenario.stream else ""
        known = [(name, {key: tables.median_of(figures, f"{prefix}{key}_us")
                         for key in ("p50", "p99", "p99_9")
                         if tables.median_of(figures, f"{prefix}{key}_us")})
                 for name, figures in runs.items()]
        parts += dots(PANEL + GAP, "time to first token" if scenario.stream else "latency", known)
    return picture(scenario.title, len(runs), parts)
