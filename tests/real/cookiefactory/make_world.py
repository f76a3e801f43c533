#!/usr/bin/env python3
"""Writes world.json of the cookie factory from its scene file: which machines there are, where they stand and
how they are turned come from CookieFactory.json, the boxes people walk around from the models. What the scene
does not hold (bindings, spawn points, light) is set here.

    make_world.py [--data FOLDER]    writes world.json beside this script
    make_world.py --check            compares instead; 0 equal, 1 different, 77 no data here
"""
import argparse
import csv
import json
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parents[2].parent / "shared" / "data" / "cookiefactory"
MODELS = {"mixer": "CookieFactoryMixer.glb", "water_tank": "CookieFactoryWaterTank.glb"}
KIND_OF_MODEL = {model: kind for kind, model in MODELS.items()}
TITLES = {"WaterTank": "Water tank"}
DESCRIPTIONS = {"mixer": "things/mixer.td.json", "water_tank": "things/water-tank.td.json"}


# ---- the models' extents on the ground ----

def rotate(q, v):
    """v turned by the quaternion q = (x, y, z, w)."""
    x, y, z, w = q
    tx, ty, tz = (2 * (y * v[2] - z * v[1]), 2 * (z * v[0] - x * v[2]), 2 * (x * v[1] - y * v[0]))
    return [v[0] + w * tx + y * tz - z * ty, v[1] + w * ty + z * tx - x * tz, v[2] + w * tz + x * ty - y * tx]


def to_parent(node, point):
    scaled = [a * b for a, b in zip(point, node.get("scale", [1, 1, 1]))]
    turned = rotate(node.get("rotation", [0, 0, 0, 1]), scaled)
    return [a + b for a, b in zip(turned, node.get("translation", [0, 0, 0]))]


def corners_of(gltf, mesh):
    for primitive in gltf["meshes"][mesh]["primitives"]:
        accessor = gltf["accessors"][primitive["attributes"]["POSITION"]]
        low, high = accessor["min"], accessor["max"]
        for i in range(8):
            yield [(high if i >> axis & 1 else low)[axis] for axis in range(3)]


def points_below(gltf, index):
    """Corners of the boxes of all meshes at or below a node, in the frame of its parent."""
    node = gltf["nodes"][index]
    points = list(corners_of(gltf, node["mesh"])) if "mesh" in node else []
    for child in node.get("children", []):
        points += points_below(gltf, child)
    return [to_parent(node, point) for point in points]


def solid_box(path):
    """{"half", "center"} on the ground around everything in the GLB at `path`, to the centimetre."""
    data = path.read_bytes()
    magic, version, _, size, kind = struct.unpack("<5I", data[:20])
    assert magic == 0x46546C67 and version == 2 and kind == 0x4E4F534A, f"{path} is no GLB"
    gltf = json.loads(data[20:20 + size])
    points = [p for root in gltf["scenes"][gltf.get("scene", 0)]["nodes"] for p in points_below(gltf, root)]
    low, high = ([f(p[axis] for p in points) for axis in (0, 2)] for f in (min, max))
    return {"half": [round((b - a) / 2, 2) for a, b in zip(low, high)],
            "center": [round((b + a) / 2, 2) for a, b in zip(low, high)]}


# ---- what is seen of the values ----

# The scene colours a mixer yellow below 99 and red above 100; here the same limits with a ramp beyond them.
TEMPERATURE = {"stops": [[97, "#ffb000"], [99, "#ffe9a0"], [99.1, "#ffffff"], [100, "#ffffff"],
                         [100.1, "#ffb4a0"], [102, "#ff2a12"]]}
HEAT = {"stops": [[100, {"color": "#ff3010", "strength": 0}], [102, {"color": "#ff3010", "strength": 0.5}]]}
ALARM = {"cases": {"NORMAL": {"color": "#30d050", "strength": 0.4},
                   "ACTIVE": {"color": "#ff2200", "strength": 4, "blink": True},
                   "ACKNOWLEDGED": {"color": "#ffae00", "strength": 2}}}
# The scene colours the tank green up to 40 and red above; here only the pipe that the flow runs through.
FLOW = {"stops": [[0, "#a8c8ff"], [20, "#58e070"], [40, "#58e070"], [40.1, "#ff7048"], [60, "#ff3020"]]}
FILLING = {"stops": [[0, "#ffffff"], [100, "#3a8cff"]]}


def color(name, unit, node, ramp):
    return {"kind": "color", "property": name, "unit": unit, "node": node, "map": ramp}


def label(name, height):
    return {"kind": "label", "property": name, "offset": [0, height, 0]}


# MAIN_MIXER is the head above the bowl; its origin lies on the bowl's axis and the beater is its child, so
# turning it about +Y stirs. Labels hang at the height of the scene's tags.
BINDINGS = {
    "mixer": [
        {"kind": "spin", "property": "RPM", "unit": "1/min", "node": "MAIN_MIXER", "axis": [0, 1, 0]},
        color("Temperature", "degF", "MixerBowl", TEMPERATURE),
        color("Temperature", "degF", "MAIN_MIXER", TEMPERATURE),
        {"kind": "emissive", "property": "Temperature", "unit": "degF", "node": "MixerBowl", "map": HEAT},
        {"kind": "beacon", "property": "alarm_status", "offset": [0.5, 2.2, -0.1], "map": ALARM},
        label("Temperature", 2.84), label("RPM", 2.84), label("alarm_status", 2.84)],
    "water_tank": [
        color("tankVolume1", "%", "SupplyTank", FILLING),
        color("tankVolume2", "%", "StorageTankHull", FILLING),
        color("flowRate1", "l/min", "water-pipe1_1", FLOW),
        color("flowRate1", "l/min", "water-pipe1_2", FLOW),
        color("flowRate1", "l/min", "water-pipe1_3", FLOW),
        color("flowRate2", "l/min", "water-pipe2", FLOW),
        {"kind": "beacon", "property": "alarm_status", "offset": [0, 0.68, -0.03], "map": ALARM},
        label("tankVolume1", 0.95), label("tankVolume2", 0.95), label("flowRate1", 0.95),
        label("flowRate2", 0.95), label("alarm_status", 0.95)],
}

# The first two stand side by side at the end of the widest aisle between the mixers, looking down it.
SPAWN_POINTS = [([33.6, 0, 63.5], 184), ([35.2, 0, 63.5], 176), ([22.8, 0, 64.0], 180), ([46.0, 0, 64.0], 180),
                ([34.4, 0, 85.5], 0), ([32.4, 0, 50.0], 0)]


# ---- the world ----

def machines(scene):
    """(id, kind, position, rotation) of every node drawn with one of the models, in the scene's order."""
    for node in scene["nodes"]:
        for component in node["components"]:
            if component.get("uri") in KIND_OF_MODEL:
                transform = node["transform"]
                assert transform["scale"] == [1, 1, 1], node["name"]
                yield (node["name"], KIND_OF_MODEL[component["uri"]], transform["position"],
                       transform["rotation"])


def check_alarms(scene, data):
    """Alarms come under entity ids of their own: they must be the ones that the scene's tags name, and begin
    with the name of the tag's machine, which is what the mapping goes by."""
    keys = {}
    for node in scene["nodes"]:
        for child in node.get("children", []):
            for component in scene["nodes"][child]["components"]:
                if component["type"] == "Tag":
                    keys[node["name"]] = component["valueDataBinding"]["dataBindingContext"]["alarm_key"]
    with open(data / "telemetry.csv", newline="", encoding="utf-8") as file:
        alarms = {row[2] for row in csv.reader(file) if row[1] == "Alarm"}
    assert alarms == set(keys.values()), alarms ^ set(keys.values())
    for name, key in keys.items():
        assert re.fullmatch(re.escape(name) + "_[0-9a-f-]{36}", key), (name, key)


def make_world(scene, data):
    found = list(machines(scene))
    return {
        "dtmv": 1, "name": "cookiefactory", "title": "Cookie factory",
        "environment": {"sun_direction": [0.45, 0.8, -0.55], "sun_color": "#fff4e2", "sun_strength": 3,
                        "sky_zenith": "#5d84b4", "sky_horizon": "#cfd8de", "ground_bounce": "#77736b",
                        "ground_color": "#9a9a96", "ground_half": 140, "grid": True, "fog_density": 0.003},
        "bounds": {"min": [8, 38], "max": [62, 92]},
        "spawn_points": [{"position": position, "yaw_deg": yaw} for position, yaw in SPAWN_POINTS],
        "things": [{"id": name, "description": DESCRIPTIONS[kind], "title": TITLES.get(name, name.replace("_", " "))}
                   for name, kind, _, _ in found],
        "kinds": {kind: {"model": model, "solid": solid_box(data / model), "bindings": BINDINGS[kind]}
                  for kind, model in MODELS.items()},
        "objects": [{"id": name, "kind": kind, "thing": name, "position": position, "rotation_rad": rotation}
                    for name, kind, position, rotation in found],
        "feeds": [{"type": "replay", "trace": "telemetry.csv", "mapping": "telemetry.mapping.json"}],
    }


def write(value, indent=0):
    """JSON with what fits on a line of 110 columns on one line."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent < 110 and indent > 0 or not isinstance(value, (dict, list)) or not value:
        return short
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(key)}: {write(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + write(item, indent + 2) for item in value) + "\n" + " " * indent + "]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder of the recording")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if not (options.data / "CookieFactory.json").exists():
        print(f"skipped: no recording in {options.data}")
        return 77
    scene = json.loads((options.data / "CookieFactory.json").read_text(encoding="utf-8"))
    check_alarms(scene, options.data)
    text = write(make_world(scene, options.data)) + "\n"
    target = HERE / "world.json"
    if not options.check:
        target.write_text(text, encoding="utf-8")
        return 0
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        print(f"{target} is not what make_world.py writes; run it")
        return 1
    print(f"{target}: {text.count(chr(10))} lines, as the scene file says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
