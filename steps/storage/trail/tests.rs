use super::*;

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/trail-prod";
const TRAILS: &str = r#"{"trailList":[{"Name":"trail-prod","TrailARN":"arn:aws:cloudtrail:us-east-1:123456789012:trail/trail-prod",
    "S3BucketName":"logs","S3KeyPrefix":"cloudtrail","IsMultiRegionTrail":true,"IncludeGlobalServiceEvents":true,
    "LogFileValidationEnabled":true,"CloudWatchLogsLogGroupArn":"arn:group:*","CloudWatchLogsRoleArn":"arn:role"},
    {"Name":"trail-of-others"}]}"#;
const TAGS: &str = r#"{"ResourceTagList":[{"TagsList":[{"Key":"payinfra:stack","Value":"prod"},
    {"Key":"payinfra:address","Value":"trail.main"}]}]}"#;
const SELECTORS: &str = r#"{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[
    {"Type":"AWS::S3::Object","Values":["arn:aws:s3:::archive/"]}]}]}"#;

fn trail() -> Trail {
    Trail {
        name: "trail-prod".to_owned(),
        bucket: "logs".to_owned(),
        prefix: "cloudtrail".to_owned(),
        key_arn: String::new(),
        log_group_arn: "arn:group".to_owned(),
        log_role_arn: "arn:role".to_owned(),
        multi_region: true,
        global_services: true,
        validation: true,
        management_events: true,
        data_events: BTreeMap::from([("AWS::S3::Object".to_owned(), vec!["arn:aws:s3:::archive/".to_owned()])]),
        logging: true,
        tags: Tags::from([
            ("payinfra:stack".to_owned(), "prod".to_owned()),
            ("payinfra:address".to_owned(), "trail.main".to_owned()),
        ]),
    }
}

#[tokio::test]
async fn is_found_by_its_tags_in_the_shape_of_its_spec_and_an_absent_id_is_left_out() {
    let answers = [(200, TRAILS), (200, TAGS), (200, SELECTORS), (200, r#"{"IsLogging":true}"#)];
    let (cloud, replay) = Cloud::replaying(answers);
    let live = Trail::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(live[0].address, Some(Address::new("trail", "main")));
    assert_eq!(live[0].spec, trail());
    assert_eq!(replay.sent().len(), 4, "others' trails are not looked at");
    let (cloud, _) = Cloud::replaying([(200, TRAILS)]);
    let ids = ["trail-dev".to_owned()];
    assert!(Trail::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good").is_empty());
}

#[tokio::test]
async fn is_made_with_its_tags_and_waits_for_the_buckets_policy() {
    let refusal = r#"{"__type":"InsufficientS3BucketPolicyException"}"#;
    let (cloud, replay) = Cloud::replaying([(400, refusal)]);
    let address = Address::new("trail", "main");
    let refused = trail().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
    assert_eq!(refused.expect_err("the policy has not arrived").class, Class::NotYet);
    assert!(replay.sent()[0].has(r#"{"Key":"payinfra:stack","Value":"prod"}"#));
    assert!(replay.sent()[0].has(r#""EnableLogFileValidation":true"#));
}

#[tokio::test]
async fn stops_before_it_is_deleted() {
    let (cloud, replay) = Cloud::replaying([(200, "{}"), (200, "{}")]);
    let address = Address::new("trail", "main");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    let outputs = Outputs { name: "trail-prod".to_owned(), arn: ARN.to_owned() };
    let mut live = Live { address: None, id: "trail-prod".to_owned(), outputs, status: Status::Ready, spec: trail() };
    assert_eq!(Trail::delete(&cx, &live).await.expect("stopped"), Progress::More);
    assert!(replay.sent()[0].has("StopLogging"));
    live.spec.logging = false;
    assert_eq!(Trail::delete(&cx, &live).await.expect("deleted"), Progress::Going);
}
