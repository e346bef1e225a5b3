"""Holds recorded requests against AWS's service models, and the policies in them against AWS's service reference.

    check.py REQUESTS             one JSON object a line: method, path, headers, body
    check.py --planted FILE ...   a JSON list of requests or policies with the kind of violation that each must show

Prints one JSON object a line: each violation with how often it was met, then the counts.
"""

import collections
import json
import pathlib
import sys

from policies import Document, documents
from wire import Request


def check(path: str) -> None:
    met: collections.Counter = collections.Counter()
    operations: collections.Counter = collections.Counter()
    protocols, policies, statements, requests = set(), 0, 0, 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            request = Request(json.loads(line))
            requests += 1
            operations[request.name] += 1
            protocols.add(request.protocol)
            found = [("request", violation) for violation in request.found]
            for document in documents(request) if request.operation else []:
                policies += 1
                statements += len(document.statements)
                found += [("policy", violation) for violation in document.found]
            for about, violation in found:
                met[json.dumps({"about": about, "operation": request.name, **violation})] += 1
    for violation, times in sorted(met.items()):
        print(json.dumps({**json.loads(violation), "times": times}))
    counts = {"requests": requests, "operations": len(operations), "policies": policies, "statements": statements}
    print(json.dumps({"counts": counts, "protocols": sorted(protocols), "by_operation": operations}))


def planted(path: str) -> None:
    """Prints for each planted case what it must show, and what was found."""
    for case in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
        if "policy" in case:
            document = Document(case["in"], "planted", case["policy"], case.get("owner", ""))
            protocol, found = case["in"], document.found
        else:
            request = Request(planted_call(case))
            protocol, found = request.protocol, request.found
        kinds = sorted({violation["kind"] for violation in found})
        print(json.dumps({"what": case["what"], "shows": case["shows"], "found": kinds, "protocol": protocol}))


def planted_call(case: dict) -> dict:
    """A request in the shape of a recorded one."""
    signature = f"AWS4-HMAC-SHA256 Credential=k/20261128/us-east-1/{case['service']}/aws4_request, SignedHeaders=host"
    headers = [["authorization", signature], *case.get("headers", {}).items()]
    body = case.get("body", "")
    body = body if isinstance(body, str) else json.dumps(body)
    method, path = case["line"].split(" ")
    return {"method": method, "path": path, "headers": headers, "body": body}


if __name__ == "__main__":
    if sys.argv[1] == "--planted":
        for name in sys.argv[2:]:
            planted(name)
    else:
        check(sys.argv[1])
