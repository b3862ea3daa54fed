"""tables: medians, spreads and ratios of what was measured, as Markdown."""

import statistics

# key of a column: (figure, its heading, decimals, what it is divided by)
COLUMNS = {
    "rate": ("rate", "{unit}s/s", 0, 1),
    "wall": ("wall_s", "wall s", 3, 1),
    "cpu": ("cpu_us", "CPU us", 2, 1),
    "p50": ("p50_us", "p50 us", 0, 1),
    "p99": ("p99_us", "p99 us", 0, 1),
    "p99_9": ("p99_9_us", "p99.9 us", 0, 1),
    "ttft_p50": ("ttft_p50_us", "ttft p50 ms", 1, 1e3),
    "ttft_p99": ("ttft_p99_us", "ttft p99 ms", 1, 1e3),
    "itl_p50": ("itl_p50_us", "itl p50 ms", 1, 1e3),
    "itl_p99": ("itl_p99_us", "itl p99 ms", 1, 1e3),
    "memory": ("memory_mib", "memory MiB", 1, 1),
    "entries": ("entries", "entries", 3, 1),
    "server": ("server_us", "server CPU us", 2, 1),
    "connections": ("connections", "connections", 0, 1),
    "resumed": ("resumed", "resumed", 0, 1),
}
OURS = ("quoit", "quoit-epoll", "engine", "quoit-batch")
OTHERS = ("floor", "epoll", "libcurl", "wrk", "h2load", "ab", "aiohttp", "undici", "autocannon")


def column(runs, key):
    return [run[key] for run in runs if run.get(key) is not None]


def median_of(runs, key):
    values = column(runs, key)
    return statistics.median(values) if values else None


def spread(values, decimals, divided_by=1):
    """Median, and the range it came from; a dash for none."""
    if not values:
        return "-"
    low, middle, high = (f"{value / divided_by:,.{decimals}f}" for value in
                         (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low}..{high})"


def ratios_of(runs, key, above, below):
    """One ratio per round; [] if one of the two is missing."""
    pairs = zip(runs.get(above, []), runs.get(below, []))
    return [a[key] / b[key] for a, b in pairs if a.get(key) and b.get(key)]


def table(rows):
    """Markdown, with columns of the same width."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def scenario_table(scenario, outcome):
    """A row for each client that took part."""
    unit = scenario.unit
    rows = [["client"] + [COLUMNS[key][1].format(unit=unit) for key in scenario.columns]]
    for name, runs in outcome["runs"].items():
        row = [name]
        for key in scenario.columns:
            figure, _, decimals, divided_by = COLUMNS[key]
            row.append(spread(column(runs, figure), decimals, divided_by))
        rows.append(row)
    return table(rows) if len(rows) > 1 else "No client ran."


def ratio_table(scenarios, outcomes, above="quoit"):
    """CPU per unit of `above` over that of the others: below 1, it needs less."""
    names = [name for name in OURS + OTHERS if name != above and any(
        name in outcomes[scenario.name]["runs"] for scenario in scenarios)]
    rows = [["CPU of quoit / of"] + names]
    for scenario in scenarios:
        runs = outcomes[scenario.name]["runs"]
        rows.append([scenario.name] + [spread(ratios_of(runs, "cpu_us", above, name), 2)
                                       for name in names])
    return table(rows)


def ring_table(scenarios, outcomes):
    """What those that run on io_uring say of it."""
    rows = [["scenario", "client", "SQEs", "CQEs", "io_uring_enter", "allocations",
             "window CPU us"]]
    for scenario in scenarios:
        for name, runs in outcomes[scenario.name]["runs"].items():
            if name in ("floor", "quoit", "engine") and column(runs, "sqes"):
                rows.append([scenario.name, name] + [
                    spread(column(runs, key), decimals) for key, decimals in
                    (("sqes", 3), ("cqes", 3), ("enters", 3), ("allocations", 3),
                     ("window_cpu_us", 2))])
    return table(rows) if len(rows) > 1 else ""


# --- The budget of DESIGN.md 6, as far as this can tell ---

SMALL = ("small-1", "small-2", "small-64", "unix-64")


def worst(outcomes, key):
    values = [median_of(outcomes[name]["runs"].get("engine", []), key)
              for name in SMALL if name in outcomes]
    values = [value for value in values if value is not None]
    return max(values) if values else None


def ratio(outcomes, scenario, key, above, below):
    values = ratios_of(outcomes.get(scenario, {"runs": {}})["runs"], key, above, below)
    return statistics.median(values) if values else None


def budget_table(outcomes):
    small = outcomes.get("small-64", {"runs": {}})["runs"]
    lines = [
        ("SQEs, worst scenario", 1.05, worst(outcomes, "sqes")),
        ("CQEs, worst scenario", 1.05, worst(outcomes, "cqes")),
        ("kernel entries, 64 in flight", 1.0, median_of(small.get("engine", []), "enters")),
        ("heap allocations, warm", 0.0, worst(outcomes, "allocations")),
        ("CPU / floor, 64 in flight (window)", 1.15,
         ratio(outcomes, "small-64", "window_cpu_us", "engine", "floor")),
        ("CPU / wrk, 64 in flight", 1.0, ratio(outcomes, "small-64", "cpu_us", "engine", "wrk")),
        ("p50 / wrk, 1 in flight", 0.5, ratio(outcomes, "small-1", "p50_us", "engine", "wrk")),
        ("p50 / wrk, 2 in flight", 0.5, ratio(outcomes, "small-2", "p50_us", "engine", "wrk")),
    ]
    rows = [["per small request, engine", "at most", "measured", ""]]
    for what, at_most, measured in lines:
        if measured is not None:
            rows.append([what, f"{at_most:g}", f"{measured:.3f}",
                         "met" if round(measured, 4) <= at_most else "MISSED"])
    return table(rows) if len(rows) > 1 else ""
