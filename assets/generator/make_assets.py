#!/usr/bin/env python3
"""Makes every model, Thing Description, world file and trace of assets/. Python 3, standard library only.

    python3 assets/generator/make_assets.py [--out FOLDER]

FOLDER defaults to assets/. The output is the same, byte for byte, on every run.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import model_avatar  # noqa: E402
from gltf_writer import count_triangles, glb  # noqa: E402


def models():
    """Yields (path below assets/, root nodes, clips)."""
    yield "models/avatar.glb", [model_avatar.avatar_nodes()], [model_avatar.idle_clip(), model_avatar.walk_clip()]


def write(folder, path, data):
    full = os.path.join(folder, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(data)


def main():
    parser = argparse.ArgumentParser(description="Makes the assets of dtmv.")
    parser.add_argument("--out", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))), metavar="FOLDER")
    parser.add_argument("--quiet", action="store_true", help="print nothing")
    arguments = parser.parse_args()
    for path, roots, clips in models():
        data = glb(roots, clips)
        write(arguments.out, path, data)
        if not arguments.quiet:
            print("%-40s %8d bytes %7d triangles" % (path, len(data), count_triangles(roots)))


if __name__ == "__main__":
    main()
