#!/usr/bin/env python3
"""Validates every Thing Description of the tree against the JSON Schema that W3C publishes for TD 1.1.

The validator below knows the part of JSON Schema draft-07 that this schema uses. A keyword it does not know ends
the run, so that a newer schema cannot pass unread. `format` is an annotation in draft-07 and is not checked.
Exit codes: 0 all valid, 1 not, 77 when the schema is not here.

    check_td.py [--schema FILE] [FOLDER or FILE ...]    without paths: the whole tree
"""
import argparse
import copy
import json
import math
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT.parent / "shared" / "data" / "wot" / "td-json-schema-validation.json"

ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "version", "examples", "default", "format",
               "definitions"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: is_number(v),
    "integer": lambda v: is_number(v) and float(v).is_integer(),
}


class UnknownKeyword(Exception):
    pass


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(a, b):
    """Equality of JSON, where True is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b or is_number(a) and is_number(b) and a == b


class Validator:
    def __init__(self, schema):
        self.root = schema

    def resolve(self, reference):
        assert reference.startswith("#"), f"only references inside the schema: {reference}"
        found = self.root
        for part in reference[1:].split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    def errors(self, value, schema=None, path=""):
        """Texts that say what is wrong with `value`; empty when it is valid."""
        schema = self.root if schema is None else schema
        if schema is True:
            return []
        if schema is False:
            return [f"{path or '/'}: is not allowed"]
        if "$ref" in schema:  # in draft-07 what stands beside $ref is ignored
            return self.errors(value, self.resolve(schema["$ref"]), path)
        found = []
        for keyword, rule in schema.items():
            if keyword in ANNOTATIONS:
                continue
            check = getattr(self, "check_" + keyword, None)
            if check is None:
                raise UnknownKeyword(keyword)
            found += [text if text.startswith("/") else f"{path or '/'}: {text}"
                      for text in check(rule, value, schema, path)]
        return found

    # One method a keyword. They give texts; a text that begins with "/" already has its path.

    def check_type(self, rule, value, schema, path):
        names = rule if isinstance(rule, list) else [rule]
        if not any(TYPES[name](value) for name in names):
            yield f"is no {' or '.join(names)}"

    def check_enum(self, rule, value, schema, path):
        if not any(equal(value, item) for item in rule):
            yield f"{value!r} is none of {rule}"

    def check_const(self, rule, value, schema, path):
        if not equal(value, rule):
            yield f"{value!r} is not {rule!r}"

    def check_allOf(self, rule, value, schema, path):
        for item in rule:
            yield from self.errors(value, item, path)

    def check_anyOf(self, rule, value, schema, path):
        results = [self.errors(value, item, path) for item in rule]
        if all(results):
            yield f"fits none of {len(rule)} forms ({'; '.join(min(results, key=len))})"

    def check_oneOf(self, rule, value, schema, path):
        results = [self.errors(value, item, path) for item in rule]
        fits = sum(not errors for errors in results)
        if fits == 0:
            yield f"fits none of {len(rule)} forms ({'; '.join(min(results, key=len))})"
        elif fits > 1:
            yield f"fits {fits} of {len(rule)} forms that exclude each other"

    def check_not(self, rule, value, schema, path):
        if not self.errors(value, rule, path):
            yield "has a form that is excluded"

    def check_required(self, rule, value, schema, path):
        if isinstance(value, dict):
            yield from (f"needs \"{name}\"" for name in rule if name not in value)

    def check_properties(self, rule, value, schema, path):
        if isinstance(value, dict):
            for name, item in rule.items():
                if name in value:
                    yield from self.errors(value[name], item, f"{path}/{name}")

    def check_patternProperties(self, rule, value, schema, path):
        if isinstance(value, dict):
            for pattern, item in rule.items():
                for name in value:
                    if re.search(pattern, name):
                        yield from self.errors(value[name], item, f"{path}/{name}")

    def check_additionalProperties(self, rule, value, schema, path):
        if isinstance(value, dict):
            patterns = schema.get("patternProperties", {})
            for name in value:
                if name not in schema.get("properties", {}) and not any(re.search(p, name) for p in patterns):
                    yield from self.errors(value[name], rule, f"{path}/{name}")

    def check_minProperties(self, rule, value, schema, path):
        if isinstance(value, dict) and len(value) < rule:
            yield f"has fewer than {rule} members"

    def check_items(self, rule, value, schema, path):
        if isinstance(value, list):
            schemas = rule if isinstance(rule, list) else [rule] * len(value)
            for i, (item, item_schema) in enumerate(zip(value, schemas)):
                yield from self.errors(item, item_schema, f"{path}/{i}")

    def check_additionalItems(self, rule, value, schema, path):
        if isinstance(value, list) and isinstance(schema.get("items"), list):
            for i in range(len(schema["items"]), len(value)):
                yield from self.errors(value[i], rule, f"{path}/{i}")

    def check_minItems(self, rule, value, schema, path):
        if isinstance(value, list) and len(value) < rule:
            yield f"has fewer than {rule} elements"

    def check_maxItems(self, rule, value, schema, path):
        if isinstance(value, list) and len(value) > rule:
            yield f"has more than {rule} elements"

    def check_uniqueItems(self, rule, value, schema, path):
        if rule and isinstance(value, list):
            if any(equal(a, b) for i, a in enumerate(value) for b in value[:i]):
                yield "has an element twice"

    def check_pattern(self, rule, value, schema, path):
        if isinstance(value, str) and not re.search(rule, value):
            yield f"{value!r} does not match {rule}"

    def check_minLength(self, rule, value, schema, path):
        if isinstance(value, str) and len(value) < rule:
            yield f"is shorter than {rule}"

    def check_maxLength(self, rule, value, schema, path):
        if isinstance(value, str) and len(value) > rule:
            yield f"is longer than {rule}"

    def check_minimum(self, rule, value, schema, path):
        if is_number(value) and value < rule:
            yield f"{value} is below {rule}"

    def check_maximum(self, rule, value, schema, path):
        if is_number(value) and value > rule:
            yield f"{value} is above {rule}"

    def check_exclusiveMinimum(self, rule, value, schema, path):
        if is_number(value) and value <= rule:
            yield f"{value} is not above {rule}"

    def check_exclusiveMaximum(self, rule, value, schema, path):
        if is_number(value) and value >= rule:
            yield f"{value} is not below {rule}"

    def check_multipleOf(self, rule, value, schema, path):
        if is_number(value) and not math.isclose(value / rule, round(value / rule), rel_tol=1e-12):
            yield f"{value} is no multiple of {rule}"


GOOD = {
    "@context": ["https://www.w3.org/ns/wot-next/td", "https://www.w3.org/2022/wot/td/v1.1",
                 {"dtmv": "https://dtmv.example/ns#"}],
    "title": "Pump",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": "nosec_sc",
    "properties": {"speed": {"type": "number", "unit": "1/min", "multipleOf": 0.1, "dtmv:period": 1,
                             "forms": [{"href": "properties/speed"}]}},
    "actions": {"stop": {"forms": [{"href": "actions/stop"}]}},
}

# What to change in GOOD so that it must fail: path, and the value to put there (None: remove it).
FAULTS = [
    (("title",), None), (("title",), 7), (("@context",), None), (("@context",), "https://example.org/other"),
    (("security",), None), (("security",), []), (("securityDefinitions",), {}),
    (("securityDefinitions", "nosec_sc", "scheme"), None),
    (("properties", "speed"), 7), (("properties", "speed", "forms"), None), (("properties", "speed", "forms"), []),
    (("properties", "speed", "forms", 0, "href"), None), (("properties", "speed", "type"), "float"),
    (("properties", "speed", "multipleOf"), 0), (("properties", "speed", "readOnly"), "yes"),
    (("properties", "speed", "enum"), [1, 1]), (("properties", "speed", "unit"), 1),
    (("properties", "speed", "minItems"), -1), (("actions", "stop", "forms"), None),
    (("actions", "stop", "forms", 0, "op"), "readproperty"),
]


def self_test(validator):
    """The validator must accept GOOD and refuse it with each fault; otherwise its verdicts mean nothing."""
    problems = [f"self-test: a good description is refused: {text}" for text in validator.errors(GOOD)]
    for path, value in FAULTS:
        broken = copy.deepcopy(GOOD)
        place = broken
        for key in path[:-1]:
            place = place[key]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        if not validator.errors(broken):
            problems.append(f"self-test: {'/'.join(map(str, path))} = {value!r} is accepted")
    try:
        Validator({"properties": {"a": {"newKeyword": 1}}}).errors({"a": 1})
        problems.append("self-test: an unknown keyword is ignored")
    except UnknownKeyword:
        pass
    return problems


def descriptions(paths):
    for path in paths:
        if path.is_file():
            yield path
        for found in sorted(path.rglob("*.td.json")) if path.is_dir() else []:
            if "build" not in found.relative_to(path).parts:
                yield found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schema", type=pathlib.Path, default=SCHEMA)
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    if not options.schema.exists():
        print(f"skipped: no schema at {options.schema}")
        return 77
    validator = Validator(json.loads(options.schema.read_text(encoding="utf-8")))
    problems = self_test(validator)
    count = 0
    for path in descriptions(options.paths or [ROOT]):
        count += 1
        try:
            problems += [f"{path}: {text}" for text in
                         validator.errors(json.loads(path.read_text(encoding="utf-8")))]
        except ValueError as error:
            problems.append(f"{path}: not JSON: {error}")
    print("\n".join(problems) or f"{count} Thing Descriptions are valid, {len(FAULTS)} broken ones were refused")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
