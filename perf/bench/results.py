"""results: RESULTS.md and its plots, out of what was measured and of notes.md.

What people have to say of the figures stands in notes.md, below a heading with a scenario's name
(or `first`, `cpu`, `ring`), and comes along each time.
"""

import os

import plots
import tables
from clients import CLIENTS, PERF


def read_notes():
    """{heading: text}."""
    notes, name = {}, None
    with open(os.path.join(PERF, "notes.md"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("## "):
                name = line[3:].strip()
                notes[name] = ""
            elif name is not None:
                notes[name] += line
    return {name: text.strip() for name, text in notes.items()}


def machine_lines(said):
    machine, cpus = said["machine"], said["machine"]["cpus"]
    pinned = (f"servers on cpu {cpus[0]}, clients on cpu {cpus[1]}" if cpus else
              "nothing pinned: there is one cpu")
    lines = [
        f"- {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; {pinned}; load"
        f" average {machine['load'][0]} at the start, {said['load_after'][0]} at the end",
        f"- commit {machine['commit']}, {machine['date']}; {machine['compiler']}; liburing"
        f" {machine['liburing']}, OpenSSL {machine['openssl']}; {machine['server']}",
        f"- {said['rounds']} rounds of {said['seconds']:g} s for each client and scenario\n",
    ]
    rows = [["client", "is", "version"]]
    for client in CLIENTS:
        if client.name in machine["versions"]:
            rows.append([client.name, client.what, machine["versions"][client.name]])
    lines.append(tables.table(rows))
    if said["missing"]:
        lines.append(f"\nNot installed, so not here: {', '.join(said['missing'])}"
                     " (`make bench-deps`).")
    return lines


def scenario_lines(scenario, outcome, notes, with_plots):
    lines = [f"\n## {scenario.name}: {scenario.title}\n", scenario.what + "\n"]
    if with_plots and outcome["runs"]:
        lines.append(f"![{scenario.title}](plots/{scenario.name}.svg)\n")
    lines.append(tables.scenario_table(scenario, outcome))
    for name, why in outcome["failed"].items():
        lines.append(f"\n{name} failed: {why.splitlines()[0][:200] if why else 'it said nothing'}")
    if notes.get(scenario.name):
        lines.append("\n" + notes[scenario.name])
    return lines


def ending_lines(scenarios, said, notes):
    outcomes = said["outcomes"]
    lines = []
    ring, budget = tables.ring_table(scenarios, outcomes), tables.budget_table(outcomes)
    if ring or budget:
        lines += ["\n## What the ring did\n"]
        lines += [text + "\n" for text in (ring, budget, notes.get("ring")) if text]
    return lines


def markdown(scenarios, said, with_plots):
    notes = read_notes()
    lines = ["# What a request costs: results\n",
             "Made by `make bench-all`; what the columns mean: README.md beside this. The text is"
             " notes.md's, the figures are not to be edited.\n", *machine_lines(said)]
    if notes.get("first"):
        lines.append("\n" + notes["first"])
    lines += ["\n## CPU, all scenarios\n", tables.ratio_table(scenarios, said["outcomes"])]
    if notes.get("cpu"):
        lines.append("\n" + notes["cpu"])
    for scenario in scenarios:
        lines += scenario_lines(scenario, said["outcomes"][scenario.name], notes, with_plots)
    lines += ending_lines(scenarios, said, notes)
    return "\n".join(lines).rstrip() + "\n"


def write(path, scenarios, said):
    """The file, and plots/NAME.svg beside it; plots of scenarios that are gone go too."""
    folder = os.path.join(os.path.dirname(os.path.abspath(path)), "plots")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(".svg"):
            os.unlink(os.path.join(folder, name))
    for scenario in scenarios:
        outcome = said["outcomes"][scenario.name]
        if outcome["runs"]:
            with open(os.path.join(folder, f"{scenario.name}.svg"), "w", encoding="utf-8") as file:
                file.write(plots.of_scenario(scenario, outcome))
    with open(path, "w", encoding="utf-8") as file:
        file.write(markdown(scenarios, said, True))
