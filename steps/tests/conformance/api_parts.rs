//! Fixtures of the API's objects without tags: they belong to the stack of their API, domain or stage.

use payinfra_engine::{Class, Progress};
use serde_json::json;

use crate::api::{apis, domains, gone, stages, taken};
use crate::fixture::{Fixture, json_fault, ok, query_fault, rest_fault};

pub fn fixtures() -> Vec<Fixture> {
    vec![
        api_account(),
        api_deployment(),
        api_mapping(),
        api_method(),
        api_model(),
        api_resource(),
        api_validator(),
        dns_record(),
        web_acl_association(),
    ]
}

/// The role that this stack would set.
const ROLE: &str = "arn:aws:iam::123456789012:role/payinfra/prod/role-api-logs-prod";

/// The stage that the web ACL protects.
const STAGE: &str = "arn:aws:apigateway:us-east-1::/restapis/a1/stages/live";

/// A role made seconds ago (docs/aws-behaviour.md, "IAM: propagation").
const NOT_SPREAD: &str = "The role ARN does not have required permissions configured. Please grant trust permission for \
    API Gateway and add the required role policy.";

fn api_account() -> Fixture {
    let setting = |role: &str| ok(json!({"cloudwatchRoleArn": role}).to_string());
    Fixture {
        kind: "api_account",
        name: "logs",
        id: ROLE,
        found: vec![setting(ROLE)],
        searched: &["/account"],
        shows: json!({"spec": {"role_arn": ROLE}}),
        // The role that the setting names shows its owner.
        others: Some(vec![setting("arn:aws:iam::123456789012:role/theirs")]),
        absent: ("arn:gone", vec![setting(ROLE)], &[]),
        // The role has not spread yet.
        refused: (
            vec![ok("{}"), rest_fault(400, "BadRequestException", NOT_SPREAD)],
            Class::NotYet,
            &["/cloudwatchRoleArn", ROLE],
        ),
        deleted: (vec![ok("{}")], Ok(Progress::Going)),
    }
}

fn api_deployment() -> Fixture {
    let deployments = ok(r#"{"item":[{"id":"d1","description":"live_0a1b2c3d"},{"id":"d2","description":"by hand"}]}"#);
    Fixture {
        kind: "api_deployment",
        // It is addressed by the hash of what it contains.
        name: "live_0a1b2c3d",
        id: "a1/d1",
        found: vec![apis(), deployments.clone()],
        searched: &["/restapis/a1/deployments"],
        shows: json!({"spec": {"api_id": "a1", "name": "live_0a1b2c3d"}, "outputs": {"id": "d1"}}),
        others: None,
        absent: ("a1/d9", vec![deployments], &[]),
        refused: (vec![gone()], Class::Absent, &[r#""description":"live_0a1b2c3d""#]),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_mapping() -> Fixture {
    let mappings = ok(r#"{"item":[{"basePath":"(none)","restApiId":"a1","stage":"live"}]}"#);
    Fixture {
        kind: "api_mapping",
        name: "all",
        id: "pay.example.com/(none)",
        // The other domain is not read.
        found: vec![domains(), mappings],
        searched: &["/domainnames/pay.example.com/basepathmappings"],
        shows: json!({"spec": {"domain": "pay.example.com", "base_path": "(none)", "api_id": "a1", "stage": "live"},
            "outputs": {"url": "https://pay.example.com"}}),
        others: None,
        absent: ("gone.example.com/(none)", vec![gone()], &["/domainnames/gone.example.com/"]),
        // The domain has not spread yet.
        refused: (
            vec![rest_fault(400, "BadRequestException", "Invalid domain name identifier specified")],
            Class::NotYet,
            &[r#""restApiId":"a1""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_method() -> Fixture {
    let tree = ok(r#"{"item":[{"id":"r1","path":"/payments/{id}","parentId":"r0","resourceMethods":{"POST":{
        "httpMethod":"POST","authorizationType":"AWS_IAM","apiKeyRequired":false,"operationName":"pay",
        "requestParameters":{"method.request.path.id":true},
        "methodIntegration":{"type":"AWS_PROXY","httpMethod":"POST","uri":"u","timeoutInMillis":29000}}}}]}"#);
    Fixture {
        kind: "api_method",
        name: "post_payments_id",
        id: "a1/r1/POST",
        found: vec![apis(), tree.clone()],
        searched: &["/restapis/a1/resources", "embed=methods"],
        shows: json!({"spec": {"api_id": "a1", "resource_id": "r1", "method": "POST", "authorization": "AWS_IAM",
            "validator_id": "", "integration": {"kind": "AWS_PROXY", "uri": "u", "timeout_ms": 29_000}}}),
        others: None,
        absent: ("a1/r1/GET", vec![tree], &[]),
        refused: (
            vec![taken("Method already exists for this resource")],
            Class::Exists,
            &[r#""authorizationType":"AWS_IAM""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_model() -> Fixture {
    let models = ok(r#"{"item":[{"name":"Empty","schema":"{}"},
        {"name":"RefundRequest","contentType":"application/json","schema":"{\n \"type\": \"object\"}"}]}"#);
    Fixture {
        kind: "api_model",
        name: "refund_request",
        id: "a1/RefundRequest",
        // AWS's own models are left out.
        found: vec![apis(), models.clone()],
        searched: &["/restapis/a1/models"],
        shows: json!({"spec": {"api_id": "a1", "name": "RefundRequest", "content_type": "application/json",
            "schema": {"type": "object"}}}),
        others: None,
        absent: ("a1/Empty", vec![models], &[]),
        refused: (
            vec![taken("Model name already exists for this REST API")],
            Class::Exists,
            &[r#""name":"RefundRequest""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_resource() -> Fixture {
    Fixture {
        kind: "api_resource",
        name: "payments",
        id: "a1/r1",
        // The path `/` belongs to the API.
        found: vec![
            apis(),
            ok(r#"{"item":[{"id":"r0","path":"/"},
                {"id":"r1","parentId":"r0","pathPart":"payments","path":"/payments"}]}"#),
        ],
        searched: &["/restapis/a1/resources", "embed=methods"],
        shows: json!({"spec": {"api_id": "a1", "parent_id": "r0", "path_part": "payments"}}),
        others: None,
        // The API does not exist; all others need not be read.
        absent: ("a0/r1", vec![gone()], &["/restapis/a0/resources"]),
        refused: (
            vec![taken("Another resource with the same parent already has this name: payments")],
            Class::Exists,
            &[r#""pathPart":"payments""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_validator() -> Fixture {
    let validators = ok(r#"{"item":[{"id":"v1","name":"body-and-parameters","validateRequestBody":true}]}"#);
    Fixture {
        kind: "api_validator",
        name: "body_and_parameters",
        id: "a1/v1",
        found: vec![apis(), validators.clone()],
        searched: &["/restapis/a1/requestvalidators"],
        shows: json!({"spec": {"api_id": "a1", "name": "body-and-parameters", "body": true, "parameters": false}}),
        others: None,
        absent: ("a1/v9", vec![validators], &[]),
        // The only operation that says so with another code (recorded).
        refused: (
            vec![rest_fault(400, "BadRequestException", "Invalid REST API identifier specified")],
            Class::NotYet,
            &[r#""validateRequestBody":true"#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

/// The text of Route 53 where a record of this name exists.
const RECORD_EXISTS: &str = "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>Tried to create resource record \
    set [name='api.example.com.', type='A'] but it already exists</Message></Error></ErrorResponse>";

fn dns_record() -> Fixture {
    let records = |target: &str| {
        ok(format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>pay.example.com.</Name>\
            <Type>A</Type><AliasTarget><HostedZoneId>Z9</HostedZoneId><DNSName>{target}.</DNSName>\
            <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet></ResourceRecordSets>\
            <IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>"
        ))
    };
    let no_certificate = || ok(r#"{"CertificateSummaryList":[]}"#);
    Fixture {
        kind: "dns_record",
        name: "alias",
        id: "Z1/A/pay.example.com",
        found: vec![no_certificate(), domains(), records("d-1.execute-api.aws")],
        searched: &["/hostedzone/Z1/rrset", "name=pay.example.com"],
        shows: json!({"spec": {"zone_id": "Z1", "kind": "A", "name": "pay.example.com",
            "target": "d-1.execute-api.aws", "target_zone_id": "Z9"}}),
        // A record is ours only where it contains what our domain needs.
        others: Some(vec![no_certificate(), domains(), records("elsewhere.example.com")]),
        // The list begins at the name or, where there is no such record, after it.
        absent: (
            "Z1/A/absent.example.com",
            vec![no_certificate(), domains(), records("d-1.execute-api.aws")],
            &["name=absent.example.com"],
        ),
        refused: (vec![(400, RECORD_EXISTS.to_owned())], Class::Exists, &["<Action>CREATE</Action>"]),
        deleted: (vec![query_fault(404, "NoSuchHostedZone")], Err(Class::Absent)),
    }
}

fn web_acl_association() -> Fixture {
    let some = r#"{"WebACL":{"Name":"n","Id":"i","ARN":"arn:acl","DefaultAction":{},"VisibilityConfig":
        {"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"n"}}}"#;
    let gone = || json_fault(400, "WAFNonexistentItemException");
    Fixture {
        kind: "web_acl_association",
        name: "stage",
        id: STAGE,
        found: vec![apis(), stages(), ok(some)],
        searched: &["GetWebACLForResource", STAGE],
        shows: json!({"spec": {"stage_arn": STAGE, "web_acl_arn": "arn:acl"}}),
        others: None,
        absent: (STAGE, vec![gone()], &[STAGE]),
        // The web ACL has not spread yet.
        refused: (vec![json_fault(400, "WAFUnavailableEntityException")], Class::NotYet, &["arn:acl", STAGE]),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}
