use payinfra_engine::Address;

use super::*;

const LISTED: &str = r#"{"Functions": [{"FunctionName": "lambda-notifications-prod"}, {"FunctionName": "other"}]}"#;
const FOUND: &str = r#"{"Configuration": {"FunctionName": "lambda-notifications-prod", "State": "Active",
    "FunctionArn": "arn:f", "CodeSha256": "hash=", "LastUpdateStatus": "InProgress", "MemorySize": 256, "Timeout": 10,
    "Architectures": ["x86_64"], "VpcConfig": {"SubnetIds": ["subnet-b", "subnet-a"], "SecurityGroupIds": ["sg-1"]},
    "LoggingConfig": {"LogGroup": "/aws/lambda/lambda-notifications-prod"}, "TracingConfig": {"Mode": "Active"}},
    "Concurrency": {"ReservedConcurrentExecutions": 50},
    "Tags": {"payinfra:stack": "prod", "payinfra:address": "function.notifications"}}"#;

async fn read() -> Live<Function> {
    let (cloud, replay) = Cloud::replaying([(200, LISTED), (200, FOUND)]);
    let mut live = Function::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(replay.sent().len(), 2, "a function with another name is not even read");
    live.remove(0)
}

#[tokio::test]
async fn is_found_by_name_and_tags_and_is_pending_while_it_changes() {
    let live = read().await;
    assert_eq!(live.address, Some(Address::new("function", "notifications")));
    assert!(matches!(live.status, Status::Pending(_)));
    assert_eq!(live.spec.configuration.subnet_ids.first().map(String::as_str), Some("subnet-a"));
    assert_eq!((live.spec.reserved_concurrency, live.spec.changes_taken_over), (Some(50), true));
}

#[tokio::test]
async fn code_and_configuration_never_change_in_one_update() {
    let mut live = read().await;
    live.spec.code_sha256 = "new=".to_owned();
    let (cloud, replay) = Cloud::replaying([(200, "{}")]);
    let address = Address::new("function", "notifications");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    let refused = live.spec.update(&cx, &live, &["code_sha256", "memory_mb"]).await;
    assert_eq!(refused.expect_err("this code is not at hand").class, Class::Invalid);
    live.spec.update(&cx, &live, &["memory_mb"]).await.expect("it works");
    assert_eq!(replay.sent().len(), 1);
    assert!(replay.sent()[0].has(r#""MemorySize":256"#) && !replay.sent()[0].has("ZipFile"));
}

#[tokio::test]
async fn leaves_its_network_before_it_is_deleted() {
    let mut live = read().await;
    let alone = r#"{"Functions": []}"#;
    let no_groups = "<DescribeSecurityGroupsResponse><securityGroupInfo/></DescribeSecurityGroupsResponse>";
    let (cloud, replay) = Cloud::replaying([(200, "{}"), (200, alone), (200, no_groups), (204, "")]);
    let address = Address::new("function", "notifications");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    assert_eq!(Function::delete(&cx, &live).await.expect("it works"), Progress::More);
    assert!(replay.sent()[0].has(r#""SubnetIds":[]"#) && replay.sent()[0].has(r#""SecurityGroupIds":[]"#));
    live.spec.configuration.subnet_ids.clear();
    assert_eq!(Function::delete(&cx, &live).await.expect("it works"), Progress::Going);
    assert_eq!(replay.sent()[3].method, "DELETE");
}

#[tokio::test]
async fn a_failed_function_is_deleted_without_changing_it_first() {
    // States and reason codes as the service model has them.
    let failed = FOUND.replace("Active", "Failed").replacen(
        r#""LastUpdateStatus": "InProgress""#,
        r#""StateReasonCode": "InsufficientRolePermissions", "StateReason": "no permission""#,
        1,
    );
    let failed = failed.replace(r#""TracingConfig": {"Mode": "Failed"}"#, r#""TracingConfig": {"Mode": "Active"}"#);
    let (cloud, replay) = Cloud::replaying([(200, &failed), (204, "")]);
    let ids = ["lambda-notifications-prod".to_owned()];
    let live = Function::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good").remove(0);
    assert_eq!(live.status, Status::Failed("no permission".to_owned()));
    assert!(!live.spec.configuration.subnet_ids.is_empty());
    let address = Address::new("function", "notifications");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    assert_eq!(Function::delete(&cx, &live).await.expect("it works"), Progress::Going);
    assert_eq!(replay.sent()[1].method, "DELETE");
}
