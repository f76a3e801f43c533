#!/usr/bin/env python3
"""Every shipped Thing Description against the W3C JSON Schema, and each value of the plant's trace against them.

Usage: check_things.py ASSETS_FOLDER DATA_FOLDER
The schema part needs DATA_FOLDER/wot and Python's jsonschema; without them it is left out with a message, and the
return code is 77 (skip) when the rest passed.
"""
import csv
import glob
import json
import os
import sys


def check_schema(paths, data):
    """The number of invalid descriptions, or None when it cannot be told."""
    schema_path = os.path.join(data, "wot", "td-json-schema-validation.json")
    try:
        import jsonschema
    except ImportError:
        print("schema check left out: Python's jsonschema is not installed")
        return None
    if not os.path.exists(schema_path):
        print("schema check left out: no " + schema_path)
        return None
    with open(schema_path, encoding="utf-8") as f:
        validator = jsonschema.Draft7Validator(json.load(f))
    bad = 0
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for error in validator.iter_errors(json.load(f)):
                bad += 1
                print("%s: /%s: %s" % (path, "/".join(map(str, error.absolute_path)), error.message[:200]))
    print("%d Thing Descriptions checked against the schema, %d errors" % (len(paths), bad))
    return bad


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
    assets, data = sys.argv[1], sys.argv[2]
    paths = sorted(glob.glob(os.path.join(assets, "worlds", "*", "things", "*.td.json")))
    schema_errors = check_schema(paths, data)
    wrong = (schema_errors or 0) + check_trace(os.path.join(assets, "worlds", "plant"))
    if wrong or not paths:
        return 1
    return 77 if schema_errors is None else 0


if __name__ == "__main__":
    sys.exit(main())
