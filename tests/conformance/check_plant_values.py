#!/usr/bin/env python3
"""Each value of the plant's trace against the Thing Description of its property: range, resolution, names, order of time.

Usage: check_plant_values.py ASSETS_FOLDER
"""
import csv
import json
import os
import sys


def fits(text, schema):
    if schema["type"] == "boolean":
        return text in ("true", "false")
    if schema["type"] == "string":
        return text in schema["enum"]
    value, step = float(text), schema["multipleOf"]
    on_step = abs(value / step - round(value / step)) < 1e-6
    return schema["minimum"] <= value <= schema["maximum"] and on_step


def check_trace(world_folder):
    """The number of rows whose value is outside what its Thing Description allows, and properties never reported."""
    with open(os.path.join(world_folder, "world.json"), encoding="utf-8") as f:
        world = json.load(f)
    schemas = {}
    for thing in world["things"]:
        with open(os.path.join(world_folder, thing["description"]), encoding="utf-8") as f:
            for name, schema in json.load(f)["properties"].items():
                schemas[(thing["id"], name)] = schema
    bad, rows, seen, last_time = 0, 0, set(), 0
    with open(os.path.join(world_folder, "plant.csv"), encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            rows += 1
            key = (row["thing"], row["property"])
            seen.add(key)
            if key not in schemas or not fits(row["value"], schemas[key]) or int(row["time"]) < last_time:
                bad += 1
                print("row %d: %s" % (rows, row))
            last_time = int(row["time"])
    for key in sorted(set(schemas) - seen):
        bad += 1
        print("never reported: %s/%s" % key)
    print("%d rows of %d properties checked, %d wrong" % (rows, len(schemas), bad))
    return bad


def main():
    return 1 if check_trace(os.path.join(sys.argv[1], "worlds", "plant")) else 0


if __name__ == "__main__":
    sys.exit(main())
