"""Models: meshes by material with vertex colours, a tree of nodes, clips; written as GLB (glTF 2.0).

A colour is given where a shape is added and goes into the vertices, so a model needs few materials (few draw
calls). Vertex colours are linear, 8 bits.
"""
import json
import math
import struct

from geometry import IDENTITY, apply, cofactors, determinant, mul, unit


def linear(hex_color):
    """"#rrggbb" in sRGB to linear floats."""
    out = []
    for i in (1, 3, 5):
        c = int(hex_color[i:i + 2], 16) / 255
        out.append(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
    return tuple(out)


class Material:
    def __init__(self, name, metallic=0.0, roughness=0.6, color=(1.0, 1.0, 1.0, 1.0), emissive=None, strength=1.0,
                 texture=None, texture_size=1.0, blend=False, double_sided=False):
        self.name, self.metallic, self.roughness, self.color = name, metallic, roughness, color
        self.emissive, self.strength = emissive, strength
        self.texture, self.texture_size = texture, texture_size  # PNG bytes; metres one repeat covers
        self.blend, self.double_sided = blend, double_sided


class Mesh:
    """Triangles by material, in the frame of one node."""

    def __init__(self):
        self.parts = {}  # material -> [points, normals, uv, colours, triangles]

    def add(self, shape, look, *matrices):
        """`look` is (material, "#rrggbb") or (material, linear colour)."""
        material, color = look
        color = linear(color) if isinstance(color, str) else color
        m = mul(*matrices) if matrices else IDENTITY
        part = self.parts.setdefault(material, [[], [], [], [], []])
        base = len(part[0])
        k = cofactors(m)
        flip = determinant(m) < 0
        sign = -1.0 if flip else 1.0
        for p, n in zip(shape.points, shape.normals):
            part[0].append(apply(m, p))
            part[1].append(unit((sign * (k[0] * n[0] + k[1] * n[1] + k[2] * n[2]),
                                 sign * (k[3] * n[0] + k[4] * n[1] + k[5] * n[2]),
                                 sign * (k[6] * n[0] + k[7] * n[1] + k[8] * n[2]))))
        part[2].extend(shape.uv if shape.uv else [None] * len(shape.points))
        part[3].extend([color] * len(shape.points))
        for a, b, c in shape.triangles:
            part[4].append((base + a, base + c, base + b) if flip else (base + a, base + b, base + c))
        return self

    def shade(self, function):
        """Multiplies every vertex colour by function(point, normal): baked occlusion and dirt."""
        for part in self.parts.values():
            for i, (p, n) in enumerate(zip(part[0], part[1])):
                f = function(p, n)
                c = part[3][i]
                part[3][i] = (c[0] * f, c[1] * f, c[2] * f)
        return self

    def triangle_count(self):
        return sum(len(part[4]) for part in self.parts.values())


def flat_uv(p, n, size):
    """Texture coordinates from the side a surface looks to."""
    a = (abs(n[0]), abs(n[1]), abs(n[2]))
    if a[1] >= a[0] and a[1] >= a[2]:
        return (p[0] / size, p[2] / size)
    return (p[2] / size, -p[1] / size) if a[0] > a[2] else (p[0] / size, -p[1] / size)


class Node:
    def __init__(self, name, mesh=None, translation=None, rotation=None, children=()):
        self.name, self.mesh, self.translation, self.rotation = name, mesh, translation, rotation
        self.children = list(children)

    def child(self, name, mesh=None, translation=None, rotation=None):
        node = Node(name, mesh, translation, rotation)
        self.children.append(node)
        return node


def quaternion(axis, degrees):
    a = unit(axis)
    h = math.radians(degrees) / 2
    return (a[0] * math.sin(h), a[1] * math.sin(h), a[2] * math.sin(h), math.cos(h))


def quaternion_multiply(a, b):
    return (a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1], a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
            a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3], a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2])


class Clip:
    """An animation: channels of (node name, "translation" or "rotation", [(time, value), …])."""

    def __init__(self, name):
        self.name, self.channels = name, []

    def key(self, node, path, keys):
        self.channels.append((node, path, keys))


class Writer:
    def __init__(self):
        self.data = bytearray()
        self.views, self.accessors, self.materials, self.images, self.meshes, self.nodes = [], [], [], [], [], []
        self.material_index, self.mesh_index, self.image_index = {}, {}, {}

    def view(self, data, target=None):
        while len(self.data) % 4:
            self.data.append(0)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        if target:
            view["target"] = target
        self.data += data
        self.views.append(view)
        return len(self.views) - 1

    def accessor(self, view, component, count, kind, **extra):
        self.accessors.append(dict({"bufferView": view, "componentType": component, "count": count, "type": kind}, **extra))
        return len(self.accessors) - 1

    def floats(self, rows, kind, bounds=False, target=None):
        width = len(rows[0])
        flat = [round(v, 5) + 0.0 for row in rows for v in row]
        data = struct.pack("<%df" % len(flat), *flat)
        extra = {}
        if bounds:
            exact = struct.unpack("<%df" % len(flat), data)
            extra = {"min": [min(exact[i::width]) for i in range(width)], "max": [max(exact[i::width]) for i in range(width)]}
        return self.accessor(self.view(data, target), 5126, len(rows), kind, **extra)

    def image(self, png):
        if png not in self.image_index:
            self.image_index[png] = len(self.images)
            self.images.append({"bufferView": self.view(png), "mimeType": "image/png"})
        return self.image_index[png]

    def material(self, m):
        if m.name in self.material_index:
            return self.material_index[m.name]
        pbr = {"metallicFactor": m.metallic, "roughnessFactor": m.roughness}
        if m.color != (1.0, 1.0, 1.0, 1.0):
            pbr["baseColorFactor"] = [round(c, 5) for c in m.color]
        if m.texture:
            pbr["baseColorTexture"] = {"index": self.image(m.texture)}
        out = {"name": m.name, "pbrMetallicRoughness": pbr}
        if m.emissive:
            out["emissiveFactor"] = [round(c, 5) for c in m.emissive]
            if m.strength != 1.0:
                out["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": m.strength}}
        if m.blend:
            out["alphaMode"] = "BLEND"
        if m.double_sided:
            out["doubleSided"] = True
        self.material_index[m.name] = len(self.materials)
        self.materials.append(out)
        return self.material_index[m.name]

    def mesh(self, mesh, name):
        if id(mesh) in self.mesh_index:
            return self.mesh_index[id(mesh)]
        primitives = []
        for material, (points, normals, uv, colors, triangles) in mesh.parts.items():
            points, normals, uv, colors, triangles = weld(points, normals, uv, colors, triangles, material)
            if not triangles:
                continue
            attributes = {"POSITION": self.floats(points, "VEC3", True, 34962),
                          "NORMAL": self.floats([unit(tuple(round(c, 4) for c in n)) for n in normals], "VEC3", False, 34962)}
            if uv:
                attributes["TEXCOORD_0"] = self.floats(uv, "VEC2", False, 34962)
            packed = bytes(v for c in colors for v in (*c, 255))
            attributes["COLOR_0"] = self.accessor(self.view(packed, 34962), 5121, len(colors), "VEC4", normalized=True)
            flat = [i for t in triangles for i in t]
            small = len(points) <= 65535
            data = struct.pack("<%d%s" % (len(flat), "H" if small else "I"), *flat)
            indices = self.accessor(self.view(data, 34963), 5123 if small else 5125, len(flat), "SCALAR")
            primitives.append({"attributes": attributes, "indices": indices, "material": self.material(material)})
        self.mesh_index[id(mesh)] = len(self.meshes)
        self.meshes.append({"name": name, "primitives": primitives})
        return self.mesh_index[id(mesh)]

    def node(self, node):
        index = len(self.nodes)
        out = {"name": node.name}
        self.nodes.append(out)
        if node.translation:
            out["translation"] = [round(v, 5) + 0.0 for v in node.translation]
        if node.rotation:
            out["rotation"] = [round(v, 6) + 0.0 for v in node.rotation]
        if node.mesh and node.mesh.parts:
            out["mesh"] = self.mesh(node.mesh, node.name)
        children = [self.node(child) for child in node.children]
        if children:
            out["children"] = children
        return index

    def clip(self, clip):
        by_name = {node["name"]: i for i, node in enumerate(self.nodes)}
        times, samplers, channels = {}, [], []
        for node, path, keys in clip.channels:
            at = tuple(round(k[0], 5) for k in keys)
            if at not in times:
                times[at] = self.floats([(t,) for t in at], "SCALAR", True)
            output = self.floats([k[1] for k in keys], "VEC4" if path == "rotation" else "VEC3")
            samplers.append({"input": times[at], "output": output, "interpolation": "LINEAR"})
            channels.append({"sampler": len(samplers) - 1, "target": {"node": by_name[node], "path": path}})
        return {"name": clip.name, "samplers": samplers, "channels": channels}


def weld(points, normals, uv, colors, triangles, material):
    """Joins equal vertices and drops triangles without area; makes texture coordinates where a texture needs them."""
    seen, out_p, out_n, out_uv, out_c, remap = {}, [], [], [], [], []
    textured = material.texture is not None
    for p, n, t, c in zip(points, normals, uv, colors):
        p = tuple(round(v, 4) + 0.0 for v in p)
        n = tuple(round(v, 3) + 0.0 for v in n)
        t = (t or flat_uv(p, n, material.texture_size)) if textured else None
        c = tuple(max(0, min(255, int(v * 255 + 0.5))) for v in c)
        key = (p, n, t, c)
        if key not in seen:
            seen[key] = len(out_p)
            out_p.append(p)
            out_n.append(n)
            out_uv.append(t)
            out_c.append(c)
        remap.append(seen[key])
    out_t = []
    for a, b, c in triangles:
        a, b, c = remap[a], remap[b], remap[c]
        if out_p[a] != out_p[b] and out_p[b] != out_p[c] and out_p[a] != out_p[c]:
            out_t.append((a, b, c))
    return out_p, out_n, out_uv if textured else None, out_c, out_t


def glb(roots, clips=(), generator="dtmv assets/generator"):
    """The bytes of a GLB with the given root nodes and clips."""
    w = Writer()
    scene = [w.node(root) for root in roots]
    animations = [w.clip(clip) for clip in clips]
    document = {"asset": {"version": "2.0", "generator": generator}, "scene": 0, "scenes": [{"nodes": scene}],
                "nodes": w.nodes, "meshes": w.meshes, "materials": w.materials, "accessors": w.accessors,
                "bufferViews": w.views, "buffers": [{"byteLength": len(w.data)}]}
    if animations:
        document["animations"] = animations
    if w.images:
        document["images"] = w.images
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}]
        document["textures"] = [{"sampler": 0, "source": i} for i in range(len(w.images))]
    if any("extensions" in m for m in w.materials):
        document["extensionsUsed"] = ["KHR_materials_emissive_strength"]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    w.data += b"\0" * (-len(w.data) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(w.data), 0x004E4942) + bytes(w.data)
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


def count_triangles(roots):
    def visit(node):
        return (node.mesh.triangle_count() if node.mesh else 0) + sum(visit(c) for c in node.children)
    return sum(visit(r) for r in roots)
