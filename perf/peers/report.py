"""What all rounds have shown: one table in Markdown, charts, and everything as JSON."""

import json
import statistics

import chart
from side_by_side import QUANTILES, describe_machine
from system import DURABLE

PALE = "pale: a put is answered before it is on the disk"
COLUMNS = ["workload", "side", "a put is answered", "rate /s", "range", "Stator is", *[f"{name[:3]}.{name[3:]}".rstrip(".") + " us"
           for name in QUANTILES], "CPU us an operation", "resident MB", "ready ms"]


def summary(workload, label, acknowledged, turns, base):
    """One row: medians over the rounds, and the ratio of rates to `base` in the same rounds. `turns` and `base` are by round."""
    def median(figure):
        found = [turn[figure] for turn in turns.values() if turn.get(figure) is not None]
        return statistics.median(found) if found else None
    rates = [turn["rate"] for turn in turns.values()]
    ratios = [base[number]["rate"] / turn["rate"] for number, turn in turns.items() if number in base]
    figures = [*[f"{name}_us" for name in QUANTILES], "cpu_us", "resident_bytes", "ready_seconds", "ready_bytes"]
    return {"workload": workload, "label": label, "acknowledged": acknowledged, "is_durable": acknowledged == DURABLE,
            "rate": statistics.median(rates), "rate_range": [min(rates), max(rates)],
            "ratio": statistics.median(ratios) if ratios else None, "turns": turns, "command": next(iter(turns.values()))["command"], **{figure: median(figure) for figure in figures}}


def markdown_row(row, is_first):
    def shown(figure, form, scale=1.0):
        return "-" if row[figure] is None else format(row[figure] * scale, form)
    low, high = row["rate_range"]
    ratio = "-" if row["ratio"] is None else f"**{row['ratio']:.2f} x** as fast"
    if row["workload"].group == "cores" and row["ratio"]:
        ratio = f"{1 / row['ratio']:.2f} x as fast"  # As with one core.
    cells = [f"**{row['workload'].title}**" if is_first else "", row["label"],
             row["acknowledged"] if row["workload"].operation == "put" else "", f"{row['rate']:,.0f}", f"{low:,.0f} - {high:,.0f}",
             "" if is_first else ratio, *[shown(f"{name}_us", ",.0f") for name in QUANTILES], shown("cpu_us", ",.2f"),
             shown("resident_bytes", ",.0f", 1e-6), shown("ready_seconds", ",.0f", 1e3)]
    return f"| {' | '.join(cells)} |"


def cell(text):
    return " ".join(text.replace("|", "/").split())


def by_workload(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row["workload"].name, []).append(row)
    return list(groups.values())


def charts(given, rows):
    """The files, by what they show."""
    def grouped(value, shown):
        return [(group[0]["workload"].title, [(row["label"], value(row), shown(row), kind(row)) for row in group if value(row)])
                for group in by_workload(rows) if any(value(row) for row in group)]
    def figure(name, form, unit, scale=1.0):
        return grouped(lambda row: row[name], lambda row: f"{row[name] * scale:{form}} {unit}")
    def latencies(row):
        return [row[f"{name}_us"] for name in QUANTILES if row[f"{name}_us"]]
    less = "less is better"
    drawn = {
        "throughput": chart.bars("Throughput", f"operations a second, each workload on a scale of its own; more is better; {PALE}",
                                 figure("rate", ",.0f", "/s")),
        "latency": chart.spans("Latency", f"p50, p90, p99, p99.9 of a full pipeline, on one logarithmic scale; left is better; {PALE}",
                               grouped(latencies, lambda row: f"p99 {chart.duration(row['p99_us'])}")),
        "cpu": chart.bars("CPU time an operation", f"of the server, kernel included; {less}; {PALE}", figure("cpu_us", ",.2f", "us")),
        "memory": chart.bars("Resident memory", f"after the load; {less}", figure("resident_bytes", ",.0f", "MB", 1e-6)),
        "start": chart.bars("Start", f"from the start to the first answer, and resident memory then; {less}", starts(rows)),
    }
    drawn = {name: content for name, content in drawn.items() if content}
    for name, content in drawn.items():
        (given.results / f"peers-{name}.svg").write_text(content)
    return drawn


def kind(row):
    if row["label"].startswith("Stator"):
        return "ours"
    return "unsafe" if row["workload"].operation == "put" and not row["is_durable"] else "theirs"


def starts(rows):
    """One line a system, whichever workload: the first that it took part in."""
    systems = {}
    for row in rows:
        if row["ready_seconds"]:
            systems.setdefault(row["system"], row)
    def lines(figure, scale, unit):
        return [(title, row[figure] * scale, f"{row[figure] * scale:,.0f} {unit}", "ours" if title.startswith("Stator") else "theirs")
                for title, row in systems.items()]
    groups = [("ready after", lines("ready_seconds", 1e3, "ms")), ("resident when ready", lines("ready_bytes", 1e-6, "MB"))]
    return [group for group in groups if group[1]]


def write(given, rows, systems, left_out, notes):
    """peers.md, peers.json and the charts. `systems` and `left_out` are lines by title."""
    given.results.mkdir(parents=True, exist_ok=True)
    drawn, machine = charts(given, rows), describe_machine()
    rounds = max(len(row["turns"]) for row in rows)
    table = [markdown_row(row, row is group[0]) for group in by_workload(rows) for row in group]
    lines = ["# Stator beside its peers", "",
             f"{rounds} interleaved rounds of {given.seconds:g} s; medians. Server on core 0, load on core 1, loopback, {machine['congestion control']}. Ratios are "
             "medians of the same round's: read these, for absolute figures are of one machine on one day.", "",
             *[f"![{name}](peers-{name}.svg)" for name in drawn], "",
             f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|", *table,
             *[f"| | {title} | | left out: {cell(reason)} |{' |' * (len(COLUMNS) - 4)}" for title, reason in left_out.items()], "",
             *[f"- {note}" for note in notes], "", "| system | version | settings |", "| --- | --- | --- |",
             *[f"| {title} | {version} | {settings} |" for title, (version, settings) in systems.items()], "", "```text",
             *[f"{row['workload'].name}: {row['label']}: {row['command']}" for row in rows], "```", "",
             *[f"- {what}: {value}" for what, value in machine.items()], ""]
    (given.results / "peers.md").write_text("\n".join(lines))
    plain = [row | {"workload": row["workload"].name} for row in rows]
    everything = {"rounds": rounds, "seconds": given.seconds, "rows": plain, "left_out": left_out,
                  "systems": {title: version for title, (version, _) in systems.items()}, "machine": machine}
    (given.results / "peers.json").write_text(json.dumps(everything, indent=1) + "\n")
    print("\n".join(lines))
