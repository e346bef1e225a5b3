use super::*;

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/trail-prod";

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
