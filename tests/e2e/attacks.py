#!/usr/bin/env python3
"""Attacks on a real server over real sockets, while a well-behaved client measures: it must hardly notice, newcomers must
still come in, and everything is counted and closed with a reason.

Margins are wide: the machine may be shared. What is compared are the intervals between snapshots and the round trips of the
same client before and during each attack.

usage: attacks.py BIN_FOLDER ATTACK
"""
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import threading
import time

from harness import ROOT, check
from stage import Stage, software_gl

GAP_MAX_MS = 500
JOIN_MAX_MS = 3000


class Watcher:
    """The well-behaved client."""

    def __init__(self, attack, port):
        self.process = subprocess.Popen([attack, str(port), "watch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        check(self.process.stdout.readline() == '{"live": true}\n', "the watcher does not come in")

    def since(self):
        """What it has seen since it was asked last."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def leave(self):
        self.process.stdin.close()
        check(self.process.wait(10) == 0, "the watcher was thrown out")


class Attacks:
    def __init__(self, stage, attack):
        self.attack, self.stage = attack, stage
        self.server = stage.server("--world", ROOT / "assets/worlds/plant", "--feed", "replay")
        self.port = stage.port
        self.watcher = Watcher(attack, self.port)
        time.sleep(1)
        self.watcher.since()
        time.sleep(4)
        self.before = self.watcher.since()
        check(self.before["snapshots"] > 60 and self.before["exchanges"] > 60, f"the watcher sees too little: {self.before}")

    def start(self, *mode):
        return subprocess.Popen([self.attack, str(self.port), *map(str, mode)], stdout=subprocess.PIPE, text=True)

    def join(self):
        process = self.start("join")
        return json.loads(process.communicate(timeout=40)[0])

    def undisturbed(self, what):
        during, before = self.watcher.since(), self.before
        check(not during["ended"], f"{what}: the watcher was disconnected")
        check(during["snapshots"] > 0 and during["exchanges"] > 0, f"{what}: the watcher saw nothing: {during}")
        check(during["gap_ms_max"] < max(GAP_MAX_MS, 4 * before["gap_ms_max"]), f"{what}: no snapshot for {during['gap_ms_max']} ms")
        for key, room in (("gap_ms_p99", 120), ("trip_ms_p99", 120)):
            check(during[key] < 3 * before[key] + room, f"{what}: {key} was {before[key]} and is {during[key]}")
        return f"snapshots every {during['gap_ms_p50']:.1f} ms, p99 {during['gap_ms_p99']:.1f} (before " \
               f"{before['gap_ms_p99']:.1f}), longest {during['gap_ms_max']:.1f}; round trip p99 {during['trip_ms_p99']:.1f} ms " \
               f"(before {before['trip_ms_p99']:.1f})"

    def run(self, *mode, joins=True):
        """The attack's own account, while others try to come in."""
        self.watcher.since()
        process, slowest, count = self.start(*mode), 0.0, 0
        time.sleep(1)
        while joins and process.poll() is None:
            joined = self.join()
            check(joined["joined"], f"{mode}: nobody can come in: {joined}")
            slowest, count = max(slowest, joined["ms"]), count + 1
            check(slowest < JOIN_MAX_MS, f"{mode}: coming in takes {slowest} ms")
            time.sleep(0.2)
        account = json.loads(process.communicate(timeout=120)[0])
        text = self.undisturbed(" ".join(map(str, mode)))
        came = f"; {count} came in, the slowest within {slowest:.0f} ms" if count else ""
        print(f"{' '.join(map(str, mode))}: {account}\n    {text}{came}")
        return account


class Replayer:
    """Between one client and the server: sends what has passed once more, as it was and in ENet packets of its own, so that it
    is for the secure channel to notice; in any order."""

    def __init__(self, port):
        self.server, self.random, self.client, self.running = ("127.0.0.1", port), random.Random(7), None, True
        self.front, self.back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for side in (self.front, self.back):
            side.bind(("127.0.0.1", 0))
            side.settimeout(0.2)
            threading.Thread(target=self.pump, args=(side,), daemon=True).start()
        self.port, self.kept, self.group, self.replays = self.front.getsockname()[1], [], 0, 0

    def rewrapped(self, data):
        """The first unreliable packet of a datagram under a number that ENet has not seen, or None."""
        at = 4 if data[0] & 0x80 else 2
        if len(data) < at + 8 or data[at] & 0x0F != 9:
            return None
        self.group = (self.group + 1) & 0xFFFF
        size = int.from_bytes(data[at + 6:at + 8], "big")
        return data[:at + 4] + self.group.to_bytes(2, "big") + data[at + 6:at + 8 + size]

    def pump(self, side):
        held = []
        while self.running:
            try:
                data, peer = side.recvfrom(65536)
            except (TimeoutError, ConnectionError):
                continue
            if side is self.front:
                self.client = peer
                held.append(data)
                if len(held) > 3 or self.random.random() < 0.5:  # out of order
                    self.random.shuffle(held)
                    for one in held:
                        self.back.sendto(one, self.server)
                    held.clear()
                self.replay(data)
            elif self.client:
                self.front.sendto(data, self.client)

    def replay(self, data):
        at = 4 if data[0] & 0x80 else 2
        if len(data) > at + 8 and data[at] & 0x0F == 9:
            self.group = int.from_bytes(data[at + 4:at + 6], "big") if not self.kept else self.group
            self.kept.append(data)
        for old in self.random.sample(self.kept[-500:], min(2, len(self.kept))):
            again = self.rewrapped(old) if self.random.random() < 0.5 else old
            if again:
                self.back.sendto(again, self.server)
                self.replays += 1


def replay(attacks):
    """A client all of whose datagrams are replayed and disordered lives on, and so does the watcher."""
    relay = Replayer(attacks.port)
    attacks.stage.port = relay.port
    attacks.watcher.since()
    client = attacks.stage.client("--headless", "--size", "64x64", "--quality", "low", "--fps-limit", "10", "--seconds", "6",
                                  "--name", "Ada", "--dump", "ada.json", "--linger", "0", env=software_gl())
    client.finish(60)
    relay.running = False
    net = attacks.stage.dump("ada.json")["net"]
    check(relay.replays > 300, f"only {relay.replays} replays")
    check(net["reconnects"] + net["rejoins"] <= 1 and net["snapshots"] > 60, f"replays disturbed the client: {net}")
    print(f"replay: {relay.replays} datagrams; {net}\n    {attacks.undisturbed('replay')}")


def counted(attacks, knocks):
    attacks.watcher.leave()
    attacks.server.terminate()
    text = attacks.server.text()
    closed = re.search(r"closed: (\d+) malformed, (\d+) not allowed, (\d+) flooded.*datagrams: (\d+) of nobody, (\d+) gave way",
                       text)
    secure = re.search(r"handshakes: (\d+) begun, (\d+) done, (\d+) limited, (\d+) gave way, (\d+) timed out.*"
                       r"packets: (\d+) forged, (\d+) replayed, (\d+) late", text)
    check(closed and secure, f"the server does not tell its counts: {text[-1000:]}")
    malformed, not_allowed, flooded, _, displaced = map(int, closed.groups())
    begun, done, limited, gave_way, timed_out, _, replayed, _ = map(int, secure.groups())
    check(malformed == 6 and not_allowed == 6, f"broken rules counted: {closed.group(0)}")
    check(flooded == 5, f"floods counted: {closed.group(0)}")
    check(displaced > 0.5 * knocks, f"half-open connections counted: {closed.group(0)}")
    check(begun >= done + limited + gave_way and gave_way + timed_out > 1000, f"handshakes counted: {secure.group(0)}")
    check(replayed > 100, f"replays counted: {secure.group(0)}")
    print(f"{closed.group(0)}\n{secure.group(0)}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with Stage(sys.argv[1]) as stage:
        attack = pathlib.Path(sys.argv[2]).resolve()
        os.environ["LP_NUM_THREADS"] = "1"
        attacks = Attacks(stage, attack)
        print(f"before: {attacks.before}")
        rules = attacks.run("rules")
        check(rules["wrong"] == 0, "a broken rule is not answered as it should be")
        floods = attacks.run("flood", 5)
        check(floods == {"joined": 5, "closed_for_flood": 5}, "a flood is not closed as one")
        knocks = attacks.run("knock", 10000, 3000)
        stalls = attacks.run("stall", 10000, 2000)
        check(stalls["answered"] > 1000, f"the server hardly answers: {stalls}")
        replay(attacks)
        counted(attacks, knocks["knocks"])


if __name__ == "__main__":
    main()
