#!/usr/bin/env python3
"""A client that loses its connection comes back into its session, on real sockets with the real programs: after a change of
address, a network that is gone for seconds, disconnects forged towards either side, and a server that began anew.

A relay between one client and the server does it; the other client looks on, undisturbed, and must never see anyone leave.

usage: resume.py BIN_FOLDER
"""
import math
import os
import re
import socket
import sys
import threading
import time

from harness import ROOT, check
from stage import Stage, software_gl

PLANT = ROOT / "assets/worlds/plant"
LOOK = ["--headless", "--size", "96x64", "--quality", "low", "--fps-limit", "10"]
STEP = 0.1  # metres; a step is 4.2 cm at most


class Relay:
    """Passes datagrams between one client and the server, reads what ENet says in the clear, and can act on it."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.front = self.new_socket()
        self.port = self.front.getsockname()[1]
        self.client = None
        self.silent = False
        self.running = True
        self.last_to_server = self.last_to_client = b""
        self.back = None
        self.change_address()
        threading.Thread(target=self.pump, args=(self.front,), daemon=True).start()

    @staticmethod
    def new_socket():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.2)
        return sock

    def change_address(self):
        """From now on the client's datagrams come from another port, and what is sent to the old one is lost."""
        self.back = self.new_socket()
        threading.Thread(target=self.pump, args=(self.back,), daemon=True).start()

    def pump(self, side):
        while self.running and side in (self.front, self.back):
            try:
                data, peer = side.recvfrom(65536)
            except (TimeoutError, ConnectionError):
                continue
            if self.silent or side not in (self.front, self.back):
                continue
            if side is self.front:
                self.client = peer
                self.last_to_server = data
                self.back.sendto(data, self.server)
            else:
                self.last_to_client = data
                if self.client:
                    self.front.sendto(data, self.client)

    @staticmethod
    def disconnect(seen, reason):
        """What an attacker makes of one datagram seen: its header has the receiver's peer id and the session in the clear."""
        peer = int.from_bytes(seen[:2], "big") & 0x3FFF  # peer id and session bits, without the flags
        header = (0x8000 | peer).to_bytes(2, "big") + b"\0\0"  # with a sent time
        unsequenced = 4 | 0x40
        return header + bytes((unsequenced, 0xFF, 0, 1)) + reason.to_bytes(4, "big")

    def forge_to_client(self, reason):
        self.front.sendto(self.disconnect(self.last_to_client, reason), self.client)

    def forge_to_server(self, reason):
        self.back.sendto(self.disconnect(self.last_to_server, reason), self.server)


class Pair:
    """A server, Ada behind a relay and Bob beside it."""

    def __init__(self, stage, seconds, *options, client_options=()):
        self.stage = stage
        self.server = stage.server("--world", PLANT, "--max-clients", "2", "--log-level", "debug", *options)
        self.direct = stage.port
        self.relay = Relay(stage.port)
        self.bob = stage.client(*LOOK, "--name", "Bob", "--seconds", str(seconds + 1), "--dump", "bob.json", "--log-level",
                                "debug", *client_options, env=software_gl())
        check(self.bob.wait_line(r"live after", 60), "Bob does not go live")
        stage.port = self.relay.port
        self.ada = stage.client(*LOOK, "--name", "Ada", "--walk", "0,6;-1.5,5", "--seconds", str(seconds), "--dump",
                                "ada.json", "--linger", "4", "--log-level", "debug", *client_options, env=software_gl())
        check(self.ada.wait_line(r"live after", 60), "Ada does not go live")
        self.number = int(self.server.wait_line(r"\(Ada\): joined as number (\d+)", 5).group(1))
        time.sleep(4)  # she walks, and stands

    def backs(self, who="session"):
        return sum(f"{who}: back in the session" in line for line in self.ada.lines)

    def lose(self, what, act, limit_s=2.0):
        if os.getloadavg()[0] > 3 * (os.cpu_count() or 1):  # others' work is measured then, not ours
            limit_s *= 2
        before, start = self.backs(), time.monotonic()
        act()
        while self.backs() == before:
            check(time.monotonic() - start < limit_s + 3, f"{what}: not back: {self.ada.text()[-1500:]}")
            time.sleep(0.01)
        seconds = time.monotonic() - start
        check(seconds <= limit_s, f"{what}: back after {seconds:.2f} s, later than {limit_s} s")
        check(self.server.wait_line(rf"\(Ada\): is back as number {self.number}\b", 5), f"{what}: {self.server.text()[-800:]}")
        print(f"{what}: back after {seconds:.2f} s")
        time.sleep(1)

    def finish(self, reconnects):
        self.ada.finish(60)
        self.bob.finish(60)
        self.relay.running = False
        text = self.server.text()
        left = re.search(r"\(Ada\): did not come back|\(Ada\): connection lost$|\(Bob\): connection lost", text, re.M)
        check(left is None, f"somebody left: {left and left.group(0)}")
        check("ticket" not in text.lower(), "the server's log speaks of tickets")
        ada, bob = self.stage.dump("ada.json"), self.stage.dump("bob.json")
        check(ada["session"] == self.number, f"Ada is number {ada['session']}, not {self.number}")
        check(ada["net"]["reconnects"] == reconnects and ada["net"]["rejoins"] == 0, f"Ada's dump counts {ada['net']}")
        check(bob["net"]["reconnects"] == 0, "Bob was disturbed")
        own = next(a for a in ada["avatars"] if a["self"])
        seen = [a for a in bob["avatars"] if a["name"] == "Ada"]
        check(len(seen) == 1, f"Bob sees {[a['name'] for a in bob['avatars']]}")
        check(math.dist(own["position"], seen[0]["position"]) < STEP, f"{own} is seen as {seen[0]}")
        check(math.dist(own["position"], (-1.5, own["position"][1], 5)) < 0.5, f"Ada ended at {own['position']}")
        self.server.terminate()


def sealed(stage):
    pair = Pair(stage, 16)
    pair.lose("another source port", pair.relay.change_address)
    pair.lose("once more", pair.relay.change_address)
    pair.finish(2)


def plain(stage):
    """Without the secure channel a forged disconnect is believed; the session survives it all the same."""
    pair = Pair(stage, 14, "--plaintext", client_options=["--plaintext"])
    pair.lose("disconnect forged to the client", lambda: pair.relay.forge_to_client(8))
    pair.lose("disconnect forged to the server", lambda: pair.relay.forge_to_server(0))
    pair.finish(2)


def outage(stage):
    pair = Pair(stage, 14)

    def gone():
        pair.relay.silent = True
        time.sleep(3)
        pair.relay.silent = False

    before = pair.backs()
    gone()
    check(pair.ada.wait_line(r"trying to come back", 1), "Ada notices nothing")
    end = time.monotonic() + 8
    while time.monotonic() < end and pair.backs() == before and not pair.ada.wait_line(r"is heard again", 0.01):
        pass
    check(pair.backs() > before or pair.ada.wait_line(r"is heard again", 0.01), "Ada does not come back")
    print(f"outage of 3 s: {'a new connection' if pair.backs() > before else 'the old connection again'}")
    time.sleep(1)
    pair.finish(pair.backs() - before)


def server_begins_anew(stage):
    """The server dies and another one with the same key and world takes its place: joined anew, nothing fetched again."""
    server = stage.server("--world", PLANT)
    port = stage.port
    ada = stage.client(*LOOK, "--name", "Ada", "--seconds", "9", "--dump", "anew.json", env=software_gl())
    check(ada.wait_line(r"live after", 60), "Ada does not go live")
    server.process.kill()
    server.process.wait(10)
    again = stage.start([stage.bin / "dtmv-server", "--world", PLANT, "--port", str(port)])
    check(again.wait_line(r"listening on", 20), "the second server does not listen")
    ada.finish(60)
    net = stage.dump("anew.json")["net"]
    check(net["rejoins"] == 1 and net["reconnects"] == 0, f"Ada's dump counts {net}")
    check(again.wait_line(r"cannot resume session \d+: there is no such session", 1), again.text()[-800:])
    check(again.wait_line(r"\(Ada\): joined as number 1", 1), again.text()[-800:])
    again.terminate()
    print("a server that began anew: joined anew")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with Stage(sys.argv[1]) as stage:
        sealed(stage)
        plain(stage)
        outage(stage)
        server_begins_anew(stage)


if __name__ == "__main__":
    main()
