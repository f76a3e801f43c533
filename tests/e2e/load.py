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

from harness import check

KEYS = ("clients twins kB_s_client server_cpu_pct us_per_packet ns_per_visible_object tick_ms_p50 tick_ms_p99 rss_mb "
        "verified_clients commit compiler cpu").split()
PHASES = {"tick", "receive", "sense", "integrate", "step", "replicate", "cells", "fan_out", "encode", "send"}


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
    check(line["kB_s_client"] > 0 and line["rss_mb"] > 1 and line["tick_ms_p99"] > 0, f"no figures: {line}")


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
        latency = run(bench, folder, "latency", "--seconds", "1")
        check(latency["samples"] > 100 and 0 < latency["p50_ms"] <= latency["p99_ms"], f"latency: {latency}")
        check(latency["values_wrong"] == 0, f"latency: {latency}")
    print("load: fan-out sealed and plain, profile, latency")


if __name__ == "__main__":
    main()
