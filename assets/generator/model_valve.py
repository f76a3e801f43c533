"""A motorised globe valve on a pipe of radius 0.15 along X; the origin is the pipe's centre, flanges at x = ±0.3.

Node "Stem" moves up by TRAVEL metres from shut to open; node "Wheel" turns about Z; "Indicator" is tinted by position.
"""
import math

from geometry import bar, box, cylinder, lathe, move, rod, tube, turn_x, turn_z
from gltf_writer import Mesh, Node
from parts import BLACK, BOLT, DARK_STEEL, PAINT, STAINLESS, flange

PIPE, TRAVEL = 0.15, 0.22
BODY, ACTUATOR = (PAINT, "#4a5157"), (PAINT, "#2f6f8f")


def nodes():
    m = Mesh()
    m.add(lathe([(PIPE + 0.01, -0.27), (PIPE + 0.02, -0.2), (0.21, -0.12), (0.235, 0), (0.21, 0.12), (PIPE + 0.02, 0.2), (PIPE + 0.01, 0.27)], 24, 60),
          BODY, turn_z(-90))
    for side in (-1, 1):
        flange(m, BODY, PIPE, 0.04, 8, (move(side * 0.3, 0, 0), turn_z(-90 * side)))
    m.add(lathe([(0.17, 0.1), (0.16, 0.26), (0.2, 0.27), (0.2, 0.33), (0.1, 0.35), (0.06, 0.42), (0, 0.42)], 22, 40), BODY)
    for i in range(8):
        a = 2 * math.pi * (i + 0.5) / 8
        m.add(cylinder(0.016, 0.1, 6), BOLT, move(0.18 * math.sin(a), 0.26, 0.18 * math.cos(a)))
    for x in (-0.1, 0.1):
        m.add(bar((x, 0.33, 0), (x, 0.72, 0), 0.035, 0.06, 0.008), BODY)
    m.add(rod((0, 0.4, 0), (0, 0.75, 0), 0.022, 10), STAINLESS)
    # the actuator with its gear box
    m.add(cylinder(0.15, 0.05, 20, 0.008), BODY, move(0, 0.71, 0))
    m.add(box(0.3, 0.24, 0.26, 0.035), ACTUATOR, move(0, 0.88, 0))
    m.add(lathe([(0, 0), (0.1, 0), (0.11, 0.01), (0.11, 0.28), (0.08, 0.32), (0, 0.32)], 20, 40), ACTUATOR, move(0.14, 0.88, 0), turn_z(-90))
    m.add(box(0.16, 0.12, 0.02, 0.008), BLACK, move(-0.02, 0.9, 0.135))
    m.add(box(0.11, 0.06, 0.02, 0.004), (PAINT, "#9fc7b0"), move(-0.02, 0.91, 0.138))
    m.add(tube([(0.3, 0.8, -0.05), (0.3, 0.7, -0.12), (0.3, 0.4, -0.3)], 0.016, 6, 0.05), BLACK)
    for x in (-0.055, 0.055):  # the frame the stem rises in
        m.add(bar((x, 1.0, 0), (x, 1.0 + TRAVEL + 0.16, 0), 0.016, 0.016), STAINLESS)
    m.add(box(0.14, 0.016, 0.03, 0.004), STAINLESS, move(0, 1.0 + TRAVEL + 0.165, 0))
    root = Node("Valve", m)
    stem = Mesh()
    stem.add(rod((0, -0.2, 0), (0, 0.12, 0), 0.018, 10), STAINLESS)
    stem.add(cylinder(0.075, 0.04, 18, 0.008), (PAINT, "#e0452b"), move(0, 0.08, 0))
    root.child("Stem", stem, (0, 1.0, 0))
    wheel = Mesh()
    ring = [(0.2 * math.sin(2 * math.pi * i / 16), 0.2 * math.cos(2 * math.pi * i / 16), 0) for i in range(17)]
    wheel.add(tube(ring, 0.017, 6, 0.03, 1, False), (PAINT, "#c23527"))
    for i in range(3):
        wheel.add(rod((0, 0, 0), (0.2 * math.sin(2.0944 * i), 0.2 * math.cos(2.0944 * i), 0), 0.012, 6, False), (PAINT, "#c23527"))
    wheel.add(cylinder(0.04, 0.08, 14, 0.006), DARK_STEEL, turn_x(90), move(0, -0.05, 0))
    wheel.add(rod((0, 0.2, 0), (0, 0.2, 0.1), 0.016, 8), BLACK)
    root.child("Wheel", wheel, (-0.02, 0.84, 0.22))
    post = Mesh().add(rod((-0.02, 0.84, 0.1), (-0.02, 0.84, 0.2), 0.025, 10), STAINLESS)
    root.child("Post", post)
    mark = Mesh().add(lathe([(0.158, -0.022), (0.172, -0.018), (0.172, 0.018), (0.158, 0.022)], 22, 60), (PAINT, "#f4f4f4"), move(0, 0.735, 0))
    root.child("Indicator", mark)
    return [root]
