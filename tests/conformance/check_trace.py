#!/usr/bin/env python3
"""dtmv-trace against Python's own csv and datetime, and its behaviour on files that are bad in known ways.

The real traces are counted here from the raw file, without the mapping: rows, time steps, gaps and jitter against the
period that the Thing Description declares. Where the data is absent that part is skipped with a message.
"""
import argparse
import collections
import csv
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORLDS = ROOT / "tests" / "real" / "traces"
UTC = datetime.timezone.utc

# world: delimiter, time column, time format, hours east of UTC, columns that are properties
REAL = {
    "machine_temperature": (",", 0, "%Y-%m-%d %H:%M:%S", 0, 1),
    "ambient_temperature": (",", 0, "%Y-%m-%d %H:%M:%S", 0, 1),
    "speed": (",", 0, "%Y-%m-%d %H:%M:%S", 0, 1),
    "occupancy": (",", 1, "%Y-%m-%d %H:%M:%S", 0, 6),
    "load_profile": (";", 0, "%d.%m.%Y %H:%M", 1, 2),
}
failures = []


def check(what, got, expected):
    if got != expected:
        failures.append(f"{what}: {got!r}, expected {expected!r}")


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count_real(world, data):
    """What dtmv-trace should say of one trace, from the raw file."""
    delimiter, column, pattern, east, properties = REAL[world]
    feed = json.loads((WORLDS / world / "world.json").read_text())["feeds"][0]
    description = next((WORLDS / world).glob("*.td.json"))
    period = next(iter(json.loads(description.read_text())["properties"].values()))["dtmv:period"]
    with open(data / feed["trace"], newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))[1:]
    times = [int(datetime.datetime.strptime(row[column], pattern).replace(tzinfo=UTC).timestamp()) - east * 3600
             for row in rows]
    steps = [after - before for before, after in zip(times, times[1:])]
    gaps = [step for step in steps if step > 2 * period]
    return {
        "bytes": (data / feed["trace"]).stat().st_size,
        "rows": len(rows),
        "samples": len(rows) * properties,
        "bad": 0, "missing": 0, "unmapped": 0, "refused": 0,
        "equal_times": steps.count(0),
        "backward_times": sum(step < 0 for step in steps),
        "gaps": len(gaps) * properties,
        "largest_gap_s": max(gaps, default=0),
        "jittered": properties * sum(0 < step <= 2 * period and abs(step - period) > period / 100 for step in steps),
        "clock_resets": properties * count_clock_resets(times),
        "first_time": iso(times[0]), "last_time": iso(times[-1]), "latest_time": iso(max(times)),
        "first_error": None,
    }


def count_clock_resets(times):
    """How often the time steps back by more than a day and rises from there for three rows (MAPPING.md)."""
    resets, latest, run = 0, times[0], []
    for time in times:
        if latest - time <= 86400:
            latest, run = max(latest, time), []
            continue
        run = (run if run and time > run[-1] else []) + [time]
        if len(run) == 3:
            resets, latest, run = resets + 1, time, []
    return resets


def check_real(program, data):
    for world in REAL:
        code, out, err = run(program, "validate", "--json", "--world", WORLDS / world, "--data", data)
        check(f"{world}: exit code ({err.strip()})", code, 0)
        report = json.loads(out)
        for key, expected in count_real(world, data).items():
            check(f"{world}: {key}", report[key], expected)
        per_property = collections.Counter(entry["samples"] for entry in report["properties"])
        check(f"{world}: samples of each property", per_property, {report["rows"]: REAL[world][4]})
    print(f"{len(REAL)} real traces read as Python reads them")


# name: bytes, exit code of validate, exit code of info, what standard error or output must say
HEAD = b"timestamp,value\n"
BAD = {
    "good": (HEAD + b"2020-01-01 00:00:00,20\n2020-01-01 00:05:00,21\n", 0, 0, '"refused": 0'),
    "crlf": (b"\xef\xbb\xbf" + HEAD.replace(b"\n", b"\r\n") + b'"2020-01-01 00:00:00","20"\r\n2020-01-01 00:05:00,21',
             0, 0, '"samples": 2'),
    "empty": (b"", 3, 3, "ends before its header"),
    "no rows": (HEAD, 3, 0, "holds no sample"),
    "other header": (b"time,value\n2020-01-01 00:00:00,20\n", 3, 3, "no column called timestamp"),
    "utf-16": ((HEAD + b"2020-01-01 00:00:00,20\n").decode().encode("utf-16"), 3, 3, "UTF-16"),
    "nul": (HEAD + b"2020-01-01 00:00:00,20\n2020-01-01 00:05:00,2\x001\n", 3, 0, "trace.csv:3: row holds a NUL byte"),
    "long line": (HEAD + b"2020-01-01 00:00:00,20\n" + b"9" * 10_000_000 + b"\n2020-01-01 00:10:00,20\n", 3, 0,
                  "trace.csv:3: row is longer than"),
    "not finite": (HEAD + b"2020-01-01 00:00:00,nan\n2020-01-01 00:05:00,1e999\n2020-01-01 00:10:00,7\n", 3, 0,
                   "trace.csv:2: 'nan' is not a decimal number"),
    "out of range": (HEAD + b"2020-01-01 00:00:00,1000000\n2020-01-01 00:05:00,7\n", 3, 0, "Thing Description"),
    "other kind": (b"\x1f\x8b\x08\x00" + bytes(range(1, 256)) * 400, 3, 3, "trace.csv"),
    "another table": (HEAD + b"x,y\n" * 200, 3, 3, "not one of the first 100 rows"),
}


def check_bad(program):
    world = WORLDS / "machine_temperature"
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "trace.csv"
        for name, (content, validate, info, text) in BAD.items():
            trace.write_bytes(content)
            for command, expected in (("validate", validate), ("info", info)):
                code, out, err = run(program, command, "--json", "--world", world, trace)
                check(f"{name}: exit code of {command}", code, expected)
            code, out, err = run(program, "validate", "--json", "--world", world, trace)
            if text not in out + err:
                failures.append(f"{name}: {text!r} is not in {out + err!r}")
    for arguments, expected in (([], 2), (["info"], 2), (["look", "--world", world], 2),
                                (["info", "--world", world, "a", "b"], 2), (["info", "--world", world, "none.csv"], 3),
                                (["info", "--world", ROOT / "tests"], 3), (["info", "--world", world, WORLDS], 3),
                                (["info", "--world", world, "--mapping", "none.json", "x"], 3), (["--version"], 0),
                                (["--help"], 0)):
        code, out, err = run(program, *arguments)
        check(f"{arguments}: exit code", code, expected)
        check(f"{arguments}: says something", bool((out + err).strip()), True)
    print(f"{len(BAD)} made-up traces and the command line behave")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    options = parser.parse_args()
    check_bad(options.program)
    if (options.data / "traces").is_dir():
        check_real(options.program, options.data / "traces")
    else:
        print(f"skipped: there are no real traces at {options.data}")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


sys.exit(main())
