#!/usr/bin/env python3
"""What the programs say when a system around them is missing, damaged or misused: each message names what is wrong, in time
for whoever stands in front of it, and once.

usage: hints.py BIN_FOLDER
"""
import os
import re
import socket
import sqlite3
import sys
import time

from harness import check
from stage import Stage

BAD_FILE = 3


def server(stage, *arguments, port=0):
    return stage.start([stage.bin / "dtmv-server", "--world", "plant", "--port", port, *arguments])


def told(process, pattern, what, timeout_s=15):
    match = process.wait_line(pattern, timeout_s)
    check(match, f"{what}: no line like {pattern!r} in:\n{process.text()[-2000:]}")
    return match


def refused(process, pattern, what):
    code = process.wait(20)
    check(code == BAD_FILE, f"{what}: ended with {code}: {process.text()[-1000:]}")
    check(re.search(pattern, process.text()), f"{what}: {process.text()[-1000:]}")
    print(f"{what}: {process.lines[-1]}")


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def broker_that_is_not_there(stage):
    port = free_port(socket.SOCK_STREAM)
    process = server(stage, "--db", "none", "--mqtt", f"mqtt://user:secret@127.0.0.1:{port}")
    line = told(process, rf"warning.*mqtt://.*127.0.0.1:{port}.*refused", "no broker").string
    check("secret" not in process.text(), "a password in the log")
    time.sleep(2)  # it is tried again
    process.terminate()
    check(sum("mqtt: no connection" in l for l in process.lines) == 1, "said more than once")
    print(f"no broker: {line}")


def enabler_that_is_not_there(stage):
    port = free_port(socket.SOCK_DGRAM)
    process = server(stage, "--roles", "metaverse", "--bus", f"127.0.0.1:{port}")
    line = told(process, rf"warning.*metaverse.*enabler at 127.0.0.1:{port}", "no enabler").string
    print(f"no enabler: {line}")
    enabler = server(stage, "--roles", "physical,twin,enabler", "--db", "none", "--bus", f"127.0.0.1:{port}")
    told(process, rf"info bus.*metaverse.*127.0.0.1:{port}", "the enabler came")
    enabler.terminate()
    process.terminate()
    check(sum("nobody answers" in l for l in process.lines) == 1, "said more than once")


def database(stage):
    path = stage.path / "state.db"
    first = server(stage, "--db", path)
    port = told(first, r"listening on \S+:(\d+)", "first server").group(1)
    refused(server(stage, "--db", path), r"state\.db.*in use by another server", "two servers, one database")
    with sqlite3.connect(path, isolation_level=None) as base:
        base.execute("BEGIN EXCLUSIVE")
        client = stage.start([stage.bin / "dtmv-client", "--connect", f"127.0.0.1:{port}", "--headless", "--act",
                              "valve-1.setPosition=60"])
        told(first, "error enabler: .*another program holds the database.*in memory", "a database that is held")
        base.execute("ROLLBACK")
    base.close()
    told(first, "info enabler: the store takes", "a database that is free again")
    client.wait(60)
    first.terminate()
    second = server(stage, "--db", path)
    told(second, "listening", "after the first has gone")
    second.terminate()
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA writable_schema=1")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = base.execute("SELECT rootpage FROM sqlite_schema WHERE name='audit'").fetchone()[0]
        size = base.execute("PRAGMA page_size").fetchone()[0]
    base.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size:root * size] = os.urandom(size)
    data[(root - 1) * size] = 0x77  # no kind of page
    path.write_bytes(data)
    refused(server(stage, "--db", path), r"state\.db.*damaged", "a page of the database is damaged")


def trace_on_a_full_disk(stage):
    process = server(stage, "--db", "none", "--trace-interfaces", "/dev/full")
    line = told(process, r"error.*/dev/full.*trace of interfaces", "a full disk").string
    check(process.process.poll() is None, "the server does not run on")
    process.terminate()
    check(sum("/dev/full" in l for l in process.lines) == 1, "said more than once")
    print(f"trace on a full disk: {line}")


def options_of_another_role(stage):
    process = server(stage, "--roles", "metaverse", "--bus", f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}", "--db", "x.db")
    print(told(process, "warning server: --db does nothing here: .*'enabler'", "an option of another role").string)
    process.terminate()
    process = server(stage, "--db", "none", "--system-keys", "nowhere")
    print(told(process, "warning server: --system-keys does nothing here: .*--bus", "keys without a bus").string)
    process.terminate()


def act_that_names_nothing(stage):
    process = server(stage, "--db", "none")
    port = told(process, r"listening on \S+:(\d+)", "the server").group(1)
    for act, pattern in (("pmup-1.start", r"no thing 'pmup-1'.*pump-1.*valve-1"),
                         ("valve-1.open", r"no action 'open'.*setPosition.*emergencyStop")):
        client = stage.start([stage.bin / "dtmv-client", "--connect", f"127.0.0.1:{port}", "--headless", "--act", act])
        check(client.wait(60) == 1, f"--act {act}: {client.text()[-1000:]}")
        line = next(l for l in client.lines if l.startswith("{"))
        check(re.search(pattern, line), f"--act {act}: {line}")
        print(line)
    process.terminate()


def main():
    with Stage(sys.argv[1]) as stage:
        os.environ["HOME"] = str(stage.path)
        os.environ.pop("XDG_CONFIG_HOME", None)
        broker_that_is_not_there(stage)
        enabler_that_is_not_there(stage)
        database(stage)
        trace_on_a_full_disk(stage)
        options_of_another_role(stage)
        act_that_names_nothing(stage)


if __name__ == "__main__":
    main()
