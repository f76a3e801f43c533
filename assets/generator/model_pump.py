"""A centrifugal pump skid: 2.6 m long, shaft along X at 0.75 m. Suction flange at (-1.15, 0.75, 0) looking -X,
discharge flange at (-0.75, 1.35, 0) looking up; pipes of radius 0.13.

Nodes "Coupling" and "Fan" turn about X; "Bearing" is tinted by its temperature; "Lockout" shows during maintenance; the beacon
stands at BEACON.
"""
import math

from geometry import bar, block, box, cylinder, lathe, move, rod, tube, turn_x, turn_y, turn_z
from gltf_writer import Mesh, Node
from parts import (BLACK, BOLT, DARK_STEEL, PLINTH, GALVANISED, HAZARD, PAINT, RUBBER, SAFETY, STAINLESS, WHITE,
                   flange, gauge, ground_shade)

SHAFT, PIPE = 0.75, 0.13
BEACON = (1.2, 1.72, -0.42)
BLUE, MOTOR = (PAINT, "#2f7cc2"), (PAINT, "#6288a0")
RUBBER_LOOK = (RUBBER, "#1e1f21")


def frame():
    m = Mesh()
    m.add(block(-1.3, 0, -0.62, 1.45, 0.14, 0.62, 0.03), PLINTH)
    for z in (-0.4, 0.4):
        m.add(block(-1.15, 0.14, z - 0.06, 1.35, 0.17, z + 0.06), DARK_STEEL)
        m.add(block(-1.15, 0.17, z - 0.02, 1.35, 0.3, z + 0.02), (PAINT, "#46586a"))
        m.add(block(-1.15, 0.3, z - 0.08, 1.35, 0.33, z + 0.08, 0.006), (PAINT, "#46586a"))
    for x in (-1.0, -0.2, 0.4, 1.2):
        m.add(block(x - 0.05, 0.2, -0.4, x + 0.05, 0.32, 0.4), (PAINT, "#46586a"))
        for z in (-0.45, 0.45):
            m.add(cylinder(0.022, 0.05, 6), BOLT, move(x, 0.17, z))
    m.add(block(-1.28, 0.142, 0.5, 1.43, 0.146, 0.6), (HAZARD, "#ffffff"))
    return m.shade(ground_shade(0.6, 0.3))


def casing():
    m = Mesh()
    axis = (move(-0.75, SHAFT, 0), turn_z(-90))  # Y of the lathe along +X
    m.add(lathe([(0, -0.2), (0.2, -0.2), (0.26, -0.19), (0.36, -0.15), (0.41, -0.08), (0.42, 0), (0.41, 0.08), (0.36, 0.15), (0.24, 0.19),
                 (0.2, 0.24), (0, 0.24)], 32, 30), BLUE, *axis)
    m.add(lathe([(0.3, 0.13), (0.345, 0.135), (0.345, 0.185), (0.2, 0.19)], 28, 30), BLUE, *axis)
    for i in range(10):
        a = 2 * math.pi * i / 10
        m.add(cylinder(0.018, 0.05, 6), BOLT, *axis, move(0.315 * math.sin(a), 0.17, 0.315 * math.cos(a)))
    # suction and discharge
    m.add(lathe([(0.2, 0), (0.15, 0.1), (PIPE + 0.01, 0.2)], 22, 60), BLUE, move(-0.93, SHAFT, 0), turn_z(90))
    flange(m, BLUE, PIPE, 0.04, 8, (move(-1.15, SHAFT, 0), turn_z(90)))
    m.add(lathe([(0.24, 0), (0.17, 0.14), (PIPE + 0.01, 0.26)], 22, 60), BLUE, move(-0.75, SHAFT + 0.3, 0))
    flange(m, BLUE, PIPE, 0.04, 8, (move(-0.75, 1.35, 0),))
    # feet
    for z in (-0.24, 0.24):
        m.add(bar((-0.75, 0.33, z * 1.3), (-0.75, 0.6, z), 0.2, 0.05), BLUE)
    m.add(block(-0.87, 0.33, -0.4, -0.63, 0.36, 0.4, 0.006), BLUE)
    gauge(m, (-0.42, 1.28, 0.2), (0, 0, 1), 0.08)
    m.add(tube([(-0.42, 1.14, 0.22), (-0.42, 1.0, 0.22), (-0.6, 1.0, 0.15)], 0.012, 6, 0.05), STAINLESS)
    return m.shade(ground_shade(0.7, 0.6))


def bearing():
    """The bearing housing between pump and coupling; near white, tinted by temperature."""
    m = Mesh()
    axis = (move(-0.52, SHAFT, 0), turn_z(-90))
    m.add(lathe([(0.12, 0), (0.115, 0.03), (0.115, 0.1), (0.14, 0.12), (0.14, 0.24), (0.12, 0.265), (0.06, 0.28), (0, 0.28)], 24, 40),
          (PAINT, "#f2f2f2"), *axis)
    m.add(block(-0.42, 0.36, -0.09, -0.28, 0.68, 0.09, 0.02), (PAINT, "#e2e2e2"))
    m.add(block(-0.46, 0.33, -0.28, -0.24, 0.37, 0.28, 0.008), (PAINT, "#e2e2e2"))
    m.add(cylinder(0.02, 0.09, 8), STAINLESS, move(-0.35, 0.87, 0))
    return m


def motor():
    m = Mesh()
    axis = (move(0.28, SHAFT, 0), turn_z(-90))
    m.add(lathe([(0, 0), (0.2, 0), (0.27, 0.03), (0.27, 0.1), (0.25, 0.11), (0.25, 0.72), (0.27, 0.73), (0.27, 0.8), (0, 0.8)], 28, 30),
          MOTOR, *axis)
    for i in range(28):  # cooling fins
        a = 2 * math.pi * i / 28
        if 0.42 < (i / 28) < 0.58:
            continue
        m.add(block(-0.006, 0.12, 0.24, 0.006, 0.71, 0.29), MOTOR, *axis, turn_y(math.degrees(a) - 90))
    m.add(lathe([(0.27, 0.8), (0.275, 0.82), (0.275, 1.02), (0.25, 1.06), (0.2, 1.065)], 28, 40), (PAINT, "#54788e"), *axis)
    for r in (0.2, 0.14, 0.08):
        m.add(lathe([(r - 0.008, 1.062), (r, 1.068), (r + 0.008, 1.062)], 24, 60), BLACK, *axis)
    for a in range(0, 180, 30):
        m.add(bar((-0.2, 1.066, 0), (0.2, 1.066, 0), 0.008, 0.006), BLACK, *axis, turn_y(a))
    m.add(box(0.3, 0.17, 0.22, 0.02), (PAINT, "#54788e"), move(0.68, SHAFT + 0.33, 0.02))
    m.add(box(0.26, 0.02, 0.18, 0.008), (PAINT, "#2c414f"), move(0.68, SHAFT + 0.425, 0.02))
    m.add(tube([(0.68, SHAFT + 0.33, -0.08), (0.68, SHAFT + 0.33, -0.4), (0.68, 0.2, -0.5), (0.68, 0.02, -0.8)], 0.022, 8, 0.1), BLACK)
    for x in (0.45, 0.95):
        for z in (-0.2, 0.2):
            m.add(block(x - 0.07, 0.33, z - 0.1, x + 0.07, 0.6, z + 0.1, 0.012), MOTOR)
    m.add(box(0.16, 0.1, 0.006), STAINLESS, move(0.68, SHAFT, 0.297))
    # beacon post
    x, y, z = BEACON
    m.add(rod((x, 0.33, z), (x, y - 0.1, z), 0.022, 8), GALVANISED)
    m.add(cylinder(0.055, 0.05, 14, 0.006), BLACK, move(x, y - 0.14, z))
    return m.shade(ground_shade(0.7, 0.6))


def guard():
    """The coupling guard: yellow hoops and bars, open enough to see the coupling turn."""
    m = Mesh()
    for x in (-0.2, 0.24):
        pts = [(x, 0.36, -0.19), (x, SHAFT + 0.02, -0.19)]
        pts += [(x, SHAFT + 0.19 * math.sin(math.radians(a)), -0.19 * math.cos(math.radians(a))) for a in range(20, 180, 20)]
        pts += [(x, SHAFT + 0.02, 0.19), (x, 0.36, 0.19)]
        m.add(tube(pts, 0.014, 6, 0.02, 2), SAFETY)
    for a in range(-20, 201, 20):
        y, z = SHAFT + 0.19 * math.sin(math.radians(a)), 0.19 * math.cos(math.radians(a))
        m.add(rod((-0.2, y, z), (0.24, y, z), 0.006, 5, False), SAFETY)
    return m


def coupling():
    m = Mesh()
    axis = (turn_z(-90),)
    m.add(cylinder(0.035, 0.62, 12), STAINLESS, *axis, move(0, -0.31, 0))
    for y in (-0.11, 0.03):
        m.add(cylinder(0.125, 0.08, 20, 0.012), (PAINT, "#c8402c"), *axis, move(0, y, 0))
    m.add(cylinder(0.11, 0.06, 20), RUBBER_LOOK, *axis, move(0, -0.03, 0))
    for i in range(4):  # marks that make the turning visible
        m.add(block(-0.03, -0.112, 0.118, 0.03, 0.112, 0.13), WHITE, *axis, turn_y(90 * i))
    return m




def fan():
    m = Mesh()
    for i in range(7):
        m.add(block(0.03, -0.05, -0.012, 0.18, 0.05, 0.012), (PAINT, "#d9d9d2" if i else "#e8b020"), turn_x(360 * i / 7), turn_y(90), turn_x(25))
    m.add(cylinder(0.05, 0.1, 12), DARK_STEEL, turn_z(-90), move(0, -0.05, 0))
    return m


def lockout():
    """Shown while someone works on the pump: a warning sign on the floor and a red tag on the switch."""
    m = Mesh()
    for side in (-1, 1):
        m.add(box(0.5, 0.72, 0.02, 0.006), (PAINT, "#f2c020"), move(-0.35, 0.36, 0.98 + side * 0.13), turn_x(side * -18))
        m.add(box(0.3, 0.1, 0.006), (PAINT, "#26282b"), move(-0.35, 0.26, 0.98 + side * 0.174), turn_x(side * -18))
        at = (move(-0.35, 0.46, 0.98 + side * 0.109), turn_x(side * -18))
        m.add(cylinder(0.13, 0.03, 3), (PAINT, "#26282b"), *at, turn_x(90), move(0, -0.015, 0), turn_y(180))
    m.add(box(0.09, 0.16, 0.012, 0.004), (PAINT, "#d8261c"), move(0.68, SHAFT + 0.3, 0.14), turn_z(8))
    for x in (-1.2, 1.3):
        m.add(cylinder(0.14, 0.03, 14, 0.01), (PAINT, "#26282b"), move(x, 0, 0.95))
        m.add(lathe([(0.03, 0.03), (0.03, 0.95), (0, 0.98)], 8), (PAINT, "#d8452c"), move(x, 0, 0.95))
    m.add(tube([(-1.2, 0.9, 0.95), (-0.6, 0.74, 0.95), (0.05, 0.68, 0.95), (0.7, 0.74, 0.95), (1.3, 0.9, 0.95)], 0.014, 6, 0.4, 3), (PAINT, "#f4f0e4"))
    return m


def nodes():
    root = Node("Pump", frame())
    root.child("Casing", casing())
    root.child("Bearing", bearing())
    root.child("Motor", motor())
    root.child("Guard", guard())
    root.child("Coupling", coupling(), (0.02, SHAFT, 0))
    root.child("Fan", fan(), (1.24, SHAFT, 0))
    root.child("Lockout", lockout())
    return [root]
