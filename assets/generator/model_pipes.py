"""The pipe runs that join everything, in world coordinates, one model a medium so that each can be tinted by its
temperature: supply, return, primary (boiler side), cooling. Node "Pipes" is near white and tinted; node "Fittings" is not.
"""
from geometry import add, along, bar, block, cylinder, lathe, move, rod, turn_x
from gltf_writer import Mesh, Node
from parts import ALUMINIUM, GALVANISED, PAINT, STAINLESS, STRUCTURE, collar, gauge, ground_shade, joint, pipe, stand

TINT = (PAINT, "#f4f4f2")
COLLAR = (PAINT, "#fbfbf7")
PUMPS = ((2.2, -6.6), (6.6, -6.6))
HX = (14.5, -8.0)
VALVE_1, VALVE_2, VALVE_3 = (10.2, 1.1, -4.8), (17.6, 1.1, -4.8), (23.5, 1.0, -5.8)
WALL = (0.22, 0.05)


def sleeve(m, at, direction, r):
    m.add(lathe([(r, -0.09), (r + 0.1, -0.09), (r + 0.1, 0.09), (r, 0.09)], 18, 50), ALUMINIUM, along(at, add(at, direction)))


def hanger(m, x, z, y, r, top=5.9):
    """A hanger: two rods from the roof's frame and a bar below the pipe."""
    for s in (-0.2, 0.2):
        m.add(rod((x, y - r - 0.03, z + s), (x, top, z + s), 0.012, 6, False), GALVANISED)
    m.add(block(x - 0.03, y - r - 0.06, z - 0.26, x + 0.03, y - r, z + 0.26), STRUCTURE)


def supply():
    p, f = Mesh(), Mesh()
    r = 0.15
    x, z = HX[0] - 0.35, -6.9
    main = [(x, 1.75, HX[1] + 0.5), (x, 1.75, z), (x, 4.6, z), (-3.8, 4.6, z), (-3.8, 8.2, z), (-3.8, 8.2, -9.0), (-5.5, 8.2, -9.0)]
    pipe(p, TINT, main, r)
    branch = [(11.6, 4.6, z), (11.6, 4.6, -4.8), (11.6, 1.1, -4.8), (VALVE_1[0] + 0.3, 1.1, -4.8)]
    pipe(p, TINT, branch, r)
    pipe(p, TINT, [(VALVE_1[0] - 0.3, 1.1, -4.8), (8.8, 1.1, -4.8), (8.8, -0.1, -4.8)], r)
    joint(f, STAINLESS, (x, 1.75, HX[1] + 0.52), (0, 0, 1), 0.12)
    for side in (-1, 1):
        joint(f, STAINLESS, (VALVE_1[0] + side * 0.33, 1.1, -4.8), (1, 0, 0), r)
    for xx in (12.6, 8.0, 4.0, 0.6):
        hanger(f, xx, z, 4.6, r)
        collar(f, COLLAR, (xx - 1.2, 4.6, z), (-1, 0, 0), r)
    collar(f, COLLAR, (11.6, 2.6, -4.8), (0, -1, 0), r)
    sleeve(f, (-2.0, 4.6, z), (1, 0, 0), r)
    sleeve(f, (-5.45, 8.2, -9.0), (1, 0, 0), r)
    sleeve(f, (8.8, 0.05, -4.8), (0, 1, 0), r)
    tower(f, -3.8, z, 8.0)
    gauge(f, (12.9, 4.9, z), (0, 0, 1), 0.09)
    stand(f, 9.35, -4.8, 1.1, r)
    stand(f, 11.0, -4.8, 1.1, r)
    return [Node("Pipes", p), Node("Fittings", f)]


def tower(f, x, z, height):
    """A lattice post beside the riser that carries it."""
    for dx in (-0.3, 0.3):
        f.add(bar((x + dx, 0, z - 0.35), (x + dx, height, z - 0.35), 0.09, 0.09), STRUCTURE)
    f.add(block(x - 0.5, 0, z - 0.6, x + 0.5, 0.15, z - 0.1, 0.03), (PAINT, "#a9a59b"))
    steps = int(height / 0.9)
    for i in range(steps):
        y = 0.2 + 0.9 * i
        f.add(bar((x - 0.3, y, z - 0.35), (x + 0.3, y + 0.9 if y + 0.9 < height else height, z - 0.35), 0.045, 0.045), STRUCTURE)
        f.add(bar((x - 0.3, y, z - 0.35), (x + 0.3, y, z - 0.35), 0.045, 0.045), STRUCTURE)
    for y in (5.6, 7.2):
        f.add(block(x - 0.35, y - 0.04, z - 0.35, x + 0.35, y + 0.04, z + 0.2, 0.01), STRUCTURE)


def returns():
    p, f = Mesh(), Mesh()
    r = 0.15
    # from the district, through valve 2, to the header behind the pumps, and on to the cold tank
    pipe(p, TINT, [(16.2, -0.1, -4.8), (16.2, 1.1, -4.8), (VALVE_2[0] - 0.3, 1.1, -4.8)], r)
    pipe(p, TINT, [(VALVE_2[0] + 0.3, 1.1, -4.8), (19.4, 1.1, -4.8), (19.4, 1.1, -7.6), (17.4, 1.1, -7.6), (17.4, 0.8, -10.2), (-3.0, 0.8, -10.2),
                   (-3.0, 0.8, -5.2), (-11.5, 0.8, -5.2), (-11.5, 0.8, -9.0), (-12.5, 0.8, -9.0)], r)
    for px, pz in PUMPS:
        pipe(p, TINT, [(px - 1.75, 0.8, -10.2), (px - 1.75, 0.8, -8.2), (px - 1.75, 0.75, pz), (px - 1.15, 0.75, pz)], 0.13, 0.3)
        pipe(p, TINT, [(px - 0.75, 1.35, pz), (px - 0.75, 3.4, pz), (px - 0.2, 3.4, pz)], 0.13, 0.34)
        joint(f, STAINLESS, (px - 0.75, 2.05, pz), (0, 1, 0), 0.13)
        f.add(lathe([(0.13, -0.2), (0.19, -0.14), (0.2, 0), (0.19, 0.14), (0.13, 0.2)], 20, 50), (PAINT, "#4a5157"), move(px - 0.75, 2.3, pz))
        joint(f, STAINLESS, (px - 0.75, 2.55, pz), (0, 1, 0), 0.13)
        joint(f, STAINLESS, (px - 1.75, 0.8, -8.9), (0, 0, 1), 0.13)
        f.add(cylinder(0.2, 0.3, 18, 0.03), (PAINT, "#4a5157"), move(px - 1.75, 0.8, -8.75), turn_x(90), move(0, -0.15, 0))
        collar(f, COLLAR, (px - 0.75, 3.0, pz), (0, 1, 0), 0.13)
        stand(f, px - 1.75, -7.4, 0.76, 0.13)
    header = [(PUMPS[0][0] - 0.8, 3.4, -6.6), (13.2, 3.4, -6.6), (13.2, 0.55, -6.6), (HX[0] - 0.35, 0.55, -6.6), (HX[0] - 0.35, 0.55, HX[1] + 0.5)]
    pipe(p, TINT, header, r, 0.3)
    joint(f, STAINLESS, (HX[0] - 0.35, 0.55, HX[1] + 0.52), (0, 0, 1), 0.12)
    for side in (-1, 1):
        joint(f, STAINLESS, (VALVE_2[0] + side * 0.33, 1.1, -4.8), (1, 0, 0), r)
    for xx in (3.8, 8.4, 11.6):
        hanger(f, xx, -6.6, 3.4, r)
        collar(f, COLLAR, (xx + 0.6, 3.4, -6.6), (1, 0, 0), r)
    for xx in (-1.0, 3.0, 7.0, 10.5, 14.0, 16.6):
        stand(f, xx, -10.2, 0.8, r)
    for xx in (-4.6, -7.2, -9.8):
        stand(f, xx, -5.2, 0.8, r)
    collar(f, COLLAR, (-6.0, 0.8, -5.2), (1, 0, 0), r)
    stand(f, 16.9, -4.8, 1.1, r)
    stand(f, 18.4, -4.8, 1.1, r)
    sleeve(f, (-2.0, 0.8, -10.2), (1, 0, 0), r)
    sleeve(f, (-12.45, 0.8, -9.0), (1, 0, 0), r)
    sleeve(f, (16.2, 0.05, -4.8), (0, 1, 0), r)
    gauge(f, (12.4, 3.7, -6.6), (0, 0, 1), 0.09)
    return [Node("Pipes", p), Node("Fittings", f)]


def primary():
    p, f = Mesh(), Mesh()
    r = 0.12
    x = HX[0] + 0.35
    pipe(p, TINT, [(x, 1.75, HX[1] + 0.5), (x, 1.75, -6.9), (x, 3.9, -6.9), (x, 3.9, -9.2), (17.0, 3.9, -9.2), (17.0, 3.9, -12.6), (17.0, 2.6, -12.6)], r)
    pipe(p, TINT, [(x, 0.55, HX[1] + 0.5), (x, 0.55, -6.7), (15.8, 0.55, -6.7), (15.8, 3.0, -6.7), (15.8, 3.0, -12.6), (15.8, 2.5, -12.6)], r, 0.24)
    for y in (0.55, 1.75):
        joint(f, STAINLESS, (x, y, HX[1] + 0.52), (0, 0, 1), 0.12)
    hanger(f, 16.0, -9.2, 3.9, r)
    collar(f, COLLAR, (15.8, 1.9, -6.7), (0, 1, 0), r)
    collar(f, COLLAR, (x, 2.8, -6.9), (0, -1, 0), r)
    return [Node("Pipes", p), Node("Fittings", f)]


def cooling():
    p, f = Mesh(), Mesh()
    r = 0.13
    x, y, z = VALVE_3
    pipe(p, TINT, [(20.9, -0.1, z), (20.9, y, z), (x - 0.3, y, z)], r)
    pipe(p, TINT, [(x + 0.3, y, z), (25.9, y, z), (25.9, 1.5, z), (26.6, 1.5, z - 0.1)], r, 0.25)
    pipe(p, TINT, [(20.9, -0.1, z + 0.55), (20.9, 0.45, z + 0.55), (25.9, 0.45, z + 0.55), (25.9, 0.62, z), (26.6, 0.62, z)], r, 0.25)
    for side in (-1, 1):
        joint(f, STAINLESS, (x + side * 0.33, y, z), (1, 0, 0), r)
    for xx in (22.6, 24.6):
        stand(f, xx, z, y, r)
        stand(f, xx, z + 0.55, 0.45, r)
    collar(f, COLLAR, (24.9, y, z), (1, 0, 0), r)
    for dz, yy in ((0, y), (0.55, 0.45)):
        sleeve(f, (22.0, yy, z + dz), (1, 0, 0), r)
    return [Node("Pipes", p), Node("Fittings", f)]


def nodes(which):
    make = {"supply": supply, "return": returns, "primary": primary, "cooling": cooling}[which]
    root = Node(which.capitalize())
    for child in make():
        child.mesh.shade(ground_shade(0.75, 0.5))
        root.children.append(child)
    return [root]
