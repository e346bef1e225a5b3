use payinfra_engine::{Address, Class};

use super::*;

const TAGS: &str = "<Tagging><TagSet><Tag><Key>payinfra:stack</Key><Value>prod</Value></Tag>
    <Tag><Key>payinfra:address</Key><Value>bucket.archive</Value></Tag></TagSet></Tagging>";
const NO_TAGS: &str = "<Error><Code>NoSuchTagSet</Code></Error>";
const NO_BUCKET: &str = "<Error><Code>NoSuchBucket</Code></Error>";
const NAME: &str = "s3-archive-123456789012-prod";

fn bucket() -> Bucket {
    Bucket {
        name: NAME.to_owned(),
        versioning: true,
        encryption: "aws:kms".to_owned(),
        encryption_key: None,
        bucket_key: true,
        customer_keys_blocked: true,
        lifecycle: Vec::new(),
        moves_small_objects: true,
        public_access_blocked: true,
        ownership: "BucketOwnerEnforced".to_owned(),
        policy: Value::Null,
        logging: None,
        tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
    }
}

#[tokio::test]
async fn only_buckets_of_this_stacks_form_are_asked_and_only_tagged_ones_are_ours() {
    let list = format!(
        "<ListAllMyBucketsResult><Buckets><Bucket><Name>{NAME}</Name></Bucket>
        <Bucket><Name>s3-archive-123456789012-other-prod</Name></Bucket>
        <Bucket><BucketRegion>eu-west-1</BucketRegion><Name>s3-logs-123456789012-prod</Name></Bucket>
        </Buckets></ListAllMyBucketsResult>"
    );
    let (cloud, replay) = Cloud::replaying([(200, &list), (404, NO_TAGS)]);
    assert!(Bucket::list(&cloud, Select::Owned).await.expect("the answers are good").is_empty());
    assert_eq!(replay.sent().len(), 2, "neither another stack's nor another region's is asked for its tags");
}

#[tokio::test]
async fn is_created_with_its_tags_unless_the_account_has_the_name() {
    let address = Address::new("bucket", "archive");
    let (cloud, replay) = Cloud::replaying([(404, NO_BUCKET), (200, "")]);
    let made = bucket().create(&Context { cloud: &cloud, address: &address, token: "t" }).await.expect("it is made");
    assert_eq!(made.outputs.expect("known at once").arn, format!("arn:aws:s3:::{NAME}"));
    assert!(replay.sent()[1].has("<Tag><Key>payinfra:stack</Key><Value>prod</Value></Tag>"));

    let (cloud, replay) = Cloud::replaying([(404, NO_TAGS)]);
    let refused = bucket().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
    assert_eq!(refused.expect_err("somebody else's").class, Class::Exists);
    assert_eq!(replay.sent().len(), 1, "creating it would answer 200");

    let (cloud, _) = Cloud::replaying([(200, TAGS)]);
    let found = bucket().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
    assert_eq!(found.expect("made by an unanswered attempt").id, NAME);
}

#[tokio::test]
async fn rejects_writers_before_it_is_emptied_and_is_deleted_only_once_empty() {
    let versions = "<ListVersionsResult><Version><Key>a</Key><VersionId>1</VersionId></Version>
        <DeleteMarker><Key>a</Key><VersionId>2</VersionId></DeleteMarker></ListVersionsResult>";
    let (no_versions, no_uploads) = ("<ListVersionsResult/>", "<ListMultipartUploadsResult/>");
    let answers = [
        (204, ""),
        (200, versions),
        (200, "<DeleteResult/>"),
        (200, no_uploads),
        (200, no_versions),
        (200, no_uploads),
        (409, "<Error><Code>BucketNotEmpty</Code></Error>"),
    ];
    let (cloud, replay) = Cloud::replaying(answers);
    let address = Address::new("bucket", "archive");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    let live = |policy| {
        let spec = Bucket { policy, ..bucket() };
        Live { address: None, id: NAME.to_owned(), outputs: outputs(NAME), status: Status::Ready, spec }
    };
    assert_eq!(Bucket::delete(&cx, &live(Value::Null)).await.expect("closed"), Progress::More);
    assert!(replay.sent()[0].has("BeingDeleted"));
    let closed = live(nobody_writes(NAME));
    assert_eq!(Bucket::delete(&cx, &closed).await.expect("emptied"), Progress::More);
    assert!(replay.sent()[2].has("<VersionId>2</VersionId>"));
    assert_eq!(Bucket::delete(&cx, &closed).await.expect_err("a late log came").class, Class::InUse);
}

#[tokio::test]
async fn a_new_object_that_not_all_reads_know_yet_is_left_out() {
    // What each of the reads says of a bucket without settings.
    let unset: [(u16, &str); 7] = [
        (404, "<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code></Error>"),
        (200, "<VersioningConfiguration/>"),
        (404, "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>"),
        (404, "<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>"),
        (404, "<Error><Code>OwnershipControlsNotFoundError</Code></Error>"),
        (404, "<Error><Code>NoSuchBucketPolicy</Code></Error>"),
        (200, "<BucketLoggingStatus/>"),
    ];
    // terraform-provider-aws#372: right after a create, most of all of a name that was used before.
    for unknown in 0..unset.len() {
        let (cloud, replay) = Cloud::replaying([(200, TAGS)]);
        for (read, (status, body)) in unset.iter().enumerate() {
            let (status, body) = if read == unknown { (404, NO_BUCKET) } else { (*status, *body) };
            replay.answer(status, body);
        }
        let live = Bucket::list(&cloud, Select::Ids(&[NAME.to_owned()])).await.expect("absence is an answer");
        assert!(live.is_empty(), "read {unknown}");
    }
}

#[tokio::test]
async fn every_call_names_the_account_that_must_own_the_bucket() {
    let (cloud, replay) = Cloud::replaying([(200, TAGS)]);
    let _ = Bucket::list(&cloud, Select::Ids(&[NAME.to_owned()])).await;
    let address = Address::new("bucket", "archive");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    let spec = Bucket { logging: None, policy: nobody_writes(NAME), ..bucket() };
    for part in configuration::Part::ALL {
        let _ = part.put(&cx, &spec).await;
    }
    let live = Live { address: None, id: NAME.to_owned(), outputs: outputs(NAME), status: Status::Ready, spec };
    let _ = Bucket::delete(&cx, &live).await;
    let sent = replay.sent();
    assert!(sent.len() >= 10, "{}", sent.len());
    for sent in sent {
        assert_eq!(sent.header("x-amz-expected-bucket-owner"), Some("123456789012"), "{} {}", sent.method, sent.uri);
    }
}

#[tokio::test]
async fn an_encrypted_bucket_takes_no_keys_of_its_callers() {
    let (cloud, replay) = Cloud::replaying([(200, "")]);
    let address = Address::new("bucket", "archive");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    configuration::Part::Encryption.put(&cx, &bucket()).await.expect("it is written");
    let wanted = "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>";
    assert!(replay.sent()[0].has(wanted), "{}", replay.sent()[0].body);
}

#[tokio::test]
async fn one_that_somebody_opened_to_such_keys_differs() {
    let encryption = |blocked: &str| {
        format!(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>
            </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled>{blocked}</Rule>
            </ServerSideEncryptionConfiguration>"
        )
    };
    let types = |name: &str| {
        format!("<BlockedEncryptionTypes><EncryptionType>{name}</EncryptionType></BlockedEncryptionTypes>")
    };
    for (blocked, expected) in [(types("SSE-C"), true), (types("NONE"), false), (String::new(), true)] {
        let encryption = encryption(&blocked);
        let unset = (404, "<Error><Code>NoSuchX</Code></Error>");
        let (versioning, logging) = ((200, "<VersioningConfiguration/>"), (200, "<BucketLoggingStatus/>"));
        let answers = [(200, encryption.as_str()), versioning, unset, unset, unset, unset, logging];
        let (cloud, _) = Cloud::replaying(answers);
        let read = reading::read(&cloud, NAME.to_owned(), Tags::new()).await;
        assert_eq!(read.expect("the answers are good").customer_keys_blocked, expected, "{blocked}");
    }
}
