"""The steps of a run, in order; what is done is recorded after each, so that a run can be resumed."""

import datetime
import json
import os
import pathlib
import random
import signal
import string
import subprocess
import sys
import time
import traceback

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from . import cost, probes, report, watch
from .stack import Failed, Stack

# Journal entries after which a command is killed: far enough to have made something, early enough to have more to do.
KILL_AFTER = {"up": 3, "destroy": 60}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


class Run:
    """One run: its folder, what is done so far, and its clients."""

    def __init__(self, root, options):
        self.root, self.options = root, options
        self.folder = pathlib.Path(options.folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "progress.json"
        self.done = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else self.begin()
        if self.done["account"] != options.account:
            sys.exit(f"{self.folder} is a run in account {self.done['account']}; choose another --folder")
        self.suffix = self.done["suffix"]
        self.session = boto3.Session(profile_name=options.profile, region_name="us-east-1")
        self.stack = Stack(root, self.folder, self.suffix, options)
        self.account = options.account
        self.probe_seconds = options.probe_seconds

    def begin(self):
        made_up = "acc-" + "".join(random.choices(string.ascii_lowercase + string.digits, k=6))
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.root, capture_output=True, text=True, check=False)
        return {
            "version": 1,
            "account": self.options.account,
            "suffix": self.options.suffix or made_up,
            "commit": commit.stdout.strip() or "unknown",
            "begun": now(),
            "result": "unfinished",
            "steps": {},
            "probes": {},
            "watched": {},
        }

    def save(self):
        """Records what is done; never half of it."""
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(self.done, indent=2), encoding="utf-8")
        partial.replace(self.file)
        report.write(self.folder, self.done)

    def client(self, service):
        """A client that retries by itself, for what this run does besides payinfra."""
        return self.session.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": 8}))

    def name(self, word):
        """A name that only this run gives."""
        return f"{probes.PREFIX}{self.suffix}-{word}"

    def until(self, look, seconds=None, pause=5):
        """Asks until the answer is true, or as long as a probe may take; gives the answer and the seconds."""
        begun, most = time.monotonic(), min(seconds or self.probe_seconds, self.probe_seconds)
        while True:
            answer = look()
            took = time.monotonic() - begun
            if answer or took >= most:
                return answer, took
            time.sleep(min(pause, max(most / 10, 0.2)))


def preflight(run):
    """The account is the one that was named, payinfra can plan there, and nothing of this suffix exists."""
    identity = run.client("sts").get_caller_identity()
    if identity["Account"] != run.account:
        raise Failed(f"the credentials are of account {identity['Account']}, not {run.account}")
    run.stack.configure()
    plan = run.stack.run("diff", expect=2)
    if " to create" not in plan:
        raise Failed(f"the plan does not begin from nothing:\n{plan}")
    role = "AWSServiceRoleForRDS"
    try:
        run.client("iam").get_role(RoleName=role)
        first = f"{role} exists: this is not the account's first use of RDS"
    except ClientError:
        first = f"{role} does not exist: this is the account's first use of RDS"
    warnings = [line for line in plan.splitlines() if line.startswith("warning")]
    return "; ".join([first, *warnings])


def up(run):
    """Everything is created."""
    with watch.Watch(run) as watching:
        run.stack.run("up", "--yes")
    run.done["watched"] = watching.seen
    run.done["durations"] = report.durations(run.root, report.created(run.stack.snapshot()))
    return f"{len(run.stack.snapshot()['records'])} resources"


def verify(run):
    """A synthetic payment passes through the whole stack."""
    return run.stack.run("verify").splitlines()[-1]


def diff(run):
    """There is nothing to do."""
    return run.stack.run("diff").splitlines()[-1]


def second_up(run):
    """A second run writes nothing."""
    text = run.stack.run("up", "--yes")
    if "No changes" not in text:
        raise Failed(f"the second `up` changed something:\n{text}")
    return "No changes"


def drift(run):
    """What is changed behind payinfra's back is seen and repaired."""
    records = run.stack.snapshot()["records"]
    group = next(record["id"] for address, record in records.items() if address.startswith("log_group."))
    alarm = next(record["id"] for address, record in records.items() if address.startswith("alarm."))
    run.client("logs").put_retention_policy(logGroupName=group, retentionInDays=1)
    run.client("cloudwatch").disable_alarm_actions(AlarmNames=[alarm.rsplit(":", 1)[-1]])
    run.client("ec2").create_tags(Resources=[records["vpc.main"]["id"]], Tags=[{"Key": "by-hand", "Value": "yes"}])
    seen = run.stack.run("diff", expect=2)
    unseen = [what for what in ("log_group.", "alarm.", "vpc.main") if what not in seen]
    if unseen:
        raise Failed(f"the drift of {', '.join(unseen)} is not seen:\n{seen}")
    run.stack.run("up", "--yes")
    return run.stack.run("diff").splitlines()[-1]


def kill(run):
    """A run that is killed is resumed by the next."""
    run.stack.configure(f"\n[env.{run.suffix}.logs]\nretention_days = 400\n")
    run.stack.kill("up", "--yes", after=KILL_AFTER["up"])
    run.stack.run("up", "--yes")
    return run.stack.run("diff").splitlines()[-1]


def probe(run):
    """The open questions are asked, one by one; one that fails answers with why."""
    for one in probes.ALL:
        if one.id in run.done["probes"]:
            continue
        print(f"  {one.id}: {one.question}", flush=True)
        try:
            answer = one.ask(run)
        except Exception as error:  # Whatever it is, the other questions can still be asked.
            answer = f"not settled: {type(error).__name__}: {error}"
        run.done["probes"][one.id] = {"question": one.question, "how": one.how, "means": one.means, "answer": answer}
        print(f"    {answer}", flush=True)
        run.save()
    probes.clean(run)
    return f"{len(run.done['probes'])} questions"


def destroy(run):
    """Everything is deleted, by a run that is killed and by the one that resumes it."""
    run.stack.kill("destroy", "--yes", after=KILL_AFTER["destroy"])
    text = run.stack.run("destroy", "--yes")
    left = f"0 resources with payinfra:stack={run.suffix} left"
    if left not in text:
        raise Failed(f"`destroy` does not end with `{left}`:\n{text}")
    return left


def certificate(run):
    """An inventory that is independent of payinfra finds nothing."""
    left = leftovers(run)
    run.done["certificate"] = {"at": now(), "left": left}
    if left:
        raise Failed(f"{len(left)} things are left")
    return "nothing is left"


def leftovers(run):
    """What the account has of this run, seen without payinfra."""
    script = run.root / "tests/support/inventory.py"
    environment = dict(os.environ)
    if run.options.profile:
        environment["AWS_PROFILE"] = run.options.profile
    command = [sys.executable, "-B", str(script), "aws", run.suffix]
    listed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    things = [json.loads(line) for line in listed.stdout.splitlines()]
    return [f"{thing['from']} {thing['id']}" for thing in things] + probes.leftovers(run)


STEPS = {
    "preflight": preflight,
    "up": up,
    "verify": verify,
    "diff": diff,
    "second-up": second_up,
    "drift": drift,
    "kill": kill,
    "probes": probe,
    "destroy": destroy,
    "certificate": certificate,
}


def take(run, name):
    """Takes one step and records how it went."""
    print(f"{name}: {STEPS[name].__doc__.splitlines()[0]}", flush=True)
    begun = time.monotonic()
    step = {"result": "failed", "text": "interrupted", "seconds": 0.0, "at": now()}
    try:
        step |= {"text": STEPS[name](run), "result": "passed"}
    except Exception as error:
        step["text"] = str(error) if isinstance(error, Failed) else traceback.format_exc()
        raise
    finally:
        step["seconds"] = round(time.monotonic() - begun, 1)
        run.done["steps"][name] = step
        run.save()
        print(f"  {step['result']} after {step['seconds']:.0f} s: {step['text']}", flush=True)


def clean(run):
    """Removes everything that this run made; gives what is left."""
    print("Removing everything that this run has made.", flush=True)
    probes.clean(run)
    run.stack.configure()
    for _ in range(3):
        try:
            run.stack.run("destroy", "--yes")
            break
        except Failed as error:
            print(f"  {error}", flush=True)
    left = leftovers(run)
    run.done["certificate"] = {"at": now(), "left": left}
    run.save()
    for thing in left:
        print(f"  LEFT: {thing}", flush=True)
    return left


def interrupted(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(root, options):
    """Runs to the end; 0 if all is well, 1 if a step failed, 2 if something could not be removed."""
    run = Run(root, options)
    if options.clean:
        return 2 if clean(run) else 0
    if run.done["result"] != "unfinished":
        sys.exit(f"{run.folder} has a finished run ({run.done['result']}); choose another --folder")
    skipped = set(filter(None, options.skip.split(",")))
    if unknown := skipped - set(STEPS):
        sys.exit(f"no such step: {', '.join(sorted(unknown))}; there are: {', '.join(STEPS)}")
    print(f"Stack {run.suffix} in account {run.account}, us-east-1; everything about it is in {run.folder}.")
    print(cost.shown())
    if not options.yes and input("Continue? [y/N] ").strip().lower() not in ("y", "yes"):
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        for name in STEPS:
            if run.done["steps"].get(name, {}).get("result") == "passed":
                continue
            if name in skipped:
                run.done["steps"][name] = {"result": "skipped", "text": "", "seconds": 0.0, "at": now()}
                continue
            take(run, name)
        run.done["result"] = "passed"
    except (Exception, KeyboardInterrupt):
        run.done["result"] = "failed"
    if run.done["result"] == "passed":
        run.save()
        print(f"Passed. The report: {run.folder / 'report.md'}")
        return 0
    return fail(run)


def fail(run):
    """Ends a run that failed: removes what it made, unless it must be kept or nothing was begun."""
    begun = "up" in run.done["steps"]
    if run.options.keep and begun:
        run.done["result"] = "unfinished"
        run.save()
        print(f"Failed. Everything is kept; the same command resumes, and --clean removes it. See {run.folder / 'report.md'}")
        return 1
    left = clean(run) if begun else []
    run.save()
    print(f"Failed. The report: {run.folder / 'report.md'}")
    return 2 if left else 1
