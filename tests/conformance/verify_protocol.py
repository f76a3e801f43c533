#!/usr/bin/env python3
"""A second implementation of the dtmv protocol's reading side, written from shared/PROTOCOL.md alone.

usage: verify_protocol.py PROTOCOL.md EMIT_VECTORS

Runs EMIT_VECTORS, decodes every message and snapshot it prints and compares with the content it says they have;
refuses what it says must be refused; compares the tables of PROTOCOL.md with the program's. Standard library only.
"""
import json
import math
import re
import struct
import subprocess
import sys

from snapshot_reader import NO_TIME, Bits, Refused, component, decode_snapshot, motion_tables, signed, unzigzag


# ---- messages ----

class Fields:
    """Reads the fields of one message; complaints about content wait until the length is known to be right."""

    def __init__(self, data):
        self.data, self.at, self.complaint = data, 0, None

    def complain(self, status):
        self.complaint = self.complaint or status

    def within(self, value, low, high):
        if not low <= value <= high:
            self.complain("OUT_OF_RANGE")
        return value

    def block(self, size):
        if size > len(self.data) - self.at:
            raise Refused("TRUNCATED")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size, is_signed=False):
        return int.from_bytes(self.block(size), "little", signed=is_signed)

    def u8(self):
        return self.number(1)

    def u16(self):
        return self.number(2)

    def u32(self):
        return self.number(4)

    def i64(self):
        return self.number(8, True)

    def hash(self):
        return self.block(32).hex()

    def rest(self, most):
        size = len(self.data) - self.at
        if size > most:
            raise Refused("OUT_OF_RANGE")
        return self.block(size).hex()

    def text(self, limit):
        length = self.u8()
        if length >= limit:
            raise Refused("OUT_OF_RANGE")
        try:
            text = self.block(length).decode("utf-8")
        except UnicodeDecodeError:
            self.complain("MALFORMED")
            return None
        if any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text):
            self.complain("MALFORMED")
        return text

    def done(self):
        if self.at != len(self.data):
            raise Refused("MALFORMED")
        if self.complaint:
            raise Refused(self.complaint)


def valid_file_name(name):
    parts = name.split("/")
    return not (any(part in ("", ".", "..") for part in parts) or "\\" in name or ":" in name)


def hello(f):
    return {"version": f.u32(), "name": f.text(64), "build": f.text(32), "world": f.hash(), "resumes": f.u16(),
            "ticket": f.hash(), "texts": f.u32()}


def welcome(f):
    m = {"session": f.u16(), "tick_rate": f.u16(), "snapshot_rate": f.u16(), "files": f.u32(), "entity_limit": f.u32(),
         "channel_limit": f.u32(), "cell_limit": f.u32(), "history": f.u16(), "world": f.hash(), "world_name": f.text(64), "name": f.text(64)}
    f.within(m["tick_rate"], 1, 1000)
    f.within(m["snapshot_rate"], 1, m["tick_rate"])
    f.within(m["files"], 0, 4096)
    f.within(m["entity_limit"], 0, 1 << 20)
    f.within(m["channel_limit"], 0, 1 << 24)
    f.within(m["cell_limit"], 0, 1 << 21)
    f.within(m["history"], 2, 1024)
    return m


def reject(f):
    m = {"code": f.u8(), "text": f.text(256)}
    f.within(m["code"], 1, 10)
    return m


def manifest_entry(f):
    m = {"index": f.u32(), "size": f.u32(), "content": f.hash(), "name": f.text(256)}
    f.within(m["index"], 0, 4095)
    f.within(m["size"], 0, 1 << 30)
    if m["name"] is not None and not valid_file_name(m["name"]):
        f.complain("MALFORMED")
    return m


def file_request(f):
    return {"index": f.within(f.u32(), 0, 4095), "first": f.within(f.u32(), 0, (1 << 20) - 1),
            "count": f.within(f.u8(), 1, 64)}


def file_chunk(f):
    return {"index": f.within(f.u32(), 0, 4095), "chunk": f.within(f.u32(), 0, (1 << 20) - 1), "bytes": f.rest(1024)}


def input_message(f):
    m = {"acknowledged": f.u32(), "mask": f.u32(), "first": f.u32(), "steps": []}
    count = f.u8()
    if count > 8:
        raise Refused("OUT_OF_RANGE")
    for _ in range(count):
        step = [f.number(1, True), f.number(1, True), f.u8(), f.u16(), f.number(2, True)]
        f.within(step[0], -127, 127)
        f.within(step[1], -127, 127)
        f.within(step[2], 0, 1)
        f.within(step[4], -16384, 16384)
        m["steps"].append(step)
    return m


def roster(f):
    if not 0 < len(f.data) - f.at <= 16384:
        raise Refused("TRUNCATED" if f.at == len(f.data) else "OUT_OF_RANGE")
    people = []
    while f.at < len(f.data):
        people.append({"session": f.u16(), "name": f.text(64)})
    return {"people": people}


def thing(f):
    return f.within(f.u32(), 0, (1 << 20) - 1)


def channel(f):
    value = f.u8()
    if value != 255:
        f.within(value, 0, 15)
    return value


def double(f):
    value = struct.unpack("<d", f.block(8))[0]
    if not math.isfinite(value):
        f.complain("OUT_OF_RANGE")
    return value


def invoke(f):
    m = {"command": f.block(16).hex(), "thing": thing(f), "action": f.within(f.u8(), 0, 63)}
    kind = f.u8()
    if kind > 3:
        raise Refused("OUT_OF_RANGE")
    m["value"] = None if kind == 0 else double(f) if kind == 1 else f.within(f.u8(), 0, 1) == 1 if kind == 2 else f.text(256)
    return m


def command(f):
    m = {"command": f.block(16).hex(), "thing": thing(f), "action": f.within(f.u8(), 0, 64),
         "state": f.within(f.u8(), 1, 7), "property": channel(f), "desired": f.i64(), "who": f.u16(), "since": f.i64(),
         "name": f.text(64), "reason": f.text(256)}
    if m["property"] == 255 and m["desired"] != 0:
        f.complain("OUT_OF_RANGE")
    return m


def alarm(f):
    return {"thing": thing(f), "property": channel(f), "severity": f.within(f.u8(), 1, 2),
            "active": f.within(f.u8(), 0, 1), "score": double(f), "source_time": f.i64(), "service": f.text(64),
            "rule": f.text(64), "text": f.text(256)}


def system(f):
    m = {"index": f.u8(), "count": f.u8(), "system_kind": f.u8(), "up": f.u8(), "rights": f.u8(), "things": f.u32(),
         "bound": f.u32(), "syncs": f.u16(), "name": f.text(64), "domain": f.text(64), "title": f.text(128),
         "reason": f.text(256)}
    f.within(m["count"], 0, 64)
    f.within(m["index"], 0, m["count"] - 1)
    f.within(m["system_kind"], 1, 4)
    f.within(m["up"], 0, 1)
    f.within(m["rights"], 0, 3)
    return m


def unbound(f):
    m = {"last": f.within(f.u8(), 0, 1), "things": []}
    if len(f.data) - f.at > 16384:
        raise Refused("OUT_OF_RANGE")
    while f.at < len(f.data):
        m["things"].append({"thing": thing(f), "reason": f.text(256)})
    return m


LAYOUTS = {
    "HELLO": hello,
    "WELCOME": welcome,
    "REJECT": reject,
    "MANIFEST_ENTRY": manifest_entry,
    "FILE_REQUEST": file_request,
    "FILE_CHUNK": file_chunk,
    "READY": lambda f: {"world": f.hash()},
    "TIME_REQUEST": lambda f: {"t0": f.i64()},
    "TIME_RESPONSE": lambda f: {"t0": f.i64(), "t1": f.i64(), "t2": f.i64()},
    "INPUT": input_message,
    "SNAPSHOT": lambda f: {"body": f.rest(1 << 20)},
    "ROSTER": roster,
    "TEXT_DEFINE": lambda f: {"text_id": f.u32(), "text": f.text(256)},
    "BYE": lambda f: {"reserved": f.within(f.u8(), 0, 0)},
    "TICKET": lambda f: {"session": f.u16(), "seconds": f.within(f.u16(), 1, 3600), "ticket": f.hash()},
    "INVOKE": invoke,
    "COMMAND": command,
    "ALARM": alarm,
    "SYSTEMS": lambda f: {"reserved": f.within(f.u8(), 0, 0)},
    "SYSTEM": system,
    "UNBOUND": unbound,
}


def decode_message(data, names):
    f = Fields(data)
    wire_id = f.u8()
    m = {"id": wire_id}
    m.update(LAYOUTS[names[wire_id]](f))
    f.done()
    return m


# ---- packets ----

def packet_number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def decode_packet(data, frames):
    bits = Bits(data)
    packet = {"number": bits.take(32)}
    sequence = bits.take(32)
    packet["input"], packet["complete"], distance = bits.take(32), bits.take(1) == 1, bits.golomb(2)
    if distance:
        _, server, source, texts = frames[sequence - distance & (1 << 32) - 1]
        passed = unzigzag(bits.golomb(22))
        server = signed(server + passed, 64)
        if bits.take(1):
            source = signed(source + passed + unzigzag(bits.golomb(8)), 64)
        texts += unzigzag(bits.golomb(0))
    else:
        server, source, texts = signed(bits.take(64), 64), signed(bits.take(64), 64), bits.take(32)
    packet["frame"], packet["records"] = [sequence, server, source, texts], []
    at = len(data) - bits.left // 8
    while at < len(data):
        cell, at = packet_number(data, at)
        record = [cell >> 1, cell & 1 == 1, 0, 0]
        if not record[1]:
            age, at = packet_number(data, at)
            size, at = packet_number(data, at)
            record[2:] = [sequence - age & (1 << 32) - 1, size]
            at += size
        packet["records"].append(record)
    if at != len(data):
        raise Refused("TRUNCATED")
    return packet


# ---- the rest ----

def unpack_rotation(packed):
    largest, quaternion, square, place = packed & 3, [0.0] * 4, 0.0, 0
    for i in range(4):
        if i != largest:
            quaternion[i] = (component(packed, place) - 511) / (511 * math.sqrt(2))
            square += quaternion[i] ** 2
            place += 1
    quaternion[largest] = math.sqrt(max(0.0, 1 - square))
    length = math.sqrt(sum(c * c for c in quaternion))
    return [c / length for c in quaternion]


def half(value):
    """Division by two that truncates."""
    return value // 2 if value >= 0 else -(-value // 2)


def check_exchange(vector):
    t0, t1, t2, t3 = vector["t"]
    round_trip = (t3 - t0) - (t2 - t1)
    taken = t3 >= t0 and t2 >= t1 and 0 <= round_trip <= 5 * 10**9
    assert taken == vector["taken"]
    if taken:
        local = t0 + half(t3 - t0)
        assert round_trip == vector["round_trip"]
        assert t1 + half(t2 - t1) - local == vector["offset"]


def table_rows(text, columns):
    """Rows of the Markdown tables with that many columns whose first cell is a number."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == columns and re.fullmatch(r"\d+", cells[0]):
            rows.append(cells)
    return rows


def check_damaged(vector, names):
    try:
        decode_message(bytes.fromhex(vector["hex"]), names)
        status = "OK"
    except Refused as refused:
        status = refused.status
    assert status == vector["status"], f"{status}, the program says {vector['status']}"


def check(vector, context):
    kind = vector["kind"]
    if kind == "rule":
        row = [cell.strip() for cell in vector["row"]]
        assert row in context["rules"], f"{row} is not in PROTOCOL.md"
    elif kind == "reject":
        assert vector["row"] in context["rejects"], f"{vector['row']} is not in PROTOCOL.md"
    elif kind == "message":
        fields = decode_message(bytes.fromhex(vector["hex"]), context["names"])
        assert fields == vector["fields"], f"{fields}"
    elif kind == "damaged":
        check_damaged(vector, context["names"])
    elif kind == "forget":
        context["known"].clear()
    elif kind == "snapshot":
        state, baseline = decode_snapshot(bytes.fromhex(vector["hex"]), vector["state"]["sequence"],
                                          vector["source_time"], context["known"], context["tables"])
        assert baseline == vector["baseline"]
        assert state == vector["state"], f"{state}"
        context["known"][state["sequence"]] = state
    elif kind == "packet":
        packet = decode_packet(bytes.fromhex(vector["hex"]), context["frames"])
        context["frames"][packet["frame"][0]] = packet["frame"]
        assert all(packet[key] == vector[key] for key in packet), f"{packet}"
    elif kind == "rotation":
        expected = vector["quaternion"]
        assert all(abs(a - b) < 1e-5 for a, b in zip(unpack_rotation(vector["packed"]), expected))
        again = unpack_rotation(vector["again"])  # rounded once more, and q is the same rotation as -q
        sign = 1 if sum(a * b for a, b in zip(again, expected)) > 0 else -1
        assert all(abs(sign * a - b) < 4e-3 for a, b in zip(again, expected))
    elif kind == "exchange":
        check_exchange(vector)
    else:
        raise AssertionError(f"unknown kind {kind}")


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    rules, rejects = table_rows(text, 7), table_rows(text, 3)
    context = {"rules": rules, "rejects": rejects, "names": {int(row[0]): row[1] for row in rules}, "known": {}, "frames": {}, "tables": motion_tables(text)}
    emitted = subprocess.run([sys.argv[2]], check=True, capture_output=True, text=True).stdout
    counts, failed = {}, 0
    for number, line in enumerate(emitted.splitlines(), 1):
        vector = json.loads(line)
        counts[vector["kind"]] = counts.get(vector["kind"], 0) + 1
        try:
            check(vector, context)
        except (AssertionError, Refused, KeyError) as problem:
            failed += 1
            print(f"vector {number} ({vector['kind']}): {type(problem).__name__}: {problem}\n  {line[:400]}")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    for kind, count in (("rule", len(rules)), ("reject", len(rejects))):
        if counts.get(kind) != count:
            failed += 1
            print(f"PROTOCOL.md has {count} rows of '{kind}', the program {counts.get(kind)}")
    for kind in ("message", "damaged", "snapshot", "packet", "rotation", "exchange"):
        if not counts.get(kind):
            failed += 1
            print(f"no vector of kind '{kind}'")
    if failed:
        print(f"verify_protocol: {failed} failures")
        return 1
    print("verify_protocol: every vector agrees with PROTOCOL.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
