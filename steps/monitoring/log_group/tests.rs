use payinfra_engine::Address;
use serde_json::json;

use super::*;

/// What AWS answers to a read by prefix: recorded, with retention and key as the service model documents them.
fn by_prefix(names: &[&str]) -> String {
    let group = |name: &&str| {
        json!({
            "arn": format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"),
            "creationTime": 1_770_000_000_000_u64,
            "deletionProtectionEnabled": false,
            "kmsKeyId": "arn:key",
            "logGroupArn": format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}"),
            "logGroupClass": "STANDARD",
            "logGroupName": name,
            "metricFilterCount": 0,
            "retentionInDays": 365,
            "storedBytes": 0,
        })
    };
    json!({ "logGroups": names.iter().map(group).collect::<Vec<_>>() }).to_string()
}

const NONE: &str = r#"{"logGroups": []}"#;
const TAGS: &str = r#"{"tags": {"payinfra:stack": "prod", "payinfra:address": "log_group.notifications"}}"#;

#[tokio::test]
async fn is_found_by_name_and_tags_with_its_retention_and_key() {
    let ours = by_prefix(&["/aws/lambda/lambda-notifications-prod", "/aws/lambda/lambda-notifications-production"]);
    let answers = [(200, NONE), (200, &ours), (200, NONE), (200, NONE), (200, NONE), (200, NONE), (200, TAGS)];
    let (cloud, replay) = Cloud::replaying(answers);
    let live = LogGroup::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].address, Some(Address::new("log_group", "notifications")));
    assert_eq!((live[0].spec.retention_days, live[0].spec.key_arn.as_str()), (365, "arn:key"));
    assert!(live[0].outputs.arn.ends_with("lambda-notifications-prod"));
    // With a pattern, AWS leaves retention and key out.
    assert!(replay.sent().iter().all(|sent| !sent.has("logGroupNamePattern")));
    assert!(replay.sent()[1].has(r#""logGroupNamePrefix":"/aws/lambda/lambda-""#));
}

#[tokio::test]
async fn an_absent_id_is_left_out_and_a_known_one_is_read_by_its_own_beginning_only() {
    let (cloud, replay) = Cloud::replaying([(200, NONE), (200, &by_prefix(&["other-prod-2"]))]);
    let ids = ["log-group-gone-prod".to_owned(), "other-prod".to_owned()];
    let live = LogGroup::list(&cloud, Select::Ids(&ids)).await.expect("the answers are good");
    assert!(live.is_empty());
    assert_eq!(replay.sent().len(), 2);
    assert!(replay.sent()[1].has(r#""logGroupNamePrefix":"other-prod""#));
}

#[tokio::test]
async fn execution_logs_of_other_apis_are_not_asked_for_their_tags() {
    let logs = ["ours", "gone", "theirs"].map(|api| format!("{EXECUTION_LOG}{api}/v1"));
    let logs = by_prefix(&logs.each_ref().map(String::as_str));
    let apis = r#"{"item": [{"id": "ours", "tags": {"payinfra:stack": "prod", "payinfra:address": "rest_api.main"}},
        {"id": "theirs"}]}"#;
    let untagged = r#"{"tags": {}}"#;
    let (cloud, replay) = Cloud::replaying([
        (200, NONE),
        (200, NONE),
        (200, NONE),
        (200, NONE),
        (200, NONE),
        (200, &logs),
        (200, apis),
        (200, TAGS),
        (200, untagged),
    ]);
    let live = LogGroup::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(live.len(), 1);
    let asked: Vec<_> = replay.sent().into_iter().filter(|sent| sent.has("ListTagsForResource")).collect();
    assert_eq!(asked.len(), 2, "the log of an API that is gone may be ours");
    assert!(asked[0].has("_ours/v1") && asked[1].has("_gone/v1"));
}

#[tokio::test]
async fn a_retention_policy_of_the_account_is_named_and_not_fought_with() {
    let group = by_prefix(&["log-group-flow-prod"]);
    let group = group.replace(r#""retentionInDays":365"#, r#""retentionInDays":30,"retentionPolicyName":"all-30""#);
    let (cloud, replay) = Cloud::replaying([(200, &group), (200, TAGS)]);
    let ids = ["log-group-flow-prod".to_owned()];
    let live = LogGroup::list(&cloud, Select::Ids(&ids)).await.expect("the answers are good").remove(0);
    let wanted = LogGroup { retention_days: 365, ..live.spec.clone() };
    let address = Address::new("log_group", "flow");
    let cx = Context { cloud: &cloud, address: &address, token: "t" };
    let refused = wanted.update(&cx, &live, &["retention_days"]).await.expect_err("the policy decides");
    assert!(refused.class == Class::Invalid && refused.message.contains("all-30"), "{refused}");
    assert_eq!(replay.sent().len(), 2);
}

#[tokio::test]
async fn carries_its_tags_in_the_create_call_and_waits_for_its_key() {
    // terraform-provider-aws#29282: today's code for it is that of a missing right.
    let unusable = r#"{"__type": "AccessDeniedException", "message": "The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:us-east-1:123456789012:log-group:log-group-flow-prod'"}"#;
    let (cloud, replay) = Cloud::replaying([(400, unusable)]);
    let tags = Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]);
    let (name, key_arn) = ("log-group-flow-prod".to_owned(), "arn:key".to_owned());
    let group = LogGroup { name, retention_days: 365, key_arn, tags };
    let address = Address::new("log_group", "flow");
    let refused = group.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
    assert_eq!(refused.expect_err("the key is too fresh").class, Class::NotYet);
    assert!(replay.sent()[0].has(r#""payinfra:stack":"prod""#) && replay.sent()[0].has(r#""kmsKeyId":"arn:key""#));
}
