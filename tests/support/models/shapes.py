"""Service models of botocore, and values held against their shapes."""

import functools
import gzip
import json
import os
import pathlib

import botocore
import regex

DATA = pathlib.Path(botocore.__file__).parent / "data"

# What a signature calls a service, where botocore's folder has another name.
FOLDERS = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}

NUMBERS = {"integer", "long", "float", "double"}
TIMES = (int, float, str)


class Violation(dict):
    """One thing in a request that the model does not allow."""

    def __init__(self, kind: str, path: str, what: str):
        super().__init__(kind=kind, path=path, what=what)


class Service:
    """One service's model."""

    def __init__(self, name: str, document: dict):
        self.name = name
        self.metadata = document["metadata"]
        self.operations = document["operations"]
        self.shapes = document["shapes"]

    def members(self, shape: dict) -> dict:
        """The members of a structure: name to (reference, shape)."""
        return {name: (ref, self.shapes[ref["shape"]]) for name, ref in shape.get("members", {}).items()}

    def of(self, ref: dict) -> dict:
        """The shape that a reference names."""
        return self.shapes[ref["shape"]]

    def input(self, operation: str) -> dict | None:
        """The input shape of an operation; none if it takes nothing."""
        ref = self.operations[operation].get("input")
        return self.of(ref) if ref else None


@functools.cache
def service(signing_name: str) -> Service | None:
    """Loads the newest model of the service that signatures call so."""
    folder = DATA / FOLDERS.get(signing_name, signing_name)
    if not folder.is_dir():
        return None
    newest = folder / max(entry for entry in os.listdir(folder) if (folder / entry).is_dir())
    packed = newest / "service-2.json.gz"
    if packed.exists():
        return Service(folder.name, json.loads(gzip.decompress(packed.read_bytes())))
    return Service(folder.name, json.loads((newest / "service-2.json").read_bytes()))


@functools.cache
def pattern(text: str) -> regex.Pattern:
    """A model's pattern, which is meant for the whole value even where it has no anchors."""
    # Java writes characters beyond the first plane as two.
    return regex.compile(text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"))


def check(of: Service, shape: dict, value, path: str) -> list[Violation]:
    """Holds a value against a shape, with everything in it."""
    found = CHECKS.get(shape["type"], check_scalar)(of, shape, value, path)
    return [violation for violation in found if violation]


def wrong_type(path: str, expected: str, value) -> Violation:
    return Violation("type", path, f"{expected} expected, not {str(value)[:80]!r}")


def check_structure(of: Service, shape: dict, value, path: str) -> list[Violation]:
    if shape.get("document"):
        return []
    if not isinstance(value, dict):
        return [wrong_type(path, "a structure", value)]
    members = of.members(shape)
    missing = [name for name in shape.get("required", []) if name not in value]
    found = [Violation("missing", f"{path}.{name}", "it is required") for name in missing]
    if shape.get("union") and len(value) != 1:
        found.append(Violation("union", path, f"exactly one member expected, not {sorted(value)}"))
    for name, item in value.items():
        if name not in members:
            found.append(Violation("unknown", f"{path}.{name}", "the model has no such member"))
        else:
            found += check(of, members[name][1], item, f"{path}.{name}")
    return found


def check_list(of: Service, shape: dict, value, path: str) -> list[Violation]:
    if not isinstance(value, list):
        return [wrong_type(path, "a list", value)]
    found = [check_size("length", shape, len(value), path)]
    for number, item in enumerate(value):
        found += check(of, of.of(shape["member"]), item, f"{path}[{number}]")
    return found


def check_map(of: Service, shape: dict, value, path: str) -> list[Violation]:
    if not isinstance(value, dict):
        return [wrong_type(path, "a map", value)]
    found = [check_size("length", shape, len(value), path)]
    for key, item in value.items():
        found += check(of, of.of(shape["key"]), key, f"{path}<{key}>")
        found += check(of, of.of(shape["value"]), item, f"{path}.{key}")
    return found


def check_string(_: Service, shape: dict, value, path: str) -> list[Violation]:
    if not isinstance(value, str):
        return [wrong_type(path, "a text", value)]
    found = [check_size("length", shape, len(value), path)]
    if "enum" in shape and value not in shape["enum"]:
        found.append(Violation("enum", path, f"{value!r} is none of {shape['enum'][:12]}"))
    if "pattern" in shape and not pattern(shape["pattern"]).fullmatch(value):
        found.append(Violation("pattern", path, f"{value[:200]!r} does not match {shape['pattern']}"))
    return found


def check_blob(_: Service, shape: dict, value, path: str) -> list[Violation]:
    if not isinstance(value, bytes):
        return [wrong_type(path, "base64", value)]
    return [check_size("length", shape, len(value), path)]


def check_scalar(_: Service, shape: dict, value, path: str) -> list[Violation]:
    kind = shape["type"]
    if kind == "boolean":
        return [] if isinstance(value, bool) else [wrong_type(path, "true or false", value)]
    if kind == "timestamp":
        return [] if isinstance(value, TIMES) and not isinstance(value, bool) else [wrong_type(path, "a time", value)]
    if kind not in NUMBERS:
        raise ValueError(f"{path}: a shape of type {kind} is not known")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or (kind in {"integer", "long"} and value != int(value)):
        return [wrong_type(path, f"a number ({kind})", value)]
    return [check_size("range", shape, value, path)]


def check_size(kind: str, shape: dict, size, path: str) -> Violation | None:
    low, high = shape.get("min", size), shape.get("max", size)
    if float(low) <= size <= float(high):
        return None
    return Violation(kind, path, f"{size} is not within {shape.get('min')} to {shape.get('max')}")


CHECKS = {
    "structure": check_structure,
    "list": check_list,
    "map": check_map,
    "string": check_string,
    "blob": check_blob,
}
