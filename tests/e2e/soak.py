#!/usr/bin/env python3
"""Memory of server and client over time: the cookie factory (or the shipped plant) looped at speed 100.

    soak.py BIN_FOLDER --seconds 600

Prints one JSON line: resident size after the first quarter and at the end, and by how much the peak grew, for both.
Fails when either grew by more than 2 MiB in that time or when a process died.
"""
import argparse
import json
import time

from harness import check, rss_kib, sleep_until
from stage import Stage, software_gl

GROWTH_LIMIT_KIB = 2048


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_folder")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--speed", type=float, default=100)
    parser.add_argument("--world", default="plant")
    parser.add_argument("--data")
    arguments = parser.parse_args()

    world = ["--world", arguments.world, "--feed", "replay", "--speed", str(arguments.speed), "--loop"]
    if arguments.data:
        world += ["--data", arguments.data]
    with Stage(arguments.bin_folder) as stage:
        server = stage.server(*world)
        client = stage.client("--headless", "--size", "320x180", "--name", "Soak", "--seconds", str(arguments.seconds + 2),
                              "--quality", "low", env=software_gl())
        check(client.wait_line(r"\blive\b", 60), "the client does not get the world")
        began = time.monotonic()
        samples = []
        while time.monotonic() < began + arguments.seconds and client.process.poll() is None:
            samples.append((rss_kib(server.process.pid), rss_kib(client.process.pid)))
            sleep_until(began + len(samples) * max(0.5, arguments.seconds / 120))
            check(server.process.poll() is None, "the server died")
        client.finish(60)
        server.terminate()
    settled = samples[len(samples) // 4:]
    check(len(settled) >= 3, "too few samples: choose more --seconds")
    figures = {"seconds": arguments.seconds, "speed": arguments.speed, "samples": len(samples)}
    for column, name in enumerate(("server", "client")):
        sizes = [sample[column] for sample in settled]
        half = len(sizes) // 2  # software drawing takes and gives back some MiB all the time: the peaks are compared
        figures[name] = {"rss_kib_quarter": sizes[0], "rss_kib_end": sizes[-1], "rss_kib_max": max(sizes),
                         "growth_kib": max(sizes[half:]) - max(sizes[:half])}
    print(json.dumps(figures))
    for name in ("server", "client"):
        check(figures[name]["growth_kib"] <= GROWTH_LIMIT_KIB, f"the {name} grew by {figures[name]['growth_kib']} KiB")


if __name__ == "__main__":
    main()
