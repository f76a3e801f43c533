#!/usr/bin/env python3
"""Who is who: keys are made on first use and servers pinned; a server with another key is refused loudly; roles; what goes
over the wire cannot be read; plaintext only where both sides ask for it.

usage: identity.py BIN_FOLDER
"""
import re
import socket
import stat
import sys
import threading

from harness import CONFIG, ROOT, check
from stage import Stage, software_gl

EXIT_OK, EXIT_USAGE, EXIT_INPUT, EXIT_CONNECTION = 0, 2, 3, 4
NAME = "Ada-of-the-cookie-factory"
LOOK = ["--headless", "--size", "64x64", "--quality", "low", "--frames", "1", "--name", NAME]


class Tap:
    """Passes datagrams between one client and the server and keeps a copy."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.front, self.back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.front.bind(("127.0.0.1", 0))
        self.back.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.client, self.seen, self.running = None, [], True
        for side in (self.front, self.back):
            side.settimeout(0.2)
            threading.Thread(target=self.pump, args=(side,), daemon=True).start()

    def pump(self, side):
        while self.running:
            try:
                data, peer = side.recvfrom(65536)
            except TimeoutError:
                continue
            self.seen.append(data)
            if side is self.front:
                self.client = peer
                self.back.sendto(data, self.server)
            elif self.client:
                self.front.sendto(data, self.client)


def server_of(stage, *options, port=None, env=None):
    server = stage.start([stage.bin / "dtmv-server", "--world", ROOT / "assets/worlds/plant", *options,
                          "--port", str(port or 0)], env=env)
    match = server.wait_line(r"listening on \S+:(\d+)", 20)
    check(match, f"the server does not listen: {server.text()}")
    stage.port = int(match.group(1))
    return server


def key_of(server):
    match = server.wait_line(r"public key is (\S{44})", 10)
    check(match, f"the server does not say its key: {server.text()}")
    return match.group(1)


def look(stage, what, code, *options, words="", env=None):
    client = stage.client(*LOOK, *options, env={**software_gl(), **(env or {})})
    ended = client.wait(60)
    check(ended == code, f"{what}: exit {ended}, not {code}: {client.text()}")
    check(re.search(words, client.text()), f"{what}: no {words!r} in {client.text()}")
    print(f"{what}: exit {code}")
    return client


def first_use(stage):
    server = server_of(stage)
    key, port = key_of(server), stage.port
    look(stage, "first use", EXIT_OK, words=f"first time at 127.0.0.1:{port}: its key {re.escape(key)}")
    look(stage, "second use", EXIT_OK, words="the key it had before")
    folder = CONFIG / "dtmv"
    check(stat.S_IMODE((folder / "identity.key").stat().st_mode) == 0o600, "the identity is not mode 0600")
    check(f"127.0.0.1:{port} {key}\n" in (folder / "known_hosts").read_text(), "the server is not in known_hosts")
    check(server.wait_line(r"127\.0\.0\.1:\d+ has the key \S{44}: viewer", 5), f"no role in the log: {server.text()}")
    server.terminate()
    return port


def another_key(stage, port):
    server = server_of(stage, "--identity", stage.path / "other.key", port=port)
    lines = (CONFIG / "dtmv/known_hosts").read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if text.startswith(f"127.0.0.1:{port} "))
    look(stage, "another key", EXIT_CONNECTION,
         words=rf"known_hosts:{line}: THE SERVER 127\.0\.0\.1:{port} HAS ANOTHER KEY")
    check(server.wait_line("has the key", 0.5) is None, "the client showed its key to the wrong server")
    look(stage, "the key given", EXIT_OK, "--server-key", key_of(server))
    look(stage, "another key given", EXIT_CONNECTION, "--server-key", "A" * 43 + "=", words="--server-key")
    look(stage, "no key given", EXIT_INPUT, "--server-key", "secret", words="not a public key")
    server.terminate()


def roles(stage):
    mine = re.search(r"public key is (\S{44})", (CONFIG / "dtmv/identity.key").read_text()).group(1)
    (stage.path / "keys").write_text(f"# people\noperator {mine} Ada\n")
    listed = ["--authorized-keys", stage.path / "keys", "--default-role", "none"]
    server = server_of(stage, *listed)
    look(stage, "listed", EXIT_OK)
    check(server.wait_line(r"\(Ada\): operator", 5), f"no operator: {server.text()}")
    look(stage, "not listed", EXIT_CONNECTION, "--identity", stage.path / "stranger.key", words="key shown is not accepted")
    server.terminate()
    (stage.path / "keys").write_text(f"\noperator {mine[:-3]} Ada\n")
    server = stage.start([stage.bin / "dtmv-server", *listed, "--port", "0"])
    check(server.wait(10) == EXIT_INPUT and "keys:2: " in server.text(), f"bad authorised keys: {server.text()}")


def kept_secret(stage):
    server = server_of(stage)
    tap = Tap(stage.port)
    stage.port = tap.port
    look(stage, "through a tap", EXIT_OK)
    tap.running = False
    wire = b"".join(tap.seen)
    check(len(tap.seen) > 100, f"the tap saw {len(tap.seen)} datagrams")
    check(NAME.encode() not in wire and b"world.json" not in wire, "names can be read on the wire")
    server.terminate()


def plaintext(stage):
    server = server_of(stage, "--plaintext")
    check("NOTHING IS ENCRYPTED" in server.text(), "the server is silent about it")
    tap = Tap(stage.port)
    port, stage.port = stage.port, tap.port
    look(stage, "plaintext on both sides", EXIT_OK, "--plaintext", words="NOTHING IS ENCRYPTED")
    tap.running = False
    check(NAME.encode() in b"".join(tap.seen), "the tap sees nothing: the test above proves nothing")
    stage.port = port
    look(stage, "sealed client, plain server", EXIT_CONNECTION)
    server.terminate()
    server = server_of(stage)
    look(stage, "plain client, sealed server", EXIT_CONNECTION, "--plaintext", words="secure handshake failed|could not be understood")
    server.terminate()


def no_home(stage):
    bare = {k: v for k, v in software_gl().items() if k not in ("HOME", "XDG_CONFIG_HOME")}
    server = server_of(stage, env=bare)
    check("no lasting identity" in server.text(), f"no warning: {server.text()}")
    client = stage.client(*LOOK, env=bare)
    check(client.wait(60) == EXIT_OK and "cannot be checked" in client.text(), f"no home: {client.text()}")
    print("no home: exit 0")
    server.terminate()
    (CONFIG / "dtmv/identity.key").chmod(0o644)
    server = stage.start([stage.bin / "dtmv-server", "--port", "0"])
    check(server.wait(10) == EXIT_INPUT and "chmod 600" in server.text(), f"readable by all: {server.text()}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with Stage(sys.argv[1]) as stage:
        port = first_use(stage)
        another_key(stage, port)
        roles(stage)
        kept_secret(stage)
        plaintext(stage)
        no_home(stage)


if __name__ == "__main__":
    main()
