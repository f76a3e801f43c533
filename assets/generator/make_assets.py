#!/usr/bin/env python3
"""Makes every model, Thing Description, world file and trace of assets/. Python 3, standard library only.

    python3 assets/generator/make_assets.py [--out FOLDER]

FOLDER defaults to assets/. The output is the same, byte for byte, on every run.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import make_things  # noqa: E402
import make_trace  # noqa: E402
import make_world  # noqa: E402
import model_avatar  # noqa: E402
import model_exchanger  # noqa: E402
import model_hall  # noqa: E402
import model_pipes  # noqa: E402
import model_pump  # noqa: E402
import model_site  # noqa: E402
import model_tank  # noqa: E402
import model_transformer  # noqa: E402
import model_valve  # noqa: E402
from gltf_writer import count_triangles, glb  # noqa: E402


def models():
    """Yields (path below assets/, root nodes, clips)."""
    yield "models/avatar.glb", [model_avatar.avatar_nodes()], [model_avatar.idle_clip(), model_avatar.walk_clip()]
    plant = "worlds/plant/models/"
    for name, module in (("tank", model_tank), ("pump", model_pump), ("valve", model_valve),
                         ("exchanger", model_exchanger), ("transformer", model_transformer)):
        yield plant + name + ".glb", module.nodes(), []
    yield plant + "hall.glb", model_hall.nodes(), []
    for medium in ("supply", "return", "primary", "cooling"):
        yield plant + "pipes-" + medium + ".glb", model_pipes.nodes(medium), []
    for name, roots in (("ground", model_site.ground()), ("fence", model_site.fence()), ("stack", model_site.stack()),
                        ("boiler", model_site.boiler()), ("vessels", model_site.vessels()), ("cabinet", model_site.cabinet()),
                        ("lamp", model_site.lamp()), ("lamp-post", model_site.lamp_post()), ("tree-1", model_site.tree(1)),
                        ("tree-2", model_site.tree(5)), ("bush", model_site.bush()), ("mast", model_site.weather_mast()),
                        ("meter", model_site.meter()), ("clutter", model_site.clutter())):
        yield plant + name + ".glb", roots, []


def texts():
    """Yields (path below assets/, text)."""
    for kind in make_things.THINGS:
        yield "worlds/plant/things/%s.td.json" % kind, make_things.description(kind)
    yield "worlds/plant/world.json", make_world.text(make_world.world())
    yield "worlds/plant/plant.mapping.json", make_world.text(make_world.mapping())
    yield "worlds/plant/views.json", make_world.text(make_world.views())
    yield "worlds/plant/plant.csv", make_trace.csv()


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
    for path, text in texts():
        write(arguments.out, path, text.encode())
        if not arguments.quiet:
            print("%-40s %8d bytes" % (path, len(text)))


if __name__ == "__main__":
    main()
