"""The payinfra binary at work on one stack."""

import json
import os
import pathlib
import signal
import subprocess
import time


class Failed(Exception):
    """A step that did not end as it must."""


class Stack:
    """One stack, its folder and its binary."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path, suffix: str, options):
        self.root, self.folder, self.suffix, self.options = root, folder, suffix, options
        self.config = folder / "payinfra.toml"
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def configure(self, extra: str = "") -> None:
        """Writes the configuration: the user's or none, with settings that this run changes."""
        own = pathlib.Path(self.options.config).read_text(encoding="utf-8") if self.options.config else ""
        artifacts = os.environ.get("PAYINFRA_ARTIFACTS") or str(self.root / "target/function")
        override = f"\n[env.{self.suffix}.functions]\nartifacts = {json.dumps(artifacts)}\n"
        self.config.write_text(own + override + extra, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        target = os.environ.get("CARGO_TARGET_DIR") or str(pathlib.Path.home() / ".cache/payinfra/target")
        binary = os.environ.get("PAYINFRA_BINARY") or f"{target}/debug/payinfra"
        profile = ["--profile", self.options.profile] if self.options.profile else []
        # A command outlives this script if that is killed; the next one waits until it has ended.
        own = ["--suffix", self.suffix, "--config", str(self.config), "--state", str(self.state()), "--lock-wait", "1h"]
        return [binary, *own, *profile, *arguments]

    def state(self) -> pathlib.Path:
        return self.folder / "state"

    def start(self, *arguments: str) -> subprocess.Popen:
        """Starts a command; what it prints goes into a log."""
        number = len(list(self.logs.iterdir())) + 1
        log = self.logs / f"{number:02}-{'-'.join(arguments).replace('--', '')}.log"
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                self.command(*arguments), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder,
                start_new_session=True,
            )
        process.log = log
        return process

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Runs a command to its end and gives what it printed."""
        process = self.start(*arguments)
        try:
            code = process.wait()
        except BaseException:
            # The command ends cleanly by itself, and so can be followed by another.
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        text = process.log.read_text(encoding="utf-8")
        if code != expect:
            last = "\n".join(text.splitlines()[-15:])
            raise Failed(f"`payinfra {' '.join(arguments)}` ended with {code} instead of {expect} ({process.log}):\n{last}")
        return text

    def kill(self, *arguments: str, after: int) -> str:
        """Starts a command and kills it once it has recorded so much; gives what it had printed."""
        before, process = self.recorded(), self.start(*arguments)
        while process.poll() is None and self.recorded() < before + after:
            time.sleep(0.02)
        process.kill()
        process.wait()
        return process.log.read_text(encoding="utf-8")

    def recorded(self) -> int:
        """How many lines the journal has."""
        journal = self.state() / self.suffix / "journal.jsonl"
        return len(journal.read_bytes().splitlines()) if journal.exists() else 0

    def snapshot(self) -> dict:
        """The state as the last command left it."""
        file = self.state() / self.suffix / "snapshot.json"
        return json.loads(file.read_text(encoding="utf-8"))["state"] if file.exists() else {"records": {}}

    def spec(self, address: str) -> dict:
        """What one resource is configured with."""
        return self.snapshot()["records"][address]["spec"]
