#!/usr/bin/env python3
"""Memory of server and client over time: the cookie factory (or the shipped plant) looped at speed 100.

    soak.py --build build/release --seconds 600

Prints one JSON line: resident size after the first quarter, at the end, and the growth between, for both programs.
Fails when either grew by more than 2 MiB in that time or when a process died.
"""
import argparse
import json
import time

from harness import ROOT, Programs, check, finish, rss_kib, sleep_until, terminate

GROWTH_LIMIT_KIB = 2048


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--speed", type=float, default=100)
    parser.add_argument("--world", default="plant")
    parser.add_argument("--data")
    arguments = parser.parse_args()

    world = ["--world", arguments.world, "--speed", arguments.speed, "--loop"]
    if arguments.data:
        world += ["--data", arguments.data]
    with Programs(arguments.build) as programs:
        server = programs.server(*world)
        client = programs.client(server.address, "Soak", "--seconds", arguments.seconds + 2)
        while not client_is_live(client):
            time.sleep(0.1)
        began = time.monotonic()
        samples = []
        while time.monotonic() < began + arguments.seconds:
            sleep_until(began + len(samples) * max(0.5, arguments.seconds / 120))
            check(server.poll() is None, f"the server died: {server.log.read_text()[-1000:]}")
            if client.poll() is not None:
                break
            samples.append((rss_kib(server), rss_kib(client)))
        finish(client, 60)
        terminate(server)
    settled = samples[len(samples) // 4:]
    check(len(settled) >= 3, "too few samples: choose more --seconds")
    figures = {"seconds": arguments.seconds, "speed": arguments.speed, "samples": len(samples)}
    for column, name in enumerate(("server", "client")):
        sizes = [sample[column] for sample in settled]
        figures[name] = {"rss_kib_quarter": sizes[0], "rss_kib_end": sizes[-1], "rss_kib_max": max(sizes),
                         "growth_kib": sizes[-1] - sizes[0]}
    print(json.dumps(figures))
    for name in ("server", "client"):
        check(figures[name]["growth_kib"] <= GROWTH_LIMIT_KIB, f"the {name} grew by {figures[name]['growth_kib']} KiB")


def client_is_live(client):
    check(client.poll() is None, f"the client ended early: {client.log.read_text()[-1000:]}")
    return "live" in client.log.read_text()


if __name__ == "__main__":
    main()
