//! Fixtures of the API's objects with ownership tags of their own.

use payinfra_engine::Class;
use serde_json::json;

use crate::fixture::{Fixture, json_fault, ok, rest_fault};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![api_domain(), api_key(), api_stage(), certificate(), rest_api(), usage_plan(), web_acl()]
}

/// The answer of API Gateway where something does not exist.
pub fn gone() -> (u16, String) {
    rest_fault(404, "NotFoundException", "Invalid API identifier specified")
}

/// A name that is taken; the text is that of the kind of thing.
pub fn taken(text: &str) -> (u16, String) {
    rest_fault(409, "ConflictException", text)
}

fn too_many() -> (u16, String) {
    rest_fault(429, "TooManyRequestsException", "Too Many Requests")
}

/// The APIs of the account, one of which is this stack's.
pub fn apis() -> (u16, String) {
    let tags = tags::map("rest_api.main");
    ok(format!(
        r#"{{"item":[{{"id":"a1","name":"api-prod","disableExecuteApiEndpoint":true,
        "securityPolicy":"SecurityPolicy_TLS13_1_2_2021_06","endpointConfiguration":{{"types":["REGIONAL"]}},
        "tags":{tags},"apiStatus":"UPDATING"}},{{"id":"a2","name":"api-prod"}}]}}"#
    ))
}

/// The domains of the account, one of which is this stack's.
pub fn domains() -> (u16, String) {
    let tags = r#"{"payinfra:stack":"prod","payinfra:address":"api_domain.main","payinfra:zone":"Z1"}"#;
    ok(format!(
        r#"{{"item":[{{"domainName":"pay.example.com","regionalDomainName":"d-1.execute-api.aws",
        "regionalHostedZoneId":"Z9","domainNameStatus":"AVAILABLE","securityPolicy":"TLS_1_2",
        "regionalCertificateArn":"arn:c1","tags":{tags}}},{{"domainName":"other.example.com"}}]}}"#
    ))
}

/// The stages of this stack's API.
pub fn stages() -> (u16, String) {
    let tags = tags::map("api_stage.live");
    ok(format!(
        r#"{{"item":[{{"stageName":"live","deploymentId":"d1","tracingEnabled":true,
        "accessLogSettings":{{"destinationArn":"arn:log","format":"{{\"id\":\"$context.requestId\"}}"}},
        "methodSettings":{{"*/*":{{"throttlingRateLimit":10000.0,"throttlingBurstLimit":5000,"metricsEnabled":true}},
        "~1payments~1validate/POST":{{"throttlingRateLimit":5.5,"throttlingBurstLimit":1,"loggingLevel":"ERROR"}}}},
        "tags":{tags}}}]}}"#
    ))
}

fn api_domain() -> Fixture {
    Fixture {
        kind: "api_domain",
        name: "main",
        id: "pay.example.com",
        found: vec![domains()],
        searched: &["/domainnames"],
        shows: json!({"spec": {"domain": "pay.example.com", "certificate_arn": "arn:c1", "security_policy": "TLS_1_2"},
            "outputs": {"target": "d-1.execute-api.aws", "target_zone_id": "Z9"}, "status": {"is": "ready"}}),
        others: None,
        absent: ("absent.example.com", vec![domains()], &[]),
        refused: (
            vec![taken("The domain name you provided already exists.")],
            Class::Exists,
            &[r#""types":["REGIONAL"]"#, r#""securityPolicy":"TLS_1_2""#, r#""payinfra:stack":"prod""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_key() -> Fixture {
    let tags = tags::map("api_key.callers");
    let keys = ok(format!(
        r#"{{"item":[{{"id":"k1","name":"api-key-prod","enabled":true,"tags":{tags}}},
        {{"id":"k2","name":"other"}}]}}"#
    ));
    Fixture {
        kind: "api_key",
        name: "callers",
        id: "k1",
        found: vec![keys.clone()],
        searched: &["includeValues=false"],
        shows: json!({"spec": {"name": "api-key-prod", "enabled": true}, "outputs": {"id": "k1"}}),
        others: None,
        absent: ("k9", vec![keys], &["includeValues=false"]),
        refused: (vec![too_many()], Class::Throttled, &[r#""payinfra:stack":"prod""#]),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn api_stage() -> Fixture {
    Fixture {
        kind: "api_stage",
        name: "live",
        id: "a1/live",
        found: vec![apis(), stages()],
        searched: &["/restapis/a1/stages"],
        shows: json!({
            "spec": {"api_id": "a1", "name": "live", "deployment_id": "d1", "tracing": true,
                "access_log": {"group_arn": "arn:log", "line": {"id": "$context.requestId"}},
                "all_methods": {"log_level": "OFF", "rate": 10000.0, "burst": 5000, "metrics": true, "log_bodies": false},
                "methods": {"/payments/validate/POST":
                    {"log_level": "ERROR", "rate": 5.5, "burst": 1, "metrics": false, "log_bodies": false}}},
            "outputs": {"arn": "arn:aws:apigateway:us-east-1::/restapis/a1/stages/live",
                "url": "https://a1.execute-api.us-east-1.amazonaws.com/live"},
        }),
        others: None,
        absent: ("a1/gone", vec![stages()], &["/restapis/a1/stages"]),
        refused: (
            vec![taken("Stage already exists")],
            Class::Exists,
            &[r#""payinfra:stack":"prod""#, r#""stageName":"live""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn certificate() -> Fixture {
    let tags = tags::list("certificate.api");
    Fixture {
        kind: "certificate",
        name: "api",
        id: "arn:c1",
        // An imported certificate is not read.
        found: vec![
            ok(r#"{"CertificateSummaryList":[{"CertificateArn":"arn:c1","Type":"AMAZON_ISSUED"},
                {"CertificateArn":"arn:c2","Type":"IMPORTED"}]}"#),
            ok(format!(r#"{{"Tags":{tags}}}"#)),
            ok(r#"{"Certificate":{"DomainName":"pay.example.com","Status":"PENDING_VALIDATION",
                "DomainValidationOptions":[{"DomainName":"pay.example.com","ResourceRecord":
                {"Name":"_x.pay.example.com.","Type":"CNAME","Value":"_y.acm-validations.aws."}}]}}"#),
        ],
        searched: &["ListCertificates", r#""CertificateArn":"arn:c1""#],
        shows: json!({"spec": {"domain": "pay.example.com"},
            "outputs": {"record_name": "_x.pay.example.com", "record_value": "_y.acm-validations.aws"},
            "status": {"is": "pending"}}),
        others: None,
        absent: ("arn:c9", vec![json_fault(400, "ResourceNotFoundException")], &["arn:c9"]),
        refused: (
            vec![json_fault(400, "LimitExceededException")],
            Class::Quota,
            &[r#""IdempotencyToken":"0123abcd""#, r#""Key":"payinfra:stack""#],
        ),
        deleted: (vec![json_fault(400, "ResourceNotFoundException")], Err(Class::Absent)),
    }
}

fn rest_api() -> Fixture {
    Fixture {
        kind: "rest_api",
        name: "main",
        id: "a1",
        // The root is looked up where the list lacks it.
        found: vec![apis(), ok(r#"{"item":[{"id":"r1","path":"/health"},{"id":"r0","path":"/"}]}"#)],
        searched: &["/restapis", "/restapis/a1/resources"],
        shows: json!({
            "spec": {"name": "api-prod", "endpoint": "REGIONAL", "execute_api_disabled": true,
                "security_policy": "SecurityPolicy_TLS13_1_2_2021_06"},
            "outputs": {"id": "a1", "root_id": "r0"},
            "status": {"is": "pending", "says": "UPDATING"},
        }),
        others: None,
        absent: ("a9", vec![apis()], &[]),
        refused: (
            vec![too_many()],
            Class::Throttled,
            &[
                r#""payinfra:stack":"prod""#,
                r#""types":["REGIONAL"]"#,
                r#""securityPolicy":"SecurityPolicy_TLS13_1_2_2021_06""#,
            ],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn usage_plan() -> Fixture {
    let tags = tags::map("usage_plan.callers");
    let plans = ok(format!(
        r#"{{"item":[{{"id":"p1","name":"usage-plan-prod","apiStages":[{{"apiId":"a1","stage":"live"}}],
        "throttle":{{"rateLimit":100.0,"burstLimit":50}},"tags":{tags}}},{{"id":"p2","name":"other"}}]}}"#
    ));
    Fixture {
        kind: "usage_plan",
        name: "callers",
        id: "p1",
        found: vec![plans.clone(), ok(r#"{"item":[{"id":"k1","type":"API_KEY","value":"s3cret"}]}"#)],
        searched: &["/usageplans/p1/keys"],
        shows: json!({"spec": {"name": "usage-plan-prod", "stages": ["a1:live"], "keys": ["k1"], "rate": 100.0,
            "burst": 50}}),
        others: None,
        absent: ("p9", vec![plans], &[]),
        refused: (vec![too_many()], Class::Throttled, &[r#""payinfra:stack":"prod""#]),
        // The stage is taken out of the plan first.
        deleted: (vec![gone(), gone()], Err(Class::Absent)),
    }
}

fn web_acl() -> Fixture {
    let arn = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/waf-prod/id-1";
    let acl = format!(
        r#"{{"LockToken":"t1","WebACL":{{"Name":"waf-prod","Id":"id-1","ARN":"{arn}","DefaultAction":{{"Allow":{{}}}},
        "VisibilityConfig":{{"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"waf-prod"}},
        "Rules":[]}}}}"#
    );
    let tags = tags::list("web_acl.api");
    let gone = || json_fault(400, "WAFNonexistentItemException");
    Fixture {
        kind: "web_acl",
        name: "api",
        id: arn,
        // A web ACL of another stack is not read.
        found: vec![
            ok(format!(
                r#"{{"WebACLs":[{{"Name":"waf-prod","Id":"id-1","ARN":"{arn}"}},
                {{"Name":"waf-test","Id":"id-2","ARN":"arn:other"}}]}}"#
            )),
            ok(acl),
            ok(format!(r#"{{"TagInfoForResource":{{"ResourceARN":"x","TagList":{tags}}}}}"#)),
            gone(),
        ],
        searched: &["ListWebACLs", r#""Name":"waf-prod""#, r#""Id":"id-1""#],
        shows: json!({"spec": {"name": "waf-prod", "default_action": "allow", "rules": [], "log_group_arn": ""}}),
        others: None,
        absent: (arn, vec![gone(), gone(), gone()], &[r#""Id":"id-1""#]),
        refused: (
            vec![json_fault(400, "WAFDuplicateItemException")],
            Class::Exists,
            &[r#"{"Key":"payinfra:stack","Value":"prod"}"#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}
