#!/usr/bin/env python3
"""The live loop with a real Mosquitto and four processes: an operator closes a valve, the flow falls at the device, the
reported value confirms; dump, audit and trace show it. A viewer and forgers are refused, and that is in the audit too.

usage: live_loop.py BIN_FOLDER
"""
import json
import sys
import time

import procedure
from four_processes import OPERATOR, VIEWER, FourProcesses, run_client, thing_values, wait_until
from harness import check
from mqtt_client import MqttClient
from stage import Stage

SPEED = 5  # of the plant's clock


class Device:
    """What the device itself publishes, heard on the broker beside the whole chain."""

    def __init__(self, port):
        self.client = MqttClient(port, "observer")
        self.client.subscribe("dtmv/plant/#")
        self.values = {}

    def value(self, thing, name):
        while not self.client.messages.empty():
            topic, payload, _ = self.client.messages.get()
            parts = topic.split("/")
            if len(parts) == 4:
                self.values[tuple(parts[2:])] = json.loads(payload)["value"]
        return self.values.get((thing, name))


def ready(four):
    def bound():
        return four.metrics().get("dtmv_metaverse_things_bound") == 11
    took = wait_until("eleven things bound", bound, 20)
    print(f"four processes and a broker: all things bound after {took:.1f} s")


def operator_closes_the_valve(four, device):
    before = wait_until("flow at the heat meter", lambda: (device.value("heat-meter", "flow") or 0) > 20, 20)
    flow = device.value("heat-meter", "flow")
    code, lines = run_client(four.stage, "--role-key", four.operator_key, "--act", "valve-1.setPosition=0", "--dump",
                             four.stage.path / "ada.json", timeout_s=150)
    check(code == 0 and len(lines) == 1, f"the operator's client ends with {code}: {lines}")
    act = lines[0]
    check(act["state"] == "confirmed" and act["thing"] == "valve-1", f"the valve: {act}")
    position = device.value("valve-1", "position")
    check(position is not None and position <= 1, f"confirmed, and the device says {position} %")
    took = wait_until("the flow falls", lambda: device.value("heat-meter", "flow") < flow / 4, 60)
    print(f"operator: confirmed in {act['seconds']:.1f} s; flow {flow:.0f} -> {device.value('heat-meter', 'flow'):.1f} m3/h "
          f"at the device {took:.1f} s later (waited {before:.1f} s for it at first)")
    dump = four.stage.dump("ada.json")
    seen = {t["id"]: t["properties"] for t in dump["things"]}["valve-1"]["position"]
    check(seen["value"] <= 1 and seen["quality"] == "good", f"the dump says {seen}")
    check(any(c["command"] == act["command"] and c["state"] == "confirmed" for c in dump["commands"]), f"commands: {dump['commands']}")
    reported = thing_values(four.stage, "valve-1", "--role-key", four.viewer_key)["properties"]["position"]
    check(reported["value"] <= 1, f"another client reads {reported}")
    return act


def refused(four, what, words, *options, name):
    code, lines = run_client(four.stage, *options, name=name)
    check(code != 0 and len(lines) == 1, f"{what}: exit {code}, {lines}")
    check(lines[0]["state"] == "refused", f"{what}: {lines[0]}")
    check(any(word in lines[0]["reason"] for word in words), f"{what}: reason {lines[0]['reason']!r}")
    print(f"{what}: refused: {lines[0]['reason']}")
    return lines[0]


def viewer_and_limits(four, device):
    refused(four, "a viewer", ["viewer"], "--role-key", four.viewer_key, "--act", "valve-1.setPosition=50", name=VIEWER)
    refused(four, "beyond the range", ["outside"], "--role-key", four.operator_key, "--act",
            "valve-1.setPosition=140", name=OPERATOR)
    time.sleep(1)
    check(device.value("valve-1", "position") <= 1, "the valve moved for a refused command")


def forger(four, device):
    """A process with another key comes as a twin system of the same name; a message on the broker that nobody asked for is
    not believed either: it is no command that the device knows."""
    env_key = four.stage.path / "forger.key"
    forged = four.stage.start([four.stage.bin / "dtmv-server", "--world", "plant", "--roles", "service", "--bus", four.bus,
                               "--identity", env_key])
    check(forged.wait_line(r"^running$", 20), "the forger does not run")
    wait_until("the forger is in the audit", lambda: any("key" in (row.get("reason") or "") and row["result"] == "refused"
                                                         for row in four.audit()), 15)
    forged.stop()
    four.stage.processes.remove(forged)
    print("a system with a key of its own: refused and audited")
    client = MqttClient(four.broker.port, "forger")
    client.publish("dtmv/plant/valve-1/!/setPosition", json.dumps({"command": "0" * 32, "value": 100, "issued": 1}))
    time.sleep(2)
    check(device.value("valve-1", "position") <= 1, "the valve obeyed a stale command")
    client.close()


def audit_has(four, act):
    rows = four.audit()
    invoked = [r for r in rows if r["user"] == OPERATOR and "valve-1" in r["subject"]]
    check(any(r["result"] in ("allowed", "confirmed") for r in invoked), f"no entry for the operator's command: {invoked}")
    refusals = [r for r in rows if r["user"] == VIEWER and r["result"] == "refused"]
    check(refusals, f"no entry for the viewer's refusal: {rows[-10:]}")
    print(f"audit: {len(rows)} entries, {len(invoked)} of the operator and the valve, {len(refusals)} refusals of the viewer")
    del act


def trace_has_seven_steps(four):
    """Processes start in any order, so the metaverse system may look for twin systems before there are any. What each system
    does with the plant begins in the order of the procedure all the same, and all seven steps are there."""
    messages = four.messages()
    check({m["step"] for m in messages} >= set(range(1, 8)), f"steps in the trace: {sorted({m['step'] for m in messages})}")
    plant = procedure.steps_of(messages, "metaverse", "plant")
    procedure.check_order(plant, ["DII_REGISTER", "MII_DISCOVER", "MII_ACCESS", "MII_DESCRIBE", "MII_SUBSCRIBE", "MII_INVOKE"])
    service = procedure.steps_of(messages, "condition-monitoring", "plant")
    procedure.check_order(service, ["DII_REGISTER", "SII_REGISTER", "SII_DISCOVER", "SII_ACCESS", "SII_DESCRIBE", "SII_SUBSCRIBE"])
    procedure.nothing_unasked(messages, "plant")
    print("trace: of the metaverse system " + procedure.text(plant) + "; of the service " + procedure.text(service))


def main():
    with Stage(sys.argv[1]) as stage:
        four = FourProcesses(stage, SPEED)
        try:
            four.start_all()
            ready(four)
            device = Device(four.broker.port)
            act = operator_closes_the_valve(four, device)
            viewer_and_limits(four, device)
            forger(four, device)
            audit_has(four, act)
            trace_has_seven_steps(four)
            status, health = four.get("/healthz")
            check(status == 200, f"health: {status} {health}")
        finally:
            four.close()


if __name__ == "__main__":
    main()
