"""The pump hall: a steel frame of four bays, open to the front (+Z), with cladding, windows, skylight and floor.

World coordinates: x from X0 to X1, z from BACK to FRONT; the floor is 2 cm above the ground.
"""
import math

from geometry import bar, block, box, grid, move, rod, sub, trapezoids, tube, turn_x, turn_y, length, Shape
from gltf_writer import Mesh, Node
from parts import CONCRETE, DARK_STEEL, FOOTING, GLASS, HAZARD, LAMP, PAINT, SAFETY, SHEET, STRUCTURE

X0, X1, BACK, FRONT = -2.0, 22.0, -15.0, -3.0
EAVES, RIDGE = 6.6, 8.4
BAYS = 4
MIDDLE = (BACK + FRONT) / 2
CLADDING, TRIM = (SHEET, "#d6d3c8"), (PAINT, "#33717c")
INNER = (SHEET, "#ebe8de")

# What stands on the floor: x0, z0, x1, z1, height; it keeps light from the floor near it.
FOOTPRINTS = [(0.9, -7.2, 3.7, -6.0, 1.4), (5.3, -7.2, 8.1, -6.0, 1.4), (13.65, -9.3, 15.35, -7.2, 2.3), (15.2, -14.0, 20.0, -11.2, 2.8),
              (-0.3, -13.6, 3.0, -11.9, 2.6), (18.7, -9.6, 21.3, -8.7, 2.2), (8.7, -5.0, 11.7, -4.6, 0.6), (16.1, -5.0, 19.1, -4.6, 0.6),
              (-2.0, -10.4, 19.0, -10.0, 0.8)]


def floor_light(x, z):
    """Baked occlusion of the floor, 0..1: less sky towards the back and the walls, little close to machines."""
    sky = 1.0 - 0.42 * max(0.0, min(1.0, (FRONT - z) / (FRONT - BACK))) ** 0.8
    for d in (x - X0, X1 - x, z - BACK):
        sky *= 1.0 - 0.3 * max(0.0, 1.0 - max(0.0, d) / 1.2) ** 2
    for x0, z0, x1, z1, h in FOOTPRINTS:
        dx, dz = max(x0 - x, 0.0, x - x1), max(z0 - z, 0.0, z - z1)
        d = math.hypot(dx, dz) / (0.35 + 0.35 * h)
        sky *= 1.0 - 0.5 * max(0.0, 1.0 - d) ** 1.5
    return sky


def roof_height(z):
    return RIDGE - (RIDGE - EAVES) * abs(z - MIDDLE) / (FRONT - MIDDLE)


def slab():
    m = Mesh()
    m.add(grid(X0, BACK, X1, FRONT + 0.4, 54, 28, 0.02), (CONCRETE, "#d3cfc5"))
    m.shade(lambda p, n: floor_light(p[0], p[2]))
    lines = Mesh()
    for x0, z0, x1, z1 in ((X0 + 0.5, -4.25, X1 - 0.5, -4.15), (0.2, -8.75, 12.6, -8.65), (12.5, -8.75, 12.6, -4.2), (0.2, -8.75, 0.3, -4.2)):
        lines.add(block(x0, 0.02, z0, x1, 0.025, z1), (PAINT, "#e0b52a"))
    lines.add(block(4.46, 0.02, -8.7, 4.54, 0.025, -4.2), (PAINT, "#e0b52a"))
    lines.add(block(X0 + 0.3, 0.02, FRONT + 0.1, X1 - 0.3, 0.026, FRONT + 0.32), (HAZARD, "#ffffff"))
    lines.add(block(13.2, 0.02, -9.9, 13.25, 0.024, -6.0), (PAINT, "#d9d6cc"))
    lines.shade(lambda p, n: 0.6 + 0.4 * floor_light(p[0], p[2]))
    return m, lines


def wall(m, a, b, height_at, openings, look_out, look_in):
    """Cladding from floor point a to b, outside to the right of the walk from a to b when seen from above.
    `openings` are (from, to, sill, head) along the wall. `height_at(t)` is the top at distance t."""
    d = length(sub(b, a))
    yaw = math.degrees(math.atan2(-(b[2] - a[2]), b[0] - a[0]))
    place = (move(*a), turn_y(yaw))
    cuts = sorted({0.0, d} | {o[0] for o in openings} | {o[1] for o in openings})
    for s, e in zip(cuts, cuts[1:]):
        holes = sorted((o[2], o[3]) for o in openings if o[0] <= s and o[1] >= e)
        spans, y = [], 0.0
        for sill, head in holes:
            if sill > y:
                spans.append((y, sill))
            y = head
        spans.append((y, None))
        for lo, hi in spans:
            profile = trapezoids(e - s, 0.4)
            for look, flip in ((look_out, False), (look_in, True)):
                shape = Shape()
                for (x0, z0), (x1, z1) in zip(profile, profile[1:]):
                    t0 = hi if hi is not None else height_at(s + x0)
                    t1 = hi if hi is not None else height_at(s + x1)
                    z = -0.004 if flip else 0.0
                    quad = [(s + x0, lo, z0 + z), (s + x1, lo, z1 + z), (s + x1, t1, z1 + z), (s + x0, t0, z0 + z)]
                    shape.face(*(quad[::-1] if flip else quad))
                m.add(shape, look, *place)
    for s, e, sill, head in openings:  # frames, mullions and panes
        frame = (PAINT, "#384b55")
        for y in (sill, head):
            m.add(block(s - 0.04, y - 0.05, -0.06, e + 0.04, y + 0.05, 0.09), frame, *place)
        for x in (s, e):
            m.add(block(x - 0.05, sill, -0.06, x + 0.05, head, 0.09), frame, *place)
        if sill > 0.5:
            count = max(1, round((e - s) / 1.2))
            for i in range(1, count):
                x = s + (e - s) * i / count
                m.add(block(x - 0.025, sill, -0.03, x + 0.025, head, 0.05), frame, *place)
            m.add(block(s, (sill + head) / 2 - 0.025, -0.03, e, (sill + head) / 2 + 0.025, 0.05), frame, *place)
            m.add(Shape().face((s, sill, 0.0), (e, sill, 0.0), (e, head, 0.0), (s, head, 0.0)), (GLASS, "#ffffff"), *place)
    if all(sill > 0 for _, _, sill, _ in openings):  # a plinth, where no door cuts it
        m.add(block(0, 0.0, -0.1, d, 0.32, 0.1), FOOTING, *place)


STROKES = {  # letters as lines on a grid of 4 by 6
    "C": ((4, 5, 3, 6), (3, 6, 1, 6), (1, 6, 0, 5), (0, 5, 0, 1), (0, 1, 1, 0), (1, 0, 3, 0), (3, 0, 4, 1)),
    "D": ((0, 0, 0, 6), (0, 6, 3, 6), (3, 6, 4, 5), (4, 5, 4, 1), (4, 1, 3, 0), (3, 0, 0, 0)),
    "E": ((4, 0, 0, 0), (0, 0, 0, 6), (0, 6, 4, 6), (0, 3, 3, 3)),
    "G": ((4, 5, 3, 6), (3, 6, 1, 6), (1, 6, 0, 5), (0, 5, 0, 1), (0, 1, 1, 0), (1, 0, 3, 0), (3, 0, 4, 1), (4, 1, 4, 3), (4, 3, 2.4, 3)),
    "I": ((2, 0, 2, 6),),
    "N": ((0, 0, 0, 6), (0, 6, 4, 0), (4, 0, 4, 6)),
    "R": ((0, 0, 0, 6), (0, 6, 3, 6), (3, 6, 4, 5), (4, 5, 4, 4), (4, 4, 3, 3), (3, 3, 0, 3), (2, 3, 4, 0)),
    "S": ((4, 5, 3, 6), (3, 6, 1, 6), (1, 6, 0, 5), (0, 5, 0, 4), (0, 4, 1, 3), (1, 3, 3, 3), (3, 3, 4, 2), (4, 2, 4, 1), (4, 1, 3, 0), (3, 0, 1, 0),
          (1, 0, 0, 1)),
    "T": ((2, 0, 2, 6), (0, 6, 4, 6)),
    "Y": ((2, 0, 2, 3), (2, 3, 0, 6), (2, 3, 4, 6)),
}


def lettering(m, text, x, y, z, height):
    """Painted letters on a wall that looks to +Z, centred at x, standing on y."""
    unit_size = height / 6
    advance = {" ": 3.2, "I": 2.6}
    width = sum(advance.get(c, 5.6) for c in text) * unit_size - 1.6 * unit_size
    pen = x - width / 2
    for c in text:
        shift = -0.7 if c == "I" else 0.0
        for x0, y0, x1, y1 in STROKES.get(c, ()):
            ax, ay = pen + (x0 + shift) * unit_size, y + y0 * unit_size
            bx, by = pen + (x1 + shift) * unit_size, y + y1 * unit_size
            d = math.hypot(bx - ax, by - ay)
            ex, ey = (bx - ax) / d * 0.045, (by - ay) / d * 0.045  # half the width, also past both ends
            m.add(Shape().face((ax - ex + ey, ay - ey - ex, z), (bx + ex + ey, by + ey - ex, z), (bx + ex - ey, by + ey + ex, z),
                               (ax - ex - ey, ay - ey + ex, z)), (PAINT, "#f6f2e6"))
        pen += advance.get(c, 5.6) * unit_size


def walls():
    m = Mesh()
    flat = lambda t: EAVES  # noqa: E731
    gable_left = lambda t: roof_height(BACK + t)  # noqa: E731
    gable_right = lambda t: roof_height(FRONT - t)  # noqa: E731
    bay = (X1 - X0) / BAYS
    # back wall: outside looks to -Z, so it is walked from X1 to X0
    back = [(bay * i + 0.9, bay * (i + 1) - 0.9, 3.6, 5.4) for i in range(BAYS)]
    wall(m, (X1, 0.02, BACK), (X0, 0.02, BACK), flat, back, CLADDING, INNER)
    wall(m, (X0, 0.02, BACK), (X0, 0.02, FRONT), gable_left, [(1.6, 4.6, 3.4, 5.2), (9.3, 11.4, 3.4, 5.2)], CLADDING, INNER)
    wall(m, (X1, 0.02, FRONT), (X1, 0.02, BACK), gable_right, [(1.6, 4.6, 3.4, 5.2), (6.2, 7.2, 0.0, 2.1), (7.9, 10.4, 3.4, 5.2)],
         CLADDING, INNER)
    # the door in the right wall, ajar
    m.add(block(0, 0.03, -0.025, 0.98, 2.08, 0.025, 0.01), TRIM, move(X1 + 0.05, 0, FRONT - 7.2), turn_y(-30))
    # fascia above the open front with a coloured stripe, corner trims, gutters, downpipes
    m.add(block(X0 - 0.12, EAVES - 1.0, FRONT - 0.06, X1 + 0.12, EAVES + 0.06, FRONT + 0.16, 0.02), TRIM)
    m.add(block(X0 - 0.13, EAVES - 0.96, FRONT + 0.12, X1 + 0.13, EAVES - 0.86, FRONT + 0.175), (PAINT, "#f0ebde"))
    for x in (X0, X1):
        for z in (BACK, FRONT):
            m.add(block(x - 0.12, 0.02, z - 0.12, x + 0.12, EAVES, z + 0.12, 0.02), TRIM)
    for z, s in ((FRONT + 0.25, 1), (BACK - 0.16, -1)):
        m.add(block(X0 - 0.3, EAVES - 0.02, z - 0.09, X1 + 0.3, EAVES + 0.12, z + 0.09, 0.02), (PAINT, "#384b55"))
        for x in (X0 - 0.2, X1 + 0.2):
            m.add(tube([(x, EAVES, z), (x, EAVES - 0.4, z - 0.1 * s), (x, 0.1, z - 0.1 * s)], 0.05, 8, 0.1), (PAINT, "#384b55"))

    def shade(p, n):
        inside = X0 + 0.01 < p[0] < X1 - 0.01 and BACK + 0.01 < p[2] < FRONT - 0.1 and p[1] < EAVES
        f = 0.78 + 0.22 * min(1.0, p[1] / 1.4)
        if inside or (abs(p[2] - BACK) < 0.06 and n[2] > 0.2):
            f *= 0.82
        return f
    return m.shade(shade)


def roof():
    """Two slopes with a skylight strip along the ridge; ribs run down the slope."""
    m = Mesh()
    over, rise = 0.35, RIDGE - EAVES
    slope_len = math.hypot(FRONT - MIDDLE, rise)
    angle = math.degrees(math.atan2(rise, FRONT - MIDDLE))
    light = 1.7  # skylight: this far down each slope
    for side in (1, -1):
        yaw = 0 if side > 0 else 180
        place = (move((X0 + X1) / 2, RIDGE, MIDDLE), turn_y(yaw), turn_x(angle - 90))
        # local frame: x along the ridge, y up the slope to the ridge at 0, z out of the roof
        half = (X1 - X0) / 2 + over
        for look, flip, z in (((SHEET, "#8d979b"), False, 0.06), ((SHEET, "#dedcd2"), True, 0.05)):
            shape = Shape()
            profile = trapezoids(2 * half, 0.5, 0.04)
            for (x0, z0), (x1, z1) in zip(profile, profile[1:]):
                lo, hi = -slope_len - over, -light
                quad = [(x0 - half, lo, z0 + z), (x1 - half, lo, z1 + z), (x1 - half, hi, z1 + z), (x0 - half, hi, z0 + z)]
                shape.face(*(quad[::-1] if flip else quad))
            m.add(shape, look, *place)
        m.add(Shape().face((-half + 0.3, -light, 0.08), (half - 0.3, -light, 0.08), (half - 0.3, 0, 0.08), (-half + 0.3, 0, 0.08)), (GLASS, "#ffffff"), *place)
        count = int((X1 - X0) / 1.5)
        for i in range(count + 1):
            x = X0 - (X0 + X1) / 2 + (X1 - X0) * i / count
            m.add(block(x - 0.03, -light, 0.04, x + 0.03, 0, 0.11), (PAINT, "#dedbd0"), *place)
        m.add(block(-half, -light - 0.08, 0.03, half, -light + 0.06, 0.13), (PAINT, "#384b55"), *place)
        for i in range(7):  # purlins
            y = -slope_len + 0.15 + (slope_len - light - 0.3) * i / 6
            m.add(block(-half + 0.3, y - 0.05, -0.1, half - 0.3, y + 0.05, 0.05), (PAINT, "#8f979a"), *place)
        for x in (-half, half):
            m.add(block(x - 0.06, -slope_len - over, -0.12, x + 0.06, 0, 0.16, 0.02), TRIM, *place)
    m.add(block(X0 - over, RIDGE + 0.06, MIDDLE - 0.14, X1 + over, RIDGE + 0.16, MIDDLE + 0.14, 0.04), (PAINT, "#384b55"))
    return m


def column(m, x, z, height):
    """An H section with base plate."""
    for s in (-1, 1):
        m.add(block(x - 0.11, 0.02, z + s * 0.12 - 0.012, x + 0.11, height, z + s * 0.12 + 0.012), STRUCTURE)
    m.add(block(x - 0.01, 0.02, z - 0.12, x + 0.01, height, z + 0.12), STRUCTURE)
    m.add(block(x - 0.2, 0.02, z - 0.22, x + 0.2, 0.05, z + 0.22), STRUCTURE)
    if z > FRONT - 0.5:  # where trucks pass
        m.add(block(x - 0.16, 0.05, z - 0.18, x + 0.16, 1.1, z + 0.18, 0.02), (HAZARD, "#ffffff"))


def truss(m, x):
    """Top chords under the roof, a bottom chord and a zigzag of web members."""
    z0, z1 = BACK + 0.18, FRONT - 0.18
    low = EAVES - 0.35
    n = 8
    top = [(x, roof_height(z0 + (z1 - z0) * i / n) - 0.2, z0 + (z1 - z0) * i / n) for i in range(n + 1)]
    bottom = [(x, low - 0.3, z0 + (z1 - z0) * (i + 0.5) / n) for i in range(n)]
    for a, b in zip(top, top[1:]):
        m.add(bar(a, b, 0.12, 0.14), STRUCTURE)
    m.add(bar(bottom[0], bottom[-1], 0.1, 0.12), STRUCTURE)
    m.add(bar((x, low - 0.3, z0), bottom[0], 0.1, 0.12), STRUCTURE)
    m.add(bar(bottom[-1], (x, low - 0.3, z1), 0.1, 0.12), STRUCTURE)
    for i in range(n):
        m.add(bar(top[i], bottom[i], 0.06, 0.06), STRUCTURE)
        m.add(bar(bottom[i], top[i + 1], 0.06, 0.06), STRUCTURE)


def frame():
    m = Mesh()
    bay = (X1 - X0) / BAYS
    for i in range(BAYS + 1):
        x = X0 + bay * i + (0.2 if i == 0 else -0.2 if i == BAYS else 0)
        column(m, x, FRONT - 0.2, EAVES)
        column(m, x, BACK + 0.2, EAVES)
        truss(m, x)
    for z in (BACK + 0.3, FRONT - 0.2):
        m.add(bar((X0 + 0.1, EAVES - 0.45, z), (X1 - 0.1, EAVES - 0.45, z), 0.16, 0.2), STRUCTURE)
    # cross bracing in the end bays of the back wall
    for a in (X0 + 0.2, X1 - bay):
        m.add(rod((a, 0.3, BACK + 0.25), (a + bay - 0.2, EAVES - 0.5, BACK + 0.25), 0.025, 6, False), STRUCTURE)
        m.add(rod((a, EAVES - 0.5, BACK + 0.28), (a + bay - 0.2, 0.3, BACK + 0.28), 0.025, 6, False), STRUCTURE)
    # crane rail and hoist
    y = 5.55
    m.add(block(X0 + 0.4, y - 0.12, -7.42, X1 - 0.4, y + 0.12, -7.18, 0.01), SAFETY)
    m.add(box(0.7, 0.4, 0.45, 0.04), (PAINT, "#c8702a"), move(10.2, y - 0.35, -7.3))
    m.add(rod((10.2, 4.1, -7.3), (10.2, y - 0.5, -7.3), 0.012, 6), DARK_STEEL)
    m.add(box(0.14, 0.24, 0.14, 0.03), (PAINT, "#e0b52a"), move(10.2, 4.0, -7.3))
    # luminaires
    for i in range(BAYS):
        x = X0 + bay * (i + 0.5)
        for z in (-5.4, -12.0):
            m.add(box(1.3, 0.09, 0.24, 0.02), (PAINT, "#dfe2e0"), move(x, 5.75, z))
            m.add(box(1.2, 0.02, 0.18), (LAMP, "#fff3dc"), move(x, 5.7, z))
            for s in (-0.5, 0.5):
                m.add(rod((x + s, 5.8, z), (x + s, 6.6, z), 0.008, 4, False), DARK_STEEL)
    return m


def nodes():
    floor, lines = slab()
    root = Node("Hall", floor)
    root.child("Lines", lines)
    root.child("Walls", walls())
    root.child("Frame", frame())
    root.child("Roof", roof())
    sign = Mesh()
    lettering(sign, "DISTRICT ENERGY", (X0 + X1) / 2, EAVES - 0.72, FRONT + 0.175, 0.52)
    root.child("Sign", sign)
    return [root]
