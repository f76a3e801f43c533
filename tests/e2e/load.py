#!/usr/bin/env python3
"""The load generator of dtmv-bench against the real server: sealed and in plaintext, every value a verified client
decodes is one that was generated, the line has its keys, the server's profile names its phases, nothing is left over.

    load.py BIN_FOLDER
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from harness import check

KEYS = ("clients twins kB_s_client server_cpu_pct us_per_packet ns_per_visible_object tick_ms_p50 tick_ms_p99 rss_mb "
        "verified_clients visible_mean visible_min visible_max input_rate_hz change_rate commit compiler cpu").split()
PHASES = {"tick", "receive", "sense", "exchange", "integrate", "step", "replicate", "cells", "fan_out", "encode", "send"}


def run(bench, folder, name, *options):
    environment = dict(os.environ, TMPDIR=folder)
    done = subprocess.run([bench, name, *options], env=environment, capture_output=True, text=True, timeout=150, check=False)
    check(done.returncode == 0, f"{name} {options}: exit code {done.returncode}: {done.stderr}")
    lines = done.stdout.splitlines()
    check(len(lines) == 1, f"one line expected: {done.stdout!r}")
    check(not list(pathlib.Path(folder).iterdir()), f"{name} leaves files behind: {os.listdir(folder)}")
    return json.loads(lines[0])


def check_fanout(line, clients, twins):
    check(all(key in line for key in KEYS), f"keys are missing in {line}")
    check((line["clients"], line["twins"]) == (clients, twins), f"another size: {line}")
    check(line["verified_clients"] == min(clients, 16), "not all verified")
    # On a busy machine there are fewer snapshots; each must be right.
    check(line["values_checked"] > clients * twins * 6, "hardly anything was decoded")
    check(line["values_wrong"] == 0, f"{line['values_wrong']} values that no twin ever had")
    check(line["refused"] == 0 and line["without_baseline"] == 0, f"something could not be understood: {line}")
    check(line["visible_min"] == line["visible_mean"] == line["visible_max"] == twins, f"not all twins are seen: {line}")
    check(line["kB_s_client"] > 0 and line["rss_mb"] > 1 and line["tick_ms_p99"] > 0, f"no figures: {line}")


def check_interest(bench, folder, server):
    """Either the server knows of view distances and clients see less than everything, or the bench says that it cannot."""
    options = ("fanout", "--interest", "--clients", "30", "--twins", "1500", "--seconds", "1", "--tick-rate", "400")
    if "--view-distance" not in subprocess.run([server, "--help"], capture_output=True, text=True, check=True).stdout:
        done = subprocess.run([bench, *options], capture_output=True, text=True, timeout=60, check=False)
        check(done.returncode == 1 and "--view-distance" in done.stderr, f"it does not say that it cannot: {done.stderr!r}")
        return
    line = run(bench, folder, *options)
    check(line["interest"] is True and line["values_wrong"] == 0 and line["refused"] == 0, f"interest: {line}")
    check(0 < line["visible_min"] <= line["visible_mean"] <= line["visible_max"] < 1500, f"interest: {line}")
    check(60 < line["visible_mean"] < 500, f"not some 200 twins are visible: {line}")


def check_transport(bench):
    done = subprocess.run([bench, "transport", "--clients", "40"], capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check(done.returncode == 0 and len(lines) == 4, f"transport: {done.stdout!r} {done.stderr!r}")
    check([line["bytes"] for line in lines] == [60, 100, 400, 1200], f"transport: {lines}")
    check(all(line["us_sent"] > 0 and line["us_received"] > 0 and line["sealed"] for line in lines), f"transport: {lines}")


STUB = """#!/usr/bin/env python3
import json, sys
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
twins, clients, rate = (float(given["--" + key]) for key in ("twins", "clients", "change-rate"))
print(json.dumps({"twins": twins, "clients": clients, "change_rate": rate, "kB_s_client": twins * rate / 50,
                  "server_cpu_pct": clients / 50, "us_per_packet": 5, "ns_per_visible_object": 9, "values_wrong": 0,
                  "refused": 0}))
"""


def check_curves(folder):
    """The script that draws the curves, over a bench that is none."""
    stub, picture, rows = (pathlib.Path(folder, name) for name in ("stub", "curves.svg", "curves.md"))
    stub.write_text(STUB, encoding="utf-8")
    stub.chmod(0o755)
    script = pathlib.Path(__file__).resolve().parent.parent / "bench" / "curves.py"
    done = subprocess.run([sys.executable, script, stub, "--picture", picture, "--table", rows], capture_output=True, text=True,
                          timeout=60, check=False)
    check(done.returncode == 0, f"curves: {done.stderr}")
    lines = rows.read_text(encoding="utf-8").splitlines()
    check(lines == done.stdout.splitlines() and len(lines) == 2 + 13, f"curves: {lines}")
    check(all("`--clients " in line for line in lines[2:]), f"a row does not name its command: {lines}")
    drawn = xml.etree.ElementTree.parse(picture).getroot()
    space = "{http://www.w3.org/2000/svg}"
    curves = drawn.findall(space + "polyline")
    check(len(curves) == 6 and len(drawn.findall(space + "circle")) == 30, "curves: not six curves of five points")
    heights = [float(point.split(",")[1]) for point in curves[1].get("points").split()]
    check(heights == sorted(heights, reverse=True) and heights[0] > heights[-1], f"more clients, but no higher: {heights}")


def check_profile(path):
    events = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["traceEvents"]
    open_until, seen = [], set()
    for event in events:
        if event["ph"] != "X":
            continue
        seen.add(event["name"])
        while open_until and event["ts"] >= open_until[-1] - 0.002:
            open_until.pop()
        end = event["ts"] + event["dur"]
        check(not open_until or end <= open_until[-1] + 0.002, f"{event} reaches out of the scope around it")
        open_until.append(end)
    check(seen == PHASES, f"phases {sorted(seen)}")


def main():
    bench = os.path.join(sys.argv[1], "dtmv-bench")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        profile = os.path.join(other, "profile.json")
        fast = ("--seconds", "1", "--tick-rate", "400")
        check_fanout(run(bench, folder, "fanout", "--clients", "40", "--twins", "25", *fast, "--profile", profile), 40, 25)
        check_profile(profile)
        late = run(bench, folder, "fanout", "--clients", "5", "--twins", "1001", *fast, "--plaintext", "--ack-delay", "200")
        check_fanout(late, 5, 1001)
        check(late["sealed"] is False, "it says that it was sealed")
        part = run(bench, folder, "fanout", "--clients", "5", "--twins", "200", *fast, "--change-rate", "0.1", "--input-rate", "10")
        check_fanout(part, 5, 200)
        check((part["change_rate"], part["input_rate_hz"]) == (0.1, 10), f"it did something else: {part}")
        check_interest(bench, folder, os.path.join(sys.argv[1], "dtmv-server"))
        check_transport(bench)
        check_curves(other)
        latency = run(bench, folder, "latency", "--seconds", "1")
        check(latency["samples"] > 100 and 0 < latency["p50_ms"] <= latency["p99_ms"], f"latency: {latency}")
        check(latency["values_wrong"] == 0, f"latency: {latency}")
    print("load: fan-out sealed and plain, profile, interest, transport, curves, latency")


if __name__ == "__main__":
    main()
