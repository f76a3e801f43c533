#!/usr/bin/env python3
"""People who come early, with odd names, by the same name, for one frame, or go without a word; a server that is shelled
with datagrams or stops while they are there; a very large world. Nobody else is disturbed, and each program
ends with the exit code it documents.

usage: visitors.py BIN_FOLDER
"""
import json
import pathlib
import random
import signal
import socket
import sys
import threading
import time

from bad_input import MAPPING, TD, WORLD, write_world
from bad_server import free_port
from harness import ROOT, check
from stage import Stage, software_gl

CONNECTION = 4  # exit code: cannot connect, refused or connection lost
PLANT = ROOT / "assets/worlds/plant"
SMALL = ["--headless", "--size", "160x90", "--quality", "low", "--linger", "0"]


def visit(stage, *arguments):
    return stage.client(*SMALL, *arguments, env=software_gl())


def go_live(client):
    match = client.wait_line(r"live after .* as '(.*)'", 60)
    check(match, f"a client does not go live: {client.text()[-600:]}")
    return match.group(1)


def early_visitor(stage):
    """A client that is started a moment before its server waits for it."""
    stage.port = free_port()
    client = visit(stage, "--frames", "3")
    time.sleep(1)
    server = stage.start([stage.bin / "dtmv-server", "--world", PLANT, "--port", stage.port])
    client.finish(60)
    server.terminate()
    print("a client that came before the server is let in")


def odd_names(stage):
    for name, granted in [("two\nlines", "two?lines"), ("é" * 45, "é" * 31), ("\udcff\udcfe", "??"), ("", "Guest")]:
        client = visit(stage, "--frames", "2", "--name", name)
        check(go_live(client) == granted, f"{name!r} is called {client.text()!r}")
        client.finish(30)
    print("odd names are cleaned")


def one_frame(stage):
    """What a single frame shows is whole: values, and the avatar of who looks."""
    client = visit(stage, "--frames", "1", "--dump", "one.json", "--name", "Brief")
    client.finish(60)
    dump = stage.dump("one.json")
    check([a["name"] for a in dump["avatars"] if a["self"]] == ["Brief"], f"who looks is not there: {dump['avatars']}")
    check(dump["frame"]["count"] == 1 and dump["source_time_ns"] is not None, f"no whole frame: {dump['frame']}")
    values = [p["value"] for thing in dump["things"] for p in thing["properties"].values()]
    check(values and any(v is not None for v in values), "no values in the first frame")
    print("one frame shows values and oneself")


def dump_to_a_device(stage):
    client = visit(stage, "--frames", "1", "--dump", "/dev/stdout")
    client.finish(60)
    check('"server_time_ns"' in client.text(), "no dump on standard output")
    check(not pathlib.Path("/dev/stdout").is_file() or pathlib.Path("/dev/stdout").is_symlink(), "/dev/stdout was replaced")


def shell(port, stop):
    """Datagrams of every kind, as fast as they go, up to 100,000."""
    generator = random.Random(7)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    block = generator.randbytes(1 << 16)
    for i in range(100_000):
        if stop.is_set():
            break
        start = generator.randrange(len(block) - 1500)
        data = bytearray(block[start:start + (i * 7) % 1400])
        if i % 3 and len(data) >= 8:
            data[0:4] = bytes((0x8F, 0xFF, 0, 0)) if i % 3 == 1 else bytes((0x80, i % 16, 0, 0))
            data[4] = (0x80 if i % 5 else 0) | i % 13
        sock.sendto(data, ("127.0.0.1", port))
        if i % 500 == 0:
            time.sleep(0.005)
    sock.close()


def people_and_shells(stage, server):
    """Two by one name and a third who is killed, under fire; the two others see it all and are never disturbed."""
    stop = threading.Event()
    fire = threading.Thread(target=shell, args=(stage.port, stop))
    fire.start()
    first = visit(stage, "--seconds", "24", "--dump", "first.json", "--name", "Ada", "--linger", "3")
    check(go_live(first) == "Ada", "the first Ada is not called so")
    second = visit(stage, "--seconds", "22", "--dump", "second.json", "--name", "ada", "--linger", "3")
    check(go_live(second) == "ada 2", f"the second Ada is called {second.text()[-300:]!r}")
    doomed = visit(stage, "--name", "Doomed")
    go_live(doomed)
    time.sleep(0.5)
    doomed.process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    check(server.wait_line(r"\(Doomed\): .*(lost|heard)", 20), "the server does not miss who was killed")
    check(time.monotonic() - killed < 12, "a killed client stays for too long")
    first.finish(90)
    second.finish(90)
    stop.set()
    fire.join()
    for name in ("first.json", "second.json"):
        dump = stage.dump(name)
        people = sorted(a["name"] for a in dump["avatars"])
        check(people == ["Ada", "ada 2"], f"{name} shows {people}")
        check(dump["net"]["lost"] <= dump["net"]["snapshots"] / 10, f"{name} lost too much: {dump['net']}")
    print("two of one name under fire see each other; a third who was killed is gone")


def other_version(stage):
    """A connection that says another protocol version is told so; the words are in the server's log, too."""
    server = stage.server("--world", PLANT, "--plaintext")
    knock = bytearray.fromhex("8fff0000")  # ENet header: no peer yet, sent time
    knock += bytes((0x82, 0xFF, 0, 1))  # CONNECT, acknowledge
    knock += bytes.fromhex("00000000 00000578 00010000 00000003 00000000 00000000 00001388 00000002 00000002 12345678")
    knock += (0x44540000 | 99).to_bytes(4, "big")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(knock, ("127.0.0.1", stage.port))
        answer = sock.recv(2048)
        check(answer[4] & 15 == 3, f"CONNECT is answered by {answer.hex()}")
        peer = int.from_bytes(answer[8:10], "big")
        session = answer[11]
        head = (0x8000 | session << 12 | peer).to_bytes(2, "big") + b"\0\0"
        sock.sendto(head + bytes((1, 0xFF)) + answer[6:8] + answer[6:8] + answer[2:4], ("127.0.0.1", stage.port))
        said = b"".join(sock.recv(2048) for _ in range(1))
    check(server.wait_line(r"speaks protocol version \d+, your client version 99", 5),
          f"the log does not tell of the other version: {said.hex()} {server.text()[-500:]}")
    server.terminate()
    print("another protocol version is refused")


def large_world(stage):
    """A world of many thousand values, far more than fit one packet, is whole in the first picture."""
    things = 12000
    properties = {f"p{i}": {k: v for k, v in TD["properties"]["level"].items() if k != "multipleOf"} for i in range(4)}
    mapping = {**{k: v for k, v in MAPPING.items() if k not in ("columns", "form", "header")}, "form": "long", "header": False,
               "column_names": ["time", "thing", "property", "value"], "value": {"column": "value"},
               "rows": [{"where": {"thing": "{t}", "property": "{p}"}, "thing": "{t}", "property": "{p}"}]}
    world = {**WORLD, "things": [{"id": f"t{i}", "description": "probe.td.json"} for i in range(things)], "objects": []}
    generator = random.Random(3)
    truth = {(f"t{i}", f"p{p}"): generator.random() for i in range(things) for p in range(4)}
    rows = "".join(f"{1600000000 + generator.random():.6f},{thing},{name},{value}\n" for (thing, name), value in truth.items())
    folder = write_world(stage.path / "large", world=json.dumps(world), td={**TD, "properties": properties}, mapping=mapping,
                         trace=rows)
    server = stage.server("--world", folder, "--start-offset", "5")
    time.sleep(1)
    client = visit(stage, "--frames", "1", "--dump", "large.json")
    client.finish(120)
    shown = stage.dump("large.json")["things"]
    right = sum(reported["value"] == truth[thing["id"], name] for thing in shown for name, reported in thing["properties"].items())
    check(len(shown) == things and right == 4 * things, f"{len(shown)} things, {right} right values of {things} things")
    server.terminate()
    print("a world of 48,000 values is whole in the first picture")


def server_stops(stage, server):
    clients = [visit(stage, "--name", name) for name in ("Ada", "Bob")]
    for client in clients:
        go_live(client)
    server.terminate()
    for client in clients:
        client.finish(10, CONNECTION)
        check("stopping" in client.text(), f"a client does not tell why it ends: {client.text()[-500:]}")
    print("a server that stops tells its clients")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with Stage(sys.argv[1]) as stage:
        early_visitor(stage)
        server = stage.server("--world", PLANT, "--resume-seconds", "5")
        odd_names(stage)
        one_frame(stage)
        dump_to_a_device(stage)
        people_and_shells(stage, server)
        server_stops(stage, server)
        other_version(stage)
        large_world(stage)


if __name__ == "__main__":
    main()
