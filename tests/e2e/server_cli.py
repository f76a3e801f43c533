#!/usr/bin/env python3
"""Runs the real dtmv-server: what it prints, how it ends, what it says about bad input, and that hostile datagrams
harm it in no way. Only the Python standard library; only the loopback interface."""
import argparse
import atexit
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE / "worlds" / "tiny"
CONFIG = tempfile.mkdtemp(prefix="dtmv-e2e-config-")  # keys of the test, not of whoever runs it
os.environ["XDG_CONFIG_HOME"] = CONFIG
atexit.register(shutil.rmtree, CONFIG, ignore_errors=True)
OK, FAILURE, USAGE, INPUT = 0, 1, 2, 3


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


class Server:
    """A running server; `with` makes sure that it is gone afterwards."""

    def __init__(self, program, *options, world=TINY, expect_listening=True):
        command = [program, "--world", str(world), "--port", "0", *options]
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = None
        if expect_listening:
            line = self.process.stdout.readline()
            match = re.fullmatch(r"listening on (127\.0\.0\.1):(\d+)\n", line)
            check(match, f"expected 'listening on ADDRESS:PORT', got {line!r} and {self.text()!r}")
            self.port = int(match.group(2))

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def wait_for(self, pattern, seconds=10):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text()):
            check(time.monotonic() < end, f"no {pattern!r} in the log within {seconds} s:\n{self.text()}")
            check(self.process.poll() is None, f"the server ended early:\n{self.text()}")
            time.sleep(0.05)

    def stop(self, number):
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        check(time.monotonic() - started < 3, "stopping took more than 3 s")
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def run(program, *options):
    done = subprocess.run([program, *options], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


def help_and_usage(program):
    code, out, _ = run(program, "--help")
    check(code == OK and "--start-offset" in out and "Exit codes" in out, "--help")
    code, out, _ = run(program, "--version")
    check(code == OK and re.match(r"dtmv-server \d+\.\d+\.\d+ \(", out), f"--version: {out!r}")
    for options in (["--no-such-option"], ["--speed", "0"], ["--speed", "1001"], ["--port", "65536"], ["--port", "x"],
                    ["--log-level", "loud"], ["--log-format", "xml"], ["--tick-rate", "0"], ["stray"],
                    ["--config", "/nonexistent.ini"], ["--max-clients", "4096"],
                    ["--tick-rate", "20", "--snapshot-rate", "30", "--port", "0"]):
        code, out, err = run(program, "--world", str(TINY), *options)
        check(code == USAGE and err and not out, f"{options}: exit code {code}, {err!r}")


def signals(program):
    for number, clients in ((signal.SIGTERM, "1"), (signal.SIGINT, "4095")):
        with Server(program, "--max-clients", clients) as server:
            server.wait_for("1 things")
            code = server.stop(number)
            check(code == OK, f"exit code {code} after signal {number}:\n{server.text()}")
            check("stopping: " + signal.Signals(number).name in server.text(), "the log names the signal")


def seconds_and_status(program):
    with Server(program, "--seconds", "2.2", "--speed", "10") as server:
        code = server.process.wait(timeout=15)
        lines = re.findall(r"info server: (\d+) people, (\d+) things, (\d+) samples .* tick p50 [\d.]+ ms", server.text())
        check(code == OK, f"exit code {code}")
        check(len(lines) == 2, f"one status line a second, got {len(lines)}:\n{server.text()}")
        check(all(line[:2] == ("0", "1") for line in lines), "0 people, 1 things")
        check(14 <= int(lines[0][2]) <= 30, f"about 11 rows of 2 values after 1 s at speed 10, got {lines[0][2]}")


def json_log(program):
    with Server(program, "--log-format", "json", "--seconds", "0.3") as server:
        server.process.wait(timeout=15)
        records = [json.loads(line) for line in server.text().splitlines()]
        check(records and all(record["level"] and record["text"] for record in records), "JSON lines")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "server.log"
        with Server(program, "--log-file", str(path), "--seconds", "0.2") as server:
            server.process.wait(timeout=15)
            check(server.text() == "" and "hosts the world 'tiny'" in path.read_text(), "--log-file")


def configuration(program):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "dtmv.ini"
        path.write_text("[server]\nseconds = 0.2\nlog-level = error\n")
        with Server(program, "--config", str(path)) as server:
            check(server.process.wait(timeout=15) == OK and server.text() == "", f"--config: {server.text()!r}")
        path.write_text("[server]\nseconds = 0.2\nspeeed = 3\n")
        code, _, err = run(program, "--config", str(path), "--world", str(TINY))
        check(code == USAGE and "dtmv.ini:3" in err and "speeed" in err, f"misspelt key: {code} {err!r}")


def port_in_use(program):
    with Server(program) as first:
        code, out, err = run(program, "--world", str(TINY), "--port", str(first.port), "--seconds", "1")
        check(code == FAILURE and out == "", f"second server on one port: exit code {code}")
        check("in use" in err and str(first.port) in err, f"the message names the port: {err!r}")
        check(first.process.poll() is None, "the first server goes on")
    code, out, err = run(program, "--world", str(TINY), "--bind", "192.0.2.1", "--seconds", "1")
    check(code == FAILURE and "192.0.2.1" in err, f"address of another machine: {code} {err!r}")


def hostile_datagrams(program):
    generator = random.Random(1)
    with Server(program) as server:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for i in range(4000):
            size = generator.choice((0, 1, 4, 8, 20, 48, 52, 100, 1400))
            data = bytearray(generator.randbytes(size))
            if i % 2 and size >= 8:  # looks like the start of a connection, or of one that exists
                data[0:4] = bytes((0x8F, 0xFF, 0, 0)) if i % 4 == 1 else bytes((0x80, i % 8, 0, 0))
                data[4] = (0x80 if i % 3 else 0) | generator.randrange(16)
            client.sendto(data, ("127.0.0.1", server.port))
            if i % 200 == 0:
                time.sleep(0.01)
        client.close()
        time.sleep(0.3)
        before = server.text().count(" people, ")
        server.wait_for(r"(?s)( people, .*){%d}" % (before + 2))
        check(server.stop(signal.SIGTERM) == OK, f"exit code after hostile datagrams:\n{server.text()}")
        check(len(server.text().splitlines()) < 400, "a flood of datagrams does not flood the log")


def damaged(folder, name, change):
    """A copy of the tiny world with one file changed."""
    world = pathlib.Path(folder) / "world"
    shutil.copytree(TINY, world, dirs_exist_ok=True)
    path = world / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    return world


BAD_INPUT = [
    ("world.json", lambda data: data.replace(b'"dtmv": 1,', b'"dtmv": 1'), r"world\.json:\d+"),
    ("world.json", lambda data: data.replace(b'"property": "state"', b'"property": "rpm"'), r"world\.json:11.*rpm"),
    ("world.json", lambda data: data.replace(b"replay", b"telepathy"), r"telepathy"),
    ("world.json", lambda data: data.replace(b"sensor.td.json", b"other.td.json"), r"other\.td\.json"),
    ("sensor.td.json", lambda data: data.replace(b'"minimum": -40', b'"minimum": 400'), r"sensor\.td\.json:\d+"),
    ("readings.mapping.json", lambda data: data.replace(b"epoch_s", b"epoch_x"), r"readings\.mapping\.json:5"),
    ("readings.mapping.json", lambda data: data.replace(b'"property": "state"', b'"property": "no"'),
     r"readings\.mapping\.json:8"),
    ("readings.mapping.json", None, r"readings\.mapping\.json"),
    ("readings.csv", None, r"readings\.csv.*world's folder"),
    ("readings.csv", lambda _: b"", r"readings\.csv|no row"),
    ("readings.csv", lambda data: data.decode().encode("utf-16"), r"readings\.csv"),
    ("readings.csv", lambda data: data.replace(b"temperature", b"pressure", 1), r"readings\.csv:1.*columns\[0\]"),
    ("readings.csv", lambda _: b"time,temperature,state\nyesterday,1,ok\n", r"readings\.csv:2"),
]


def bad_input(program):
    for name, change, pattern in BAD_INPUT:
        with tempfile.TemporaryDirectory() as folder:
            world = damaged(folder, name, change)
            code, out, err = run(program, "--world", str(world), "--port", "0", "--seconds", "1")
            check(code == INPUT and out == "", f"{name}: exit code {code}, {out!r}, {err!r}")
            check(re.search(pattern, err), f"{name}: {pattern!r} is not in {err!r}")
            check(err.count("\n") <= 2, f"{name}: one message, got {err!r}")
    code, _, err = run(program, "--world", "/nonexistent/world")
    check(code == INPUT and "/nonexistent/world" in err, f"missing folder: {code} {err!r}")
    with tempfile.TemporaryDirectory() as folder:
        simulated = damaged(folder, "world.json", lambda data: re.sub(rb'"feeds": \[.*?\]', b'"feeds": [{"type": "sim"}]', data,
                                                                      flags=re.S))
        code, out, err = run(program, "--world", str(simulated), "--port", "0", "--seconds", "1")
        check(code == INPUT and out == "" and "no simulation for the world" in err, f"another world simulated: {code} {err!r}")
    code, _, err = run(program, "--world", str(TINY), "--feed", "sim", "--port", "0", "--seconds", "1")
    check(code == INPUT and "no feed of type 'sim'; there is replay" in err, f"--feed: {code} {err!r}")
    code, _, err = run(program, "--world", "no-such-shipped-world")
    check(code == INPUT and "no-such-shipped-world" in err, f"missing shipped world: {code} {err!r}")


def data_folder(program):
    """The trace may lie in --data; a message about a missing one names both folders."""
    with tempfile.TemporaryDirectory() as folder:
        world = damaged(folder, "readings.csv", None)
        data = pathlib.Path(folder) / "data"
        data.mkdir()
        code, _, err = run(program, "--world", str(world), "--data", str(data), "--port", "0")
        check(code == INPUT and "readings.csv" in err and str(world) in err and str(data) in err, f"{code} {err!r}")
        shutil.copy(TINY / "readings.csv", data)
        with Server(program, "--data", str(data), "--seconds", "0.2", world=world) as server:
            check(server.process.wait(timeout=15) == OK, server.text())


def other_worlds(program):
    with tempfile.TemporaryDirectory() as folder:
        world = damaged(folder, "world.json", lambda data: re.sub(rb',\s*"feeds".*\]', b"", data))
        with Server(program, "--seconds", "0.2", world=world) as server:
            check(server.process.wait(timeout=15) == OK, f"a world without feeds:\n{server.text()}")
        shipped = pathlib.Path(folder) / "assets" / "worlds"
        shutil.copytree(TINY, shipped / "mine")
        environment = dict(os.environ, DTMV_ASSETS=str(shipped.parent))
        done = subprocess.run([program, "--world", "mine", "--port", "0", "--seconds", "0.2"], capture_output=True,
                              text=True, timeout=30, env=environment)
        check(done.returncode == OK, f"$DTMV_ASSETS: {done.stderr}")


def plant_is_simulated(program):
    """Without options the plant is simulated; --feed replay plays its recording, which ends."""
    plant = str(HERE.parent.parent / "assets" / "worlds" / "plant")
    with Server(program, "--speed", "200", world=plant) as server:
        server.wait_for(r"11 things, [1-9]\d+ samples \(0 dropped, 0 bad\), 0 stale")
        check(server.stop(signal.SIGTERM) == OK, server.text())
    with Server(program, "--faults", "valve-1:stuck-valve:0.5,pump-2:bearing-wear", "--seed", "7", "--seconds", "0.2", world=plant) as server:
        check(server.process.wait(timeout=15) == OK, server.text())
    for faults, message in (("valve-1:leak", "cannot have it"), ("valve-1", "THING:FAULT"), ("valve-9:leak:0.5", "no such thing"),
                            ("tank-hot:leak:7", "severities are 0 to 1")):
        code, _, err = run(program, "--world", plant, "--faults", faults, "--port", "0")
        check(code == INPUT and message in err, f"--faults {faults}: {code} {err!r}")
    with Server(program, "--feed", "replay", "--speed", "1000", world=plant) as server:
        server.wait_for("the trace has ended.* 24824 rows")
        check(server.stop(signal.SIGTERM) == OK, server.text())


def trace_ends_and_loops(program):
    with Server(program, "--speed", "100") as server:
        server.wait_for("the trace has ended.* 60 rows")
        check(server.stop(signal.SIGTERM) == OK, "exit code after the end of the trace")
    with Server(program, "--speed", "1000", "--loop", "--seconds", "1.2") as server:
        check(server.process.wait(timeout=15) == OK, server.text())
        check("the trace begins again" in server.text(), server.text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the dtmv-server to run")
    program = parser.parse_args().server
    failures = 0
    for test in (help_and_usage, signals, seconds_and_status, json_log, configuration, port_in_use, hostile_datagrams,
                 bad_input, data_folder, other_worlds, trace_ends_and_loops, plant_is_simulated):
        try:
            test(program)
            print(f"ok: {test.__name__}", flush=True)
        except Failed as error:
            failures += 1
            print(f"FAILED: {test.__name__}: {error}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
