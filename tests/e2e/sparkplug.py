#!/usr/bin/env python3
"""A Sparkplug B edge node over a real Mosquitto, written from the specification: births, data by alias, a lost message that
leads to a rebirth, a command, and a node that dies without a word.

usage: sparkplug.py WATCH_FEED_PROGRAM
"""
import json
import struct
import sys
import tempfile
import time

from harness import ROOT, check, skip
from mqtt import Watcher
from mqtt_client import MqttClient, Mosquitto, find_mosquitto

WORLD = ROOT / "tests/e2e/worlds/line"
COMMAND = "00112233445566778899aabbccddeeff"
DOUBLE, BOOLEAN, STRING, UINT64 = 10, 11, 12, 8


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def metric(name=None, alias=None, kind=None, value=None):
    data = block(1, name.encode()) if name else b""
    data += number(2, alias) if alias is not None else b""
    data += number(4, kind) if kind else b""
    if isinstance(value, bool):
        data += number(14, int(value))
    elif isinstance(value, int):
        data += number(11, value)
    elif isinstance(value, float):
        data += varint(13 << 3 | 1) + struct.pack("<d", value)
    elif isinstance(value, str):
        data += block(15, value.encode())
    return block(2, data)


def payload(seq, *metrics):
    return number(1, time.time_ns() // 1000000) + b"".join(metrics) + (number(3, seq) if seq is not None else b"")


def fields(data):
    """The fields of a protobuf message as (number, value)."""
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return value

    while at < len(data):
        key = read()
        if key & 7 == 0:
            yield key >> 3, read()
        elif key & 7 == 2:
            size = read()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            size = 8 if key & 7 == 1 else 4
            yield key >> 3, struct.unpack("<d" if size == 8 else "<f", data[at:at + size])[0]
            at += size


def first_metric(data):
    return dict(fields(next(value for field, value in fields(data) if field == 2)))


class EdgeNode:
    def __init__(self, port, bd_seq):
        self.bd_seq, self.seq = bd_seq, 0
        death = payload(None, metric("bdSeq", kind=UINT64, value=bd_seq))
        self.client = MqttClient(port, f"edge-{bd_seq}", will=("spBv1.0/works/NDEATH/edge-1", death, False))
        self.client.subscribe("spBv1.0/works/NCMD/edge-1", "spBv1.0/works/DCMD/edge-1/+")

    def send(self, kind, *metrics, device=None):
        topic = f"spBv1.0/works/{kind}/edge-1" + (f"/{device}" if device else "")
        self.client.publish(topic, payload(self.seq, *metrics))
        self.seq = (self.seq + 1) % 256

    def birth(self, position):
        self.seq = 0
        self.send("NBIRTH", metric("bdSeq", kind=UINT64, value=self.bd_seq),
                  metric("Node Control/Rebirth", kind=BOOLEAN, value=False))
        self.send("DBIRTH", metric("position", 1, DOUBLE, position), metric("state", 2, STRING, "ok"), device="valve-1")

    def wait_rebirth(self):
        message = self.client.wait_message(lambda topic, _: topic.endswith("NCMD/edge-1"))
        check(message, "no rebirth was asked for")
        asked = first_metric(message[1])
        check(asked[1] == b"Node Control/Rebirth" and asked[14] == 1, f"NCMD says {asked}")


def main():
    if not find_mosquitto():
        skip("mosquitto is not installed")
    with tempfile.TemporaryDirectory(prefix="dtmv-sparkplug-") as folder:
        broker = Mosquitto(folder)
        try:
            host = MqttClient(broker.port, "looker-on")
            host.subscribe("spBv1.0/STATE/+")
            watcher = Watcher(sys.argv[1], WORLD, "sparkplug", f"mqtt://127.0.0.1:{broker.port}")
            watcher.expect("found")
            state = host.wait_message(lambda topic, body: json.loads(body)["online"])
            check(state and state[0] == "spBv1.0/STATE/dtmv-line", f"STATE is {state}")
            time.sleep(0.3)  # for its subscriptions

            node = EdgeNode(broker.port, 7)
            node.birth(12.5)
            watcher.expect("value valve-1 position good 12.5")
            watcher.expect("value valve-1 state good ok")
            node.send("DDATA", metric(alias=1, value=20.0), metric(alias=2, value="stuck"), device="valve-1")
            watcher.expect("value valve-1 position good 20.0")
            watcher.expect("value valve-1 state good stuck")

            node.seq += 1  # a message is lost
            node.send("DDATA", metric(alias=1, value=21.0), device="valve-1")
            node.wait_rebirth()
            node.birth(22.0)
            watcher.expect("value valve-1 position good 22.0")

            watcher.say(f"{COMMAND} valve-1 set 40.5")
            watcher.expect(f"command {COMMAND} OK")
            message = node.client.wait_message(lambda topic, _: topic.endswith("DCMD/edge-1/valve-1"))
            check(message, "the command did not arrive")
            told = first_metric(message[1])
            check(told[1] == b"position" and told[4] == DOUBLE and told[13] == 40.5, f"DCMD says {told}")

            node.client.drop()
            watcher.expect("value valve-1 position stale 22.0")
            watcher.say(f"{COMMAND} valve-1 set 1")
            watcher.expect(f"command {COMMAND} DISCONNECTED")
            node = EdgeNode(broker.port, 8)
            node.birth(23.0)
            watcher.expect("value valve-1 position good 23.0")

            broker.kill()
            watcher.expect("lost", 3)
            watcher.expect("value valve-1 position stale 23.0")
            broker.start()
            node = EdgeNode(broker.port, 9)
            watcher.expect("found", 15)
            node.wait_rebirth()
            node.birth(24.0)
            watcher.expect("value valve-1 position good 24.0")
            counters = watcher.finish()
            check(counters["refused"] == 1 and counters["bad"] == 0, f"counters: {counters}")
        finally:
            broker.kill()
    print("ok")


if __name__ == "__main__":
    main()
