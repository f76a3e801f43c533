"""Small textures, drawn here and packed as PNG. Sixteen colours at four bits, stored without compression: the
same bytes whatever version of zlib runs the generator."""
import math
import random
import struct
import zlib


def png_indexed(width, height, rows, palette):
    """`rows`: lists of palette indices 0..15; `palette`: up to 16 of (r, g, b)."""
    raw = bytearray()
    for row in rows:
        raw.append(0)
        for x in range(0, width, 2):
            raw.append(row[x] << 4 | (row[x + 1] if x + 1 < width else 0))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    stored = bytearray(b"\x78\x01")
    for i in range(0, len(raw), 65535):
        part = raw[i:i + 65535]
        stored += struct.pack("<BHH", 1 if i + 65535 >= len(raw) else 0, len(part), len(part) ^ 0xFFFF) + part
    stored += struct.pack(">I", zlib.adler32(bytes(raw)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0))
            + chunk(b"PLTE", bytes(v for c in palette for v in c)) + chunk(b"IDAT", bytes(stored)) + chunk(b"IEND", b""))


def noise(size, seed, octaves):
    """Tiling value noise in 0..1: `octaves` is a list of (cells, weight)."""
    rng = random.Random(seed)
    out = [[0.0] * size for _ in range(size)]
    total = sum(w for _, w in octaves)
    for cells, weight in octaves:
        table = [[rng.random() for _ in range(cells)] for _ in range(cells)]
        line = []
        for x in range(size):
            f = x * cells / size
            i = int(f)
            t = f - i
            line.append((i % cells, (i + 1) % cells, t * t * (3 - 2 * t)))
        for y in range(size):
            a, b, v = line[y]
            top, bottom, row = table[a], table[b], out[y]
            for x in range(size):
                i, j, u = line[x]
                p = top[i] + (top[j] - top[i]) * u
                q = bottom[i] + (bottom[j] - bottom[i]) * u
                row[x] += weight / total * (p + (q - p) * v)
    return out


def gray_palette(low, high):
    return [tuple(int(low + (high - low) * i / 15 + 0.5) for _ in range(3)) for i in range(16)]


def speckled(size, seed, octaves, low, high, contrast=1.6):
    """A grey mottle around white, to multiply a colour: concrete, asphalt, grass, render."""
    field = noise(size, seed, octaves)
    rows = [[max(0, min(15, int((0.5 + (v - 0.5) * contrast) * 15 + 0.5))) for v in row] for row in field]
    return png_indexed(size, size, rows, gray_palette(low, high))


def concrete():
    return speckled(256, 11, [(4, 3), (16, 2), (64, 2), (256, 2)], 196, 255)


def asphalt():
    return speckled(256, 12, [(8, 1), (64, 1), (256, 4)], 168, 255, 1.3)


def grass():
    return speckled(256, 13, [(4, 2), (16, 2), (64, 2), (256, 3)], 150, 255, 1.7)


def gravel():
    return speckled(128, 14, [(32, 3), (64, 2), (128, 3)], 130, 255, 1.8)


def hazard():
    """Yellow and black diagonal stripes, one period a repeat."""
    rows = [[0 if (x + y) % 64 < 32 else 1 for x in range(64)] for y in range(64)]
    return png_indexed(64, 64, rows, [(245, 196, 30), (28, 28, 30)])


def gauge():
    """A round pressure gauge: white face, ticks, a red zone and a pointer."""
    size = 128
    rows = []
    for y in range(size):
        row = []
        for x in range(size):
            dx, dy = (x + 0.5) / size * 2 - 1, (y + 0.5) / size * 2 - 1
            r = math.hypot(dx, dy)
            turn = (math.degrees(math.atan2(dx, dy)) + 360) % 360  # 0 below, growing anticlockwise on the picture
            along_scale = 1 - (turn - 45) / 270  # 0 at the lower left, 1 at the lower right
            color = 0
            if r > 0.93:
                color = 3
            elif 0.62 < r < 0.86 and 0 <= along_scale <= 1:
                if along_scale > 0.8 and r > 0.78:
                    color = 2
                if abs(along_scale * 10 - round(along_scale * 10)) < 0.12 and r > 0.68:
                    color = 1
            a = math.radians(150)
            px, py = math.sin(a), math.cos(a)
            reach, off = dx * px + dy * py, abs(dx * py - dy * px)
            if -0.15 < reach < 0.66 and off < 0.05 * (1.05 - reach):
                color = 1
            if r < 0.1:
                color = 1
            row.append(color)
        rows.append(row)
    return png_indexed(size, size, rows, [(244, 244, 238), (30, 32, 36), (205, 48, 38), (120, 126, 132)])
