"""The ground and what stands on it that no sensor speaks of: road, kerbs, fence, stack, boiler, cabinets, trees."""
import math
import random

from geometry import (bar, blob, block, box, cylinder, grid, lathe, move, rod, scale, sphere, tube, turn_x, turn_y,
                      turn_z)
from gltf_writer import Material, Mesh, Node
from parts import (ALUMINIUM, ASPHALT, BLACK, BOLT, CLAD, CONCRETE, DARK_STEEL, FOOTING, GALVANISED, GRASS, GRAVEL,
                   LAMP, MATT, PAINT, PANE, PLINTH, SAFETY, STAINLESS, STRUCTURE, WHITE, gauge, ground_shade, ladder,
                   railing)

SITE = (-22.0, -22.0, 35.0, 3.2)  # the fenced yard: x0, z0, x1, z1
ROAD = (5.6, 11.4)  # z of the road's edges
LAMP_BLUE = Material("Screen", 0.0, 0.3, emissive=(0.25, 0.55, 0.7), strength=0.8)


def yard_light(p, n):
    """Baked occlusion of the yard under tanks, walls and the transformer."""
    x, z = p[0], p[2]
    f = 1.0
    for cx, cz, r in ((-8, -9, 2.95), (-15, -9, 2.95), (18.8, -18.5, 1.2)):
        d = max(0.0, math.hypot(x - cx, z - cz) - r)
        f *= 1.0 - 0.45 * max(0.0, 1 - d / 2.2) ** 2
    for x0, z0, x1, z1 in ((-2.1, -15.1, 22.1, -3.0), (25.9, -7.4, 29.7, -4.4)):
        dx, dz = max(x0 - x, 0, x - x1), max(z0 - z, 0, z - z1)
        f *= 1.0 - 0.4 * max(0.0, 1 - math.hypot(dx, dz) / 2.0) ** 2
    return f


def ground():
    """Grass, yard, road and kerbs, each a few millimetres above the last so that they do not flicker."""
    m = Mesh()
    x0, z0, x1, z1 = SITE
    m.add(grid(-90, -90, 110, 75, 20, 16, 0.004), (GRASS, "#7d9a52"))
    yard = Mesh()
    yard.add(grid(x0, z0, x1, z1, 44, 20, 0.012), (CONCRETE, "#c6c2b8"))
    yard.shade(yard_light)
    road = Mesh()
    road.add(grid(-90, ROAD[0], 110, ROAD[1], 40, 1, 0.014), (ASPHALT, "#7b7d7f"))
    road.add(grid(4, z1 - 0.3, 16, ROAD[0] + 0.1, 4, 1, 0.016), (ASPHALT, "#7b7d7f"))
    road.add(grid(24.6, -10.6, 31.4, -2.2, 6, 6, 0.018), (GRAVEL, "#b8b3a8"))
    for i in range(34):
        x = -88 + 6 * i
        road.add(block(x, 0.014, 8.44, x + 2.6, 0.019, 8.56), WHITE)
    for z in (ROAD[0] + 0.25, ROAD[1] - 0.25):
        road.add(block(-90, 0.014, z - 0.05, 110, 0.019, z + 0.05), (PAINT, "#d5d2c8"))
    road.add(grid(-90, ROAD[1] + 0.15, 110, ROAD[1] + 2.6, 40, 1, 0.02), (CONCRETE, "#cbc6ba"))
    kerbs = Mesh()
    for z, spans in ((ROAD[0] - 0.08, ((-90, 4), (16, 110))), (ROAD[1] + 0.08, ((-90, 110),))):
        for a, b in spans:
            kerbs.add(block(a, 0, z - 0.08, b, 0.13, z + 0.08, 0.02), FOOTING)
    for x in (4, 16):
        kerbs.add(block(x - 0.08, 0, z1, x + 0.08, 0.13, ROAD[0], 0.02), FOOTING)
    for a, b in ((x0, 4), (16, x1)):
        kerbs.add(block(a, 0, z1 - 0.08, b, 0.13, z1 + 0.08, 0.02), FOOTING)
    for z in (-10.6, -2.2):
        kerbs.add(block(24.6, 0, z - 0.06, 31.4, 0.09, z + 0.06, 0.01), FOOTING)
    for x in (24.6, 31.4):
        kerbs.add(block(x - 0.06, 0, -10.6, x + 0.06, 0.09, -2.2, 0.01), FOOTING)
    for i in range(4):  # parking bays on the yard
        kerbs.add(block(-21 + 2.6 * i, 0.012, -1.8, -20.9 + 2.6 * i, 0.018, 2.6), WHITE)
    for x, z in ((1.2, 0.3), (19.5, 0.6), (-12, -1.5)):  # drains and a manhole
        kerbs.add(cylinder(0.36, 0.012, 24), DARK_STEEL, move(x, 0.012, z))
    root = Node("Ground", m)
    root.child("Yard", yard)
    root.child("Road", road)
    root.child("Kerbs", kerbs)
    return [root]


def fence():
    """The site's fence with its open gate, and the transformer's own."""
    m = Mesh()
    x0, z0, x1, z1 = SITE
    sides = [((x0, z1), (x0, z0)), ((x0, z0), (x1, z0)), ((x1, z0), (x1, z1)), ((x1, z1), (16.6, z1)), ((3.4, z1), (x0, z1))]
    look = (PAINT, "#4d5d57")
    for (ax, az), (bx, bz) in sides:
        d = math.hypot(bx - ax, bz - az)
        count = max(1, round(d / 2.5))
        for i in range(count + 1):
            x, z = ax + (bx - ax) * i / count, az + (bz - az) * i / count
            m.add(block(x - 0.03, 0, z - 0.03, x + 0.03, 1.9, z + 0.03), look)
        for y in (0.12, 0.5, 0.9, 1.3, 1.75):
            m.add(bar((ax, y, az), (bx, y, bz), 0.022, 0.022), look)
        wires = int(d / 0.25)
        for i in range(wires):
            x, z = ax + (bx - ax) * (i + 0.5) / wires, az + (bz - az) * (i + 0.5) / wires
            m.add(rod((x, 0.12, z), (x, 1.8, z), 0.006, 3, False), look)
    for x, s in ((4.0, 1), (16.0, -1)):  # the open gate
        m.add(block(x - 0.12, 0, z1 - 0.12, x + 0.12, 2.1, z1 + 0.12, 0.02), (PAINT, "#2f5f68"))
        m.add(cylinder(0.09, 0.1, 14, 0.02), (LAMP, "#ffd9a0"), move(x, 2.1, z1))
        for y in (0.2, 1.0, 1.8):
            m.add(bar((x, y, z1), (x - s * 0.5, y, z1 - 5.4), 0.05, 0.05), look)
        for i in range(18):
            t = i / 17
            m.add(rod((x - s * 0.5 * t, 0.2, z1 - 5.4 * t), (x - s * 0.5 * t, 1.8, z1 - 5.4 * t), 0.012, 4, False), look)
    # the transformer's own fence
    bars = [((24.8, -10.4), (31.2, -10.4)), ((31.2, -10.4), (31.2, -2.4)), ((31.2, -2.4), (29.6, -2.4)), ((26.4, -2.4), (24.8, -2.4)),
            ((24.8, -2.4), (24.8, -4.6)), ((24.8, -6.4), (24.8, -10.4))]
    for (ax, az), (bx, bz) in bars:
        d = math.hypot(bx - ax, bz - az)
        for y in (0.15, 1.55):
            m.add(bar((ax, y, az), (bx, y, bz), 0.04, 0.04), SAFETY)
        n = int(d / 0.16)
        for i in range(n + 1):
            x, z = ax + (bx - ax) * i / n, az + (bz - az) * i / n
            m.add(rod((x, 0.05, z), (x, 1.65, z), 0.014 if i % 8 else 0.035, 4, False), SAFETY)
    return [Node("Fence", m)]


def stack():
    """The boiler's flue stack: 20 m, with platform, ladder and bands."""
    m = Mesh()
    m.add(block(-1.2, 0, -1.2, 1.2, 0.5, 1.2, 0.06), PLINTH)
    shell, red = (CLAD, "#bfc3c4"), (PAINT, "#c23b2c")
    for look, profile in ((shell, [(0.75, 0.5), (0.75, 0.56), (0.62, 0.62), (0.6, 3.0), (0.5, 12), (0.475, 17)]), (red, [(0.475, 17), (0.472, 17.7)]),
                          (shell, [(0.472, 17.7), (0.468, 18.4)]), (red, [(0.468, 18.4), (0.465, 19.1)]),
                          (shell, [(0.465, 19.1), (0.46, 20), (0.52, 20), (0.52, 20.15), (0.4, 20.15), (0.38, 19.6), (0, 19.6)])):
        m.add(lathe(profile, 26, 20), look)
    for y in (4, 8, 12, 16):
        m.add(lathe([(0.6, -0.03), (0.63 - y * 0.006, -0.025), (0.63 - y * 0.006, 0.025), (0.5, 0.03)], 24, 60), ALUMINIUM, move(0, y, 0))
    for i in range(16):
        a = 2 * math.pi * i / 16
        m.add(cylinder(0.03, 0.06, 6), BOLT, move(0.7 * math.sin(a), 0.56, 0.7 * math.cos(a)))
    ladder(m, 14.0, (move(0, 0.5, 0.66),), 2.5, GALVANISED)
    m.add(lathe([(0.52, 14.0), (1.15, 14.0), (1.15, 14.06), (0.52, 14.06)], 20, 20), GALVANISED)
    railing(m, [(1.1 * math.sin(2 * math.pi * i / 12), 14.06, 1.1 * math.cos(2 * math.pi * i / 12)) for i in range(12)], True, 1.1, SAFETY, 1.0)
    m.add(tube([(0, 4.4, 0.3), (0, 4.4, 3.3)], 0.33, 20), (CLAD, "#bfc3c4"))
    m.shade(ground_shade(0.75, 1.5))
    return [Node("Stack", m)]


def boiler():
    """A three-pass shell boiler, axis along X, 4.2 m long, with a burner to the left and the flue to the back right."""
    m = Mesh()
    m.add(block(-2.3, 0.02, -1.2, 2.3, 0.22, 1.2, 0.03), PLINTH)
    m.add(lathe([(0, -2.1), (1.1, -2.1), (1.22, -2.05), (1.22, -1.95), (1.2, -1.94), (1.2, 1.94), (1.22, 1.95), (1.22, 2.05), (1.1, 2.1), (0, 2.1)],
                36, 30), (CLAD, "#c9cbc8"), move(0, 1.5, 0), turn_z(-90))
    for y in (-1.2, -0.4, 0.4, 1.2):
        m.add(lathe([(1.2, -0.04), (1.212, -0.035), (1.212, 0.035), (1.2, 0.04)], 36, 60), ALUMINIUM, move(0, 1.5, 0), turn_z(-90), move(0, y, 0))
    m.add(lathe([(0, 0), (0.9, 0), (0.95, 0.04), (0.95, 0.1), (0, 0.1)], 30, 40), (PAINT, "#b5482f"), move(-2.1, 1.5, 0), turn_z(90))
    m.add(box(0.75, 0.62, 0.62, 0.06), (PAINT, "#b5482f"), move(-2.55, 1.35, 0))
    m.add(cylinder(0.3, 0.5, 22, 0.04), (PAINT, "#8a3826"), move(-2.6, 1.35, 0.25), turn_x(90))
    m.add(tube([(-2.6, 1.35, -0.2), (-2.6, 1.35, -0.7), (-2.6, 0.1, -0.7)], 0.05, 10, 0.15), SAFETY)
    for x in (-1.4, 1.4):
        m.add(block(x - 0.18, 0.2, -0.8, x + 0.18, 0.75, 0.8, 0.02), STRUCTURE)
    m.add(tube([(1.3, 2.5, -0.1), (1.3, 4.4, -0.1), (1.3, 4.4, -2.6)], 0.33, 22, 0.6), (CLAD, "#c9cbc8"))
    m.add(lathe([(0.33, 0), (0.43, 0), (0.43, 0.05), (0.33, 0.05)], 22, 50), ALUMINIUM, move(1.3, 2.65, -0.1))
    for x in (-1.7, -0.5):
        m.add(cylinder(0.16, 0.2, 18), STAINLESS, move(x, 2.6, 0))
    railing(m, [(-1.6, 2.66, 0.45), (0.7, 2.66, 0.45)], False, 1.0)
    m.add(block(-1.7, 2.62, -0.45, 0.8, 2.66, 0.5), GALVANISED)
    gauge(m, (-2.22, 2.2, 0.35), (-0.3, 0, 1), 0.1)
    m.add(box(0.5, 0.3, 0.01, 0.004), STAINLESS, move(0.3, 1.7, 1.205), turn_x(-8))
    m.shade(ground_shade(0.6, 0.9))
    return [Node("Boiler", m)]


def vessels():
    """Two expansion vessels."""
    m = Mesh()
    for x in (-0.8, 0.8):
        m.add(lathe([(0, 0.42), (0.3, 0.45), (0.5, 0.58), (0.58, 0.8), (0.58, 2.1), (0.5, 2.32), (0.3, 2.45), (0, 2.48)], 28, 45), (PAINT, "#b5402e"),
              move(x, 0, 0))
        for a in (0, 120, 240):
            m.add(bar((0.42, 0.02, 0), (0.42, 0.7, 0), 0.07, 0.02), (PAINT, "#8f3325"), move(x, 0, 0), turn_y(a))
        m.add(tube([(x, 0.45, 0), (x, 0.2, 0), (x, 0.2, 1.5)], 0.05, 10, 0.12), ALUMINIUM)
        gauge(m, (x + 0.12, 2.62, 0.1), (0, 0, 1), 0.08)
        m.add(box(0.34, 0.22, 0.008), STAINLESS, move(x, 1.5, 0.582))
    m.shade(ground_shade(0.6, 0.8))
    return [Node("Vessels", m)]


def cabinet():
    """Control cabinets, three doors, looking to +Z; lamps stand at x = -0.62, 0.0 and 0.62, y = 1.72, z = 0.31."""
    m = Mesh()
    m.add(block(-1.25, 0.02, -0.3, 1.25, 0.12, 0.28), BLACK)
    for i in range(3):
        x = -0.82 + 0.82 * i
        m.add(block(x - 0.405, 0.12, -0.3, x + 0.405, 2.1, 0.28, 0.015), (PAINT, "#c8ccc9"))
        m.add(block(x - 0.385, 0.14, 0.28, x + 0.385, 2.08, 0.3, 0.008), (PAINT, "#d4d7d3"))
        m.add(block(x + 0.31, 0.95, 0.3, x + 0.34, 1.2, 0.33, 0.008), BLACK)
        for k in range(5):
            m.add(block(x - 0.15, 0.3 + 0.05 * k, 0.3, x + 0.15, 0.32 + 0.05 * k, 0.306), (PAINT, "#8e9492"))
        m.add(block(x - 0.1, 1.9, 0.3, x + 0.1, 1.96, 0.305), (PAINT, "#2d4a52"))
    m.add(block(-1.06, 1.3, 0.3, -0.6, 1.62, 0.315, 0.006), BLACK)
    m.add(block(-1.03, 1.33, 0.313, -0.63, 1.59, 0.317), (LAMP_BLUE, "#2a84a8"))
    for i in range(4):
        m.add(block(-1.0 + 0.09 * i, 1.36, 0.317, -0.95 + 0.09 * i, 1.42 + 0.035 * ((i * 7) % 4), 0.319), (LAMP_BLUE, "#b9f0ff"))
    m.add(cylinder(0.05, 0.05, 16, 0.01), (PAINT, "#c92a1e"), move(0.82, 1.35, 0.3), turn_x(90))
    m.add(cylinder(0.075, 0.01, 18), (PAINT, "#e8bf22"), move(0.82, 1.35, 0.3), turn_x(90))
    m.shade(ground_shade(0.65, 0.6))
    # cable tray from the cabinets to the roof and along the back
    tray = Mesh()
    for z in (-0.22, 0.08):
        tray.add(block(-0.6, 2.1, z, -0.58, 4.9, z + 0.02), GALVANISED)
    for i in range(12):
        tray.add(block(-0.62, 2.2 + 0.24 * i, -0.22, -0.6, 2.22 + 0.24 * i, 0.1), GALVANISED)
    for k in range(6):
        z = -0.18 + 0.045 * k
        tray.add(tube([(-0.58, 2.1, z), (-0.58, 5.1, z), (-16.0, 5.1, z)], 0.016, 6, 0.12 + 0.02 * k, 3, False), BLACK if k % 3 else (MATT, "#b0451f"))
    for z in (-0.24, 0.12):
        tray.add(block(-16.0, 5.04, z, -0.5, 5.12, z + 0.015), GALVANISED)
    for i in range(52):
        tray.add(block(-16.0 + 0.3 * i, 5.04, -0.24, -15.97 + 0.3 * i, 5.055, 0.13), GALVANISED)
    root = Node("Cabinet", m)
    root.child("Tray", tray)
    return [root]


def lamp():
    """An indicator lamp on a cabinet door; node "Lens" glows."""
    bezel = Mesh().add(lathe([(0.05, 0), (0.075, 0), (0.075, 0.02), (0.055, 0.03)], 18, 40), STAINLESS, turn_x(90))
    lens = Mesh().add(lathe([(0.056, 0.015), (0.05, 0.04), (0.03, 0.055), (0, 0.06)], 16, 60), (PAINT, "#e4e4e0"), turn_x(90))
    root = Node("Indicator", bezel)
    root.child("Lens", lens)
    return [root]


def lamp_post():
    m = Mesh()
    m.add(cylinder(0.2, 0.25, 14, 0.03), PLINTH)
    m.add(lathe([(0.09, 0.25), (0.085, 1.2), (0.065, 1.25), (0.045, 6.0)], 12, 20), GALVANISED)
    m.add(tube([(0, 5.9, 0), (0, 6.5, 0), (0, 6.62, 1.3)], 0.035, 8, 0.4), GALVANISED)
    m.add(box(0.24, 0.09, 0.72, 0.03), (PAINT, "#59656a"), move(0, 6.62, 1.55))
    m.add(box(0.17, 0.02, 0.5), (LAMP, "#fff0d2"), move(0, 6.57, 1.6))
    return [Node("LampPost", m)]


def tree(seed):
    rng = random.Random(seed)
    m = Mesh()
    height = 3.0 + rng.random() * 0.6
    m.add(lathe([(0.2, 0), (0.13, 0.4), (0.11, height * 0.7), (0.05, height + 0.6)], 9, 60), (MATT, "#5f4a37"))
    for i in range(3):
        a = 2 * math.pi * (i / 3 + rng.random() * 0.2)
        m.add(rod((0, height * 0.65, 0), (0.9 * math.sin(a), height + 0.3, 0.9 * math.cos(a)), 0.05, 5, False), (MATT, "#5f4a37"))
    leaves = Mesh()
    greens = ("#7da04e", "#8fb258", "#6d9147", "#a3bd5e")
    for i in range(7):
        a, ring = 2.4 * i, 0.3 + 0.95 * (i % 3) / 2
        y = height + 0.1 + 0.42 * i * (0.85 + 0.3 * rng.random())
        k = 1.28 - 0.11 * i
        leaves.add(blob(k, seed + i, 0.13, 0.82, 1), (MATT, greens[(i + seed) % 4]), move(ring * math.sin(a) * (1 - i / 11), y, ring * math.cos(a) * (1 - i / 11)))
    leaves.shade(lambda p, n: (0.62 + 0.38 * min(1.0, max(0.0, (p[1] - height + 1) / 3.2))) * (0.85 + 0.15 * n[1]))
    root = Node("Tree", m)
    root.child("Leaves", leaves)
    return [root]


def bush():
    m = Mesh()
    for i, (x, z, r) in enumerate(((0, 0, 0.62), (0.6, 0.15, 0.5), (-0.55, 0.1, 0.48), (0.2, -0.35, 0.5))):
        m.add(blob(r, 3 + i, 0.15, 0.85, 1), (MATT, ("#76984a", "#88a852", "#688943")[i % 3]), move(x, r * 0.7, z))
    m.shade(lambda p, n: (0.55 + 0.45 * min(1.0, max(0.0, p[1] / 0.9))))
    return [Node("Bush", m)]


def weather_mast():
    """Node "Cups" turns about Y with the wind."""
    m = Mesh()
    m.add(cylinder(0.22, 0.2, 14, 0.03), PLINTH)
    m.add(lathe([(0.05, 0.2), (0.045, 3.2), (0.03, 3.2), (0.025, 4.2)], 10, 20), GALVANISED)
    for i in range(7):
        m.add(lathe([(0.05, 0), (0.13, -0.03), (0.13, -0.02), (0.05, 0.015)], 16, 30), WHITE, move(0.32, 2.2 + 0.05 * i, 0))
    m.add(bar((0, 2.3, 0), (0.32, 2.3, 0), 0.03, 0.03), GALVANISED)
    m.add(box(0.3, 0.4, 0.16, 0.02), (PAINT, "#d8dbd6"), move(0, 1.35, 0.1))
    m.add(block(-0.28, 2.75, -0.2, 0.28, 2.77, 0.2), (PANE, "#1c2c4a"), move(0, 0, 0.12))
    root = Node("Mast", m)
    cups = Mesh()
    for i in range(3):
        cups.add(rod((0, 0, 0), (0.22, 0, 0), 0.008, 6), BLACK, turn_y(120 * i))
        cups.add(sphere(0.055, 12, 8), (PAINT, "#e5e2da"), turn_y(120 * i), move(0.24, 0, 0), scale(1, 1, 0.7))
    cups.add(cylinder(0.03, 0.08, 10), BLACK, move(0, -0.04, 0))
    root.child("Cups", cups, (0, 4.25, 0))
    return [root]


def meter():
    """A heat meter clamped to a pipe along Y of radius 0.15; the origin is the pipe's centre line."""
    m = Mesh()
    m.add(lathe([(0.155, -0.16), (0.19, -0.14), (0.19, 0.14), (0.155, 0.16)], 22, 50), (PAINT, "#d8dad6"))
    m.add(box(0.3, 0.36, 0.12, 0.025), (PAINT, "#e6e7e2"), move(0, 0.05, 0.27))
    m.add(box(0.2, 0.11, 0.01, 0.004), BLACK, move(0, 0.13, 0.332))
    m.add(box(0.17, 0.08, 0.01), (LAMP_BLUE, "#8fd3b6"), move(0, 0.13, 0.334))
    m.add(box(0.2, 0.03, 0.01), (PAINT, "#2d6a8c"), move(0, -0.03, 0.332))
    return [Node("Meter", m)]


def clutter():
    """Small things that make the hall lived in: extinguishers, a bench with tools, pallets, a hose reel."""
    m = Mesh()
    for x, z in ((0.1, -3.4), (21.6, -4.2)):
        m.add(lathe([(0.07, 0), (0.085, 0.02), (0.085, 0.42), (0.05, 0.5), (0.02, 0.54), (0, 0.54)], 16, 45), (PAINT, "#c4261d"), move(x, 0.5, z))
        m.add(tube([(x, 1.02, z), (x + 0.1, 0.98, z), (x + 0.1, 0.7, z)], 0.012, 6, 0.05), BLACK)
    # work bench at the left wall
    m.add(block(-1.75, 0.86, -6.6, -1.05, 0.92, -4.6, 0.01), (MATT, "#9a7448"))
    for x in (-1.7, -1.12):
        for z in (-6.5, -4.7):
            m.add(block(x - 0.03, 0.02, z - 0.03, x + 0.03, 0.86, z + 0.03), STRUCTURE)
    m.add(block(-1.75, 0.92, -6.6, -1.72, 1.9, -4.6), (PAINT, "#50626a"))
    for i, c in enumerate(("#c8402c", "#e0b52a", "#2d6a8c", "#c8402c", "#8d9398", "#e0b52a")):
        m.add(block(-1.72, 1.2, -6.4 + 0.3 * i, -1.69, 1.55 + 0.05 * (i % 3), -6.34 + 0.3 * i), (PAINT, c))
    m.add(box(0.45, 0.25, 0.3, 0.03), (PAINT, "#b5302a"), move(-1.4, 1.045, -5.0))
    # drums on a pallet
    for i in range(6):
        m.add(block(-1.6, 0.1, -9.0 + 0.16 * i, -0.4, 0.13, -8.9 + 0.16 * i), (MATT, "#a98558"))
    for z in (-9.0, -8.55, -8.1):
        m.add(block(-1.6, 0.02, z, -0.4, 0.1, z + 0.1), (MATT, "#8c6c45"))
    for x, z, c in ((-1.3, -8.72, "#2d5f8a"), (-0.7, -8.72, "#2d5f8a"), (-1.0, -8.3, "#c07a28")):
        m.add(lathe([(0, 0), (0.27, 0), (0.28, 0.015), (0.27, 0.03), (0.27, 0.28), (0.282, 0.3), (0.27, 0.32), (0.27, 0.57), (0.282, 0.59), (0.27, 0.61),
                     (0.27, 0.85), (0.28, 0.88), (0.26, 0.88), (0, 0.86)], 22, 40), (PAINT, c), move(x, 0.13, z))
    m.shade(ground_shade(0.65, 0.5))
    return [Node("Things", m)]
