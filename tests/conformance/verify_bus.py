#!/usr/bin/env python3
"""A second implementation of the reading side of the bus between processes, written from shared/systems/BUS.md alone.

usage: verify_bus.py FAMILIES.h INTERFACES.md EMIT_BUS

Runs EMIT_BUS, decodes every packet it prints and compares with the content it says they have; damages each packet and
sees that the reader notices; and compares the messages that INTERFACES.md describes with those that families.h declares.
Standard library only.
"""
import json
import re
import struct
import subprocess
import sys

KINDS = {1, 3, 4}
NAME = re.compile(r"[A-Za-z0-9_./-]{0,63}$")


class Refused(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise Refused("too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def text(self):
        try:
            text = self.take(self.number(1)).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("no UTF-8") from None
        if any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text):
            raise Refused("a control character")
        return text

    def name(self, empty=False):
        name = self.text()
        if not NAME.match(name) or (not name and not empty):
            raise Refused("no name")
        return name

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.number(1)
            if byte == 0 and shift > 0:
                raise Refused("longer than need be")
            value |= (byte & 127) << shift
            if byte < 128:
                if value >= 1 << 64:
                    raise Refused("more than 64 bits")
                return value
        raise Refused("more than 10 bytes")

    def zigzag(self):
        code = self.varint()
        return -(code + 1) // 2 if code & 1 else code // 2

    def end(self):
        return self.at == len(self.data)


def signed64(value):
    value %= 1 << 64
    return value - (1 << 64) if value >= 1 << 63 else value


# ---- what the things are ----

def encoding(prop):
    if prop["type"] == "boolean":
        return 2
    if prop["type"] == "string":
        return 3 if "enum" in prop else 4
    return 0 if "multipleOf" in prop or prop["type"] == "integer" else 1


def resolution(prop):
    return prop.get("multipleOf", 1 if prop["type"] == "integer" else 0)


def fnv(parts):
    value = 2166136261
    for byte in b"".join(parts):
        value = (value ^ byte) * 16777619 % (1 << 32)
    return value


def fingerprint(description, things):
    parts = [struct.pack("<Q", len(description["properties"]))]
    for name, prop in description["properties"].items():
        parts += [name.encode(), struct.pack("<Q", encoding(prop) << 32 | len(prop.get("enum", []))),
                  struct.pack("<ddd", prop.get("minimum", float("-inf")), prop.get("maximum", float("inf")), resolution(prop))]
    model = fnv(parts)
    parts = [struct.pack("<Q", len(things))]
    for thing in things:
        parts += [thing.encode(), struct.pack("<Q", model)]
    return fnv(parts)


# ---- packets ----

def read_value(reader, prop, quality):
    kind = encoding(prop)
    if kind == 4:
        return reader.text()
    if kind == 0:
        code = reader.zigzag()
        number = code * resolution(prop)
    elif kind == 1:
        raw = reader.take(8)
        number = struct.unpack("<d", raw)[0]
        code = int.from_bytes(raw, "little", signed=True)
    else:
        code = reader.number(1) if kind == 2 else reader.varint()
        if code >= (2 if kind == 2 else len(prop["enum"])):
            raise Refused("no such value")
        return code
    low, high = prop.get("minimum", float("-inf")), prop.get("maximum", float("inf"))
    step = resolution(prop)
    if quality != 3 and not low - step <= number <= high + step:
        raise Refused("outside of the limits")
    return code


def read_sync(reader, schema):
    if reader.number(1) != 1:
        raise Refused("another format")
    flags = reader.number(1)
    if flags > 31:
        raise Refused("unknown flags")
    clock = reader.zigzag() if flags & 4 else None
    thing, sequence, time, samples = 0, 0, clock or 0, []
    props = list(schema["description"]["properties"].values())
    while not reader.end():
        last, thing = thing, thing + reader.zigzag()
        what = reader.number(1)
        number, quality = what & 15, what >> 4
        step = reader.zigzag()
        if not 0 <= thing < len(schema["things"]) or number >= len(props) or quality > 3 or not -1 << 31 <= step < 1 << 31:
            raise Refused("not there")
        sequence = (sequence + step + (thing == last)) % (1 << 32)
        sample = {"thing": thing, "property": number, "quality": quality, "sequence": sequence}
        if quality != 0:
            time = signed64(time + reader.zigzag())
            if time == -1 << 63:
                raise Refused("no time")
            sample.update(time=time, value=read_value(reader, props[number], quality))
        samples.append(sample)
    return {"restarted": bool(flags & 1), "snapshot": bool(flags & 2), "more": bool(flags & 8), "continued": bool(flags & 16),
            "clock": clock, "samples": samples}


def read_packet(data, channel, schema):
    reader = Reader(data)
    number = reader.number(1)
    if not 1 <= number <= 5 or channel != (1 if number == 5 else 0):
        raise Refused("no packet of the bus")
    kind = ["HELLO", "WELCOME", "REFUSED", "MESSAGE", "SYNC"][number - 1]
    packet = {"type": kind}
    if kind in ("HELLO", "WELCOME"):
        packet["version"] = reader.number(2)
        if packet["version"] != 1:
            raise Refused("another version")
        if kind == "HELLO":
            packet["kind"] = reader.number(1)
            if packet["kind"] not in KINDS:
                raise Refused("no kind that dials")
        packet["name"] = reader.name()
    elif kind == "REFUSED":
        packet["reason"] = reader.text()
    elif kind == "MESSAGE":
        packet["id"] = reader.number(1)
        packet["correlation"] = reader.number(8)
        packet["name"] = reader.name(empty=True)
        body = reader.take(len(data) - reader.at)
        if not 1 <= len(body) <= 921600:
            raise Refused("no body, or too much of it")
        packet["body"] = body.decode("utf-8")
    else:
        packet["id"] = reader.number(1)
        if reader.number(4) != schema["fingerprint"]:
            raise Refused("other models")
        packet["name"] = reader.name()
        packet.update(read_sync(reader, schema))
    if not reader.end():
        raise Refused("too long")
    return packet


def refused(data, channel, schema):
    try:
        read_packet(data, channel, schema)
    except (Refused, UnicodeDecodeError):
        return True
    return False


# ---- the tables ----

def check_families(header, interfaces):
    """Every message that families.h declares has its members in INTERFACES.md, and the other way round."""
    rows = re.findall(r"X\((\d+), (\w+), \"([a-z_.]+)/1\", (DII|MII|SII), (\w+), (\w+)\)", header)
    names = {name for _, name, *_ in rows}
    if len(rows) != len({row[0] for row in rows}) or len(names) != len(rows):
        sys.exit("verify_bus: a number or a name is declared twice")
    described = set()
    for cell in re.findall(r"^\| `([A-Z_*]+)` \|", interfaces, re.M):
        described |= {name for name in names if re.fullmatch(cell.replace("*", "[DMS]II"), name)}
    missing = {name for name in names - described if not name.endswith("_SYNC")}
    if missing:
        sys.exit(f"verify_bus: INTERFACES.md says nothing of {sorted(missing)}")
    return len(rows)


def main():
    header, interfaces = (open(path, encoding="utf-8").read() for path in sys.argv[1:3])
    families = check_families(header, interfaces)
    lines = subprocess.run([sys.argv[3]], check=True, capture_output=True, text=True).stdout.splitlines()
    schema = json.loads(lines[0])
    schema["fingerprint"] = fingerprint(schema["description"], schema["things"])
    packets = samples = damaged = 0
    for line in lines[1:]:
        vector = json.loads(line)
        data, content = bytes.fromhex(vector["packet"]), vector["content"]
        channel = 1 if content["type"] == "SYNC" else 0
        decoded = read_packet(data, channel, schema)
        if decoded != content:
            sys.exit(f"verify_bus: packet {packets} is not what it should be:\n" + "\n".join(
                f"  {key}: {str(decoded.get(key))[:200]}\n  not {str(value)[:200]}"
                for key, value in content.items() if decoded.get(key) != value))
        packets += 1
        samples += len(content.get("samples", []))
        if not refused(data, 1 - channel, schema) or not refused(b"\x09" + data[1:], channel, schema):
            sys.exit("verify_bus: a packet on the wrong channel, or of no kind, was read")
        if content["type"] not in ("MESSAGE", "SYNC") and not refused(data + b"x", channel, schema):
            sys.exit("verify_bus: a packet that is too long was read")
        if content["type"] == "SYNC" and not refused(data[:2] + b"\xff" + data[3:], channel, schema):
            sys.exit("verify_bus: a packet by other models was read")
        damaged += 3
    if packets < 20 or samples < 2000:
        sys.exit("verify_bus: too few vectors")
    print(f"verify_bus: {families} messages described, {packets} packets with {samples} samples read, {damaged} damaged refused")


if __name__ == "__main__":
    main()
