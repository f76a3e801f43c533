#!/usr/bin/env python3
"""A second reader of the secure channel, written from shared/PROTOCOL.md and the specifications it names (Noise revision
34, RFC 7748, RFC 8439, BLAKE2b): the standard library only, every primitive but BLAKE2b done here.

usage: verify_secure.py EMIT_SECURE
"""
import hashlib
import json
import subprocess
import sys

P = 2**255 - 19


def x25519(scalar, point):
    """RFC 7748, section 5."""
    k = int.from_bytes(bytes([scalar[0] & 248]) + scalar[1:31] + bytes([scalar[31] & 127 | 64]), "little")
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(secret):
    return x25519(secret, (9).to_bytes(32, "little"))


def chacha_block(key, counter, nonce):
    """RFC 8439, section 2.3."""
    words = [int.from_bytes(part[i:i + 4], "little") for part in
             (b"expand 32-byte k", key, counter.to_bytes(4, "little"), nonce) for i in range(0, len(part), 4)]
    state = words[:]

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter(column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12)
    return b"".join(((s + w) & 0xFFFFFFFF).to_bytes(4, "little") for s, w in zip(state, words))


def poly1305(key, message):
    """RFC 8439, section 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def seal(key, counter, associated, plain):
    """RFC 8439, section 2.8, with the nonce of Noise."""
    nonce = bytes(4) + counter.to_bytes(8, "little")
    stream = b"".join(chacha_block(key, i + 1, nonce) for i in range((len(plain) + 63) // 64))
    text = bytes(a ^ b for a, b in zip(plain, stream))
    padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, text))
    lengths = len(associated).to_bytes(8, "little") + len(text).to_bytes(8, "little")
    return text + poly1305(chacha_block(key, 0, nonce)[:32], padded + lengths)


def blake(data):
    return hashlib.blake2b(data).digest()


def hmac(key, data):
    key = key + bytes(128 - len(key))
    return blake(bytes(b ^ 0x5C for b in key) + blake(bytes(b ^ 0x36 for b in key) + data))


def hkdf(chain, data):
    key = hmac(chain, data)
    first = hmac(key, b"\1")
    return first, hmac(key, first + b"\2")


class Symmetric:
    """Noise, section 5.2. Writing is done for both sides: what they write must be what the program wrote."""

    def __init__(self, prologue):
        self.hash = self.chain = b"Noise_XX_25519_ChaChaPoly_BLAKE2b".ljust(64, b"\0")
        self.key, self.nonce = None, 0
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.hash = blake(self.hash + data)

    def mix_key(self, data):
        self.chain, key = hkdf(self.chain, data)
        self.key, self.nonce = key[:32], 0

    def seal(self, plain):
        text = plain
        if self.key is not None:
            text = seal(self.key, self.nonce, self.hash, plain)
            self.nonce += 1
        self.mix_hash(text)
        return text

    def split(self):
        return [key[:32] for key in hkdf(self.chain, b"")]


def handshake(keys, cookie):
    """The three messages with a handshake in them, and the keys of both directions."""
    static, ephemeral = ({side: bytes.fromhex(keys[f"{side}_{kind}"]) for side in ("client", "server")}
                         for kind in ("static", "ephemeral"))
    prologue = b"dtmv secure channel" + b"\1" + keys["connect_data"].to_bytes(4, "little") + cookie
    assert len(prologue) == 40
    noise = Symmetric(prologue)
    first = public(ephemeral["client"])
    noise.mix_hash(first)
    first += noise.seal(b"")
    second = public(ephemeral["server"])
    noise.mix_hash(second)
    noise.mix_key(x25519(ephemeral["server"], public(ephemeral["client"])))
    second += noise.seal(public(static["server"]))
    noise.mix_key(x25519(static["server"], public(ephemeral["client"])))
    second += noise.seal(b"")
    third = noise.seal(public(static["client"]))
    noise.mix_key(x25519(static["client"], public(ephemeral["server"])))
    third += noise.seal(b"")
    return (b"\x82" + cookie + first, b"\x83" + second, b"\x84" + third), noise.split()


def rekey(key):
    return seal(key, 2**64 - 1, b"", bytes(32))[:32]


def packet(keys, vector):
    """The packet as it should be; the phase is read from it, and the key follows its changes."""
    channel, counter, wire = vector["channel"], vector["counter"], bytes.fromhex(vector["hex"])
    stream = (vector["from"], channel, vector["reliable"])
    if stream not in keys["streams"]:
        name = b"dtmv stream" + bytes([channel, vector["reliable"]])
        keys["streams"][stream] = [hashlib.blake2b(name, key=keys[vector["from"]], digest_size=32).digest(), 0]
    state = keys["streams"][stream]
    phase = wire[0] >> 6 & 1
    if phase != state[1] & 1:
        state[0], state[1] = rekey(state[0]), state[1] + 1
    header = bytes([0x80 | phase << 6]) if vector["reliable"] else bytes([phase << 6 | counter >> 8 & 63, counter & 255])
    return header + seal(state[0], counter, bytes([channel]) + header, bytes.fromhex(vector["plain"]))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # One known answer of each RFC, so that this and the program cannot agree in error.
    assert x25519(bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                  bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")).hex() == \
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert poly1305(bytes.fromhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b"),
                    b"Cryptographic Forum Research Group").hex() == "a8061dc1305136c6c22b8baf0c0127a9"
    lines = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout.splitlines()
    vectors = [json.loads(line) for line in lines]
    by_kind = {vector["kind"]: vector for vector in vectors if vector["kind"] != "packet"}
    challenge = bytes.fromhex(by_kind["challenge"]["hex"])
    assert challenge[:2] == b"\x81\1" and len(challenge) == 18, "CHALLENGE"
    messages, split = handshake(by_kind["keys"], challenge[2:])
    for name, message in zip(("initiate", "response", "finish"), messages):
        assert bytes.fromhex(by_kind[name]["hex"]) == message, name.upper()
    keys = {"client": split[0], "server": split[1], "streams": {}}
    packets = [vector for vector in vectors if vector["kind"] == "packet"]
    for vector in packets:
        assert packet(keys, vector).hex() == vector["hex"], vector
    changes = sum(state[1] for state in keys["streams"].values())
    assert len(keys["streams"]) == 12 and changes >= 12, "every stream, with keys that change"
    print(f"verify_secure: a handshake and {len(packets)} packets of {len(keys['streams'])} streams, with {changes} changes "
          "of keys, are as PROTOCOL.md says")


if __name__ == "__main__":
    main()
