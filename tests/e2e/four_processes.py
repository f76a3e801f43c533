"""The reference model in four processes on loopback, with a real Mosquitto: what live_loop.py and kill_rounds.py share."""
import base64
import json
import os
import pathlib
import socket
import sqlite3
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))
from harness import CONFIG, ROOT, check, skip
from mqtt_client import Mosquitto, find_mosquitto, free_port
from verify_secure import public

OPERATOR, VIEWER = "Ada", "Vic"


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_key(path):
    """A new identity in a file as the programs keep it; gives the public key as text."""
    secret = os.urandom(32)
    path.write_text(base64.b64encode(secret).decode() + "\n")
    path.chmod(0o600)
    return base64.b64encode(public(secret)).decode()


class FourProcesses:
    """Physical world, twin system, enabler with metaverse system, service: each a process, and the broker between the
    first two. With start and kill by name."""

    NAMES = ["enabler", "twin", "physical", "service"]

    def __init__(self, stage, speed=1):
        if not find_mosquitto():
            skip("mosquitto is not installed")
        self.stage = stage
        self.speed = str(speed)
        self.bus = f"127.0.0.1:{free_udp_port()}"
        self.broker = Mosquitto(stage.path)
        self.trace = stage.path / "interfaces.jsonl"
        self.database = stage.path / "enabler.db"
        self.client_port = self.http_port = 0
        self.operator_key, self.viewer_key = stage.path / "ada.key", stage.path / "vic.key"
        self.roles = stage.path / "authorized"
        self.roles.write_text(f"operator {make_key(self.operator_key)} {OPERATOR}\nviewer {make_key(self.viewer_key)} {VIEWER}\n")
        self.running = {}

    def arguments(self, name):
        server = [self.stage.bin / "dtmv-server", "--world", "plant", "--roles"]
        mqtt = ["--mqtt", f"mqtt://127.0.0.1:{self.broker.port}"]
        bus = ["--bus", self.bus]
        return {"physical": [*server, "physical", *mqtt, "--speed", self.speed],
                "twin": [*server, "twin", *mqtt, *bus],
                "service": [*server, "service", *bus],
                "enabler": [*server, "enabler,metaverse", *bus, "--db", self.database, "--trace-interfaces", self.trace,
                            "--authorized-keys", self.roles, "--port", str(self.client_port),
                            "--http", str(self.http_port)]}[name]

    def start(self, name):
        process = self.running[name] = self.stage.start(self.arguments(name))
        if name == "enabler":
            match = process.wait_line(r"http on \S+:(\d+)", 20)
            check(match, f"no gateway: {process.text()}")
            self.http_port = int(match.group(1))
            match = process.wait_line(r"listening on \S+:(\d+)", 20)
            check(match, f"no metaverse system: {process.text()}")
            self.client_port = self.stage.port = int(match.group(1))
        else:
            check(process.wait_line(r"^running$", 20), f"{name} does not run: {process.text()}")

    def start_all(self):
        for name in self.NAMES:
            self.start(name)

    def kill(self, name):
        """As a power cut does. The log of a process that is killed on purpose is of no interest later."""
        process = self.running.pop(name)
        process.process.kill()
        process.process.wait()
        self.stage.processes.remove(process)

    def close(self):
        for process in self.running.values():
            process.stop()
        self.broker.kill()

    def get(self, path):
        """(status, body) of the gateway; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self):
        """{name with labels: value}"""
        found = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def audit(self):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM audit ORDER BY rowid")]

    def messages(self):
        return [json.loads(line) for line in self.trace.read_text().splitlines() if line.endswith("}")]


def run_client(stage, *options, timeout_s=60, name=OPERATOR):
    """A client without a picture that runs to its end: (exit code, JSON lines it printed)."""
    process = stage.client("--headless", "--name", name, "--log-level", "warning", *options)
    code = process.wait(timeout_s)
    check(code is not None, f"a client did not end: {process.text()[-2000:]}")
    return code, [json.loads(line) for line in process.lines if line.startswith("{")]


def thing_values(stage, thing, *options):
    """{property: description} of one thing, by --list-things."""
    code, lines = run_client(stage, "--list-things", *options)
    check(code == 0, f"--list-things ends with {code}")
    found = [line for line in lines if line["id"] == thing]
    check(len(found) == 1, f"{thing} is listed {len(found)} times")
    return found[0]


def wait_until(what, condition, timeout_s, interval_s=0.05):
    """Seconds until `condition` gives something true."""
    began = time.monotonic()
    while time.monotonic() - began < timeout_s:
        if condition():
            return time.monotonic() - began
        time.sleep(interval_s)
    check(False, f"not within {timeout_s} s: {what}")
    return None
