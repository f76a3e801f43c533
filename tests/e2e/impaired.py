#!/usr/bin/env python3
"""The cookie factory through a bad network: 150 ms round trip, 5 % loss, jitter, reorder and duplication, on real sockets.

Dumps must still equal the recording, and people must still see each other where they are.

usage: impaired.py BIN_FOLDER DATA_FOLDER [SECONDS]
"""
import pathlib
import sys

from cookie_factory import SPEED, WALKS, check_agreement, check_people, check_values, read_recording
from harness import ROOT, check, skip
from stage import Stage, software_gl

# What was lost is sent again after a round trip and a little, seldom after two or three: source time runs SPEED times
# as fast, so this is one second.
LATE_NS = SPEED * 1_000_000_000
NETWORK = ["--latency-ms", "75", "--jitter-ms", "15", "--loss", "0.05", "--reorder", "0.02", "--duplicate", "0.02"]


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    data = (pathlib.Path(sys.argv[2]) / "cookiefactory").resolve()
    seconds = sys.argv[3] if len(sys.argv) == 4 else "18"
    if not (data / "telemetry.csv").exists():
        skip(f"no recording in {data}")
    series = read_recording(data / "telemetry.csv")
    with Stage(sys.argv[1]) as stage:
        stage.server("--world", ROOT / "tests/real/cookiefactory", "--data", data, "--speed", str(SPEED))
        relay = stage.relay(*NETWORK)
        clients = {}
        for name, walk in WALKS.items():
            clients[name] = stage.client("--headless", "--size", "320x180", "--quality", "low", "--name", name, "--walk", walk,
                                         "--seconds", seconds, "--dump", f"{name}.json", "--linger", "5", env=software_gl())
        for name, client in clients.items():
            client.finish(float(seconds) + 90)
        relay.terminate()
        dumps = {name: stage.dump(f"{name}.json") for name in clients}
        for name, dump in dumps.items():
            compared = check_values(name, dump, series, LATE_NS)
            check(compared >= 82, f"{name}: only {compared} values")
            check(dump["net"]["rtt_ms"] >= 140, f"{name}: a round trip of {dump['net']['rtt_ms']} ms: not impaired at all")
            print(f"{name}: {compared} values equal to the recording, round trip {dump['net']['rtt_ms']:.0f} ms, "
                  f"{dump['net']['snapshots']} snapshots, {dump['net']['lost']} lost")
        worst = check_people(dumps)
        equal = check_agreement(*dumps.values())
        print(f"each sees the other within {worst * 1000:.1f} mm; {equal} values of equal source time agree")
        print(f"relay: {relay.lines[-1]}")


if __name__ == "__main__":
    main()
