"""Materials, colours and small fittings that the plant's models share."""
import math

import textures
from geometry import (add, along, bar, block, cylinder, disc_quad, lathe, length, move, rod, sub, times, tube, turn_x,
                      turn_y, unit)
from gltf_writer import Material

PAINT = Material("Paint", 0.0, 0.45)
MATT = Material("Matt", 0.0, 0.85)
STEEL = Material("Steel", 0.85, 0.38)
CLAD = Material("Cladding", 0.55, 0.42)
SHEET = Material("Sheet", 0.1, 0.55, double_sided=True)
RUBBER = Material("Rubber", 0.0, 0.9)
GLASS = Material("Glass", 0.0, 0.08, (0.45, 0.6, 0.66, 0.32), blend=True)
PANE = Material("Pane", 0.3, 0.12)
CONCRETE = Material("Concrete", 0.0, 0.88, texture=textures.concrete(), texture_size=4.0)
ASPHALT = Material("Asphalt", 0.0, 0.9, texture=textures.asphalt(), texture_size=3.0)
GRASS = Material("Grass", 0.0, 0.95, texture=textures.grass(), texture_size=9.0)
GRAVEL = Material("Gravel", 0.0, 0.95, texture=textures.gravel(), texture_size=1.5)
HAZARD = Material("Hazard", 0.0, 0.6, texture=textures.hazard(), texture_size=0.3)
GAUGE = Material("Gauge", 0.0, 0.35, texture=textures.gauge())
LAMP = Material("Lamp", 0.0, 0.3, emissive=(1.0, 0.85, 0.6), strength=0.6)

GALVANISED = (STEEL, "#a9b0b5")
STAINLESS = (STEEL, "#c5cacd")
DARK_STEEL = (STEEL, "#5b6268")
BOLT = (STEEL, "#8d9398")
SAFETY = (PAINT, "#f0b91c")
STRUCTURE = (PAINT, "#5a6f7e")
ALUMINIUM = (CLAD, "#c9cdce")
BLACK = (MATT, "#26282b")
WHITE = (PAINT, "#eceae2")
FOOTING = (CONCRETE, "#cbc7bd")
PLINTH = (MATT, "#b4b0a6")  # the same without the texture, for small models


def flange(m, look, r, thickness=0.035, bolts=7, matrix=(), proud=1.0):
    """A flange about Y with its face at y = 0, `thickness` below it, with bolt heads under it. `r` is the pipe's
    radius."""
    big = r * 1.42 + 0.035
    m.add(lathe([(r, -thickness), (big, -thickness), (big, 0), (0, 0)], 18), look, *matrix)
    for i in range(bolts):
        a = 2 * math.pi * (i + 0.5) / bolts
        q = (r + big) / 2 + 0.004
        m.add(lathe([(0.016, 0), (0.016, thickness + 0.034), (0, thickness + 0.034)], 5), BOLT, *matrix,
              move(q * math.sin(a), -thickness - 0.017, q * math.cos(a)))


def joint(m, look, at, direction, r, bolts=7):
    """A pair of flanges on a pipe at point `at`."""
    d = unit(direction)
    flange(m, look, r, 0.034, bolts, (along(at, add(at, d)),))
    flange(m, look, r, 0.034, 0, (along(at, sub(at, d)),))


def pipe(m, look, points, r, bend=None, bands=True, band_look=ALUMINIUM, segments=12):
    """An insulated pipe with cladding bands every 2.2 m on its straight runs."""
    bend = 2.6 * r if bend is None else bend
    m.add(tube(points, r, segments, bend, 5), look)
    if not bands:
        return
    for a, b in zip(points, points[1:]):
        d = length(sub(b, a))
        clear = bend + 0.12
        if d < 2 * clear + 0.1:
            continue
        count = max(2, int((d - 2 * clear) / 2.2) + 1)
        for i in range(count):
            at = add(a, times(unit(sub(b, a)), clear + (d - 2 * clear) * i / (count - 1)))
            m.add(lathe([(r - 0.004, -0.038), (r + 0.013, -0.032), (r + 0.013, 0.032), (r - 0.004, 0.038)], segments, 20), band_look,
                  along(at, b))


def collar(m, look, at, direction, r):
    """A collar round a pipe that says what flows in it."""
    m.add(lathe([(r + 0.002, -0.165), (r + 0.02, -0.155), (r + 0.02, 0.155), (r + 0.002, 0.165)], 12, 50), look,
          along(at, add(at, direction)))


def stand(m, x, z, height, r, width=0.34):
    """A pipe support: a foot, a post and a saddle under a pipe at `height`."""
    top = height - r
    m.add(block(x - 0.14, 0, z - 0.14, x + 0.14, 0.02, z + 0.14), GALVANISED)
    m.add(block(x - 0.045, 0.02, z - 0.045, x + 0.045, top - 0.03, z + 0.045, 0.008), STRUCTURE)
    m.add(block(x - width / 2, top - 0.04, z - width / 2, x + width / 2, top, z + width / 2, 0.008), STRUCTURE)


def gauge(m, at, direction, r=0.075):
    """A round dial looking along `direction` (horizontal), on its neck."""
    yaw = math.degrees(math.atan2(direction[0], direction[2]))
    base = (move(*at), turn_y(yaw))
    m.add(cylinder(r, 0.045, 18, 0.006), STAINLESS, *base, turn_x(90))
    m.add(disc_quad(r * 0.7), (GAUGE, "#ffffff"), *base, move(0, 0, 0.047))
    m.add(rod((0, -r - 0.09, 0.02), (0, -r + 0.01, 0.02), 0.012, 8), STAINLESS, *base)


def railing(m, points, closed=False, height=1.1, look=SAFETY, spacing=1.3):
    """A guard rail along points on the floor: posts, hand rail, knee rail, toe board."""
    line = list(points) + ([points[0]] if closed else [])
    for a, b in zip(line, line[1:]):
        d = length(sub(b, a))
        count = max(1, round(d / spacing))
        for i in range(count):
            p = add(a, times(sub(b, a), i / count))
            m.add(rod(p, add(p, (0, height, 0)), 0.02, 6, False), look)
        for y, r in ((height, 0.024), (height * 0.52, 0.017)):
            m.add(rod(add(a, (0, y, 0)), add(b, (0, y, 0)), r, 6, False), look)
        m.add(bar(add(a, (0, 0.07, 0)), add(b, (0, 0.07, 0)), 0.012, 0.1), look)
    if not closed:
        m.add(rod(line[-1], add(line[-1], (0, height, 0)), 0.02, 6, False), look)


def ladder(m, height, matrix=(), cage_from=2.3, look=SAFETY):
    """A ladder with a cage in the XY plane, climbed from +Z; the wall is towards -Z."""
    for x in (-0.22, 0.22):
        m.add(bar((x, 0, 0), (x, height + 1.1, 0), 0.05, 0.016), look, *matrix)
    for i in range(int(height / 0.3)):
        m.add(rod((-0.22, 0.3 * (i + 1), 0), (0.22, 0.3 * (i + 1), 0), 0.012, 6, False), look, *matrix)
    hoops = int((height + 1.0 - cage_from) / 0.9) + 1
    arc = [(-0.24, 0.0)] + [(0.36 * math.sin(math.radians(a)), 0.36 - 0.36 * math.cos(math.radians(a + 180)) * 1.0)
                            for a in range(-100, 101, 40)] + [(0.24, 0.0)]
    for i in range(hoops):
        y = cage_from + 0.9 * i
        for (x0, z0), (x1, z1) in zip(arc, arc[1:]):
            m.add(bar((x0, y, z0), (x1, y, z1), 0.008, 0.05), look, *matrix)
    top = cage_from + 0.9 * (hoops - 1)
    for x, z in arc[2:-2]:
        m.add(bar((x, cage_from, z), (x, top, z), 0.04, 0.008), look, *matrix)


def ground_shade(floor=0.72, height=0.5):
    """Darkens what is near the ground, as light that does not reach there."""
    def function(p, n):
        t = max(0.0, min(1.0, p[1] / height))
        f = floor + (1 - floor) * t * (2 - t)
        return f * (0.86 + 0.14 * max(-1.0, min(1.0, n[1])) if n[1] < 0 else 1.0)
    return function
