#!/usr/bin/env python3
"""Each process of the live loop is killed (SIGKILL) in turn, and the broker too, for ROUNDS rounds; a client stays all the
time. After each kill the process is started again, and everything must find together: systems registered, things
bound, values flowing, the client in the world. At the end the client's own dump shows every value fresh.

usage: kill_rounds.py BIN_FOLDER [ROUNDS]
"""
import json
import statistics
import sys
import time

from four_processes import FourProcesses, run_client, wait_until
from harness import check
from stage import Stage

VICTIMS = ["physical", "twin", "enabler", "service", "broker"]
PATIENCE_S = 30
SYNC = 'dtmv_interface_messages_total{interface="MII",message="MII_SYNC"}'


def system_up(metrics, name, kind):
    return metrics.get(f'dtmv_system_up{{system="{name}",kind="{kind}"}}') == 1


def all_well(four):
    """What is still missing; empty when everything is as it should be."""
    metrics = four.metrics()
    missing = []
    if not metrics:
        return ["no gateway"]
    for name, kind in (("plant", "twin"), ("metaverse", "metaverse"), ("condition-monitoring", "service")):
        if not system_up(metrics, name, kind):
            missing.append(f"{name} is not up")
    if metrics["dtmv_metaverse_things_bound"] != 11:
        missing.append(f"{metrics['dtmv_metaverse_things_bound']:.0f} things bound")
    if metrics["dtmv_metaverse_people"] != 1:
        missing.append(f"{metrics['dtmv_metaverse_people']:.0f} people")
    for quality in ("none", "stale", "bad"):
        count = metrics[f'dtmv_metaverse_properties{{quality="{quality}"}}']
        if count:
            missing.append(f"{count:.0f} properties are {quality}")
    return missing


def flows(four):
    """Whether values go from the device to the world: two more batches within a second and a half."""
    before = four.metrics().get(SYNC)
    end = time.monotonic() + 1.5
    while before is not None and time.monotonic() < end:
        time.sleep(0.15)
        if four.metrics().get(SYNC, 0) >= before + 2:
            return True
    return False


def whole(four):
    return not all_well(four) and flows(four)


def kill(four, victim):
    if victim == "broker":
        four.broker.kill()
        wait_until("the loss is seen", lambda: "stale" in " ".join(all_well(four)), 5)
        four.broker.start()
    else:
        four.kill(victim)
        if victim == "enabler":
            time.sleep(0.5)
        else:
            wait_until("the loss is seen", lambda: all_well(four), 10)
        four.start(victim)


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with Stage(sys.argv[1]) as stage:
        four = FourProcesses(stage)
        times = {victim: [] for victim in VICTIMS}
        try:
            four.start_all()
            client = stage.client("--headless", "--name", "Vic", "--role-key", four.viewer_key, "--size", "64x64", "--quality",
                                  "low", "--fps-limit", "5", "--dump", "vic.json", "--log-level", "info")
            wait_until("the beginning", lambda: whole(four), PATIENCE_S)
            for number in range(rounds):
                victim = VICTIMS[number % len(VICTIMS)]
                kill(four, victim)
                began = time.monotonic()
                while not whole(four):
                    check(time.monotonic() - began < PATIENCE_S, f"round {number + 1}, {victim}: not whole after {PATIENCE_S} s: "
                          f"{all_well(four)}")
                    time.sleep(0.1)
                times[victim].append(time.monotonic() - began)
                print(f"round {number + 1}: {victim} killed: whole again {times[victim][-1]:.1f} s after its start", flush=True)
            check(client.process.poll() is None, f"the client ended: {client.text()[-1500:]}")
            code, lines = run_client(stage, "--role-key", four.operator_key, "--act", "valve-2.setPosition=60", timeout_s=150)
            check(code == 0, f"after all that a valve does not obey: {lines}")
            time.sleep(11)  # the slowest property is measured every 10 s
            client.terminate(20)
            dump = stage.dump("vic.json")
            wrong = [(thing["id"], name, value["quality"]) for thing in dump["things"]
                     for name, value in thing["properties"].items() if value["quality"] != "good"]
            check(not wrong, f"not fresh in the client at the end: {wrong}")
        finally:
            four.close()
        for victim, took in times.items():
            if took:
                print(f"{victim}: {len(took)} kills, median {statistics.median(took):.1f} s, worst {max(took):.1f} s")
        print(f"{rounds} rounds, one client all the time, every value fresh at its end")


if __name__ == "__main__":
    main()
