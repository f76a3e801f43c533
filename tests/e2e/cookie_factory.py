#!/usr/bin/env python3
"""Two headless clients walk through the recorded cookie factory. What each dumps is compared with an independent
reading of the recording, and with what the other one dumps.

usage: cookie_factory.py BIN_FOLDER DATA_FOLDER [SECONDS [SERVER_OPTION ...]]
"""
import csv
import math
import pathlib
import re
import sys

from harness import ROOT, check, skip
from stage import Stage, software_gl

SPEED = 10
WALKS = {"Ada": "33.6,60;31.0,59.5;31.5,62", "Bob": "35.2,60;37.5,59.0;36.5,62.5"}


def read_recording(path):
    """{(thing, property): [(time in ns, value), ...]} in file order, by nothing but the csv module."""
    series = {}
    with path.open(newline="", encoding="utf-8") as file:
        for time_ms, _, entity, name, value, kind in csv.reader(file):
            thing = re.match(r"(Mixer_\d+|WaterTank)", entity).group(1)
            number = float(value) if kind == "DOUBLE" else value
            series.setdefault((thing, name), []).append((int(time_ms) * 1_000_000, number))
    return series


def last_value(rows, time_ns):
    """(time, value) of the newest row at or before `time_ns`; of rows with the same time the last one."""
    best = None
    for row_time, value in rows:
        if row_time <= time_ns and (best is None or row_time >= best[0]):
            best = (row_time, value)
    return best


def check_values(who, dump, series, late_ns=0):
    """Every value is what the recording had at the dump's source time; on a link that loses packets it may be one
    that was replaced at most `late_ns` of source time before: a cell that was lost comes with a later packet."""
    source_time = dump["source_time_ns"]
    check(isinstance(source_time, int), f"{who}: no source time")
    check(len(dump["things"]) == 27, f"{who}: {len(dump['things'])} things, not 27")
    seen = set()
    compared = 0
    for thing in dump["things"]:
        for name, reported in thing["properties"].items():
            key = (thing["id"], name)
            seen.add(key)
            truth = last_value(series.get(key, []), source_time)
            if truth is None:
                check(reported["quality"] == "none" and reported["value"] is None, f"{who}: {key} has a value too early")
                continue
            if reported["source_time_ns"] != truth[0] and truth[0] > source_time - late_ns:
                newest = last_value(series[key], source_time - late_ns)
                if newest is None and reported["source_time_ns"] is None:
                    continue
                truth = last_value(series[key], reported["source_time_ns"] or 0)
                check(truth is not None and truth[0] == reported["source_time_ns"],
                      f"{who}: {key} has a source time that the recording has not: {reported['source_time_ns']}")
                check(newest is None or truth[0] >= newest[0], f"{who}: {key} is older than {late_ns / 1e9:.0f} s of source time")
            check(reported["value"] == truth[1], f"{who}: {key} is {reported['value']!r}, the recording says {truth[1]!r}")
            check(reported["source_time_ns"] == truth[0],
                  f"{who}: {key} is of {reported['source_time_ns']}, the recording says {truth[0]}")
            check(reported["quality"] in ("good", "stale"), f"{who}: {key} has quality {reported['quality']}")
            compared += 1
    missing = set(series) - seen
    check(not missing, f"{who}: properties of the recording that no thing has: {sorted(missing)}")
    return compared


def avatar(dump, name):
    found = [a for a in dump["avatars"] if a["name"] == name]
    check(len(found) == 1, f"{len(found)} avatars are called {name}: {[a['name'] for a in dump['avatars']]}")
    return found[0]


def check_people(dumps):
    for who, dump in dumps.items():
        check(avatar(dump, who)["self"] is True, f"{who} does not know itself")
    worst = 0.0
    for watcher, dump in dumps.items():
        for who in dumps:
            if who != watcher:
                seen, told = avatar(dump, who), avatar(dumps[who], who)
                check(seen["self"] is False, f"{watcher} takes {who} for itself")
                distance = math.dist(seen["position"], told["position"])
                worst = max(worst, distance)
                check(distance <= 0.05, f"{watcher} sees {who} {distance:.3f} m from where {who} is")
                turn = math.remainder(seen["yaw"] - told["yaw"], 2 * math.pi)
                check(abs(turn) < 0.02, f"{watcher} sees {who} turned by {turn:.3f} rad")
    return worst


def check_agreement(a, b):
    """Values of the same property and source time are the same in both dumps."""
    other = {t["id"]: t["properties"] for t in b["things"]}
    equal = 0
    for thing in a["things"]:
        for name, mine in thing["properties"].items():
            theirs = other[thing["id"]][name]
            if mine["source_time_ns"] == theirs["source_time_ns"]:
                check(mine["value"] == theirs["value"] and mine["unit"] == theirs["unit"],
                      f"{thing['id']}.{name} differs at {mine['source_time_ns']}")
                equal += 1
    return equal


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[2]).resolve() / "cookiefactory"
    seconds = sys.argv[3] if len(sys.argv) > 3 else "20"
    if not (data / "telemetry.csv").exists():
        skip(f"no recording in {data}")
    series = read_recording(data / "telemetry.csv")
    with Stage(sys.argv[1]) as stage:
        server = stage.server("--world", ROOT / "tests/real/cookiefactory", "--data", data, "--speed", str(SPEED),
                              *sys.argv[4:])
        clients = {}
        for name, walk in WALKS.items():
            clients[name] = stage.client("--headless", "--size", "480x270", "--quality", "low", "--name", name, "--walk", walk,
                                         "--seconds", seconds, "--dump", f"{name}.json", "--linger", "5", env=software_gl())
        for name, client in clients.items():
            check(client.wait(float(seconds) + 60) == 0, f"{name}'s client did not end well")
        dumps = {name: stage.dump(f"{name}.json") for name in clients}
        for name, dump in dumps.items():
            compared = check_values(name, dump, series)
            check(compared >= 82, f"{name}: only {compared} values")
            print(f"{name}: {compared} values equal to the recording at {dump['source_time_ns']}, "
                  f"{dump['frame']['count']} frames, {dump['net']['snapshots']} snapshots, {dump['net']['lost']} lost")
        worst = check_people(dumps)
        equal = check_agreement(*dumps.values())
        server.stop()
        check(server.process.returncode == 0, f"the server ends with {server.process.returncode}")
        print(f"each sees the other within {worst * 1000:.1f} mm; {equal} values of equal source time agree")


if __name__ == "__main__":
    main()
