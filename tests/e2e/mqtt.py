#!/usr/bin/env python3
"""A live feed over a real Mosquitto: values arrive, wrong ones are refused, commands and answers cross, a broker that is
killed makes every value stale at once and fresh again after it is back, and a device's last will does the same.

usage: mqtt.py WATCH_FEED_PROGRAM
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from harness import ROOT, check, skip
from mqtt_client import MqttClient, Mosquitto, find_mosquitto, free_port

WORLD = ROOT / "tests/e2e/worlds/line"
COMMAND = "00112233445566778899aabbccddeeff"


class Watcher:
    """The twin system under test; its lines with the time of their arrival."""

    def __init__(self, *arguments):
        self.lines, self.seen = [], 0
        self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def expect(self, wanted, timeout_s=10):
        """Waits for a line that begins with `wanted`, after those expected before; the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < timeout_s:
            while self.seen < len(self.lines):
                at, line = self.lines[self.seen]
                self.seen += 1
                if line.startswith(wanted):
                    return max(0.0, at - began)
            time.sleep(0.005)
        check(False, f"no line '{wanted}' within {timeout_s} s; the last ones: {[line for _, line in self.lines[-8:]]}")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def finish(self):
        """Ends it; the counters it prints."""
        self.process.stdin.close()
        check(self.process.wait(20) == 0, f"the twin system ended with {self.process.returncode}")
        self.reader.join(5)
        words = self.lines[-1][1].split()
        return dict(zip(words[1::2], map(int, words[2::2])))


def value(number, **more):
    return json.dumps({"value": number, "time": time.time_ns(), **more})


def device(port, name="device"):
    client = MqttClient(port, name, will=("dtmv/line/status", "offline", True))
    client.publish("dtmv/line/status", "online", retain=True)
    client.subscribe("dtmv/line/+/!/+")
    return client


def values_and_refusals(watcher, valve):
    valve.publish("dtmv/line/valve-1/position", value(12.5), retain=True)
    watcher.expect("value valve-1 position good 12.5")
    valve.publish("dtmv/line/valve-1/position", value(120))
    watcher.expect("value valve-1 position bad")
    valve.publish("dtmv/line/valve-1/position", "{\"value\": NaN}")
    valve.publish("dtmv/line/valve-9/position", value(1))
    valve.publish("dtmv/line/valve-1/position", value(13))
    watcher.expect("value valve-1 position good 13.0")
    state = value("stuck")
    valve.publish("dtmv/line/valve-2/state", state)
    watcher.expect("value valve-2 state good stuck")
    return state


def commands_and_answers(watcher, valve):
    watcher.say(f"{COMMAND} valve-2 set 40.5")
    watcher.expect(f"command {COMMAND} OK")
    message = valve.wait_message(lambda topic, _: topic == "dtmv/line/valve-2/!/set")
    check(message, "the command did not arrive")
    body = json.loads(message[1])
    check(body["command"] == COMMAND and body["value"] == 40.5 and abs(body["issued"] - time.time_ns()) < 10e9,
          f"the command says {body}")
    valve.publish("dtmv/line/valve-2/!/set/answer", json.dumps({"command": COMMAND, "accepted": True}))
    watcher.expect(f"answer {COMMAND} accepted")
    watcher.say(f"{COMMAND} valve-2 open")
    watcher.expect(f"command {COMMAND} UNSUPPORTED")


def broker_dies_and_returns(watcher, broker, state):
    began = time.monotonic()
    broker.kill()
    watcher.expect("lost", 2)
    watcher.expect("value valve-1 position stale 13.0", 2)
    after = watcher.lines[watcher.seen - 1][0] - began
    watcher.say(f"{COMMAND} valve-2 set 1")
    watcher.expect(f"command {COMMAND} DISCONNECTED")
    time.sleep(1)
    broker.start()
    back = watcher.expect("found", 15)
    valve = device(broker.port)
    valve.publish("dtmv/line/valve-1/position", value(14), retain=True)
    watcher.expect("value valve-1 position good 14.0")
    valve.publish("dtmv/line/valve-2/state", state, retain=True)  # it has not changed since, and is so again
    watcher.expect("value valve-2 state good stuck")
    print(f"broker killed: stale after {after * 1000:.0f} ms; back: connected {back * 1000:.0f} ms after it listened")
    return valve


def last_will(watcher, valve, port):
    valve.drop()
    watcher.expect("lost", 5)
    watcher.expect("value valve-1 position stale 14.0", 2)
    valve = device(port, "device-again")
    watcher.expect("found", 5)
    valve.publish("dtmv/line/valve-1/position", value(15))
    watcher.expect("value valve-1 position good 15.0")
    return valve


def password(program, folder):
    """A broker that wants a password: without it nothing is found, with it all is well."""
    port = free_port()
    users = pathlib.Path(folder) / "users"
    tool = subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "ann", "p@ss"], check=False, capture_output=True)
    if tool.returncode != 0:
        print("no mosquitto_passwd: password not tried")
        return
    users.chmod(0o644)  # run by root, the broker becomes another user
    pathlib.Path(folder).chmod(0o755)
    broker = Mosquitto(folder, port, f"\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {users}\n")
    try:
        for login, wanted in (("ann:p%40ss@", "found"), ("ann:wrong@", "lost")):
            watcher = Watcher(program, WORLD, "mqtt", f"mqtt://{login}127.0.0.1:{port}")
            watcher.expect(wanted)
            time.sleep(0.5)
            check(not any(line == "found" for _, line in watcher.lines) or wanted == "found", "a wrong password is taken")
            watcher.finish()
    finally:
        broker.kill()


def certificates(folder):
    """A certificate authority, a broker's and a client's certificate, by openssl; None without it."""
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], cwd=folder, check=False, capture_output=True).returncode == 0

    subject = ("-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2")
    if not shutil.which("openssl") or not openssl("req", "-x509", *subject, "-subj", "/CN=test authority", "-keyout", "ca.key",
                                                  "-out", "ca.pem"):
        return None
    (pathlib.Path(folder) / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
    for name in ("broker", "client"):
        if not openssl("req", *subject[:-2], "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr") or \
                not openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                            "-days", "2", "-extfile", "names", "-out", f"{name}.pem"):
            return None
        (pathlib.Path(folder) / f"{name}.key").chmod(0o644)  # the broker becomes another user
    return folder


def tls(program, folder):
    """A broker that speaks TLS and wants a certificate: who has one is let in, who has none or trusts another is not."""
    if not certificates(folder):
        print("no openssl: TLS not tried")
        return
    port = free_port()
    pathlib.Path(folder).chmod(0o755)
    broker = Mosquitto(folder, port, f"\nlistener {port} 127.0.0.1\ncafile {folder}/ca.pem\ncertfile {folder}/broker.pem\n"
                                     f"keyfile {folder}/broker.key\nrequire_certificate true\n")
    try:
        for connection, wanted in (({"ca": "ca.pem", "cert": "client.pem", "key": "client.key", "protocol": 5}, "found"),
                                   ({"ca": "ca.pem"}, "lost"), ({}, "lost")):
            mapping = {"dtmv_mqtt": 1,
                       "topics": [{"topic": "v/{t}", "payload": "number", "thing": "{t}", "property": "position"}],
                       "connection": {k: f"{folder}/{v}" if isinstance(v, str) else v for k, v in connection.items()}}
            path = pathlib.Path(folder) / "mapping.json"
            path.write_text(json.dumps(mapping), encoding="utf-8")
            watcher = Watcher(program, WORLD, "mqtt", f"mqtts://localhost:{port}", path)
            watcher.expect(wanted)
            time.sleep(0.7)
            check((wanted == "found") == any(line == "found" for _, line in watcher.lines), f"{connection}: not {wanted}")
            watcher.finish()
    finally:
        broker.kill()


def main():
    if not find_mosquitto():
        skip("mosquitto is not installed")
    with tempfile.TemporaryDirectory(prefix="dtmv-mqtt-") as folder:
        port = free_port()
        watcher = Watcher(sys.argv[1], WORLD, "mqtt", f"mqtt://127.0.0.1:{port}")
        watcher.expect("lost")  # nobody is there yet
        broker = Mosquitto(folder, port)
        try:
            watcher.expect("found")
            valve = device(port)
            state = values_and_refusals(watcher, valve)
            commands_and_answers(watcher, valve)
            valve = broker_dies_and_returns(watcher, broker, state)
            valve = last_will(watcher, valve, port)
            valve.close()
            counters = watcher.finish()
            check(counters["refused"] == 3 and counters["bad"] == 1, f"counters: {counters}")
        finally:
            broker.kill()
        password(sys.argv[1], folder)
        tls(sys.argv[1], folder)
    print("ok")


if __name__ == "__main__":
    main()
