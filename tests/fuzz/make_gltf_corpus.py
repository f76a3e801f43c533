#!/usr/bin/env python3
"""Writes the seeds of fuzz_gltf into tests/fuzz/corpus/gltf: small files that reach every part of the reader."""
import base64
import json
import pathlib
import struct
import zlib

FLOAT, U8, U16, U32, I16 = 5126, 5121, 5123, 5125, 5122


class Builder:
    def __init__(self):
        self.binary = b""
        self.views = []
        self.accessors = []

    def view(self, data, **more):
        self.binary += b"\0" * (-len(self.binary) % 4)
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), **more})
        self.binary += data
        return len(self.views) - 1

    def accessor(self, component, kind, count, data, **more):
        view = self.view(data)
        self.accessors.append({"bufferView": view, "componentType": component, "type": kind, "count": count, **more})
        return len(self.accessors) - 1

    def document(self, **parts):
        return {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "accessors": self.accessors,
                "bufferViews": self.views, **parts}


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def glb(document, binary):
    document["buffers"] = [{"byteLength": len(binary)}]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    return (struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary)) + struct.pack("<I4s", len(text), b"JSON")
            + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def png(width, height, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b""))


# 8 x 8 pixels of a gradient.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7"
    "gYKBTmCNl4x9lnN+gXwBFRcXHhoeOyEhO3xTRlN8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8"
    "fHx8fP/AABEIAAgACAMBIgACEQEDEQH/xAGiAAABBQEBAQEBAQAAAAAAAAAAAQIDBAUGBwgJCgsQAAIBAwMCBAMFBQQEAAABfQEC"
    "AwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm"
    "Z2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq"
    "8fLz9PX29/j5+gEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoLEQACAQIEBAMEBwUEBAABAncAAQIDEQQFITEGEkFRB2FxEyIy"
    "gQgUQpGhscEJIzNS8BVictEKFiQ04SXxFxgZGiYnKCkqNTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqCg4SF"
    "hoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2dri4+Tl5ufo6ery8/T19vf4+fr/2gAMAwEA"
    "AhEDEQA/AGCNILrEUaGNuVCIpx7cI2PxNWvM/wCmX/kL/wC1VBpfatWmJn//2Q==")

TRIANGLE = floats(0, 0, 0, 1, 0, 0, 0, 1, 0)


# What stb_image 2.27 does not survive by itself: a Huffman table of 4,080 codes, and a chunk longer than the file.
JPEG_LARGE_TABLE = JPEG[:2] + struct.pack(">2sHB", b"\xff\xc4", 2 + 17 + 16 * 255, 0) + b"\xff" * 16 + bytes(16 * 255) + JPEG[2:]


def png_long_chunk():
    whole = png(2, 1, b"\0\xff\0\0\0\0\xff")
    at = whole.index(b"IDAT") - 4
    return whole[:at] + struct.pack(">I", 0x7B000000) + whole[at + 4:]


def triangle():
    b = Builder()
    position = b.accessor(FLOAT, "VEC3", 3, TRIANGLE)
    indices = b.accessor(U16, "SCALAR", 3, struct.pack("<3H", 0, 1, 2))
    return glb(b.document(nodes=[{"mesh": 0, "name": "n"}], meshes=[
        {"primitives": [{"attributes": {"POSITION": position}, "indices": indices}]}]), b.binary)


def textured(picture, mime):
    b = Builder()
    attributes = {
        "POSITION": b.accessor(FLOAT, "VEC3", 3, TRIANGLE),
        "NORMAL": b.accessor(FLOAT, "VEC3", 3, floats(0, 0, 1) * 3),
        "TEXCOORD_0": b.accessor(U16, "VEC2", 3, struct.pack("<6H", 0, 0, 65535, 0, 0, 65535), normalized=True),
        "COLOR_0": b.accessor(U8, "VEC4", 3, bytes(range(12)), normalized=True),
    }
    image = b.view(picture)
    transform = {"extensions": {"KHR_texture_transform": {"offset": [0.5, 0], "rotation": 1, "scale": [2, 2]}}}
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, **transform}, "metallicFactor": 0},
                "normalTexture": {"index": 0, "scale": 1}, "emissiveFactor": [1, 0, 0], "alphaMode": "MASK",
                "extensions": {"KHR_materials_unlit": {}, "KHR_materials_emissive_strength": {"emissiveStrength": 2}}}
    return glb(b.document(nodes=[{"mesh": 0}], materials=[material], textures=[{"source": 0, "sampler": 0}],
                          samplers=[{"wrapS": 33071}], images=[{"bufferView": image, "mimeType": mime}],
                          meshes=[{"primitives": [{"attributes": attributes, "material": 0, "mode": 5}]}]), b.binary)


def animated_skin():
    b = Builder()
    attributes = {
        "POSITION": b.accessor(FLOAT, "VEC3", 3, TRIANGLE),
        "JOINTS_0": b.accessor(U8, "VEC4", 3, bytes([0, 1, 0, 0]) * 3),
        "WEIGHTS_0": b.accessor(FLOAT, "VEC4", 3, floats(0.5, 0.5, 0, 0) * 3),
    }
    identity = floats(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    bind = b.accessor(FLOAT, "MAT4", 2, identity * 2)
    times = b.accessor(FLOAT, "SCALAR", 2, floats(0, 1))
    turns = b.accessor(FLOAT, "VEC4", 2, floats(0, 0, 0, 1, 0, 1, 0, 0))
    moves = b.accessor(FLOAT, "VEC3", 6, floats(*range(18)))
    nodes = [{"children": [1, 2]}, {"mesh": 0, "skin": 0}, {"rotation": [0, 0, 1, 0], "scale": [1, 2, 1]}]
    animation = {"name": "a", "samplers": [{"input": times, "output": turns},
                                           {"input": times, "output": moves, "interpolation": "CUBICSPLINE"}],
                 "channels": [{"sampler": 0, "target": {"node": 2, "path": "rotation"}},
                              {"sampler": 1, "target": {"node": 0, "path": "translation"}}]}
    return glb(b.document(nodes=nodes, skins=[{"joints": [0, 2], "inverseBindMatrices": bind}],
                          animations=[animation], meshes=[{"primitives": [{"attributes": attributes}]}]), b.binary)


def sparse_text():
    b = Builder()
    index, value = b.view(bytes([1])), b.view(floats(5, 5, 5))
    b.accessors.append({"componentType": FLOAT, "type": "VEC3", "count": 4, "sparse": {
        "count": 1, "indices": {"bufferView": index, "componentType": U8}, "values": {"bufferView": value}}})
    document = b.document(nodes=[{"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 3, 4, 5, 1]}],
                          meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "mode": 6}]}])
    data = base64.b64encode(b.binary).decode()
    document["buffers"] = [{"byteLength": len(b.binary), "uri": f"data:application/octet-stream;base64,{data}"}]
    return json.dumps(document).encode()


def main():
    folder = pathlib.Path(__file__).parent / "corpus" / "gltf"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {"triangle.glb": triangle(), "png.glb": textured(png(2, 1, b"\0\xff\0\0\0\0\xff"), "image/png"),
                       "jpeg.glb": textured(JPEG, "image/jpeg"),
                       "jpeg_large_table.glb": textured(JPEG_LARGE_TABLE, "image/jpeg"),
                       "png_long_chunk.glb": textured(png_long_chunk(), "image/png"),
                       "skin.glb": animated_skin(),
                       "sparse.gltf": sparse_text()}.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
