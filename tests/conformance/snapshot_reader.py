"""The code of a cell's version, read as shared/PROTOCOL.md says: range coder, channels, motion. Part of
verify_protocol.py, to be read beside the document from top to bottom; one file, since that is one chapter of it."""
import fractions
import math
import re
import struct


NO_TIME = -(1 << 63)


class Refused(Exception):
    """The status that PROTOCOL.md's order of checks gives: length (TRUNCATED, MALFORMED), then fields."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


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

    def golomb(self, k):
        ones = 0
        while ones < 64 - k and self.take(1):
            ones += 1
        return ((1 << ones) - 1 << k) + self.take(k if ones == 64 - k else ones + k)


PARTS = [65536, 60097, 55109, 50535, 46341, 42495, 38968, 35734]


class Model:
    def __init__(self, first):
        self.quick = self.slow = first


class Number:
    def __init__(self, first):
        self.longer = [Model(first) for _ in range(64)]
        self.second = [Model(32768) for _ in range(65)]


class RangeReader:
    def __init__(self, data):
        self.data, self.at, self.code, self.range = data, 0, 0, (1 << 64) - 1
        for _ in range(8):
            self.move_in()

    def move_in(self):
        if self.at >= len(self.data) + 8:
            raise Refused("TRUNCATED")
        byte = self.data[self.at] if self.at < len(self.data) else 0
        self.code = (self.code << 8 | byte) & (1 << 64) - 1
        self.at += 1

    def grow(self):
        if self.range < 1 << 32:
            self.range <<= 32
            for _ in range(4):
                self.move_in()

    def bit(self, model):
        probability = min(max(model.quick + model.slow >> 1, 16), 65520)
        share = (self.range >> 16) * probability
        bit = self.code < share
        if bit:
            self.range = share
        else:
            self.code -= share
            self.range -= share
        target = 65535 if bit else 0
        model.quick += target - model.quick >> 4
        model.slow += target - model.slow >> 7
        self.grow()
        return bit

    def bits(self, count):
        value = 0
        while count > 0:
            group = min(count, 16)
            count -= group
            self.range >>= group
            part = min(self.code // self.range, (1 << group) - 1)
            self.code -= part * self.range
            value = value << group | part
            self.grow()
        return value

    def symbol(self, row):
        unit = self.range >> 15
        value, begin, symbol = self.code // unit, 0, 0
        while symbol < len(row) - 1 and value >= begin + row[symbol]:
            begin += row[symbol]
            symbol += 1
        self.code -= begin * unit
        self.range = row[symbol] * unit if symbol < len(row) - 1 else self.range - begin * unit
        self.grow()
        return symbol

    def residual(self, mean, spread, above):
        """A residual number; `above` is the row of its shape."""
        octave, floor, rest = spread >> 3, mean >> 6, 32 + mean % 64
        width = max(0, octave - 6)

        def begin(k):
            if k in (-129, 129):
                return 0 if k < 0 else 65536
            edge = (64 * k << width) - rest
            d = abs(edge) * PARTS[spread & 7] >> 13 + octave
            if d < 512:
                mass = above[d >> 3] + ((above[(d >> 3) + 1] - above[d >> 3]) * (d & 7) >> 3)
            else:
                d = min(d, 131071)
                h = d.bit_length() - 1
                mass = above[55 + h] + ((above[56 + h] - above[55 + h]) * (d - (1 << h)) >> h)
            return 32639 + k + 129 + (-mass if edge < 0 else mass)

        unit = self.range >> 16
        target = min(self.code // unit, 65535)
        low, high = -129, 129
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if begin(middle) <= target else (low, middle)
        self.code -= begin(low) * unit
        self.range = (begin(low + 1) - begin(low)) * unit
        self.grow()
        if low in (-129, 128):
            length = self.bits(5)
            beyond = (1 << length) + self.bits(length) - 1
            low += beyond if low > 0 else -beyond
        return signed(floor + (low << width) + self.bits(width), 32)

    def number(self, model):
        length = 0
        while length < 64 and self.bit(model.longer[length]):
            length += 1
        if length < 2:
            return length
        return (2 | self.bit(model.second[length])) << length - 2 | self.bits(length - 2)

    def zigzag(self, model):
        return unzigzag(self.number(model))

    def difference(self, base, model):
        return signed(base + self.zigzag(model), 64)

    def done(self):
        if self.at < len(self.data):
            raise Refused("MALFORMED")


def unzigzag(code):
    return -(code + 1) // 2 if code & 1 else code // 2


NO_SNAPSHOT = {"sequence": 0, "entities": []}
NO_CHANNEL = [0, NO_TIME, 0]
UNITS = [1, 10**3, 10**6, 10**9]


def models(*firsts):
    return [Model(first) for first in firsts]


class Reader:
    def __init__(self, coder, base, motion):
        self.coder, self.base, self.motion = coder, base, motion
        self.channels = Channels(coder, motion)
        self.aged = [models(65000, 64200, 63000) for _ in range(16)] + [models(30000, 20000, 10000) for _ in range(15)]
        self.aged += [models(60000, 50000, 40000), models(65000, 40000, 20000)]
        self.same = [models(65000, 40000, 20000), models(65300, 64200, 63000), models(48000, 48000, 48000),
                     models(600, 300, 300)]
        self.still = [[models(*row) for row in motion.tables[name]] for name in ("quiet still", "lively still")]
        self.other, self.more, self.new, self.rotation = models(1000, 1000, 32768, 32768)
        self.index, self.generation, self.place = Number(6000), Number(6000), Number(60000)
        self.last_added = [0, 0, 0, 0]

    def new_rotation(self):
        largest, codes = self.coder.bits(2), [self.coder.bits(10) for _ in range(3)]
        if max(codes) > STEPS:
            raise Refused("OUT_OF_RANGE")
        return largest | codes[0] << 2 | codes[1] << 18 | codes[2] << 34

    def new_transform(self):
        transform = []
        for before in self.last_added[:3]:
            difference = self.coder.number(self.place)
            if difference >> 32:
                raise Refused("OUT_OF_RANGE")
            transform.append(signed(before + unzigzag(difference), 32))
        transform.append(self.last_added[3] if self.coder.bit(self.rotation) else self.new_rotation())
        self.last_added = transform
        return list(transform)

    def added(self, floor, below):
        index = floor + self.coder.number(self.index)
        generation = 1 + self.coder.number(self.generation)
        entity = {"kind": self.coder.bits(2), "subject": self.coder.bits(16)}
        count = self.coder.bits(5)
        if index >= 1 << 20 or index >= below or generation > 4095 or count > 16:
            raise Refused("OUT_OF_RANGE")
        entity["handle"] = generation << 20 | index
        entity["transform"] = self.new_transform()
        entity["channels"] = self.channels.added(count)
        return entity

    def changed_entity(self, place):
        entity = dict(self.base["entities"][place])
        entity["transform"] = self.motion.transform(place)
        entity["channels"] = self.channels.changed(place, self.setting(place, entity["transform"]))
        return entity

    def setting(self, place, transform):
        lately = self.motion.lately(place)
        if lately == 0:
            return 0
        if transform == self.base["entities"][place]["transform"]:
            return 3
        return (1 if lately == 1 else 4) + self.motion.lively(place)

    def entities(self):
        old, cursor, floor, busy, out = self.base["entities"], 0, 0, 0, []
        while True:
            if cursor == len(old):
                if not self.coder.bit(self.more):
                    return out
                out.append(self.added(floor, 1 << 20))
                floor = index_of(out[-1]) + 1
                continue
            lately, channels = self.motion.lately(cursor), old[cursor]["channels"]
            same = self.same[lately]
            if channels and lately < 2:
                age = self.channels.age(newest(channels), self.channels.gap)
                same = self.aged[age]
            if lately == 1 and (not channels or age == 32):
                same = self.still[self.motion.lively(cursor)][self.motion.stir(cursor)]
            if self.coder.bit(same[min(busy, 2)]):
                busy //= 2
                out.append(old[cursor])
                floor = index_of(old[cursor]) + 1
                cursor += 1
                continue
            busy += 1
            if not self.coder.bit(self.other):
                out.append(self.changed_entity(cursor))
                floor = index_of(old[cursor]) + 1
                cursor += 1
            elif not self.coder.bit(self.new):
                floor = index_of(old[cursor])
                cursor += 1
            else:
                out.append(self.added(floor, index_of(old[cursor])))
                floor = index_of(out[-1]) + 1


def index_of(entity):
    return entity["handle"] & (1 << 20) - 1


# ---- channels ----

def is_wide(code):
    return not -(1 << 51) <= code < 1 << 51


def newest(channels):
    return max(channel[1] for channel in channels)


def ratio(a, b):
    down = max(a.bit_length() - 50, 0)
    return min((a >> down) * 256 // (b >> down), 4096) if b >> down else 4096


def count_at(bits, digits):
    """n where the double with these bits is n / 10^digits, or None."""
    number = struct.unpack("<d", struct.pack("<q", bits))[0]
    if not math.isfinite(number) or abs(number) >= 1 << 51:
        return None
    count = round(fractions.Fraction(number) * 10**digits)
    return count if abs(count) < 1 << 51 and double_bits(count, digits) == bits else None


def double_bits(count, digits):
    return struct.unpack("<q", struct.pack("<d", count / 10**digits))[0]


def digits_of(bits):
    return next((digits for digits in range(10) if count_at(bits, digits) is not None), 10)


def place_of(bits):
    return bits if bits >= 0 else -1 - (bits & (1 << 63) - 1)


def zero_bits(bits):
    return (bits & -bits).bit_length() - 1 if bits else 64


class Slot:
    """What is learnt about the i-th of n channels."""

    def __init__(self):
        self.last, self.gap, self.weights, self.jump = list(NO_CHANNEL), 0, [160, 32], 1 << 36
        self.seen = self.fitted = self.stride = 0
        self.a, self.b = [0, 0, 0], [0, 0]
        self.means = [40000, 6000, 30000, 50000, 80000, 140000, 260000, 600000, 400000]
        self.counts = [0] * 9
        self.flags = [models(4000, 8000) for _ in range(16)] + [models(32768, 50000) for _ in range(17)]
        self.quality, self.digits, self.binary, self.coarse = models(1000, 8000, 60000, 60000)
        self.binary_mean, self.binary_count, self.zeros = 0, 0, 64

    def finer(self, zeros):
        if zeros < self.zeros:
            self.zeros, self.binary_count = zeros, 0

    def learn(self, mood, moving, inputs, change, whole, fraction):
        change = limit(change, 1 << 36)
        missed = abs(256 * limit(change - whole, 1 << 36) - fraction) * 256
        missed = min(missed, 8 * self.means[mood] + (1 << 19))
        self.means[mood] += missed - self.means[mood] >> min(6, (self.counts[mood] + 1).bit_length())
        self.counts[mood] += 1
        if not moving:
            return
        self.seen += 1
        if (self.seen <= 48 or (self.seen - 1) % 4 == 0) and abs(change) <= self.jump:
            self.learn_weights(inputs, change)

    def learn_weights(self, inputs, change):
        if self.fitted:
            self.stride += 16 * abs(change) - self.stride >> min(6, (self.fitted + 1).bit_length())
        else:
            self.stride = 16 * abs(change)
        self.jump = min(self.stride + 32, 1 << 36) if self.fitted >= 3 else 1 << 36
        vector = [*inputs, 256 * change]
        down = max((abs(vector[0]) | abs(vector[1]) | abs(vector[2])).bit_length() - 19, 0)
        x, y, z = (v >> down for v in vector)
        self.a = [self.a[0] + x * x, self.a[1] + x * y, self.a[2] + y * y]
        self.b = [self.b[0] + x * z, self.b[1] + y * z]
        self.fitted += 1
        if self.fitted & self.fitted - 1 == 0 or self.fitted % 16 == 0:
            self.fit()

    def fit(self):
        a00, a01, a11 = self.a[0] + (1 << 17), self.a[1], self.a[2] + (1 << 17)
        down = max(max(a00, a11).bit_length() - 30, 0)
        a00, a01, a11 = a00 >> down, a01 >> down, a11 >> down
        a00, a11 = a00 + (a00 >> 14) + 1, a11 + (a11 >> 14) + 1
        b0, b1 = limit(self.b[0] + 81920 >> down, 1 << 31), limit(self.b[1] + 16384 >> down, 1 << 31)
        part = quotient(a00 * a11 - a01 * a01, 256)
        if part > 0:
            self.weights = [limit(quotient(b0 * a11 - b1 * a01, part), 768),
                            limit(quotient(b1 * a00 - b0 * a01, part), 768)]


class Channels:
    def __init__(self, coder, motion):
        self.coder, self.motion, self.rows = coder, motion, motion.tables["channel residuals"]
        self.clock = self.recent = self.past = None
        self.gap, self.some, self.together = 0, 2, 2
        self.somes, self.togethers = [models(*row) for row in motion.tables["some"]], models(8000, 60000, 60000)
        self.times, self.units = models(4000, 50000, 32768, 32768, 32768), models(32768, 32768, 32768)
        self.untimed = models(62000, 1500)
        self.count, self.escape = Number(55000), Number(50000)
        self.slots = {}

    def age(self, time, gap):
        if time == NO_TIME or gap == 0:
            return 32
        return min(ratio(self.clock - time, gap) // 16, 31) if self.clock > time else 0

    def added(self, count):
        slots = self.slots_of(count)
        channels = self.channels(slots, [slot.last for slot in slots], [[] for _ in slots], 0)
        for slot, channel in zip(slots, channels):
            slot.last = list(channel)
        return channels

    def changed(self, place, setting):
        entity = self.motion.base["entities"][place]
        bases = entity["channels"]
        older = [past.get(entity["handle"], []) for past in self.past]
        older = [channels for channels in older if len(channels) == len(bases)]
        samples = [self.samples(base, [channels[i] for channels in older]) for i, base in enumerate(bases)]
        channels = self.channels(self.slots_of(len(bases)), bases, samples, setting)
        if channels:
            self.gap = self.learn_gap(self.gap, newest(channels), newest(bases))
        return channels

    @staticmethod
    def samples(base, older):
        known = [base] if base[2] else []
        for channel in older:
            if known and channel[2] and channel[1] < known[-1][1] and is_wide(channel[0]) == is_wide(base[0]):
                known.append(channel)
        return known

    @staticmethod
    def learn_gap(gap, time, before):
        return time - before if before != NO_TIME and time > before else gap

    def slots_of(self, count):
        return [self.slots.setdefault((count, i), Slot()) for i in range(count)]

    def channels(self, slots, bases, samples, setting):
        if not slots:
            return []
        self.some = self.coder.bit(self.somes[setting][self.some])
        if not self.some:
            return [list(base) for base in bases]
        self.together = self.coder.bit(self.togethers[self.together])
        return (self.as_one if self.together else self.one_by_one)(slots, bases, samples)

    def as_one(self, slots, bases, samples):
        result, time = [], None
        for slot, base, known in zip(slots, bases, samples):
            if base[2]:
                time = self.time(base[1], known, self.gap) if time is None else time
                base = [self.code(slot, base[0], known, time), time, base[2]]
            result.append(list(base))
        return result

    def one_by_one(self, slots, bases, samples):
        result, changed = [], False
        for slot, base, known in zip(slots, bases, samples):
            changed = self.coder.bit(slot.flags[self.age(base[1], slot.gap)][changed])
            if changed:
                quality = self.coder.bits(2) if self.coder.bit(slot.quality) else base[2]
                time = self.time(base[1], known, slot.gap)
                code = self.code(slot, base[0], known, time)
                slot.gap = self.learn_gap(slot.gap, time, base[1])
                base = [code, time, quality]
            result.append(list(base))
        return result

    def time(self, base, known, gap):
        differs, changed = self.times[:2] if base else self.untimed
        if not self.coder.bit(differs):
            return self.recent
        expected = base
        if gap and base != NO_TIME:
            expected = signed(base + gap, 64)
            if self.coder.bit(self.times[3]):
                self.recent = expected
                return expected
        if len(known) > 1:
            rhythm = signed(2 * base - known[1][1], 64)
            if rhythm != expected and self.coder.bit(self.times[4]):
                self.recent = rhythm
                return rhythm
        if not self.coder.bit(changed):
            return base
        origin = self.recent if self.coder.bit(self.times[2]) else expected
        high = self.coder.bit(self.units[0])
        unit = UNITS[2 * high + self.coder.bit(self.units[1 + high])]
        self.recent = signed(origin + self.coder.zigzag(self.count) * unit, 64)
        return self.recent

    def code(self, slot, base, known, time):
        base = base if known else slot.last[0]
        if is_wide(base):
            return self.double(slot, base, known, time)
        return self.step(slot, base, known, time)

    def step(self, slot, base, known, time):
        whole, fraction, mood, inputs = 0, 0, 0 if known else 8, (0, 0)
        if len(known) > 1:
            whole, fraction, mood, inputs = self.expect(slot, known[:3], time)
        residual = self.residual(slot.means[mood], fraction)
        code = signed(base + whole + residual, 64)
        slot.learn(mood, len({sample[0] for sample in known[:3]}) > 1, inputs, signed(code - base, 64), whole, fraction)
        return code

    @staticmethod
    def expect(slot, known, time):
        later, step = max(time - known[0][1], 0), known[0][1] - known[1][1]
        newer, older, f, rates = known[0][0] - known[1][0], 0, [0, 0], (0, 0)
        if len(known) > 2:
            older, before = known[1][0] - known[2][0], known[1][1] - known[2][1]
            rates = ratio(later, before), ratio(step, before)
        miss = limit(newer, 1 << 36)
        if abs(newer) <= slot.jump:
            f[0] = newer * ratio(later, step)
            if abs(older) <= slot.jump:
                f[1] = older * rates[0]
                miss -= sum(slot.weights) * older * rates[1] >> 16
        guess = slot.weights[0] * f[0] + slot.weights[1] * f[1] >> 8
        whole = guess + 128 >> 8
        return whole, guess - 256 * whole, 1 + min(abs(miss).bit_length(), 6), f

    def residual(self, mean, fraction):
        length, low = mean.bit_length(), 0
        half = mean >> length - 2 & 1 if length > 1 else 0
        if length > 17:
            low, row = length - 17, 72 + half
        else:
            size = 2 * (length - 6) + half if length > 5 else 0
            row = 3 * size + (abs(fraction) >= 32) + (abs(fraction) >= 96)
        symbol = self.coder.symbol(self.rows[row])
        if symbol == 17:
            value = self.coder.zigzag(self.escape)
        else:
            value = (symbol - 8 << low) - ((1 << low) // 2 if low else 0) + self.coder.bits(low)
        return signed(-value if fraction < 0 else value, 64)

    def double(self, slot, base, known, time):
        digits = digits_of(base)
        if digits <= 9:
            digits = max([digits] + [d for d in (digits_of(sample[0]) for sample in known[1:3]) if d <= 9])
        while digits <= 9 and self.coder.bit(slot.digits):
            digits += 1
        if digits > 9 or count_at(base, digits) is None:
            return self.binary(slot, base)
        counts = []
        for sample in known[:3]:
            count = count_at(sample[0], digits)
            if count is None:
                break
            counts.append([count, sample[1], sample[2]])
        count = self.step(slot, count_at(base, digits), counts, time)
        if abs(count) >= 1 << 51:
            raise Refused("MALFORMED")
        return double_bits(count, digits)

    def binary(self, slot, base):
        if not self.coder.bit(slot.binary):
            return base
        slot.finer(zero_bits(base))
        shift = slot.zeros if self.coder.bit(slot.coarse) else 0
        difference = signed(self.residual(slot.binary_mean, 0) << shift, 64)
        place = signed(place_of(base) + difference, 64)
        code = place if place >= 0 else -1 - place - (1 << 63)
        slot.finer(zero_bits(code))
        missed = abs(limit(difference >> slot.zeros, 1 << 46)) << 16
        if slot.binary_count == 0:
            slot.binary_mean = missed
        if slot.binary_mean < 1 << 58:
            missed = min(missed, 8 * slot.binary_mean + (1 << 19))
        slot.binary_count += 1
        slot.binary_mean += missed - slot.binary_mean >> min(6, slot.binary_count.bit_length())
        return code


# ---- motion ----

def quotient(a, b):
    """Division that rounds towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def limit(value, most):
    return max(-most, min(most, value))


def logarithm(value):
    value = min(value, (1 << 24) - 2) + 1
    whole = value.bit_length() - 1
    return 16 * whole + (value * 16 >> whole) % 16


def apart(a, b):
    """Vector from b to a, by coordinates mod 2^32."""
    return [signed(x - y, 32) for x, y in zip(a, b)]


STEPS = 1022
STEP_SIZE = (3037000500 + STEPS // 2) // STEPS


def component(packed, place):
    return packed >> 2 + 16 * place & 0xFFFF


def unpack_16(packed):
    largest, q, rest, place = packed & 3, [0] * 4, 1 << 32, 0
    for k in range(4):
        if k != largest:
            q[k] = (2 * component(packed, place) - STEPS) * STEP_SIZE + (1 << 15) >> 16
            rest -= q[k] ** 2
            place += 1
    q[largest] = math.isqrt(max(0, rest))
    return q


def product(a, b):
    sums = [a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
            a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
            a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
            a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2]]
    return [value + (1 << 15) >> 16 for value in sums]


def turn(a, b):
    q = product(a, [-b[0], -b[1], -b[2], b[3]])
    return [-c for c in q] if q[3] < 0 else q


def angle(t):
    g = (1 << 32) // (65536 + t[3])
    u = [c * g >> 16 for c in t[:3]]
    s = sum(c * c for c in u) >> 16
    f = 9362 - (s * 7282 >> 16)
    for term in (13107, 21845, 65536):
        f = term - (s * f >> 16)
    return [c * f >> 16 for c in u]


def turned_by(v):
    s = sum(c * c for c in v) >> 16
    f = 3536 + (s * 1433 >> 16)
    for term in (8738, 21845, 65536):
        f = term + (s * f >> 16)
    u = [c * f >> 16 for c in v]
    n = sum(c * c for c in u) >> 16
    g = (1 << 32) // (65536 + n)
    return [2 * c * g >> 16 for c in u] + [(65536 - n) * g >> 16]


def cross(a, b):
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def matrix(t):
    x, y, z, w = t
    return [[65536 - (y * y + z * z >> 15), x * y - z * w >> 15, x * z + y * w >> 15],
            [x * y + z * w >> 15, 65536 - (x * x + z * z >> 15), y * z - x * w >> 15],
            [x * z - y * w >> 15, y * z + x * w >> 15, 65536 - (x * x + y * y >> 15)]]


def swing(t, v):
    return [sum(m * c for m, c in zip(row, v)) + (1 << 15) >> 16 for row in matrix(t)]


def little(q, t):
    """What a small turn t adds to the rotation q."""
    return [t[0] * q[3] + t[1] * q[2] - t[2] * q[1] >> 15, t[1] * q[3] + t[2] * q[0] - t[0] * q[2] >> 15,
            t[2] * q[3] + t[0] * q[1] - t[1] * q[0] >> 15, -(t[0] * q[0] + t[1] * q[1] + t[2] * q[2] >> 15)]


def size(vector):
    return sum(map(abs, vector))


class Motion:
    def __init__(self, coder, tables, base, past, lead, ages):
        self.coder, self.tables, self.base, self.lead = coder, tables, base, min(lead, 65535)
        self.past = [{e["handle"]: e["transform"] for e in s["entities"]} if s else {} for s in past]
        self.ages = [age or 1 for age in ages]
        self.ratios = [(self.lead << 16) // age for age in self.ages]
        self.carrier, self.carrying, self.carrier_angle, self.traces = -1, None, [0] * 3, []
        self.drift = {"count": 0, "missed": [0] * 3, "turn": [0] * 3, "arm": [0] * 3}
        self.surprise = {(kind, carried): 0 for kind in "pr" for carried in (False, True)}
        places = [e["transform"][:3] for e in base["entities"]]
        self.lowest = [min(column) for column in zip(*places)]
        self.largest = [models(*(256 * p + 128 for p in row)) for row in tables["largest"]]
        self.moved = [models(20000, 20000), models(63000, 11000), models(50000, 50000), models(65200, 65200)]
        turned = [[4000, 32768], [3000, 46000], [60000, 46000], [62000, 64600]]
        self.turned = [[models(*row), models(*row)] for row in turned]
        self.turned[1] = [models(20000, 46000), models(2000, 46000)]

    def lately(self, place):
        entity = self.base["entities"][place]
        handle, now = entity["handle"], entity["transform"]
        if handle not in self.past[0]:
            return 0
        if self.past[0][handle] != now:
            return 3
        return 2 if self.past[1].get(handle, now) != now else 1

    def lively(self, place):
        channels = self.base["entities"][place]["channels"]
        return bool(channels) and channels[0][0] != 0

    def survey(self):
        """Where what moves is expected, the carrier apart."""
        self.movers, self.carrier_place = [], None
        for place, entity in enumerate(self.base["entities"]):
            if len(self.movers) == 256:
                break
            if self.lately(place) == 3:
                at, before = entity["transform"][:3], self.past[0][entity["handle"]][:3]
                went = [limit(64 * c, 1 << 24) for c in apart(at, before)]
                at = [a + (self.over(c, 0) >> 6) for a, c in zip(at, went)]
                if place == self.carrier:
                    self.carrier_place = at
                else:
                    self.movers.append(at)

    def stir(self, place):
        at = self.base["entities"][place]["transform"][:3]
        squares = [sum(c * c for c in apart(at, mover)) for mover in self.movers]
        if self.carrier_place:
            squares.append(sum(c * c for c in apart(at, self.carrier_place)) // 16)
        return sum(min(squares, default=1 << 70) >= reach * reach for reach in (200, 250, 300, 350, 400, 500, 800))

    def over(self, value, j):
        return value * self.ratios[j] >> 16

    def line(self, s, turns):
        n, t, q, a, b, c = 1, 0, 0, [0] * 3, [0] * 3, 0
        step, scale, points, to = (STEP_SIZE >> 16, 1, 0, [0] * 3) if turns else (1, 64, 0, [0] * 3)
        for j in range(5):
            if s["past"][j] is None or (j > 0 and self.ages[j] <= self.ages[j - 1]):
                break
            if turns:
                s["turned"][j] = angle(turn(s["q"], unpack_16(s["past"][j][3])))
            y = [-v for v in s["turned"][j]] if turns else [-(v >> 6) for v in s["went"][j]]
            if size(y) > 1 << 17:
                break
            age = self.ages[j]
            n, t, q = n + 1, t - age, q + age * age
            a, b = [u + v for u, v in zip(a, y)], [u - age * v for u, v in zip(b, y)]
            c += sum(v * v for v in y)
            d = n * q - t * t
            away = sum(q * u * u - 2 * t * u * v + n * v * v for u, v in zip(a, b))
            if j > 0 and c - quotient(away, d) > (n - 2) * step * step:
                break
            points += 1
            to = [quotient((q * u - t * v + self.lead * (n * v - t * u)) * scale, d) for u, v in zip(a, b)]
        return (points, [limit(c, 1 << 30) for c in to]) if points >= 2 else (0, [0] * 3)

    def look(self, place):
        entity = self.base["entities"][place]
        now = entity["transform"]
        past = [version.get(entity["handle"]) for version in self.past]
        s = {"place": place, "at": now[:3], "q": unpack_16(now[3]), "past": past, "near": False, "arm": [0] * 3, "swung": [0] * 3,
             "slid": [[0] * 3 for _ in range(3)], "slid turn": [[0] * 3 for _ in range(2)], "drift": [0] * 3,
             "rigidity": 0, "unsteadiness": 0, "line": [0] * 3, "turn line": [0] * 3,
             "went": [[limit(64 * c, 1 << 24) for c in apart(now[:3], p)] if p else [0] * 3 for p in past],
             "turned": [[0] * 3 for _ in past]}
        above = [(at - low) & 0xFFFFFFFF for at, low in zip(s["at"], self.lowest)]
        s["down"], s["clearance"] = above.index(min(above)), min(above)
        path = self.over(size(s["went"][1]), 1)
        if place == self.carrier:
            s["class"] = 0
        elif past[0] is None or past[1] is None:
            s["class"] = 1
        elif past[1] == now:
            s["class"] = 2
        else:
            self.look_at_carrier(s)
            s["class"] = self.carried_class(s, path)
        s["carried"], s["turn class"] = 3 <= s["class"] <= 7, s["class"]
        if s["carried"]:
            s["taken"] = product(self.carrying["turn"], s["q"])
        else:
            self.look_at_free(s, path)
        self.look_at_floor(s)
        self.look_around(s)
        return s

    def look_at_free(self, s, path):
        packed = self.base["entities"][s["place"]]["transform"][3]
        turns = [p and ([0, 0, 0, 65536] if p[3] == packed else turn(s["q"], unpack_16(p[3]))) for p in s["past"][:2]]
        for j in range(2):
            if turns[j]:
                s["turned"][j] = angle(turns[j])
                if s["near"] and self.carrying["places"][j] is not None:
                    s["slid turn"][j] = angle(turn(turns[j], self.carrying["turned"][j]))
        s["unsteadiness"] = sum(min(65536, abs(self.over(a, 0) - self.over(b, 1)))
                                for a, b in zip(s["turned"][0], s["turned"][1]))
        points, s["line"] = self.line(s, False)
        turn_points, s["turn line"] = self.line(s, True)
        if s["class"] == 8:
            s["class"] = s["turn class"] = self.free_class(s, path)
            s["class"] = 11 + points if points else s["class"]
            s["turn class"] = 11 + turn_points if turn_points else s["turn class"]

    def look_at_floor(self, s):
        k, gone = s["down"], s["swung"][s["down"]]
        if not s["carried"]:
            gone = self.over(s["went"][0][k], 0)
            gone -= self.lead * 384 if max(s["class"], s["turn class"]) >= 17 else 0
        stands = sum(map(abs, matrix(s["taken"] if s["carried"] else s["q"])[k])) - 65536
        s["sunk"] = limit((stands * 102 >> 10) - 64 * min(s["clearance"], 1 << 24) - gone, 1 << 18)

    def look_around(self, s):
        total, s["distance"], sums = 0, 90000, [0] * 8
        for at, carried, missed, turn_missed, errors in self.traces[-64:]:
            way = apart(at, s["at"])
            square = sum(c * c for c in way)
            if carried != s["carried"] or not all(-500 <= c <= 500 for c in way) or square >= 250000:
                continue
            weight = self.tables["nearness"][square >> 12]
            total += weight
            sums = [a + weight * b for a, b in zip(sums, missed + turn_missed + errors)]
            s["distance"] = min(s["distance"], square)
        means = [(a >> 4) * ((1 << 36) // total) >> 32 if total else 0 for a in sums]
        s["neighbours"], s["neighbours turn"] = means[:3], means[3:6]
        s["near by"] = [(a >> 4) * ((1 << 36) // (total + 60)) >> 32 for a in sums[:3]]
        s["position error"], s["rotation error"] = means[6:]

    def look_at_carrier(self, s):
        carrier = self.carrying
        if not carrier or not carrier["places"][1]:
            return
        arm = [64 * (a - b) for a, b in zip(s["at"], carrier["at"])]
        if max(map(abs, arm)) >= 8192 * 64:
            return
        s["near"], s["arm"] = True, arm
        s["swung"] = [a - b + c for a, b, c in zip(swing(carrier["turn"], arm), arm, carrier["step"])]
        for j in range(3):
            if s["past"][j] is None or carrier["places"][j] is None:
                continue
            before = [limit(64 * a - b - 64 * c, 1 << 22)
                      for a, b, c in zip(s["at"], s["went"][j], carrier["places"][j])]
            s["slid"][j] = [a - b for a, b in zip(arm, swing(carrier["turned"][j], before))]
        s["rigidity"] = min((1 << 24) - 2, sum(limit(c, 1 << 18) ** 2 for c in s["slid"][1]) >> 8)
        if self.drift["count"]:
            lean = cross(self.drift["turn"], [a - b for a, b in zip(arm, self.drift["arm"])])
            s["drift"] = [a + (b >> 14) for a, b in zip(self.drift["missed"], lean)]

    def carried_class(self, s, path):
        rigidity = s["rigidity"] >> 4
        if not s["near"] or rigidity >= 4096 or (rigidity >= 1024 and path < 60 * 64):
            return 8
        return 3 + sum(rigidity >= bound for bound in (16, 64, 256, 1024))

    def free_class(self, s, path):
        if path < 30 * 64:
            return 8
        k = s["down"]
        falls = self.over(s["went"][0][k], 0) - self.over(s["went"][1][k], 1) < -8 * 64
        return (17 if falls else 9) + sum(s["unsteadiness"] >> 2 >= bound for bound in (573, 1966, 6554))

    def mean(self, row, parts):
        return 256 + sum(w * part for w, part in zip(row, parts)) >> 9

    def read(self, kind, s, number, mean, clues):
        """A residual number of class `number`; kind is "position" or "rotation"; all clues but the last two are sizes
        still, the first one apart."""
        logs = [16] + [logarithm(abs(c)) for c in clues[1:21]] + clues[21:]
        spread = 64 + sum(w * c for w, c in zip(self.tables[kind + " spread"][number], logs))
        bends = self.tables[kind + " bend"][23 * s["carried"]:]
        spread += 16 * sum(bends[i][logs[i] >> 4] for i in range(1, 21))
        spread = max(0, min(175, spread >> 7))
        row = 1 if 3 <= number <= 7 else 2 if 13 <= number < 17 else 3 if number in (2, 8) else 0
        value = self.coder.residual(mean, spread, self.tables[kind + " shape"][row])
        off = logarithm(min(abs(64 * value - mean), 1 << 22)) - 2 * spread + 24
        self.surprise[kind[0], s["carried"]] += off * 16 - self.surprise[kind[0], s["carried"]] >> 4
        return value

    def position(self, s):
        position, missed, residuals, total = [], [], [], 0
        shared = [16, s["position error"], s["distance"], s["rigidity"], size(s["slid"][0]),
                  self.drift["count"] if s["carried"] else s["unsteadiness"] >> 2, size(s["neighbours"]),
                  s["clearance"], size(s["arm"]) >> 4, size(s["slid"][2]), *self.carrier_sizes(), max(0, s["sunk"]),
                  max(0, -s["sunk"]), size(s["neighbours turn"]), size(s["drift"])]
        for k in range(3):
            down = k == s["down"]
            quick, slow = self.over(s["went"][0][k], 0), self.over(s["went"][1][k], 1)
            slid = [s["slid"][0][k], self.over(s["slid"][1][k], 1), s["slid"][2][k]]
            below = 64 * apart([self.lowest[k]] * 3, [s["at"][k]] * 3)[0]
            below -= s["swung"][k] if s["carried"] else quick
            floor = [down * self.lead * 384, down * max(0, min(1 << 18, below)), down * max(0, s["sunk"])]
            if s["carried"]:
                parts = [s["swung"][k], s["neighbours"][k], s["near by"][k], s["drift"][k], *slid, *floor]
                own = [slid[0], s["slid"][1][k], s["arm"][k], s["neighbours"][k]]
            else:
                parts = [quick, slow, self.over(s["went"][2][k], 2), s["line"][k], s["neighbours"][k], s["swung"][k],
                         s["drift"][k], *slid, s["near by"][k], *floor]
                own = [quick - slow, slow, s["swung"][k] - quick, s["slid"][1][k]]
            mean = self.mean(self.tables["position mean"][s["class"]], parts)
            clues = shared + own + [total, self.surprise["p", s["carried"]] >> 4, down * 16]
            gone = self.read("position", s, s["class"], mean, clues)
            position.append(signed(s["at"][k] + gone, 32))
            residual = 64 * gone - mean
            residuals.append(limit(residual, 1 << 20))
            missed.append(limit(64 * gone - s["swung"][k] if s["carried"] else residual, 1 << 20))
            total += min(abs(residual), 1 << 22)
        return position, missed, residuals, total

    def carrier_sizes(self):
        return [size(self.carrying["step"] if self.carrying else []), size(self.carrier_angle)]

    def rolls(self, s, position, residuals):
        """On the floor, and on the carrier: by all of its way, by what was missed."""
        floor, roll, missed_roll = [0] * 3, [0] * 3, [0] * 3
        floor[s["down"]] = 1
        if s["near"]:
            slip = [limit(64 * c - w, 4096 * 64) for c, w in zip(apart(position, s["at"]), s["swung"])]
            away = [-c >> 6 for c in s["arm"]]
            part = 3 * 65536 // math.isqrt(1 + sum(c * c for c in away))
            roll = [c * part >> 16 for c in cross(away, slip)]
            missed_roll = [c * part >> 16 for c in cross(away, residuals)]
        return cross(floor, residuals), roll, missed_roll

    def expected_carried(self, s, position, residuals):
        row, taken = self.tables["rotation mean"][s["turn class"]], s["taken"]
        off = [[0] * 4, [0] * 4]
        for j in range(2):
            if self.carrying["places"][j] is not None:
                along = product(self.carrying["through"][j], unpack_16(s["past"][j][3]))
                sign = -1 if sum(a * b for a, b in zip(along, taken)) < 0 else 1
                off[j] = [sign * a - b for a, b in zip(along, taken)]
        turns = [s["neighbours turn"], *self.rolls(s, position, residuals)]
        sums = [limit(sum(w * t[k] for w, t in zip(row[2:], turns)) >> 9, 65536) for k in range(3)]
        more = little(taken, sums)
        expected = [q + m + (row[0] * a + row[1] * b >> 9) for q, m, a, b in zip(taken, more, *off)]
        return expected, size(off[0]), size(off[1]), [*off, more]

    def expected_free(self, s, position, residuals):
        own, roll, missed_roll = self.rolls(s, position, residuals)
        sums = []
        for k in range(3):
            parts = [self.over(s["turned"][j][k], j) for j in range(3)]
            parts += [s["turn line"][k], s["neighbours turn"][k], self.carrier_angle[k], s["slid turn"][0][k],
                      self.over(s["slid turn"][1][k], 1), roll[k], own[k], missed_roll[k]]
            sums.append(limit(self.mean(self.tables["rotation mean"][s["turn class"]], parts), 65536))
        expected = product(turned_by(sums), s["q"])
        return expected, size(s["turned"][0]), size(s["slid turn"][0]), [[0] * 4] * 3

    def read_largest(self, expected):
        order = sorted(range(4), key=lambda k: -abs(expected[k]))
        for i in range(3):
            gap = (abs(expected[order[i]]) - abs(expected[order[i + 1]])) * 5 >> 13
            if self.coder.bit(self.largest[i][min(15, gap)]):
                return order[i]
        return order[3]

    def rotation(self, s, position, residuals, position_total):
        expect = self.expected_carried if s["carried"] else self.expected_free
        expected, first, second, others = expect(s, position, residuals)
        largest = self.read_largest(expected)
        sign, base_sign = -1 if expected[largest] < 0 else 1, -1 if s["q"][largest] < 0 else 1
        shared = [16, position_total, s["rotation error"], s["distance"], s["rigidity"],
                  self.drift["count"] if s["carried"] else s["unsteadiness"] >> 2, s["clearance"], first, second,
                  size(s["arm"]) >> 4, size(s["neighbours turn"]), self.carrier_sizes()[1], max(0, s["sunk"]),
                  max(0, -s["sunk"]), self.carrier_sizes()[0], size(s["drift"])]
        packed, shift, total = largest, 2, 0
        for k in range(4):
            if k == largest:
                continue
            mean = (sign * expected[k] * STEPS * 46341 >> 26) + 32 * STEPS
            own = [sign * expected[k] - base_sign * s["q"][k], *(other[k] for other in others)]
            clues = shared + own + [total, self.surprise["r", s["carried"]] >> 4, 0]
            value = self.read("rotation", s, s["turn class"], mean, clues)
            if not 0 <= value <= STEPS:
                raise Refused("OUT_OF_RANGE")
            packed |= value << shift
            shift += 16
            total += min(abs(64 * value - mean), 1 << 22)
        missed = turn(unpack_16(packed), s["taken"] if s["carried"] else expected)
        return packed, [limit(c, 65536) >> 1 for c in missed[:3]], total

    def transform(self, place):
        now, lately = self.base["entities"][place]["transform"], self.lately(place)
        position, rotation, missed, residuals, turn_missed, errors = now[:3], now[3], [0] * 3, [0] * 3, [0] * 3, [0, 0]
        moved = self.coder.bit(self.moved[lately][self.lively(place)])
        turned = self.coder.bit(self.turned[lately][self.lively(place)][moved])
        if moved or turned:
            s = self.look(place)
            if moved:
                position, missed, residuals, errors[0] = self.position(s)
            if turned:
                rotation, turn_missed, errors[1] = self.rotation(s, position, residuals, errors[0])
            if moved and turned and s["carried"]:
                self.add_drift(missed, turn_missed, s["arm"])
            self.traces.append((now[:3], s["carried"], missed, turn_missed, errors))
        if place == self.carrier:
            self.carry(place, position, rotation)
        return position + [rotation]

    def add_drift(self, missed, turn_missed, arm):
        drift = self.drift
        drift["count"] = count = min(drift["count"] + 1, 16)
        for name, new in (("missed", missed), ("turn", turn_missed), ("arm", arm)):
            drift[name] = [a + ((b - a) * (65536 // count) >> 16) for a, b in zip(drift[name], new)]

    def carry(self, place, position, rotation):
        entity = self.base["entities"][place]
        now = entity["transform"]
        past = [version.get(entity["handle"]) for version in self.past[:3]]
        new, was = unpack_16(rotation), unpack_16(now[3])
        step = [limit(64 * c, 1 << 24) for c in apart(position, now)]
        self.carrying = {"at": now[:3], "step": step, "turn": turn(new, was),
                         "places": [p and p[:3] for p in past],
                         "turned": [p and turn(was, unpack_16(p[3])) for p in past]}
        self.carrying["through"] = [t and product(self.carrying["turn"], t) for t in self.carrying["turned"]]
        self.carrier_angle = angle(self.carrying["turn"])


def motion_tables(text):
    """The tables of the sections "Channels" and "Motion": a name and a colon, then rows of numbers."""
    tables, name = {}, None
    for line in text[text.index("### Channels"):text.index("### What it means")].splitlines():
        if re.fullmatch(r"[a-z ]+:", line):
            name = line[:-1]
            tables[name] = []
        elif name and re.fullmatch(r"[-\d ]+", line):
            tables[name].append([int(word) for word in line.split()])
        else:
            name = None
    tables["nearness"] = sum(tables["nearness"], [])
    return tables


# ---- cells and packets ----

def decode_snapshot(data, sequence, source_time, known, tables):
    coder = RangeReader(data)
    distance = coder.number(Number(50000))
    baseline = sequence - distance & (1 << 32) - 1 if distance else 0
    base = known[baseline] if distance else NO_SNAPSHOT
    ages = [0] * 5
    if distance:
        age, usual, further = Number(50000), Model(60000), coder.bit(Model(32768))
        for j in range(5 if further else 2):
            expected = distance << j - 1 if j else 1
            expected = expected if expected <= 255 else 0
            ages[j] = expected if coder.bit(usual) else coder.number(age)
        if max(ages) > 255:
            raise Refused("OUT_OF_RANGE")
    past = [known[baseline - age & (1 << 32) - 1] if age else None for age in ages]
    motion = Motion(coder, tables, base, past, distance or sequence, ages)
    motion.carrier = coder.number(Number(8000)) - 1
    motion.survey()
    reader = Reader(coder, base, motion)
    reader.channels.past = [{e["handle"]: e["channels"] for e in s["entities"]} if s else {} for s in past[:2]]
    reader.channels.clock = reader.channels.recent = source_time
    state = {"sequence": sequence, "entities": reader.entities()}
    coder.done()
    return state, baseline
