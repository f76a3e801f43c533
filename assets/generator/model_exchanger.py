"""A plate heat exchanger, 2.3 m high: fixed frame plate towards +Z with four nozzles, plate pack, tie bolts.

Nozzles at x = ±0.35, y = 0.55 and 1.75, z = 0.5, pipes of radius 0.12. Node "Plates" is tinted by the duty.
"""

from geometry import block, box, cylinder, move, rod, turn_x
from gltf_writer import Mesh, Node
from parts import BOLT, PLINTH, PAINT, STAINLESS, STEEL, flange, ground_shade

PIPE = 0.12
NOZZLES = ((-0.35, 0.55), (-0.35, 1.75), (0.35, 0.55), (0.35, 1.75))
FRAME = (PAINT, "#2a6f78")


def nodes():
    m = Mesh()
    m.add(block(-0.85, 0, -1.35, 0.85, 0.12, 0.6, 0.03), PLINTH)
    m.add(block(-0.62, 0.14, 0.3, 0.62, 2.15, 0.4, 0.015), FRAME)
    m.add(block(-0.62, 0.14, -0.62, 0.62, 2.15, -0.54, 0.015), FRAME)
    for x in (-0.66, 0.66):
        m.add(block(x - 0.06, 0.12, 0.28, x + 0.06, 0.2, 0.42), FRAME)
    m.add(block(-0.07, 2.16, -1.2, 0.07, 2.3, 0.38, 0.01), FRAME)
    m.add(block(-0.05, 0.2, -1.2, 0.05, 0.27, 0.38, 0.01), FRAME)
    m.add(block(-0.08, 0.12, -1.25, 0.08, 2.3, -1.15, 0.012), FRAME)
    for side in (-1, 1):
        for i in range(6):
            y = 0.3 + 0.33 * i
            m.add(rod((side * 0.57, y, -0.75), (side * 0.57, y, 0.46), 0.024, 8), STAINLESS)
            for z in (0.4, -0.66):
                m.add(cylinder(0.045, 0.045, 6), BOLT, move(side * 0.57, y, z), turn_x(90))
    for x, y in NOZZLES:
        m.add(cylinder(PIPE + 0.02, 0.1, 20), STAINLESS, move(x, y, 0.39), turn_x(90))
        flange(m, STAINLESS, PIPE, 0.035, 8, (move(x, y, 0.5), turn_x(90)))
    m.add(box(0.3, 0.2, 0.008), STAINLESS, move(0, 1.15, 0.404))
    m.add(box(0.26, 0.05, 0.008), (PAINT, "#1d4e55"), move(0, 1.21, 0.406))
    root = Node("Exchanger", m.shade(ground_shade(0.65, 0.5)))
    plates = Mesh()
    for i in range(28):
        z = -0.52 + 0.8 * i / 27
        inset = 0.0 if i % 2 else 0.012
        plates.add(block(-0.49 + inset, 0.28, z - 0.009, 0.49 - inset, 2.06, z + 0.009), (STEEL, "#e6e8e8" if i % 2 else "#7c8285"))
    root.child("Plates", plates)
    return [root]
