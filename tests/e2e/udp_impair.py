#!/usr/bin/env python3
"""A UDP relay on loopback that impairs what passes: latency, jitter, loss, duplication, reorder (no tc netem needed).

    udp_impair.py --to 127.0.0.1:40000 --latency-ms 75 --jitter-ms 10 --loss 0.05 --duplicate 0.02 --reorder 0.02

Prints "relaying on 127.0.0.1:PORT". Every client gets its own socket towards the server, so the server sees as many
peers as there are. The same seed drops the same packets for the same traffic. Ends on SIGTERM with a line of counts.
"""
import argparse
import heapq
import json
import random
import select
import signal
import socket
import time


class Relay:
    def __init__(self, arguments):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        host, port = arguments.to.rsplit(":", 1)
        self.server = (host, int(port))
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", arguments.port))
        self.back = {}     # client address -> socket towards the server
        self.owner = {}    # that socket -> client address
        self.queue = []    # (due, order, socket, address, data)
        self.order = 0
        self.counts = {"forwarded": 0, "lost": 0, "duplicated": 0, "reordered": 0, "clients": 0}
        self.running = True

    def schedule(self, sock, address, data):
        a = self.arguments
        if self.random.random() < a.loss:
            self.counts["lost"] += 1
            return
        copies = 1
        if self.random.random() < a.duplicate:
            self.counts["duplicated"] += 1
            copies = 2
        for _ in range(copies):
            delay = a.latency_ms + self.random.uniform(0, a.jitter_ms)
            if self.random.random() < a.reorder:
                self.counts["reordered"] += 1
                delay += max(a.latency_ms, 20)
            self.order += 1
            heapq.heappush(self.queue, (time.monotonic() + delay / 1000, self.order, sock, address, data))

    def receive(self, sock):
        try:
            data, address = sock.recvfrom(65535)
        except ConnectionError:
            return  # the other end is gone; UDP tells us once
        if sock is self.front:
            if address not in self.back:
                self.back[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.back[address].bind(("127.0.0.1", 0))
                self.owner[self.back[address]] = address
                self.counts["clients"] += 1
            self.schedule(self.back[address], self.server, data)
        elif address == self.server:
            self.schedule(self.front, self.owner[sock], data)

    def deliver(self):
        now = time.monotonic()
        while self.queue and self.queue[0][0] <= now:
            _, _, sock, address, data = heapq.heappop(self.queue)
            try:
                sock.sendto(data, address)
                self.counts["forwarded"] += 1
            except ConnectionError:
                pass

    def run(self):
        print(f"relaying on 127.0.0.1:{self.front.getsockname()[1]}", flush=True)
        while self.running:
            wait = min(0.2, max(0.0, self.queue[0][0] - time.monotonic())) if self.queue else 0.2
            ready, _, _ = select.select([self.front, *self.owner], [], [], wait)
            for sock in ready:
                self.receive(sock)
            self.deliver()
        print(json.dumps(self.counts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0, help="one way")
    parser.add_argument("--jitter-ms", type=float, default=0)
    parser.add_argument("--loss", type=float, default=0)
    parser.add_argument("--duplicate", type=float, default=0)
    parser.add_argument("--reorder", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    relay = Relay(parser.parse_args())

    def end(_signal, _frame):
        relay.running = False

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    relay.run()


if __name__ == "__main__":
    main()
