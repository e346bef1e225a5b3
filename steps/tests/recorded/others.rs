//! Log groups, alarms, the key, roles, the table, and what EC2 answers.

use payinfra_engine::{Address, Class, Context, Status};
use serde_json::json;

use crate::answers::{Answer, answer, modelled};
use crate::{cloud, kind, one, owner, refused, shows};

#[tokio::test]
async fn a_log_group_is_read_by_its_beginning_because_a_pattern_shows_no_key() {
    let name = "log-group-flow-logs-prod";
    let ours = |recorded: Answer| recorded.with("{log-group-name:1}", name);
    let tags = || answer("logs", "tags").with(r#""test2":"val2""#, &owner("log_group.flow_logs"));
    let by_prefix = ours(answer("logs", "by-prefix")).with("{key-id}", "k-1");
    let live = one("log_group", name, [by_prefix, tags()]).await;
    assert_eq!(live.address, Some(Address::new("log_group", "flow_logs")));
    shows(&live, &json!({"key_arn": "arn:aws:kms:us-east-1:123456789012:key/k-1", "retention_days": 0}));
    assert_eq!(live.outputs["arn"], format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}"));
    // What a read by pattern would give.
    let by_pattern = ours(answer("logs", "by-pattern")).with(r#","nextToken":"{next_token}""#, "");
    shows(&one("log_group", name, [by_pattern, tags()]).await, &json!({"key_arn": ""}));
    assert_eq!(refused("log_group", &live.spec, [answer("logs", "taken")]).await, Class::Exists);
}

fn alarm_tags() -> Answer {
    let member = |key: &str, value: &str| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let ours = member("payinfra:stack", "prod") + &member("payinfra:address", "alarm.x");
    answer("cloudwatch", "tags").with(&member("Environment", "Production"), &ours)
}

#[tokio::test]
async fn what_an_alarm_leaves_out_counts_as_its_default() {
    let name = "alarm-x-prod";
    let plain = answer("cloudwatch", "plain-alarm").with("{alarm-name:1}", name);
    let live = one("alarm", name, [plain, alarm_tags()]).await;
    shows(
        &live,
        &json!({"periods": 1, "periods_to_alarm": 1, "missing_data": "missing", "few_samples": null,
        "description": "", "queries": [], "threshold": 30.0, "actions_enabled": true}),
    );
    assert_eq!(live.spec["metric"]["statistic"], "Sum");
    let percentile = answer("cloudwatch", "percentile-alarm").with("{alarm-name:1}", name);
    let live = one("alarm", name, [percentile, alarm_tags()]).await;
    shows(&live, &json!({"periods": 3, "periods_to_alarm": 3, "missing_data": "ignore", "few_samples": null}));
    assert_eq!(
        (&live.spec["metric"]["statistic"], &live.spec["metric"]["period_seconds"]),
        (&json!("p99"), &json!(300))
    );
}

#[tokio::test]
async fn a_dashboard_comes_back_with_the_same_meaning() {
    let name = "dashboard-prod";
    let dashboard = answer("cloudwatch", "dashboard").with("{dashboard-name:1}", name);
    let live = one("dashboard", name, [dashboard.clone()]).await;
    assert_eq!(live.spec["body"]["widgets"][0]["properties"]["stacked"], false);
    let listed = answer("cloudwatch", "dashboards").with("{dashboard-name:1}", name);
    assert!(crate::owned("dashboard", [listed, dashboard]).await.is_empty(), "one without our tags is not ours");
}

#[tokio::test]
async fn a_key_reads_in_four_answers_and_takes_no_tags_of_aws() {
    let id = "0a1b2c3d-0000-1111-2222-333344445555";
    let aliases = || modelled(200, r#"{"Aliases":[],"Truncated":false}"#);
    let key = answer("kms", "key").with("{key-id:1}", id);
    let policy = modelled(200, r#"{"Policy":"{\"Version\":\"2012-10-17\"}","PolicyName":"default"}"#);
    let rotation = answer("kms", "rotation");
    let live = one("key", id, [aliases(), answer("kms", "tags"), key, policy, rotation]).await;
    assert_eq!(live.status, Status::Ready);
    shows(
        &live,
        &json!({"alias": "", "enabled": true, "rotation": true, "rotation_days": 180, "deletion_days": 0,
        "tags": {"tag1": "value1", "tag2": "value2", "tag3": "value3"}}),
    );
    let address = Address::new("key", "main");
    let mut want = live.spec.clone();
    want["tags"]["aws:x"] = json!("1");
    let (refusing, _) = cloud([answer("kms", "aws-tag")]);
    let cx = Context { cloud: &refusing, address: &address, token: "" };
    let refusal = kind("key").update(&cx, &live, &want, &["tags"]).await.expect_err("they are reserved");
    assert_eq!(refusal.class, Class::Invalid);
    let (absent, _) = cloud([aliases(), answer("kms", "absent")]);
    let listed = kind("key").list(&absent, payinfra_engine::Select::Ids(&[id.to_owned()])).await;
    assert!(listed.expect("absence is an answer").is_empty());
}

#[tokio::test]
async fn tags_of_aws_are_neither_seen_nor_changed() {
    let group = answer("ec2", "security-group-with-aws-tags").with("{group-id:1}", "sg-1");
    let live = one("security_group", "sg-1", [group]).await;
    shows(&live, &json!({"tags": {"key1": "value1", "key2": "value2"}, "description": "Security Group"}));
    let mut want = live.spec.clone();
    want["tags"] = json!({"key1": "value1"});
    let (cloud, replay) = cloud([modelled(200, "<DeleteTagsResponse><return>true</return></DeleteTagsResponse>")]);
    let address = Address::new("security_group", "functions");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    kind("security_group").update(&cx, &live, &want, &["tags"]).await.expect("the answer is good");
    assert_eq!(replay.sent().len(), 1);
    assert!(replay.sent()[0].has("key2") && !replay.sent()[0].has("aws%3A"), "{}", replay.sent()[0].body);
}

#[tokio::test]
async fn a_flow_log_that_is_refused_in_a_good_answer_is_tried_again_and_a_mistake_is_not() {
    let spec = json!({"vpc_id": "vpc-1", "traffic": "ALL", "log_group": "g", "role_arn": "r", "aggregation_seconds": 60,
        "tags": {}});
    assert_eq!(refused("flow_log", &spec, [answer("ec2", "flow-log-refused")]).await, Class::NotYet);
    assert_eq!(refused("flow_log", &spec, [answer("ec2", "flow-log-mistake")]).await, Class::Invalid);
    let logs = answer("ec2", "flow-logs").with("{flow-log-id:1}", "fl-1").with("{resource-id:1}", "vpc-1");
    let live = one("flow_log", "fl-1", [logs]).await;
    shows(&live, &json!({"vpc_id": "vpc-1", "traffic": "ALL", "aggregation_seconds": 600, "tags": {}}));
}

#[tokio::test]
async fn an_endpoint_with_the_policy_of_aws_shows_it() {
    let endpoint = answer("ec2", "endpoint").with("{vpc-endpoint-id:1}", "vpce-1").with("{group-id:1}", "sg-1");
    let live = one("vpc_endpoint", "vpce-1", [endpoint]).await;
    assert_eq!(live.status, Status::Ready);
    shows(
        &live,
        &json!({"endpoint_type": "Interface", "private_dns": true, "route_table_ids": [],
        "subnet_ids": ["subnet-a-id", "subnet-b-id"], "security_group_ids": ["sg-1"]}),
    );
    assert_eq!(live.spec["policy"]["Statement"][0]["Principal"], "*");
}

#[tokio::test]
async fn a_role_reads_with_decoded_policies_and_the_tags_that_lists_lack() {
    let name = "role-flow-logs-prod";
    let tags = "<member><Key>test</Key><Value>value</Value></member>";
    let ours = "<member><Key>payinfra:stack</Key><Value>prod</Value></member>\
        <member><Key>payinfra:address</Key><Value>role.flow_logs</Value></member>";
    let answers = [
        answer("iam", "roles").with("{role-name:1}", name),
        answer("iam", "role").with("{role-name:1}", name).with(tags, ours),
        answer("iam", "policies").with("fnServiceRoleDefaultPolicy0ED5D3E5", "write"),
        answer("iam", "attached"),
        answer("iam", "policy"),
    ];
    let live = crate::owned("role", answers).await.remove(0);
    assert_eq!(live.address, Some(Address::new("role", "flow_logs")));
    assert_eq!(live.spec["trust"]["Statement"][0]["Principal"], json!({"Service": "ec2.amazonaws.com"}));
    assert_eq!(live.spec["policies"]["write"]["Statement"][0]["Action"], json!(["s3:GetObject", "s3:ListBucket"]));
    let managed = "arn:aws:iam::aws:policy/aws-service-role/AmazonRDSServiceRolePolicy";
    assert!(live.spec["policies"].get(managed).is_some(), "a managed policy is drift");
}

#[tokio::test]
async fn a_table_that_was_provisioned_says_so_by_leaving_its_billing_out() {
    let table = answer("dynamodb", "table").with("{table-name:1}", "dynamodb-sessions-prod");
    let tags = r#"{"Key":"TagKey1","Value":"TagValue1"},{"Key":"TagKey2","Value":"TagValue2"}"#;
    let ours = r#"{"Key":"payinfra:stack","Value":"prod"},{"Key":"payinfra:address","Value":"table.sessions"},
        {"Key":"payinfra:warm-throughput","Value":"12000/1100"}"#;
    let tags = answer("dynamodb", "tags").with(tags, ours);
    let answers = [table, tags, answer("dynamodb", "backups"), answer("dynamodb", "ttl")];
    let live = one("table", "dynamodb-sessions-prod", answers).await;
    assert_eq!((&live.status, &live.address), (&Status::Ready, &Some(Address::new("table", "sessions"))));
    shows(
        &live,
        &json!({"billing": "PROVISIONED", "key": "id", "key_arn": "", "expiry_attribute": "expire_at",
        "point_in_time_recovery": true, "warm_throughput": {"read": 1000, "write": 1100}}),
    );
}
