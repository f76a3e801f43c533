#!/usr/bin/env python3
"""Bad files against the real programs: every one ends in a message that names the file, none in a crash.

Worlds, Thing Descriptions, mappings and traces are broken on purpose in a temporary folder; hostile glTF files come
from the real data (where present). A program that cannot go on exits with 3; a trace whose rows are bad is counted and
the world runs on.

usage: bad_input.py BIN_FOLDER DATA_FOLDER
"""
import json
import pathlib
import shutil
import sys
import tempfile
import time

from harness import check
from stage import Stage, software_gl

BAD_FILE = 3  # exit code for a bad world, Thing Description, mapping, trace or model

TD = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", {"dtmv": "https://dtmv.example/ns#"}],
    "title": "Probe", "securityDefinitions": {"none": {"scheme": "nosec"}}, "security": "none",
    "properties": {"level": {"type": "number", "unit": "m", "minimum": -1e6, "maximum": 1e6, "readOnly": True,
                             "observable": True, "forms": [{"href": "properties/level"}]}},
}
MAPPING = {
    "dtmv_mapping": 1, "form": "wide", "header": True, "time": {"column": "time", "format": "epoch_s"},
    "columns": [{"column": "level", "thing": "probe", "property": "level"}],
}
WORLD = {
    "dtmv": 1, "name": "broken", "title": "Broken", "bounds": {"min": [-10, -10], "max": [10, 10]},
    "spawn_points": [{"position": [0, 0, 6]}], "things": [{"id": "probe", "description": "probe.td.json"}],
    "objects": [{"id": "probe", "thing": "probe", "position": [0, 0, 0],
                 "bindings": [{"kind": "label", "property": "level"}]}],
    "feeds": [{"type": "replay", "trace": "probe.csv", "mapping": "probe.mapping.json"}],
}
ROWS = "time,level\n" + "".join(f"{1600000000 + i},{i * 0.5}\n" for i in range(300))


def write_world(folder, **files):
    """A good world in `folder`, with some of its files replaced (text, bytes or a JSON value)."""
    content = {"world": WORLD, "td": TD, "mapping": MAPPING, "trace": ROWS, **files}
    names = {"world": "world.json", "td": "probe.td.json", "mapping": "probe.mapping.json", "trace": "probe.csv"}
    folder.mkdir()
    for key, value in content.items():
        if value is None:
            continue
        if not isinstance(value, (str, bytes)):
            value = json.dumps(value, indent=2)
        if isinstance(value, str):
            value = value.encode()
        (folder / names.get(key, key)).write_bytes(value)
    return folder


def changed(document, path, value):
    """A deep copy of `document` with the value at `path` replaced."""
    copy = json.loads(json.dumps(document))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copy


def refused_cases():
    """What a server must refuse at start: name, files, words that its message must contain."""
    whole = json.dumps(WORLD, indent=2)
    return [
        ("no-world", {"world": None}, ["world.json"]),
        ("empty-world", {"world": ""}, ["world.json"]),
        ("torn-world", {"world": whole[: len(whole) // 2]}, ["world.json:"]),
        ("world-is-a-list", {"world": []}, ["world.json"]),
        ("deep-world", {"world": "[" * 100000}, ["world.json"]),
        ("missing-property", {"world": changed(WORLD, ["objects", 0, "bindings", 0, "property"], "rpm")},
         ["world.json:", "rpm"]),
        ("missing-model", {"world": changed(WORLD, ["objects", 0, "model"], "none.glb")}, ["none.glb"]),
        ("escaping-model", {"world": changed(WORLD, ["objects", 0, "model"], "../../../etc/passwd")}, ["world.json:"]),
        ("duplicate-thing", {"world": changed(WORLD, ["things"], WORLD["things"] * 2)}, ["world.json:", "probe"]),
        ("unit-mismatch", {"world": changed(WORLD, ["objects", 0, "bindings", 0, "unit"], "km")}, ["world.json:", "km"]),
        ("infinite-number", {"world": whole.replace('"dtmv": 1', '"dtmv": 1e999')}, ["world.json"]),
        ("no-td", {"td": None}, ["probe.td.json"]),
        ("torn-td", {"td": json.dumps(TD)[:80]}, ["probe.td.json"]),
        ("td-range", {"td": changed(TD, ["properties", "level", "minimum"], 1e9)}, ["probe.td.json:"]),
        ("no-mapping", {"mapping": None}, ["probe.mapping.json"]),
        ("mapping-thing", {"mapping": changed(MAPPING, ["columns", 0, "thing"], "ghost")},
         ["probe.mapping.json:", "ghost"]),
        ("no-trace", {"trace": None}, ["probe.csv"]),
        ("empty-trace", {"trace": ""}, ["probe.csv"]),
        ("trace-without-rows", {"trace": "time,level\n"}, ["probe.csv"]),
        ("trace-utf16", {"trace": ROWS.encode("utf-16")}, ["probe.csv"]),
        ("trace-other-header", {"trace": ROWS.replace("time,level", "when,what")}, ["probe.csv"]),
        ("trace-nonsense", {"trace": "time,level\n" + "never,nothing\n" * 500}, ["probe.csv"]),
        ("trace-nul", {"trace": b"\0" * 4096}, ["probe.csv"]),
    ]


def counted_cases():
    """Traces with bad rows among good ones: the world runs, the rows are counted."""
    good = ROWS.splitlines(keepends=True)
    return [
        ("non-finite", "".join(good[:100]) + "1600000100,nan\n1600000101,inf\n1600000102,1e999\n" + "".join(good[103:])),
        ("nul-in-row", "".join(good[:100]) + "16000\0,1\n" + "".join(good[101:])),
        ("long-line", "".join(good[:100]) + "1600000100," + "7" * 10_000_000 + "\n" + "".join(good[101:])),
        ("short-rows", "".join(good[:100]) + "1600000100\n,\n,,,,,,\n" + "".join(good[101:])),
        ("torn-end", ROWS[:-3]),
    ]


def check_message(text, words, name):
    for word in words:
        check(word in text, f"{name}: the message does not name {word!r}: {text[-600:]}")
    check("Sanitizer" not in text and "runtime error" not in text, f"{name}: sanitizer report: {text[-3000:]}")


def check_refused(stage, folder):
    for name, files, words in refused_cases():
        world = write_world(folder / name, **files)
        server = stage.start([stage.bin / "dtmv-server", "--world", world, "--port", "0", "--seconds", "2"])
        server.finish(20, BAD_FILE)
        check_message(server.text(), words, name)
    print(f"{len(refused_cases())} bad worlds refused with a message")


def check_counted(stage, folder):
    for name, trace in counted_cases():
        world = write_world(folder / name, trace=trace)
        server = stage.start([stage.bin / "dtmv-server", "--world", world, "--port", "0", "--seconds", "2", "--speed", "1000"])
        server.finish(20)
        check_message(server.text(), ["probe.csv:"] if name != "torn-end" else [], name)
    print(f"{len(counted_cases())} traces with bad rows counted and survived")


def hostile_models(data):
    models = [p for p in sorted((data / "gltf/invalid").iterdir()) if p.suffix in (".gltf", ".glb")]
    return models + [data / "gltf/transform_BoxDraco.gltf", data / "gltf/transform_BoxMeshopt.glb"]


def check_models(stage, folder, data):
    models = hostile_models(data)
    for model in models:
        world = write_world(folder / f"model-{model.stem}",
                            world=changed(WORLD, ["objects", 0, "model"], model.name))
        for neighbour in model.parent.iterdir(): # buffers and images that it refers to
            if neighbour.is_file() and neighbour.stat().st_size < 1 << 20:
                shutil.copy(neighbour, world / neighbour.name)
        if "Draco" in model.name:
            (world / "0.bin").write_bytes(bytes(4096))  # its buffer is not in the data; the extension is what matters
        server = stage.start([stage.bin / "dtmv-server", "--world", world, "--port", "0"])
        listening = server.wait_line(r"listening on \S+:(\d+)", 20)
        if not listening:  # refused by the server already
            server.finish(20, BAD_FILE)
            check_message(server.text(), [model.name], model.name)
            continue
        stage.port = int(listening.group(1))
        client = stage.client("--headless", "--size", "160x90", "--seconds", "2", env=software_gl())
        client.finish(30, BAD_FILE)
        check_message(client.text(), [model.name], model.name)
        check(server.process.poll() is None, f"{model.name}: the server died with the client")
        server.terminate()
    print(f"{len(models)} hostile models refused with a message")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[2])
    began = time.monotonic()
    with Stage(sys.argv[1]) as stage:
        folder = pathlib.Path(tempfile.mkdtemp(dir=stage.path))
        check_refused(stage, folder)
        check_counted(stage, folder)
        if data.is_dir():
            check_models(stage, folder, data)
        else:
            print(f"part skipped: no real data at {data}, so no hostile models")
    print(f"bad input: all as it should be, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
