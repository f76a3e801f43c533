#!/usr/bin/env python3
"""What the client says and how it ends when there is no server, no display, a stranger instead of a server, or a server
that dies.

usage: bad_server.py BIN_FOLDER
"""
import os
import signal
import socket
import sys
import threading
import time

from harness import ROOT, check
from stage import Stage, software_gl

EXIT_FAILURE, EXIT_USAGE, EXIT_CONNECTION = 1, 2, 4


def expect(stage, what, arguments, code, words, env=None, limit_s=20.0):
    start = time.monotonic()
    client = stage.start([stage.bin / "dtmv-client", *arguments], env=env or software_gl())
    ended = client.wait(limit_s + 30)
    seconds = time.monotonic() - start
    text = "\n".join(client.lines)
    check(ended == code, f"{what}: exit {ended}, not {code}: {text}")
    check(words in text, f"{what}: says {text!r}, not {words!r}")
    check(seconds <= limit_s, f"{what}: took {seconds:.1f} s")
    print(f"{what}: exit {code} after {seconds:.1f} s: {client.lines[-1]}")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stranger:
    """Answers every datagram with nonsense."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.running = True
        self.thread = threading.Thread(target=self.answer, daemon=True)
        self.thread.start()

    def answer(self):
        count = 0
        while self.running:
            try:
                data, peer = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            count += 1
            self.socket.sendto(bytes((count * 37 + i * 11) & 255 for i in range(len(data) + count % 50)), peer)

    def stop(self):
        self.running = False
        self.thread.join()
        self.socket.close()


def server_dies(stage):
    server = stage.server("--world", ROOT / "assets/worlds/plant", "--resume-seconds", "7")
    client = stage.client("--headless", "--size", "320x180", "--quality", "low", "--name", "Ada", env=software_gl())
    check(client.wait_line(r"live after", 60), "the client does not go live")
    server.process.send_signal(signal.SIGKILL)
    start = time.monotonic()
    check(client.wait(30) == EXIT_CONNECTION, "the client outlives its server")
    seconds = time.monotonic() - start
    check(6.5 <= seconds < 9, f"the client waits {seconds:.1f} s, not 7, for the server to come back")
    check("trying to come back" in client.text() and "has not been heard for 7 s" in client.text(), "no word of the lost server")
    print(f"dead server: exit {EXIT_CONNECTION} after {seconds:.1f} s: {client.lines[-1]}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    small = ["--headless", "--size", "320x180", "--quality", "low"]
    with Stage(sys.argv[1]) as stage:
        expect(stage, "no address", small, EXIT_USAGE, "--connect")
        expect(stage, "bad address", ["--connect", "127.0.0.1:99999"], EXIT_USAGE, "HOST:PORT")
        expect(stage, "bad walk", ["--connect", "127.0.0.1:1", "--walk", "1,2;x"], EXIT_USAGE, "--walk")
        expect(stage, "bad camera", ["--connect", "127.0.0.1:1", "--camera", "1,2"], EXIT_USAGE, "--camera")
        expect(stage, "nobody there", ["--connect", f"127.0.0.1:{free_port()}", *small], EXIT_CONNECTION, "cannot reach",
               limit_s=12)
        blind = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        expect(stage, "no display", ["--connect", "127.0.0.1:1"], EXIT_FAILURE, "--headless", env=blind)
        stranger = Stranger()
        expect(stage, "a stranger", ["--connect", f"127.0.0.1:{stranger.port}", *small], EXIT_CONNECTION, "cannot reach",
               limit_s=12)
        stranger.stop()
        server_dies(stage)


if __name__ == "__main__":
    main()
