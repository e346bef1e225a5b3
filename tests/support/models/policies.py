"""Policy documents in requests: who and what they name must exist, fit together and be what AWS sends."""

import functools
import json
import pathlib
import re

import cfnlint.data.AdditionalSpecs

from shapes import Violation

HERE = pathlib.Path(__file__).parent
ACCOUNT, REGION = "123456789012", "us-east-1"

# Where requests have policies: operation, member, kind of policy.
PLACES = [
    ("iam:CreateRole", "AssumeRolePolicyDocument", "trust"),
    ("iam:UpdateAssumeRolePolicy", "PolicyDocument", "trust"),
    ("iam:PutRolePolicy", "PolicyDocument", "identity"),
    ("kms:CreateKey", "Policy", "key"),
    ("kms:PutKeyPolicy", "Policy", "key"),
    ("s3:PutBucketPolicy", "Policy", "bucket"),
    ("sns:CreateTopic", "Attributes.Policy", "topic"),
    ("sns:SetTopicAttributes", "AttributeValue", "topic"),
    ("sqs:CreateQueue", "Attributes.Policy", "queue"),
    ("sqs:SetQueueAttributes", "Attributes.Policy", "queue"),
    ("ec2:CreateVpcEndpoint", "PolicyDocument", "endpoint"),
    ("ec2:ModifyVpcEndpoint", "PolicyDocument", "endpoint"),
    ("logs:PutResourcePolicy", "policyDocument", "logs"),
    ("apigateway:CreateRestApi", "policy", "api"),
]

# Characters without white space: IAM quotas, KMS "Resource quotas", S3 "Bucket policies", as their pages say.
LONGEST = {"trust": 2_048, "identity": 10_240, "key": 32_768, "bucket": 20_480}

STATEMENT = {
    *("Sid", "Effect", "Principal", "NotPrincipal"),
    *("Action", "NotAction", "Resource", "NotResource", "Condition"),
}
OPERATORS = {
    *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    *("StringLike", "StringNotLike", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
    *("Bool", "Null", "IpAddress", "NotIpAddress", "BinaryEquals"),
    *("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals"),
    *("NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateLessThan", "DateGreaterThan"),
}


@functools.cache
def tables() -> dict:
    """Which condition keys exist for what, and which of them services send, each with its source."""
    return json.loads((HERE / "condition_keys.json").read_text())


@functools.cache
def services() -> dict:
    """AWS's service reference (servicereference.us-east-1.amazonaws.com), as cfn-lint carries it."""
    return json.loads((pathlib.Path(cfnlint.data.AdditionalSpecs.__file__).parent / "Policies.json").read_text())


class Document:
    """A policy document in a request."""

    def __init__(self, kind: str, where: str, text, owner: str = ""):
        self.kind, self.where, self.owner = kind, where, owner
        self.found: list[Violation] = []
        self.statements: list[dict] = []
        try:
            self.document = json.loads(text) if isinstance(text, (str, bytes)) else text
        except ValueError as error:
            self.report("grammar", f"no JSON: {error}")
            return
        self.check_document(text)

    def report(self, kind: str, what: str, sid: str = "") -> None:
        self.found.append(Violation(kind, f"{self.where}{' ' + sid if sid else ''}", what))

    def check_document(self, text) -> None:
        document = self.document
        if not isinstance(document, dict) or set(document) - {"Version", "Id", "Statement"}:
            self.report("grammar", "a policy has a version, an id and statements")
            return
        # The older version is the default and knows no variables.
        if document.get("Version") != "2012-10-17":
            self.report("grammar", f"version {document.get('Version')}")
        length = len(re.sub(r"\s", "", text if isinstance(text, str) else json.dumps(document)))
        if length > LONGEST.get(self.kind, length):
            self.report("grammar", f"{length} characters, {LONGEST[self.kind]} at most")
        self.statements = listed(document.get("Statement"))
        sids = [statement["Sid"] for statement in self.statements if "Sid" in statement]
        if not self.statements or len(set(sids)) != len(sids):
            self.report("grammar", "there is no statement, or two have the same id")
        for statement in self.statements:
            Statement(self, statement).check()


class Statement:
    """One statement of a document."""

    def __init__(self, document: Document, statement: dict):
        self.document, self.statement = document, statement
        self.sid = statement.get("Sid", "")
        self.actions = listed(statement.get("Action"))

    def report(self, kind: str, what: str) -> None:
        self.document.report(kind, what, self.sid)

    def check(self) -> None:
        statement, kind = self.statement, self.document.kind
        if set(statement) - STATEMENT or statement.get("Effect") not in {"Allow", "Deny"} or not self.actions:
            self.report("grammar", f"{sorted(statement)}")
        # "Sid element supports ASCII uppercase letters, lowercase letters, and numbers" (IAM: JSON policy elements).
        if not re.fullmatch(r"[A-Za-z0-9]*", self.sid) and kind in {"trust", "identity"}:
            self.report("grammar", f"the id {self.sid!r}")
        if ("Principal" in statement) != (kind != "identity"):
            self.report("grammar", "only policies of resources name principals, and all of them do")
        if ("Resource" in statement) != (kind != "trust"):
            self.report("grammar", "only trust policies name no resources")
        known = [action for action in self.actions if self.matching(action)]
        if kind != "trust":
            self.check_resources(known)
        self.check_conditions()
        self.check_services()

    def matching(self, action: str) -> list[dict]:
        """The actions that a pattern names."""
        if action == "*":
            return [{}]
        service, _, name = action.partition(":")
        actions = services().get(service.lower(), {}).get("Actions", {})
        found = [held for known, held in actions.items() if like(name.lower(), known)]
        if not found:
            self.report("action", f"{action} does not exist")
        return found

    def check_resources(self, actions: list[str]) -> None:
        resources = listed(self.statement.get("Resource"))
        own = [resource for resource in resources if self.is_of_owner(resource)]
        if self.document.owner and len(own) != len(resources):
            self.report("resource", f"{resources} is not {self.document.owner}")
        used = set()
        for action in actions:
            fitting = {resource for resource in resources if self.fits(action, resource)}
            used |= fitting
            if not fitting:
                self.report("resource", f"none of {resources} fits {action}")
        # A log group may be named without the `:*` besides.
        used |= {resource for resource in resources if f"{resource}:*" in used}
        for resource in set(resources) - used if len(actions) == len(self.actions) else set():
            self.report("resource", f"{resource} fits none of {self.actions}")

    def is_of_owner(self, resource: str) -> bool:
        name = resource.split(":", 5)[-1].split("/")[0]
        return name == self.document.owner

    def fits(self, action: str, resource: str) -> bool:
        if action == "*" or resource == "*":
            return resource == "*" or action == "*"
        service = services()[action.partition(":")[0].lower()]
        kinds = {kind for held in self.matching(action) for kind in held.get("Resources", [])}
        forms = {kind: service["Resources"].get(kind.lower(), {}).get("ARNFormats", []) for kind in kinds}
        return any(is_arn(kind, form, resource, action) for kind, held in forms.items() for form in held)

    def check_conditions(self) -> None:
        for operator, key, values in self.conditions():
            bare = operator.removeprefix("ForAllValues:").removeprefix("ForAnyValue:").removesuffix("IfExists")
            if bare not in OPERATORS:
                self.report("condition", f"the operator {operator} does not exist")
            if bare in {"Bool", "Null"} and not set(values) <= {"true", "false"}:
                self.report("condition", f"{operator} {key}: {values}")
            if bare.startswith("Arn") and not all(value.startswith("arn:") for value in values):
                self.report("condition", f"{operator} {key}: {values} is no ARN")
            if key.lower() == "aws:sourceaccount" and set(values) != {ACCOUNT}:
                self.report("condition", f"{key}: {values}")
            rows = [row for row in tables()["keys"] if like(row["key"].lower(), key.lower())]
            if not rows:
                self.report("condition", f"the key {key} does not exist")
            for action in self.actions:
                if rows and not any(like(known.lower(), action.lower()) for row in rows for known in row["actions"]):
                    self.report("condition", f"{key} does not exist for {action}")

    def conditions(self):
        for operator, keys in self.statement.get("Condition", {}).items():
            for key, values in keys.items():
                yield operator, key, listed(values)

    def check_services(self) -> None:
        """A service that does not send a key cannot do what a plain condition on it allows."""
        principal = self.statement.get("Principal", {})
        for service in listed(principal.get("Service")) if isinstance(principal, dict) else []:
            kind = self.document.kind
            rows = [row for row in tables()["services"] if row["service"] == service and row["where"] == kind]
            if not rows:
                self.report("principal", f"nothing says what {service} sends to a policy of a {kind}")
                continue
            sent = {key.lower() for row in rows for key in row["sends"]}
            for operator, key, _ in self.conditions():
                if not operator.endswith("IfExists") and key.lower() not in sent:
                    self.report("unsent", f"{service} is not documented to send {key}, and {operator} demands it")


def is_arn(kind: str, pattern: str, resource: str, action: str) -> bool:
    """Whether a resource can be an ARN of this form, of which the reference keeps the fixed beginning."""
    wanted, given = pattern.split(":", 5), resource.split(":", 5)
    if len(given) != 6 or given[:2] != ["arn", "aws"]:
        return False
    values = {"${Region}": REGION, "${Account}": ACCOUNT, "${Partition}": "aws"}
    for want, have in zip(wanted[2:5], given[2:5]):
        if have != values.get(want, want):
            return False
    # The reference's copy ends at the first variable, so these need a closer look.
    if wanted[2] == "s3" and kind in {"bucket", "object"} and ("/" in given[5]) != (kind == "object"):
        return False
    # "The ARN with the trailing :* is for IAM policies" (the model of CloudWatch Logs, LogGroup.arn).
    if wanted[2] == "logs" and kind.startswith("log-") and "Tag" not in action:
        if given[5].startswith("log-group:") and not given[5].endswith("*"):
            return False
    start = wanted[5].removesuffix(".*")
    own = re.split(r"[*?]", given[5])[0]
    if wanted[5] == start and own == given[5]:
        return own == start
    return own.startswith(start) or (own != given[5] and start.startswith(own))


def like(pattern: str, text: str) -> bool:
    """Whether a text is one that a policy's pattern means."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text) is not None


def listed(value) -> list:
    """One element is as good as a list of it."""
    return [] if value is None else value if isinstance(value, list) else [value]


def documents(request) -> list[Document]:
    """The policy documents of a request."""
    name, value = request.name, request.value
    if name == "lambda:AddPermission":
        return [Document("function", name, permission(value))]
    found = []
    for operation, member, kind in PLACES:
        text = value
        for part in member.split("."):
            text = text.get(part) if isinstance(text, dict) else None
        if operation == name and text and value.get("AttributeName", "Policy") == "Policy":
            found.append(Document(kind, name, text, owner(kind, value)))
    held = sum(is_policy(text) for text in texts(value))
    if held != len(found):
        unknown = Document("identity", name, "{}")
        unknown.found = [Violation("grammar", name, f"{held} texts look like policies, {len(found)} are known as such")]
        found.append(unknown)
    return found


def owner(kind: str, value: dict) -> str:
    """The name of the bucket, queue or topic that a policy belongs to, which all its resources must be."""
    if kind == "bucket":
        return value["Bucket"]
    if kind == "queue":
        return value.get("QueueName") or value["QueueUrl"].rpartition("/")[2]
    if kind == "topic":
        return value.get("Name") or value["TopicArn"].rpartition(":")[2]
    return ""


def permission(value: dict) -> dict:
    """The statement that Lambda makes of AddPermission (recorded answers of GetPolicy)."""
    condition = {}
    if "SourceArn" in value:
        condition["ArnLike"] = {"aws:SourceArn": value["SourceArn"]}
    if "SourceAccount" in value:
        condition["StringEquals"] = {"aws:SourceAccount": value["SourceAccount"]}
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{value['FunctionName']}:{value.get('Qualifier', '')}"
    statement = {
        "Sid": value["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": value["Principal"]},
        "Action": value["Action"],
        "Resource": function.rstrip(":"),
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def texts(value):
    """All texts in a request."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, (str, bytes)):
        yield value


def is_policy(text) -> bool:
    raw = text if isinstance(text, bytes) else text.encode()
    return re.match(rb'\s*\{.*"Statement"\s*:', raw, re.DOTALL) is not None
