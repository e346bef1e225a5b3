use payinfra_engine::Address;

use super::*;

const TABLE: &str = r#"{"Table":{"TableName":"dynamodb-sessions-prod","TableStatus":"ACTIVE",
    "TableArn":"arn:aws:dynamodb:us-east-1:123456789012:table/dynamodb-sessions-prod",
    "KeySchema":[{"AttributeName":"session_id","KeyType":"HASH"}],"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},
    "SSEDescription":{"Status":"ENABLED","SSEType":"KMS","KMSMasterKeyArn":"arn:key"},
    "WarmThroughput":{"ReadUnitsPerSecond":30000,"WriteUnitsPerSecond":12000}}}"#;
const TAGS: &str = r#"{"Tags":[{"Key":"payinfra:stack","Value":"prod"},{"Key":"payinfra:address","Value":"table.sessions"},
    {"Key":"payinfra:warm-throughput","Value":"12000/10000"}]}"#;
const BACKUPS: &str = r#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",
    "PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED"}}}"#;
const EXPIRY: &str = r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires_at"}}"#;

fn table() -> Table {
    Table {
        name: "dynamodb-sessions-prod".to_owned(),
        key: "session_id".to_owned(),
        billing: "PAY_PER_REQUEST".to_owned(),
        key_arn: "arn:key".to_owned(),
        expiry_attribute: "expires_at".to_owned(),
        point_in_time_recovery: true,
        deletion_protection: false,
        warm_throughput: Some(WarmThroughput { read: 12_000, write: 10_000 }),
        tags: Tags::from([
            ("payinfra:stack".to_owned(), "prod".to_owned()),
            ("payinfra:address".to_owned(), "table.sessions".to_owned()),
        ]),
    }
}

#[tokio::test]
async fn is_found_by_its_tags_in_the_shape_of_its_spec_however_warm_it_has_become() {
    let list = r#"{"TableNames":["dynamodb-sessions-prod","dynamodb-sessions-dev"]}"#;
    let (cloud, replay) = Cloud::replaying([(200, list), (200, TABLE), (200, TAGS), (200, BACKUPS), (200, EXPIRY)]);
    let live = Table::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(live[0].address, Some(Address::new("table", "sessions")));
    assert_eq!(live[0].spec, table());
    assert_eq!(replay.sent().len(), 5, "the other stack's table is not asked for");
}

#[tokio::test]
async fn an_absent_id_is_left_out() {
    let (cloud, _) = Cloud::replaying([(400, r#"{"__type":"com.amazonaws#ResourceNotFoundException"}"#)]);
    let live = Table::list(&cloud, Select::Ids(&["dynamodb-x".to_owned()])).await.expect("the answer is good");
    assert!(live.is_empty());
}

#[tokio::test]
async fn carries_its_tags_and_its_key_in_the_create_call_and_knows_a_taken_name() {
    let (cloud, replay) = Cloud::replaying([(400, r#"{"__type":"com.amazonaws#ResourceInUseException"}"#)]);
    let address = Address::new("table", "sessions");
    let refused = table().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
    assert_eq!(refused.expect_err("the name is taken").class, Class::Exists);
    let sent = &replay.sent()[0];
    assert!(sent.has(r#"{"Key":"payinfra:stack","Value":"prod"}"#));
    assert!(sent.has(r#""SSEType":"KMS","KMSMasterKeyId":"arn:key""#));
    assert!(sent.has(r#"{"Key":"payinfra:warm-throughput","Value":"12000/10000"}"#));
}
