#!/usr/bin/env python3
"""What a server costs, as curves: over entities, over clients, over how many of the entities change.

    curves.py BENCH [--picture FILE.svg] [--table FILE.md] [--seconds S] [--quick]

Runs `dtmv-bench fanout` for every point (about three minutes in all; --quick: the ends of each curve only), prints a
Markdown table whose every row names its command, and draws the curves. All points come from one run on one machine:
compare them with each other, not with those of another day.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

BASE = {"clients": 100, "twins": 500, "change-rate": 1}
CURVES = [  # what varies, title, values
    ("twins", "entities", [125, 250, 500, 1000, 2000]),
    ("clients", "clients", [25, 50, 100, 200, 400]),
    ("change-rate", "entities that change at each update", [0.05, 0.1, 0.25, 0.5, 1]),
]
FIGURES = [  # key, title, colour
    ("server_cpu_pct", "server, % of a core", "#1f6f8b"),
    ("kB_s_client", "kB/s a client", "#b5532c"),
]
COLUMNS = [("twins", "entities", "{:.0f}"), ("clients", "clients", "{:.0f}"), ("change_rate", "changing", "{:.0%}"),
           ("kB_s_client", "kB/s a client", "{:.1f}"), ("server_cpu_pct", "% of a core", "{:.1f}"),
           ("us_per_packet", "µs a packet", "{:.1f}"), ("ns_per_visible_object", "ns a visible object", "{:.1f}")]

WIDTH, HEIGHT = 300, 180  # of one panel's plot
LEFT, TOP, GAP_X, GAP_Y = 64, 46, 78, 74


def options_for(name, value, seconds):
    options = {**BASE, name: value}
    words = [word for key in BASE for word in (f"--{key}", f"{options[key]:g}")]
    return words + ["--tick-rate", "120", "--seconds", f"{seconds:g}"]


def measure(bench, options):
    done = subprocess.run([bench, "fanout", *options], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        sys.exit(f"curves: dtmv-bench fanout {' '.join(options)}: {done.stderr.strip()}")
    line = json.loads(done.stdout)
    if line["values_wrong"] or line["refused"]:
        sys.exit(f"curves: wrong values, not a measurement: {line}")
    return line


def table(points):
    rows = ["| " + " | ".join(title for _, title, _ in COLUMNS) + " | `dtmv-bench fanout` with |",
            "|" + "---:|" * len(COLUMNS) + "---|"]
    for options, line in points:
        cells = [form.format(line[key]) for key, _, form in COLUMNS]
        rows.append("| " + " | ".join(cells) + f" | `{' '.join(options)}` |")
    return "\n".join(rows) + "\n"


# ---- picture ----

def nice_ceiling(value):
    """The least of 1, 2, 5 times a power of ten that is not less."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def text(x, y, content, anchor="middle", size=11, colour="#333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{content}</text>'


def panel(left, top, title, values, figures, top_value, figure):
    """One curve: x by the logarithm of what varies, y from 0."""
    _, y_title, colour = figure
    low, high = math.log(values[0]), math.log(values[-1])
    at = [(left + WIDTH * (math.log(value) - low) / (high - low), top + HEIGHT * (1 - number / top_value))
          for value, number in zip(values, figures)]
    out = [f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="#fafafa" stroke="#ccc"/>']
    for step in range(5):
        y = top + HEIGHT * (1 - step / 4)
        out.append(f'<line x1="{left}" y1="{y}" x2="{left + WIDTH}" y2="{y}" stroke="#e3e3e3"/>')
        out.append(text(left - 6, y + 4, f"{top_value * step / 4:g}", "end"))
    for value, (x, _) in zip(values, at):
        out.append(text(x, top + HEIGHT + 16, f"{value:.0%}" if values[-1] <= 1 else f"{value:g}"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in at]
    out.append(text(left + WIDTH / 2, top + HEIGHT + 34, title, size=12))
    out.append(text(left, top - 8, y_title, "start", 12, colour))
    return out


def picture(curves):
    width = LEFT + len(curves) * (WIDTH + GAP_X)
    height = TOP + len(FIGURES) * (HEIGHT + GAP_Y)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif">', f'<rect width="{width}" height="{height}" fill="#fff"/>']
    base = f"else {BASE['clients']} clients that all see {BASE['twins']} entities, all changing ten times a second; 20 snapshots a second, sealed"
    out.append(text(LEFT, 18, base, "start", 13))
    for row, figure in enumerate(FIGURES):
        numbers = [[line[figure[0]] for _, line in points] for _, _, points in curves]
        top_value = nice_ceiling(max(max(of_curve) for of_curve in numbers))
        for column, (title, values, _) in enumerate(curves):
            out += panel(LEFT + column * (WIDTH + GAP_X), TOP + row * (HEIGHT + GAP_Y), title, values, numbers[column],
                         top_value, figure)
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the dtmv-bench to run")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw the curves")
    parser.add_argument("--table", metavar="FILE.md", help="write the table there too")
    parser.add_argument("--seconds", type=float, default=3, help="measured at each point")
    parser.add_argument("--quick", action="store_true", help="only the ends of each curve")
    arguments = parser.parse_args()
    known, curves = {}, []
    for name, title, values in CURVES:
        values = [values[0], values[-1]] if arguments.quick else values
        points = []
        for value in values:
            options = options_for(name, value, arguments.seconds)
            if tuple(options) not in known:  # the curves cross in one point
                print(f"curves: {' '.join(options)}", file=sys.stderr, flush=True)
                known[tuple(options)] = measure(arguments.bench, options)
            points.append((options, known[tuple(options)]))
        curves.append((title, values, points))
    rows = table([(list(options), line) for options, line in known.items()])
    print(rows, end="")
    if arguments.table:
        pathlib.Path(arguments.table).write_text(rows, encoding="utf-8")
    if arguments.picture:
        pathlib.Path(arguments.picture).write_text(picture(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
