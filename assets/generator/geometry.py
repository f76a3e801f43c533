"""Shapes: triangles with normals, made by a few generators and placed by 3 x 4 matrices.

Metres, +Y up, counter-clockwise front faces, as glTF. Everything is deterministic; coordinates are rounded
when they are written, so a last-bit difference between maths libraries does not change a file.
"""
import math

IDENTITY = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


# Matrices: twelve floats, three rows of four.
def move(x, y, z):
    return (1.0, 0.0, 0.0, x, 0.0, 1.0, 0.0, y, 0.0, 0.0, 1.0, z)


def scale(x, y=None, z=None):
    y = x if y is None else y
    z = x if z is None else z
    return (x, 0.0, 0.0, 0.0, 0.0, y, 0.0, 0.0, 0.0, 0.0, z, 0.0)


def turn_x(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (1.0, 0.0, 0.0, 0.0, 0.0, c, -s, 0.0, 0.0, s, c, 0.0)


def turn_y(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (c, 0.0, s, 0.0, 0.0, 1.0, 0.0, 0.0, -s, 0.0, c, 0.0)


def turn_z(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (c, -s, 0.0, 0.0, s, c, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def mul(*matrices):
    """The product, applied right to left."""
    out = matrices[0]
    for b in matrices[1:]:
        a = out
        out = tuple(
            a[4 * r] * b[c] + a[4 * r + 1] * b[4 + c] + a[4 * r + 2] * b[8 + c] + (a[4 * r + 3] if c == 3 else 0.0)
            for r in range(3) for c in range(4))
    return out


def apply(m, p):
    x, y, z = p
    return (m[0] * x + m[1] * y + m[2] * z + m[3], m[4] * x + m[5] * y + m[6] * z + m[7],
            m[8] * x + m[9] * y + m[10] * z + m[11])


def determinant(m):
    return (m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8])
            + m[2] * (m[4] * m[9] - m[5] * m[8]))


def cofactors(m):
    """Rows that turn normals; the length is not kept."""
    return (m[5] * m[10] - m[6] * m[9], m[6] * m[8] - m[4] * m[10], m[4] * m[9] - m[5] * m[8],
            m[2] * m[9] - m[1] * m[10], m[0] * m[10] - m[2] * m[8], m[1] * m[8] - m[0] * m[9],
            m[1] * m[6] - m[2] * m[5], m[2] * m[4] - m[0] * m[6], m[0] * m[5] - m[1] * m[4])


# Vectors.
def add(a, b):
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def sub(a, b):
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def times(a, k):
    return (a[0] * k, a[1] * k, a[2] * k)


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def length(a):
    return math.sqrt(dot(a, a))


def unit(a):
    n = length(a)
    return (a[0] / n, a[1] / n, a[2] / n) if n > 1e-12 else (0.0, 1.0, 0.0)


def lerp(a, b, t):
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


class Shape:
    """Points, unit normals, triangles; uv only where a shape has a natural one."""
    __slots__ = ("points", "normals", "triangles", "uv")

    def __init__(self):
        self.points, self.normals, self.triangles, self.uv = [], [], [], None

    def face(self, *points):
        """A flat convex polygon, counter-clockwise."""
        n = (0.0, 0.0, 0.0)
        for i in range(1, len(points) - 1):
            n = add(n, cross(sub(points[i], points[0]), sub(points[i + 1], points[0])))
        n = unit(n)
        base = len(self.points)
        self.points.extend(points)
        self.normals.extend([n] * len(points))
        for i in range(1, len(points) - 1):
            self.triangles.append((base, base + i, base + i + 1))
        return self

    def join(self, other, m=IDENTITY):
        base = len(self.points)
        k = cofactors(m)
        self.points.extend(apply(m, p) for p in other.points)
        flip = determinant(m) < 0
        sign = -1.0 if flip else 1.0
        for n in other.normals:
            self.normals.append(unit((sign * (k[0] * n[0] + k[1] * n[1] + k[2] * n[2]),
                                      sign * (k[3] * n[0] + k[4] * n[1] + k[5] * n[2]),
                                      sign * (k[6] * n[0] + k[7] * n[1] + k[8] * n[2]))))
        for a, b, c in other.triangles:
            self.triangles.append((base + a, base + c, base + b) if flip else (base + a, base + b, base + c))
        return self

    def at(self, *matrices):
        return Shape().join(self, mul(*matrices))


def box(w, h, d, bevel=0.0):
    """Centred on the origin. With a bevel the edges are chamfered and shaded round: 24 vertices, 44 triangles."""
    s = Shape()
    x, y, z = w / 2, h / 2, d / 2
    b = min(bevel, 0.49 * min(w, h, d))
    if b <= 0:
        s.face((-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z))
        s.face((x, -y, -z), (-x, -y, -z), (-x, y, -z), (x, y, -z))
        s.face((x, -y, z), (x, -y, -z), (x, y, -z), (x, y, z))
        s.face((-x, -y, -z), (-x, -y, z), (-x, y, z), (-x, y, -z))
        s.face((-x, y, z), (x, y, z), (x, y, -z), (-x, y, -z))
        s.face((-x, -y, -z), (x, -y, -z), (x, -y, z), (-x, -y, z))
        return s
    index = {}
    half = (x, y, z)
    for sx in (-1, 1):
        for sy in (-1, 1):
            for sz in (-1, 1):
                sign = (sx, sy, sz)
                for axis in range(3):
                    p = [sign[i] * (half[i] - (0.0 if i == axis else b)) for i in range(3)]
                    index[(sign, axis)] = len(s.points)
                    s.points.append(tuple(p))
                    s.normals.append(tuple(float(sign[i]) if i == axis else 0.0 for i in range(3)))

    def emit(ids, outward):
        a, bb, c = (s.points[i] for i in ids[:3])
        if dot(cross(sub(bb, a), sub(c, a)), outward) < 0:
            ids = ids[::-1]
        for i in range(1, len(ids) - 1):
            s.triangles.append((ids[0], ids[i], ids[i + 1]))

    def sign_of(axis, value, others):
        out = [0, 0, 0]
        out[axis] = value
        for (i, v) in others:
            out[i] = v
        return tuple(out)

    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1, 1):
            ring = [index[(sign_of(axis, side, ((u, a), (v, c))), axis)] for a, c in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            emit(ring, sign_of(axis, side, ()))
        for a in (-1, 1):  # the edges that run along `axis`
            for c in (-1, 1):
                lo, hi = sign_of(axis, -1, ((u, a), (v, c))), sign_of(axis, 1, ((u, a), (v, c)))
                emit([index[(lo, u)], index[(hi, u)], index[(hi, v)], index[(lo, v)]], sign_of(u, a, ((v, c),)))
    for sx in (-1, 1):
        for sy in (-1, 1):
            for sz in (-1, 1):
                emit([index[((sx, sy, sz), i)] for i in range(3)], (sx, sy, sz))
    return s


def block(x0, y0, z0, x1, y1, z1, bevel=0.0):
    """A box between two corners."""
    return box(x1 - x0, y1 - y0, z1 - z0, bevel).at(move((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2))


def lathe(profile, segments=24, crease=35.0, arc=360.0):
    """Turns a profile of (radius, y), going up with the outside to its right, about Y. Corners sharper than
    `crease` degrees are hard edges. An `arc` below 360 leaves the rest open."""
    s = Shape()
    n = len(profile)
    tangents = []
    for i in range(n - 1):
        (r0, y0), (r1, y1) = profile[i], profile[i + 1]
        d = math.hypot(r1 - r0, y1 - y0) or 1.0
        tangents.append(((y1 - y0) / d, -(r1 - r0) / d))
    closed = arc >= 360.0
    count = segments if closed else segments + 1
    angles = [math.radians(arc) * i / segments for i in range(count)]
    limit = math.cos(math.radians(crease))

    def ring(radius, y, normal):
        base = len(s.points)
        for a in angles:
            c, sn = math.cos(a), math.sin(a)
            s.points.append((radius * sn, y, radius * c))
            s.normals.append((normal[0] * sn, normal[1], normal[0] * c))
        return base

    def blend(i, j):
        a, b = tangents[i], tangents[j]
        if a[0] * b[0] + a[1] * b[1] < limit:
            return None
        m = math.hypot(a[0] + b[0], a[1] + b[1])
        return ((a[0] + b[0]) / m, (a[1] + b[1]) / m)

    previous = None
    for i in range(n - 1):
        (r0, y0), (r1, y1) = profile[i], profile[i + 1]
        start = previous
        if start is None:
            start = ring(r0, y0, tangents[i])
        end_normal = blend(i, i + 1) if i + 1 < n - 1 else None
        end = ring(r1, y1, end_normal or tangents[i])
        for k in range(segments):
            a, b = start + k, start + (k + 1) % count
            c, d = end + (k + 1) % count, end + k
            if r0 > 1e-9:
                s.triangles.append((a, b, c) if r1 > 1e-9 else (a, b, d))
            if r1 > 1e-9:
                s.triangles.append((a, c, d))
        previous = end if end_normal else None
    return s


def cylinder(r, h, segments=20, bevel=0.0, r_top=None):
    """From y = 0 to h, closed."""
    t = r if r_top is None else r_top
    if bevel > 0:
        b = min(bevel, 0.45 * h, 0.9 * min(r, t))
        return lathe([(0, 0), (r - b, 0), (r, b), (t, h - b), (t - b, h), (0, h)], segments, 50)
    return lathe([(0, 0), (r, 0), (t, h), (0, h)], segments)


def rod(a, b, r, segments=8, caps=True):
    """A straight round bar from a to b."""
    h = length(sub(b, a))
    profile = [(0, 0), (r, 0), (r, h), (0, h)] if caps else [(r, 0), (r, h)]
    return lathe(profile, segments).at(along(a, b))


def along(a, b):
    """A matrix that takes +Y to the direction from a to b, and the origin to a."""
    y = unit(sub(b, a))
    ref = (0.0, 0.0, 1.0) if abs(y[2]) < 0.9 else (1.0, 0.0, 0.0)
    x = unit(cross(y, ref))
    z = cross(x, y)
    return (x[0], y[0], z[0], a[0], x[1], y[1], z[1], a[1], x[2], y[2], z[2], a[2])


def bar(a, b, w, d, bevel=0.0):
    """A straight rectangular bar from a to b."""
    h = length(sub(b, a))
    return box(w, h, d, bevel).at(along(a, b), move(0, h / 2, 0))


def sphere(r, segments=16, rings=10):
    return lathe([(r * math.sin(math.pi * i / rings), -r * math.cos(math.pi * i / rings)) for i in range(rings + 1)],
                 segments, 180)


def capsule(a, b, ra, rb=None, segments=14, rings=4):
    """A round bar with half spheres, radius ra at a and rb at b."""
    rb = ra if rb is None else rb
    h = length(sub(b, a))
    profile = [(ra * math.sin(math.pi / 2 * i / rings), -ra * math.cos(math.pi / 2 * i / rings)) for i in range(rings + 1)]
    profile += [(rb * math.cos(math.pi / 2 * i / rings), h + rb * math.sin(math.pi / 2 * i / rings)) for i in range(rings + 1)]
    return lathe(profile, segments, 180).at(along(a, b))


def route(points, bend, steps=5):
    """The centre line of a pipe: straight runs with round elbows of radius `bend` (to the centre line)."""
    out = [points[0]]
    for i in range(1, len(points) - 1):
        p, a, b = points[i], unit(sub(points[i - 1], points[i])), unit(sub(points[i + 1], points[i]))
        cosine = max(-1.0, min(1.0, dot(a, b)))
        if cosine < -0.9999:
            continue
        half = math.acos(cosine) / 2
        cut = min(bend / math.tan(half), 0.499 * length(sub(points[i - 1], p)), 0.499 * length(sub(points[i + 1], p)))
        radius = cut * math.tan(half)
        centre = add(p, times(unit(add(a, b)), radius / math.sin(half)))
        u = unit(sub(add(p, times(a, cut)), centre))
        end = unit(sub(add(p, times(b, cut)), centre))
        sweep = math.acos(max(-1.0, min(1.0, dot(u, end))))
        v = unit(sub(end, times(u, dot(u, end))))
        for k in range(steps + 1):
            t = sweep * k / steps
            out.append(add(centre, add(times(u, radius * math.cos(t)), times(v, radius * math.sin(t)))))
    out.append(points[-1])
    return out


def tube(points, r, segments=12, bend=None, steps=5, caps=True):
    """A round pipe along `points`; elbows of radius `bend` (default 1.5 diameters)."""
    line = route(points, 3.0 * r if bend is None else bend, steps)
    s = Shape()
    tangents = []
    for i in range(len(line)):
        before = sub(line[i], line[i - 1]) if i > 0 else sub(line[1], line[0])
        after = sub(line[i + 1], line[i]) if i + 1 < len(line) else before
        tangents.append(unit(add(unit(before), unit(after))))
    ref = (0.0, 1.0, 0.0) if abs(tangents[0][1]) < 0.9 else (1.0, 0.0, 0.0)
    side = unit(cross(tangents[0], ref))
    rings = []
    for p, t in zip(line, tangents):
        side = unit(sub(side, times(t, dot(side, t))))
        other = cross(t, side)
        base = len(s.points)
        for k in range(segments):
            a = 2 * math.pi * k / segments
            n = add(times(side, math.cos(a)), times(other, math.sin(a)))
            s.points.append(add(p, times(n, r)))
            s.normals.append(n)
        rings.append(base)
    for i in range(len(rings) - 1):
        a, b = rings[i], rings[i + 1]
        for k in range(segments):
            j = (k + 1) % segments
            s.triangles.append((a + k, a + j, b + j))
            s.triangles.append((a + k, b + j, b + k))
    if caps:
        s.face(*[s.points[rings[0] + k] for k in range(segments - 1, -1, -1)])
        s.face(*[s.points[rings[-1] + k] for k in range(segments)])
    return s


def extrude(outline, depth, bevel=0.0):
    """A prism of a simple polygon in the XY plane (counter-clockwise), from z = 0 to depth. With a bevel the
    front edge is chamfered (convex outlines only)."""
    s = Shape()
    n = len(outline)
    front = outline
    z_front = depth
    if bevel > 0:
        cx, cy = sum(p[0] for p in outline) / n, sum(p[1] for p in outline) / n
        front = []
        for (x, y) in outline:
            d = math.hypot(x - cx, y - cy)
            front.append((x - (x - cx) / d * bevel, y - (y - cy) / d * bevel))
        z_side = depth - bevel
        for i in range(n):
            j = (i + 1) % n
            s.face((outline[i][0], outline[i][1], z_side), (outline[j][0], outline[j][1], z_side),
                   (front[j][0], front[j][1], z_front), (front[i][0], front[i][1], z_front))
        depth = z_side
    for i in range(n):
        j = (i + 1) % n
        s.face((outline[i][0], outline[i][1], 0.0), (outline[j][0], outline[j][1], 0.0),
               (outline[j][0], outline[j][1], depth), (outline[i][0], outline[i][1], depth))
    for a, b, c in ears(front):
        s.face((front[a][0], front[a][1], z_front), (front[b][0], front[b][1], z_front), (front[c][0], front[c][1], z_front))
    for a, b, c in ears(outline):
        s.face((outline[c][0], outline[c][1], 0.0), (outline[b][0], outline[b][1], 0.0), (outline[a][0], outline[a][1], 0.0))
    return s


def ears(outline):
    """Triangles of a simple counter-clockwise polygon."""
    left = list(range(len(outline)))
    out = []

    def area(a, b, c):
        return (outline[b][0] - outline[a][0]) * (outline[c][1] - outline[a][1]) \
            - (outline[b][1] - outline[a][1]) * (outline[c][0] - outline[a][0])

    while len(left) > 3:
        for i in range(len(left)):
            a, b, c = left[i - 1], left[i], left[(i + 1) % len(left)]
            if area(a, b, c) <= 1e-12:
                continue
            if any(area(a, b, p) >= 0 and area(b, c, p) >= 0 and area(c, a, p) >= 0 for p in left if p not in (a, b, c)):
                continue
            out.append((a, b, c))
            left.pop(i)
            break
        else:
            left.pop()
    out.append(tuple(left))
    return out


def sheet(profile, height):
    """A folded sheet: a poly-line of (x, z), going +x with the outside towards +z, raised to `height`. One sided."""
    s = Shape()
    for (x0, z0), (x1, z1) in zip(profile, profile[1:]):
        s.face((x0, 0.0, z0), (x1, 0.0, z1), (x1, height, z1), (x0, height, z0))
    return s


def trapezoids(width, pitch=0.3, depth=0.045):
    """The profile of trapezoidal steel cladding over `width`, for sheet()."""
    count = max(1, round(width / pitch))
    step = width / count
    out = [(0.0, 0.0)]
    for i in range(count):
        x = i * step
        out += [(x + 0.30 * step, 0.0), (x + 0.42 * step, depth), (x + 0.80 * step, depth), (x + 0.92 * step, 0.0)]
    out.append((width, 0.0))
    return out


def grid(x0, z0, x1, z1, nx, nz, y=0.0):
    """A flat floor of nx by nz cells facing up, to carry vertex colours."""
    s = Shape()
    for j in range(nz + 1):
        for i in range(nx + 1):
            s.points.append((x0 + (x1 - x0) * i / nx, y, z0 + (z1 - z0) * j / nz))
            s.normals.append((0.0, 1.0, 0.0))
    w = nx + 1
    for j in range(nz):
        for i in range(nx):
            a = j * w + i
            s.triangles.append((a, a + w, a + w + 1))
            s.triangles.append((a, a + w + 1, a + 1))
    return s


def disc_quad(r):
    """A square of side 2r in the XY plane facing +Z, with uv, for a gauge face."""
    s = Shape().face((-r, -r, 0.0), (r, -r, 0.0), (r, r, 0.0), (-r, r, 0.0))
    s.uv = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
    return s


def blob(r, seed, rough=0.16, squash=1.0, detail=1):
    """A lumpy ball for foliage and stones: an icosphere pushed about by a few sines of `seed`."""
    t = (1 + math.sqrt(5)) / 2
    points = [unit(p) for p in ((-1, t, 0), (1, t, 0), (-1, -t, 0), (1, -t, 0), (0, -1, t), (0, 1, t), (0, -1, -t),
                                (0, 1, -t), (t, 0, -1), (t, 0, 1), (-t, 0, -1), (-t, 0, 1))]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
             (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10),
             (8, 6, 7), (9, 8, 1)]
    for _ in range(detail):
        cache, out = {}, []

        def middle(a, b):
            key = (min(a, b), max(a, b))
            if key not in cache:
                cache[key] = len(points)
                points.append(unit(times(add(points[a], points[b]), 0.5)))
            return cache[key]

        for a, b, c in faces:
            ab, bc, ca = middle(a, b), middle(b, c), middle(c, a)
            out += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
        faces = out
    s = Shape()
    for p in points:
        k = 1 + rough * (math.sin(3.1 * p[0] + seed) + math.sin(4.3 * p[1] + 1.7 * seed) + math.sin(3.7 * p[2] + 2.3 * seed)) / 1.5
        s.points.append((p[0] * r * k, p[1] * r * k * squash, p[2] * r * k))
    sums = [(0.0, 0.0, 0.0)] * len(points)
    for a, b, c in faces:
        n = cross(sub(s.points[b], s.points[a]), sub(s.points[c], s.points[a]))
        for i in (a, b, c):
            sums[i] = add(sums[i], n)
    s.normals = [unit(n) for n in sums]
    s.triangles = faces
    return s


def loft(rings, segments=16, caps=True, power=2.0):
    """A smooth skin over superellipse rings of (y, half x, half z, centre x, centre z), upwards. `power` above 2
    makes the rings boxier. Normals are averaged over the faces; the end caps are closed smoothly."""
    s = Shape()

    def round_power(v):
        return math.copysign(abs(v) ** (2.0 / power), v)

    for (y, rx, rz, cx, cz) in rings:
        for k in range(segments):
            a = 2 * math.pi * k / segments
            s.points.append((cx + rx * round_power(math.sin(a)), y, cz + rz * round_power(math.cos(a))))
    for i in range(len(rings) - 1):
        a, b = i * segments, (i + 1) * segments
        for k in range(segments):
            j = (k + 1) % segments
            s.triangles.append((a + k, a + j, b + j))
            s.triangles.append((a + k, b + j, b + k))
    if caps:
        bottom, top = len(s.points), len(s.points) + 1
        s.points.append((rings[0][3], rings[0][0], rings[0][4]))
        s.points.append((rings[-1][3], rings[-1][0], rings[-1][4]))
        last = (len(rings) - 1) * segments
        for k in range(segments):
            j = (k + 1) % segments
            s.triangles.append((bottom, j, k))
            s.triangles.append((top, last + k, last + j))
    return smooth(s)


def smooth(s):
    """Replaces the normals by the area-weighted mean over the faces at each point."""
    sums = [(0.0, 0.0, 0.0)] * len(s.points)
    for a, b, c in s.triangles:
        n = cross(sub(s.points[b], s.points[a]), sub(s.points[c], s.points[a]))
        for i in (a, b, c):
            sums[i] = add(sums[i], n)
    s.normals = [unit(n) for n in sums]
    return s
