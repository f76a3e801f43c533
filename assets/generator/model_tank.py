"""An insulated heat storage tank: 5.2 m across, 9.2 m to the eaves, level board, ladder, railing.

Node "Level" is the column of the level board: 1 m at full scale is drawn as TRAVEL metres, so a LEVEL binding scales it
about its foot. Node "Float" is the pointer, moved up by a TRANSLATE binding. Node "Band" is tinted by temperature.
"""
import math

from geometry import bar, block, box, cylinder, lathe, move, turn_x, turn_y, turn_z
from gltf_writer import Mesh, Node
from parts import (ALUMINIUM, CLAD, DARK_STEEL, PLINTH, MATT, PAINT, SAFETY, STAINLESS, WHITE, flange, gauge, ladder,
                   railing)

RADIUS, EAVES, TRAVEL, BOARD = 2.6, 9.2, 7.4, 0.95  # BOARD: height of the zero mark


def shell():
    m = Mesh()
    m.add(cylinder(RADIUS + 0.35, 0.3, 40, 0.04), PLINTH)
    profile = [(RADIUS - 0.12, 0.3), (RADIUS - 0.12, 0.42)]
    step = (EAVES - 0.42) / 6
    for i in range(6):  # cladding in six courses, each lapped over the one below
        y = 0.42 + step * i
        profile += [(RADIUS, y + 0.005), (RADIUS, y + step - 0.03), (RADIUS - 0.018, y + step)]
    m.add(lathe(profile, 40, 25), (CLAD, "#d3d6d5"))
    m.add(lathe([(RADIUS + 0.06, EAVES - 0.05), (RADIUS + 0.06, EAVES + 0.02), (0.3, EAVES + 0.62), (0, EAVES + 0.62)], 48, 20),
          (CLAD, "#b9bec0"))
    for i in range(24):  # standing seams of the cladding
        a = 2 * math.pi * (i + 0.5) / 24
        m.add(block(-0.012, 0.44, -0.012, 0.012, EAVES - 0.06, 0.014), (CLAD, "#bfc4c5"), turn_y(math.degrees(a)),
              move(0, 0, RADIUS - 0.001))
    m.add(cylinder(0.22, 0.5, 16, 0.02), ALUMINIUM, move(0, EAVES + 0.55, 0))
    m.add(lathe([(0.36, 0), (0.36, 0.05), (0.0, 0.2)], 18), ALUMINIUM, move(0, EAVES + 1.1, 0))
    # manhole
    at = (turn_y(-38), move(0, 1.15, RADIUS - 0.1), turn_x(90))
    m.add(cylinder(0.36, 0.22, 24), ALUMINIUM, *at)
    flange(m, DARK_STEEL, 0.32, 0.04, 14, at + (move(0, 0.26, 0),))
    # nameplate and gauges
    for y in (1.45, 3.4, 5.6, 7.8):
        a = math.radians(24)
        gauge(m, (math.sin(a) * (RADIUS + 0.04), y, math.cos(a) * (RADIUS + 0.04)), (math.sin(a), 0, math.cos(a)), 0.1)
    return m.shade(lambda p, n: (0.8 + 0.2 * min(1.0, max(0.0, p[1] / 2.2))))


def access():
    m = Mesh()
    angle = 62
    ladder(m, EAVES, (turn_y(angle), move(0, 0, RADIUS + 0.2)))
    for y in (1.5, 4.0, 6.5, 8.8):
        for x in (-0.22, 0.22):
            m.add(bar((x, y, RADIUS - 0.05), (x, y, RADIUS + 0.21), 0.03, 0.03), SAFETY, turn_y(angle))
    ring = []
    for i in range(20):
        a = 2 * math.pi * i / 20
        ring.append(((RADIUS - 0.05) * math.sin(a), EAVES, (RADIUS - 0.05) * math.cos(a)))
    railing(m, ring, True, 1.1, SAFETY, 0.9)
    return m


def board():
    """The level board on the front: a dark channel with white marks every tenth and a glass."""
    m = Mesh()
    z = RADIUS + 0.06
    m.add(block(-0.34, BOARD - 0.14, z - 0.06, 0.34, BOARD + TRAVEL + 0.14, z + 0.03, 0.02), (PAINT, "#31383d"))
    for i in range(11):
        y = BOARD + TRAVEL * i / 10
        w = 0.15 if i % 5 == 0 else 0.09
        m.add(block(0.3 - w, y - 0.014, z + 0.03, 0.3, y + 0.014, z + 0.042), WHITE)
    for x in (-0.235, 0.115):
        m.add(block(x - 0.015, BOARD - 0.06, z + 0.03, x + 0.015, BOARD + TRAVEL + 0.06, z + 0.075, 0.005), STAINLESS)
    m.add(block(-0.22, BOARD, z + 0.03, 0.1, BOARD + TRAVEL, z + 0.042), (MATT, "#181c1f"))
    for y in (BOARD - 0.08, BOARD + TRAVEL + 0.08):
        m.add(block(-0.26, y - 0.03, z + 0.03, 0.14, y + 0.03, z + 0.08, 0.008), STAINLESS)
    return m


def nodes():
    z = RADIUS + 0.06
    root = Node("Tank", shell())
    root.child("Access", access())
    root.child("Board", board())
    band = Mesh()
    for y in (2.2, 8.05):
        band.add(lathe([(RADIUS, -0.2), (RADIUS + 0.03, -0.195), (RADIUS + 0.03, 0.195), (RADIUS, 0.2)], 48, 50), (PAINT, "#f6f6f6"),
                 move(0, y, 0))
    root.child("Band", band)
    column = Mesh().add(block(-0.2, 0, 0, 0.08, TRAVEL, 0.035, 0.01), (PAINT, "#f6f6f6"))
    root.child("Level", column, (0, BOARD, z + 0.045))
    pointer = Mesh()
    pointer.add(block(-0.3, -0.03, 0, 0.2, 0.03, 0.05, 0.012), (PAINT, "#f4c21f"))
    pointer.add(box(0.1, 0.1, 0.05, 0.01), (PAINT, "#f4c21f"), move(-0.32, 0, 0.025), turn_z(45))
    root.child("Float", pointer, (0, BOARD, z + 0.08))
    return [root]
