"""The report: what was done, how long it took beside what was expected, and what the probes found."""

import json
import re

# Seconds that a step is expected to take, and on a slow day (README.md, "Costs and times").
EXPECTED = {"up": (780, 1500), "destroy": (720, 2400)}


def durations(root, measured):
    """Rows of kind, expected and measured seconds for creation; the expected ones are the kinds' own (`DURATIONS`)."""
    default = re.search(r"QUICK: Self = Self::seconds\((\d+)", (root / "engine/resource.rs").read_text(encoding="utf-8"))
    expected = {}
    for file in sorted((root / "steps").rglob("*.rs")):
        text = file.read_text(encoding="utf-8")
        kind = re.search(r'const KIND: &\'static str = "(\w+)"', text)
        seconds = re.search(r"Durations::seconds\((\d+), (\d+), (\d+)\)", text)
        if kind:
            expected[kind.group(1)] = int((seconds or default).group(1))
    return [
        {"kind": kind, "expected": expected.get(kind), "measured": round(max(times) / 1000, 1), "objects": len(times)}
        for kind, times in sorted(measured.items())
    ]


def created(snapshot):
    """How long creations took, in milliseconds, by kind."""
    times = {}
    for address, record in snapshot["records"].items():
        if record.get("took_ms") is not None:
            times.setdefault(address.split(".")[0], []).append(record["took_ms"])
    return times


def write(folder, done):
    """Writes both forms."""
    (folder / "report.json").write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(done), encoding="utf-8")


def markdown(done):
    """The report for people."""
    lines = [
        f"# Acceptance in account {done['account']}",
        "",
        f"Stack {done['suffix']}, payinfra at commit {done['commit']}, begun {done['begun']}. Result: **{done['result']}**.",
        "",
        "## Steps",
        "",
        "| step | result | seconds | expected | slow day |",
        "|---|---|---|---|---|",
    ]
    for name, step in done["steps"].items():
        usual, slow = EXPECTED.get(name, ("", ""))
        lines.append(f"| {name} | {step['result']} | {step['seconds']:.0f} | {usual} | {slow} |")
    failures = [f"- {name}: {step['text']}" for name, step in done["steps"].items() if step["result"] == "failed"]
    if failures:
        lines += ["", "## Failures", "", *failures]
    if done.get("durations"):
        lines += ["", "## Creations", "", "| kind | objects | expected, s | slowest, s |", "|---|---|---|---|"]
        lines += [f"| {row['kind']} | {row['objects']} | {row['expected']} | {row['measured']} |" for row in done["durations"]]
    if done.get("probes"):
        lines += ["", "## Probes", ""]
    for name, probe in done.get("probes", {}).items():
        lines += [f"### {name}", "", f"{probe['question']} **{probe['answer']}**", ""]
        lines += [f"How: {probe['how']} What it means: {probe['means']}", ""]
    certificate = done.get("certificate")
    if certificate is not None:
        left = "".join(f"\n- {thing}" for thing in certificate["left"]) or " nothing."
        lines += ["", "## Certificate", "", f"At {certificate['at']}, an inventory of the account found of this run:{left}"]
    return "\n".join(lines) + "\n"
