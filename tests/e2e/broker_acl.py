#!/usr/bin/env python3
"""A broker whose access lists are those of server/twin/MQTT.md: the twin system and the device do their work with passwords,
and a command that somebody else publishes does not reach the device.

usage: broker_acl.py BIN_FOLDER
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from harness import ROOT, check, skip
from mqtt_client import Mosquitto, MqttClient, find_mosquitto
from stage import Stage


def access_list():
    """The example of the document, as it stands there."""
    text = (ROOT / "server/twin/MQTT.md").read_text(encoding="utf-8")
    match = re.search(r"```acl\n(.*?)```", text, re.S)
    check(match, "no access list in MQTT.md")
    return match.group(1)


def broker(stage):
    if not find_mosquitto() or not shutil.which("mosquitto_passwd"):
        skip("mosquitto is not installed")
    passwords, rules = stage.path / "passwords", stage.path / "acl"
    rules.write_text(access_list())
    passwords.touch()
    for user in ("twin", "plant"):
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, "secret"], check=True, capture_output=True)
    for path in (passwords, rules):
        path.chmod(0o644)
    os.chmod(stage.path, 0o755)
    return Mosquitto(stage.path, more=f"\npassword_file {passwords}\nacl_file {rules}\n")


def forge(port):
    client = MqttClient(port, "forger")
    client.publish("dtmv/plant/valve-1/!/setPosition",
                   json.dumps({"command": "f" * 32, "value": 0, "issued": time.time_ns()}))
    return client


def main():
    with Stage(sys.argv[1]) as stage:
        mosquitto = broker(stage)
        try:
            url = f"@127.0.0.1:{mosquitto.port}"
            stage.start([stage.bin / "dtmv-server", "--roles", "physical", "--mqtt", f"mqtt://plant:secret{url}", "--speed", "5"])
            stage.server("--roles", "twin,enabler,metaverse,service", "--db", "none", "--bus", "127.0.0.1:0",
                         "--mqtt", f"mqtt://twin:secret{url}", "--default-role", "operator")
            watcher = MqttClient(mosquitto.port, "watcher")
            watcher.subscribe("dtmv/plant/valve-1/#")
            check(watcher.wait_message(lambda topic, *_: topic.endswith("/position")), "the device publishes nothing")
            forger = forge(mosquitto.port)
            act = stage.client("--headless", "--act", "valve-1.setPosition=60")
            check(act.wait(100) == 0, f"an operator's command: {act.text()}")
            answers = []
            while not watcher.messages.empty():
                topic, payload, _ = watcher.messages.get()
                if topic.endswith("/answer"):
                    answers.append(json.loads(payload))
            check(len(answers) == 1 and answers[0]["accepted"] and answers[0]["command"] != "f" * 32, f"answers: {answers}")
            forger.close()
            watcher.close()
            print("an operator's command is done, a forged one does not reach the device")
        finally:
            mosquitto.kill()


if __name__ == "__main__":
    main()
