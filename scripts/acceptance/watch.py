"""What is watched while `up` runs: states that are gone by the time it has ended."""

import threading
import time

from botocore.exceptions import BotoCoreError, ClientError


class Watch:
    """Notes each new state of the API and of the database proxy, with the seconds since the first one."""

    def __init__(self, run):
        self.run, self.seen, self.begun = run, {"api": [], "proxy": [], "targets": []}, {}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(60)

    def look(self):
        gateway, rds = self.run.client("apigateway"), self.run.client("rds")
        while not self.stop.wait(2):
            try:
                self.note("api", self.api(gateway))
                self.proxy(rds)
            except (ClientError, BotoCoreError):
                continue

    def api(self, gateway):
        """The state of the stack's API."""
        ours = [api for api in gateway.get_rest_apis(limit=500)["items"] if self.is_ours(api["name"])]
        return ours[0].get("apiStatus", "AVAILABLE") if ours else None

    def proxy(self, rds):
        """The state of the stack's proxy, and what is answered about its targets."""
        ours = [proxy for proxy in rds.describe_db_proxies()["DBProxies"] if self.is_ours(proxy["DBProxyName"])]
        if not ours:
            return
        self.note("proxy", ours[0]["Status"])
        try:
            targets = rds.describe_db_proxy_targets(DBProxyName=ours[0]["DBProxyName"])["Targets"]
            health = [target.get("TargetHealth", {}) for target in targets]
            self.note("targets", ", ".join(f"{one.get('State')} {one.get('Reason', '')}".strip() for one in health) or "none")
        except ClientError as error:
            self.note("targets", f"refused: {error.response['Error']['Code']}")

    def is_ours(self, name):
        return name.endswith(f"-{self.run.suffix}")

    def note(self, what, state):
        """Adds a state that differs from the last one."""
        if state is None or (self.seen[what] and self.seen[what][-1]["state"] == state):
            return
        begun = self.begun.setdefault(what, time.monotonic())
        self.seen[what].append({"state": state, "after": round(time.monotonic() - begun, 1)})
