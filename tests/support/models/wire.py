"""Requests as they are on the wire, read into values as botocore's models describe each protocol."""

import base64
import binascii
import json
import re
import urllib.parse
import xml.etree.ElementTree as ET

from shapes import NUMBERS, Service, Violation, check, service

# Headers that every request has or the SDK adds, whatever the operation.
OF_THE_SDK = re.compile(
    r"x-amz-(date|user-agent|security-token|content-sha256|target|trailer|decoded-content-length|checksum-.*)$"
)

# The SDK's own note of the operation in the query of S3.
IGNORED_QUERY = {"x-id"}


class Request:
    """One request, and what was read from it."""

    def __init__(self, call: dict):
        self.call = call
        self.headers = {name.lower(): value for name, value in call["headers"]}
        self.body = call["body"].encode()
        self.path, _, query = call["path"].partition("?")
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True)
        self.service: Service | None = None
        self.operation = ""
        self.protocol = ""
        self.value: dict = {}
        self.found: list[Violation] = []
        self.read()

    @property
    def name(self) -> str:
        return f"{self.service.name if self.service else '?'}:{self.operation or '?'}"

    def report(self, kind: str, path: str, what: str) -> None:
        self.found.append(Violation(kind, path, what))

    def read(self) -> None:
        signed = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", self.headers.get("authorization", ""))
        self.service = service(signed.group(1)) if signed else None
        if not self.service:
            self.report("operation", "", f"{self.call['method']} {self.call['path']} is signed for no known service")
            return
        if "x-amz-target" in self.headers:
            self.read_json()
        elif self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            self.read_form()
        else:
            self.read_rest()

    def hold(self) -> None:
        """Holds the value against the operation's input."""
        shape = self.service.input(self.operation)
        if shape:
            self.found += check(self.service, shape, self.value, self.operation)
        elif self.value:
            self.report("unknown", self.operation, f"the operation takes nothing, and has {sorted(self.value)}")

    def is_known(self, operation: str) -> bool:
        known = operation in self.service.operations
        if not known:
            self.report("operation", operation, f"{self.service.name} has no such operation")
        else:
            self.operation = operation
        return known

    # JSON, with the operation in a header.

    def read_json(self) -> None:
        self.protocol = "json"
        prefix, _, operation = self.headers["x-amz-target"].rpartition(".")
        # Smithy's models call CloudTrail's by its last part alone.
        if prefix.rpartition(".")[2] != self.service.metadata.get("targetPrefix", "").rpartition(".")[2]:
            self.report("operation", operation, f"the prefix {prefix} is not the service's")
        if self.is_known(operation):
            shape = self.service.input(operation)
            self.value = self.json_value(shape, self.parsed(self.body or b"{}"), operation) if shape else {}
            self.hold()

    def parsed(self, body: bytes):
        try:
            return json.loads(body)
        except ValueError as error:
            self.report("type", self.operation, f"the body is no JSON: {error}")
            return {}

    def json_value(self, shape: dict, value, path: str):
        """Names members as the model does, and decodes blobs."""
        of, kind = self.service, shape["type"]
        if kind == "structure" and isinstance(value, dict):
            names = {ref.get("locationName", name): (name, inner) for name, (ref, inner) in of.members(shape).items()}
            read = {}
            for key, item in value.items():
                name, inner = names.get(key, (key, None))
                # A null stands for an absent member.
                if item is not None:
                    read[name] = self.json_value(inner, item, f"{path}.{key}") if inner else item
            return read
        if kind == "list" and isinstance(value, list):
            return [self.json_value(of.of(shape["member"]), item, path) for item in value]
        if kind == "map" and isinstance(value, dict):
            return {key: self.json_value(of.of(shape["value"]), item, path) for key, item in value.items()}
        if kind == "blob" and isinstance(value, str):
            return decoded(value)
        return value

    # Forms: Query, and EC2's kind of it.

    def read_form(self) -> None:
        self.protocol = "ec2" if self.service.metadata["protocol"] == "ec2" else "query"
        pairs = urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True)
        self.form = dict(pairs)
        if len(self.form) != len(pairs):
            self.report("type", "", "a field is there twice")
        operation, version = self.form.pop("Action", ""), self.form.pop("Version", "")
        if version != self.service.metadata["apiVersion"]:
            self.report("operation", operation, f"version {version}")
        if self.is_known(operation):
            self.unread = set(self.form)
            shape = self.service.input(operation)
            self.value = self.form_value(shape, "") if shape else {}
            for field in sorted(self.unread):
                self.report("unknown", f"{operation}.{field}", "the model has no such field")
            self.hold()

    def has(self, prefix: str) -> bool:
        return prefix in self.form or any(name.startswith(prefix + ".") for name in self.form)

    def form_value(self, shape: dict, prefix: str):
        kind = shape["type"]
        if kind == "structure":
            read = {}
            for name, (ref, inner) in self.service.members(shape).items():
                field = f"{prefix}.{self.field(name, ref, inner)}".lstrip(".")
                if self.has(field):
                    read[name] = self.form_value(inner, field)
            return read
        if kind == "list":
            return self.form_list(shape, prefix)
        if kind == "map":
            start = prefix if shape.get("flattened") else f"{prefix}.entry"
            key, value = shape["key"].get("locationName", "key"), shape["value"].get("locationName", "value")
            inner = self.service.of(shape["value"])
            entries = [f"{start}.{number}" for number in self.numbers(start)]
            return {self.take(f"{entry}.{key}"): self.form_value(inner, f"{entry}.{value}") for entry in entries}
        return read_text(shape, self.take(prefix))

    def form_list(self, shape: dict, prefix: str) -> list:
        if prefix in self.form:
            # An empty list is an empty field.
            self.take(prefix)
            return []
        member = shape["member"]
        start = prefix
        if self.protocol == "query" and not shape.get("flattened"):
            start = f"{prefix}.{member.get('locationName', 'member')}"
        inner = self.service.of(member)
        return [self.form_value(inner, f"{start}.{number}") for number in self.numbers(start)]

    def numbers(self, start: str) -> list[int]:
        numbers = {name[len(start) + 1 :].split(".")[0] for name in self.form if name.startswith(start + ".")}
        numbers = sorted(int(number) for number in numbers if number.isdigit())
        if numbers != list(range(1, len(numbers) + 1)):
            self.report("type", start, f"the items are numbered {numbers}")
        return numbers

    def field(self, name: str, ref: dict, inner: dict) -> str:
        if self.protocol == "ec2":
            wire = ref.get("locationName", name)
            return ref.get("queryName") or wire[0].upper() + wire[1:]
        if inner.get("flattened") and inner["type"] == "list":
            return inner["member"].get("locationName") or ref.get("locationName", name)
        return ref.get("locationName", name)

    def take(self, field: str) -> str:
        self.unread.discard(field)
        return self.form.get(field, "")

    # REST: method, path, query, headers and a body of JSON or XML.

    def read_rest(self) -> None:
        self.protocol = self.service.metadata["protocol"]
        readings = [self.reading(name, labels) for name, labels in self.candidates()]
        if not readings:
            self.report("operation", "", f"{self.call['method']} {self.call['path']} is no operation")
            return
        # Two operations can share method and path; the request is the one that it breaks least of.
        best = min(readings, key=lambda reading: len(reading.found))
        self.operation, self.value = best.operation, best.value
        self.found += best.found

    def candidates(self):
        """The operations with the longest template that method, path and query fit."""
        fitting = []
        for name, operation in self.service.operations.items():
            http = operation["http"]
            if http["method"] == self.call["method"] and not operation.get("deprecated"):
                template, _, literal = http["requestUri"].partition("?")
                labels = fits(template, self.path)
                wanted = set(urllib.parse.parse_qsl(literal, keep_blank_values=True))
                if labels is not None and wanted <= set(self.query):
                    fitting.append((len(wanted), template.count("/"), name, labels))
        best = max((fit[:2] for fit in fitting), default=None)
        return [(name, labels) for *fit, name, labels in fitting if tuple(fit) == best]

    def reading(self, operation: str, labels: dict) -> "Rest":
        return Rest(self, operation, labels)


class Rest:
    """A REST request read as one operation."""

    def __init__(self, request: Request, operation: str, labels: dict):
        self.request, self.operation, self.labels = request, operation, labels
        self.of = request.service
        self.found: list[Violation] = []
        self.value: dict = {}
        shape = self.of.input(operation) or {"type": "structure", "members": {}}
        self.query_left = {name for name, _ in request.query} - IGNORED_QUERY
        literal = self.of.operations[operation]["http"]["requestUri"].partition("?")[2]
        self.query_left -= {name for name, _ in urllib.parse.parse_qsl(literal, keep_blank_values=True)}
        self.headers_left = {name for name in request.headers if name.startswith("x-amz-")}
        self.headers_left = {name for name in self.headers_left if not OF_THE_SDK.match(name)}
        self.read_parts(shape)
        self.read_body(shape)
        for name in sorted(self.query_left):
            self.found.append(Violation("unknown", f"{operation}?{name}", "the model has no such parameter"))
        for name in sorted(self.headers_left):
            self.found.append(Violation("unknown", f"{operation} {name}", "the model has no such header"))
        self.found += check(self.of, shape, self.value, operation)

    def read_parts(self, shape: dict) -> None:
        headers = self.request.headers
        for name, (ref, inner) in self.of.members(shape).items():
            wire = ref.get("locationName", name)
            location = ref.get("location")
            if location == "uri" and wire in self.labels:
                self.value[name] = read_text(inner, self.labels[wire])
            elif location == "querystring":
                values = [value for key, value in self.request.query if key == wire]
                if values:
                    self.query_left.discard(wire)
                    self.value[name] = self.query_value(inner, values)
            elif location == "header" and wire.lower() in headers:
                self.headers_left.discard(wire.lower())
                self.value[name] = read_text(inner, headers[wire.lower()])
            elif location == "headers":
                start = wire.lower()
                held = [header for header in headers if header.startswith(start)]
                self.headers_left -= set(held)
                if held:
                    self.value[name] = {header[len(start) :]: headers[header] for header in held}

    def query_value(self, shape: dict, values: list[str]):
        if shape["type"] == "list":
            return [read_text(self.of.of(shape["member"]), value) for value in values]
        return read_text(shape, values[-1])

    def read_body(self, shape: dict) -> None:
        payload, body = shape.get("payload"), self.request.body
        members = self.of.members(shape)
        inner = members[payload][1] if payload else shape
        if not body:
            return
        if inner["type"] in {"blob", "string"}:
            self.value[payload] = body if inner["type"] == "blob" else body.decode()
            return
        names = {name for name, (ref, _) in members.items() if ref.get("location")}
        if not payload:
            inner = {**inner, "members": {n: ref for n, ref in inner.get("members", {}).items() if n not in names}}
        if self.request.protocol == "rest-json":
            read = self.request.json_value(inner, self.request.parsed(body), self.operation)
        else:
            read = self.read_xml(shape, payload, inner)
        if payload:
            self.value[payload] = read
        elif isinstance(read, dict):
            self.value.update(read)
        else:
            self.found.append(Violation("type", self.operation, "the body is no structure"))

    def read_xml(self, shape: dict, payload: str | None, inner: dict):
        try:
            root = ET.fromstring(self.request.body)
        except ET.ParseError as error:
            self.found.append(Violation("type", self.operation, f"the body is no XML: {error}"))
            return {}
        ref = shape["members"][payload] if payload else self.of.operations[self.operation]["input"]
        expected = ref.get("locationName", payload or ref["shape"])
        if local(root.tag) != expected:
            self.found.append(Violation("unknown", self.operation, f"the body is {local(root.tag)}, not {expected}"))
        namespace = (ref.get("xmlNamespace") or {}).get("uri") or self.of.metadata.get("xmlNamespace", {}).get("uri")
        if namespace and not root.tag.startswith(f"{{{namespace}}}"):
            self.found.append(Violation("type", self.operation, f"the body's namespace is not {namespace}"))
        return self.xml_value(inner, root, self.operation)

    def xml_value(self, shape: dict, element: ET.Element, path: str):
        if shape["type"] == "structure":
            return self.xml_structure(shape, element, path)
        if shape["type"] == "list":
            inner, wire = self.of.of(shape["member"]), shape["member"].get("locationName", "member")
            for child in element:
                if local(child.tag) != wire:
                    self.found.append(Violation("unknown", f"{path}.{local(child.tag)}", f"{wire} expected"))
            return [self.xml_value(inner, child, f"{path}.{wire}") for child in element if local(child.tag) == wire]
        return read_text(shape, element.text or "")

    def xml_structure(self, shape: dict, element: ET.Element, path: str) -> dict:
        read, known = {}, set()
        for name, (ref, inner) in self.of.members(shape).items():
            wire = ref.get("locationName", name)
            known.add(wire)
            if ref.get("xmlAttribute"):
                held = [text for key, text in element.attrib.items() if local(key) == wire.rpartition(":")[2]]
                if held:
                    read[name] = held[0]
                continue
            children = [child for child in element if local(child.tag) == wire]
            if inner["type"] == "list" and inner.get("flattened"):
                item = self.of.of(inner["member"])
                if children:
                    read[name] = [self.xml_value(item, child, f"{path}.{wire}") for child in children]
            elif children:
                read[name] = self.xml_value(inner, children[0], f"{path}.{wire}")
        for child in element:
            if local(child.tag) not in known:
                self.found.append(Violation("unknown", f"{path}.{local(child.tag)}", "the model has no such element"))
        return read


def fits(template: str, path: str) -> dict | None:
    """The labels of a path, where it fits a template; `{Key+}` takes all the rest."""
    expression = ""
    names = []
    for part in re.split(r"(\{[^}]+\})", template.rstrip("/") or "/"):
        if part.startswith("{"):
            names.append(part[1:-1].rstrip("+"))
            expression += "(.+)" if part.endswith("+}") else "([^/]+)"
        else:
            expression += re.escape(part)
    found = re.fullmatch(expression + "/?", path)
    if not found:
        return None
    return {name: urllib.parse.unquote(text) for name, text in zip(names, found.groups())}


def read_text(shape: dict, text: str):
    """A text as the value that it stands for; the text itself where it stands for none."""
    kind = shape["type"]
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in NUMBERS:
        try:
            return int(text) if kind in {"integer", "long"} else float(text)
        except ValueError:
            return text
    return decoded(text) if kind == "blob" else text


def decoded(text: str):
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return text


def local(tag: str) -> str:
    return tag.rpartition("}")[2]
