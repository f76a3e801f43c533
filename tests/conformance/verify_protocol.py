#!/usr/bin/env python3
"""A second implementation of the dtmv protocol's reading side, written from shared/PROTOCOL.md alone.

usage: verify_protocol.py PROTOCOL.md EMIT_VECTORS

Runs EMIT_VECTORS, decodes every message and snapshot it prints and compares with the content it says they have;
refuses what it says must be refused; compares the tables of PROTOCOL.md with the program's. Standard library only.
"""
import json
import math
import re
import subprocess
import sys

NO_TIME = -(1 << 63)


class Refused(Exception):
    """The status that PROTOCOL.md's order of checks gives: length (TRUNCATED, MALFORMED), then fields."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


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
    return {"version": f.u32(), "name": f.text(64), "build": f.text(32), "world": f.hash()}


def welcome(f):
    m = {"session": f.u16(), "tick_rate": f.u16(), "snapshot_rate": f.u16(), "files": f.u32(), "entity_limit": f.u32(),
         "channel_limit": f.u32(), "world": f.hash(), "world_name": f.text(64), "name": f.text(64)}
    f.within(m["tick_rate"], 1, 1000)
    f.within(m["snapshot_rate"], 1, m["tick_rate"])
    f.within(m["files"], 0, 4096)
    f.within(m["entity_limit"], 0, 1 << 20)
    f.within(m["channel_limit"], 0, 1 << 24)
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
    m = {"acknowledged": f.u32(), "first": f.u32(), "steps": []}
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
    "SNAPSHOT": lambda f: {"input": f.u32(), "body": f.rest(1 << 20)},
    "ROSTER_JOIN": lambda f: {"session": f.u16(), "name": f.text(64)},
    "ROSTER_LEAVE": lambda f: {"session": f.u16()},
    "TEXT_DEFINE": lambda f: {"text_id": f.u32(), "text": f.text(256)},
    "BYE": lambda f: {"reserved": f.within(f.u8(), 0, 0)},
}


def decode_message(data, names):
    f = Fields(data)
    wire_id = f.u8()
    m = {"id": wire_id}
    m.update(LAYOUTS[names[wire_id]](f))
    f.done()
    return m


# ---- snapshots ----

class Bits:
    def __init__(self, data):
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count):
        if count > self.left:
            raise Refused("TRUNCATED")
        value = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return value

    def flag(self):
        return self.take(1) == 1

    def golomb(self, k):
        ones = 0
        while ones < 64 - k and self.flag():
            ones += 1
        return ((1 << ones) - 1 << k) + self.take(k if ones == 64 - k else ones + k)

    def zigzag(self, k):
        code = self.golomb(k)
        return -(code + 1) // 2 if code & 1 else code // 2

    def difference(self, base, k):
        return signed(base + self.zigzag(k), 64)


NO_SNAPSHOT = {"server_time": 0, "source_time": NO_TIME, "texts": 0, "entities": []}
NO_CHANNEL = [0, NO_TIME, 0]
UNITS = [1, 10**3, 10**6, 10**9]


class Reader:
    def __init__(self, bits, base):
        self.bits, self.base, self.recent = bits, base, None

    def transform(self, base):
        if not self.bits.flag():
            return list(base)
        fields = []
        for value in base[:3]:
            if self.bits.flag():
                value = signed(value + self.bits.zigzag(5), 32)
            fields.append(value)
        fields.append(self.bits.take(32) if self.bits.flag() else base[3])
        return fields

    def code(self, base):
        if not self.bits.flag():
            return self.bits.difference(base, 3)
        leading, trailing = self.bits.take(3), self.bits.take(3)
        if leading + trailing > 7:
            raise Refused("MALFORMED")
        return signed(base ^ self.bits.take(64 - 8 * (leading + trailing)) << 8 * trailing, 64)

    def time(self, base):
        if not self.bits.flag():
            return self.recent
        if not self.bits.flag():
            return base
        origin = self.recent if self.bits.flag() else base
        unit = UNITS[self.bits.take(2)]
        self.recent = signed(origin + self.bits.zigzag(4) * unit, 64)
        return self.recent

    def channel(self, base):
        if not self.bits.flag():
            return list(base)
        code = self.code(base[0]) if self.bits.flag() else base[0]
        quality = self.bits.take(2) if self.bits.flag() else base[2]
        return [code, self.time(base[1]), quality]

    def body(self, entity, transform, channels):
        entity["transform"] = self.transform(transform)
        entity["channels"] = [self.channel(channel) for channel in channels]
        return entity

    def added(self, floor, below):
        index = floor + self.bits.golomb(1)
        generation = 1 + self.bits.golomb(1)
        entity = {"kind": self.bits.take(2), "subject": self.bits.take(16)}
        count = self.bits.take(5)
        if index >= 1 << 20 or index >= below or generation > 4095 or count > 16:
            raise Refused("OUT_OF_RANGE")
        entity["handle"] = generation << 20 | index
        return self.body(entity, [0, 0, 0, 0], [NO_CHANNEL] * count)

    def entities(self):
        old, cursor, floor, out = self.base["entities"], 0, 0, []
        while True:
            if cursor < len(old):
                run = self.bits.golomb(0)
                if run > len(old) - cursor:
                    raise Refused("OUT_OF_RANGE")
                out += old[cursor:cursor + run]
                cursor += run
                floor = index_of(old[cursor - 1]) + 1 if run else floor
            if cursor == len(old):
                if not self.bits.flag():
                    return out
                out.append(self.added(floor, 1 << 20))
                floor = index_of(out[-1]) + 1
            elif not self.bits.flag():
                entity = old[cursor]
                out.append(self.body(dict(entity), entity["transform"], entity["channels"]))
                floor = index_of(entity) + 1
                cursor += 1
            elif not self.bits.flag():
                floor = index_of(old[cursor])
                cursor += 1
            else:
                out.append(self.added(floor, index_of(old[cursor])))
                floor = index_of(out[-1]) + 1


def index_of(entity):
    return entity["handle"] & (1 << 20) - 1


def decode_snapshot(data, known):
    bits = Bits(data)
    sequence, distance = bits.take(32), bits.golomb(2)
    baseline = sequence - distance & (1 << 32) - 1 if distance else 0
    base = known[baseline] if distance else NO_SNAPSHOT
    reader = Reader(bits, base)
    state = {"sequence": sequence, "server_time": bits.difference(base["server_time"], 16)}
    state["source_time"] = bits.difference(base["source_time"], 16) if bits.flag() else base["source_time"]
    state["texts"] = bits.difference(base["texts"], 0)
    reader.recent = state["source_time"]
    state["entities"] = reader.entities()
    if bits.left > 7 or bits.value != 0:
        raise Refused("MALFORMED")
    return state, baseline


# ---- the rest ----

def unpack_rotation(packed):
    largest, quaternion, square = packed & 3, [0.0] * 4, 0.0
    shift = 2
    for i in range(4):
        if i != largest:
            quaternion[i] = ((packed >> shift & 1023) - 511) / (511 * math.sqrt(2))
            square += quaternion[i] ** 2
            shift += 10
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
        state, baseline = decode_snapshot(bytes.fromhex(vector["hex"]), context["known"])
        assert baseline == vector["baseline"]
        assert state == vector["state"], f"{state}"
        context["known"][state["sequence"]] = state
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
    context = {"rules": rules, "rejects": rejects, "names": {int(row[0]): row[1] for row in rules}, "known": {}}
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
    for kind in ("message", "damaged", "snapshot", "rotation", "exchange"):
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
