"""An oil transformer, 10 kV to 400 V: tank, radiators with fans towards +Z, conservator, bushings.

Nodes "Fan1" and "Fan2" turn about Z; node "Tank" is tinted by the oil's temperature.
"""

from geometry import bar, block, box, cylinder, lathe, move, rod, tube, turn_x, turn_z
from gltf_writer import Mesh, Node
from parts import BLACK, BOLT, DARK_STEEL, PLINTH, GALVANISED, PAINT, STAINLESS, gauge, ground_shade

GREY, PORCELAIN = (PAINT, "#a9b4ab"), (PAINT, "#9a5534")
FANS = ((-0.62, 0.95, 1.14), (0.62, 0.95, 1.14))


def bushing(m, x, y, z, height, r, look, tilt=0):
    at = (move(x, y, z), turn_z(tilt))
    m.add(cylinder(r * 1.3, 0.08, 18, 0.01), GALVANISED, *at)
    sheds = int(height / 0.085)
    profile = [(r * 0.6, 0.08)]
    for i in range(sheds):
        yy = 0.1 + i * 0.085
        profile += [(r * 0.62, yy), (r, yy + 0.034), (r * 0.62, yy + 0.06)]
    profile += [(r * 0.5, 0.12 + sheds * 0.085), (0, 0.12 + sheds * 0.085)]
    m.add(lathe(profile, 12 if r > 0.1 else 9, 40), look, *at)
    m.add(cylinder(0.025, 0.16, 10), STAINLESS, *at, move(0, 0.1 + sheds * 0.085, 0))


def nodes():
    base = Mesh()
    base.add(block(-1.9, 0, -1.35, 1.9, 0.18, 1.55, 0.04), PLINTH)
    for z in (-0.42, 0.42):
        base.add(block(-1.45, 0.18, z - 0.05, 1.45, 0.3, z + 0.05, 0.01), DARK_STEEL)
    for x, z in ((-1.15, -0.42), (1.15, -0.42), (-1.15, 0.42), (1.15, 0.42)):
        base.add(cylinder(0.13, 0.06, 18, 0.01), DARK_STEEL, move(x, 0.29, z - 0.03), turn_x(90))
    root = Node("Transformer", base.shade(ground_shade(0.65, 0.4)))
    tank = Mesh()
    tank.add(block(-1.3, 0.34, -0.6, 1.3, 2.0, 0.6, 0.05), GREY)
    tank.add(block(-1.36, 2.0, -0.66, 1.36, 2.06, 0.66, 0.015), GREY)
    for i in range(12):
        tank.add(cylinder(0.02, 0.05, 5), BOLT, move(-1.31 + 2.62 * i / 11, 2.05, 0.63))
    for x in (-1.0, -0.33, 0.33, 1.0):
        tank.add(block(x - 0.03, 0.36, -0.68, x + 0.03, 1.98, -0.58), GREY)
    for side in (-1, 1):
        tank.add(block(side * 1.36 - 0.06, 0.36, -0.05, side * 1.36 + 0.06, 1.98, 0.05, 0.01), GREY)
    for x in (-0.62, 0.62):  # two radiators of pressed fins with headers
        for y in (0.62, 1.78):
            tank.add(block(x - 0.5, y - 0.05, 0.62, x + 0.5, y + 0.05, 0.76, 0.02), GREY)
        for i in range(11):
            xx = x - 0.48 + 0.096 * i
            tank.add(block(xx - 0.014, 0.5, 0.66, xx + 0.014, 1.9, 1.06, 0.01), (PAINT, "#a4aea6"))
    root.child("Tank", tank.shade(ground_shade(0.75, 1.2)))
    top = Mesh()
    top.add(lathe([(0, -0.85), (0.2, -0.85), (0.27, -0.82), (0.29, -0.75), (0.29, 0.75), (0.27, 0.82), (0.2, 0.85), (0, 0.85)], 24, 30), GREY,
            move(-0.2, 2.72, -0.42), turn_z(90))
    for x in (-0.75, 0.35):
        top.add(bar((x, 2.06, -0.42), (x, 2.5, -0.42), 0.08, 0.14), GREY)
    top.add(tube([(0.5, 2.55, -0.42), (0.72, 2.55, -0.42), (0.72, 2.06, -0.3)], 0.035, 8, 0.1), GREY)
    top.add(cylinder(0.06, 0.12, 12, 0.01), STAINLESS, move(0.72, 2.22, -0.36))
    gauge(top, (-1.0, 2.7, -0.13), (0, 0, 1), 0.1)
    for x in (-0.7, 0.0, 0.7):
        bushing(top, x, 2.05, 0.28, 0.72, 0.12, PORCELAIN)
    for i in range(4):
        bushing(top, 1.12, 2.05, -0.45 + 0.28 * i, 0.3, 0.075, (PAINT, "#d8d4c4"))
    top.add(box(0.5, 0.8, 0.22, 0.02), (PAINT, "#c9ccc6"), move(-1.5, 1.15, 0.2))
    top.add(box(0.012, 0.7, 0.2), (PAINT, "#b5b9b3"), move(-1.755, 1.15, 0.2))
    top.add(box(0.24, 0.24, 0.006), (PAINT, "#f2c11e"), move(-0.0, 1.3, 0.606), turn_z(45))
    root.child("Top", top)
    for i, (x, y, z) in enumerate(FANS):
        cowl = Mesh()
        cowl.add(lathe([(0.36, -0.07), (0.38, -0.07), (0.37, 0.06), (0.4, 0.09), (0.35, 0.06), (0.35, -0.07)], 28, 50), (PAINT, "#5f6a68"), turn_x(90))
        for r in (0.34, 0.24, 0.14):
            cowl.add(lathe([(r - 0.006, 0.07), (r, 0.078), (r + 0.006, 0.07)], 18, 60), BLACK, turn_x(90))
        for a in (0, 60, 120):
            cowl.add(rod((-0.35, 0, 0.07), (0.35, 0, 0.07), 0.007, 5, False), BLACK, turn_z(a))
        for xx in (-0.4, 0.4):
            cowl.add(bar((xx, -0.3, -0.06), (xx, 0.3, -0.06), 0.03, 0.02), (PAINT, "#5f6a68"))
        root.child("Cowl%d" % (i + 1), cowl, (x, y, z))
        blades = Mesh()
        for k in range(5):
            blades.add(block(0.04, -0.075, -0.008, 0.32, 0.075, 0.008, 0.004), (PAINT, "#e4e4dc" if k else "#e5702a"), turn_z(72 * k), turn_x(28))
        blades.add(cylinder(0.07, 0.08, 14, 0.01), DARK_STEEL, turn_x(90), move(0, -0.04, 0))
        root.child("Fan%d" % (i + 1), blades, (x, y, z))
    return [root]
