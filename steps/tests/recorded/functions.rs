//! Functions, their aliases and permissions.

use payinfra_engine::{Address, Class, Status};
use serde_json::json;

use crate::answers::{Answer, answer, modelled};
use crate::{created, deleted, one, owner, refused, shows};

const NAME: &str = "lambda-notifications-prod";

fn ours(recorded: Answer) -> Answer {
    recorded.with("{function-name:1}", NAME)
}

/// A function with this stack's tags.
fn tagged() -> Answer {
    let tags = r#""key_a":"value_a","key_b":"value_b","key_c":"value_c","key_d":"value_d","key_e":"value_e""#;
    ours(answer("lambda", "tagged-function")).with(tags, &owner("function.notifications"))
}

#[tokio::test]
async fn a_function_in_the_vpc_and_out_of_it_reads_as_lambda_shows_it() {
    let inside = ours(answer("lambda", "function"));
    let inside = inside.with("{subnet_id_1}", "subnet-1").with("{security_group_id_1}", "sg-1");
    let live = one("function", NAME, [inside]).await;
    assert_eq!(live.status, Status::Ready);
    shows(
        &live,
        &json!({"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"], "reserved_concurrency": null,
        "environment": {}, "key_arn": "", "dead_letter_arn": null, "tracing": "PassThrough"}),
    );
    // A VPC that was taken off is empty lists and an empty id.
    let live = one("function", NAME, [ours(answer("lambda", "function-out-of-vpc"))]).await;
    shows(&live, &json!({"subnet_ids": [], "security_group_ids": [], "log_group": format!("/aws/lambda/{NAME}")}));
}

#[tokio::test]
async fn a_version_has_no_state_in_the_list_and_the_alias_is_ready_by_its_own_look() {
    let alias = ours(answer("lambda", "alias")).with(r#""Description":"""#, r#""Description":"keeps 5 versions""#);
    let answers = [tagged(), alias.clone(), ours(answer("lambda", "versions")), ours(answer("lambda", "version"))];
    let live = one("function_alias", NAME, answers.clone()).await;
    assert_eq!((&live.status, &live.address), (&Status::Ready, &Some(Address::new("function_alias", "notifications"))));
    shows(&live, &json!({"code_sha256": "{code-sha256:1}", "memory_mb": 128, "versions_kept": 5}));
    assert_eq!(live.outputs["version"], "1");
    let [function, alias, versions, version] = answers;
    let pending = version.with(r#""State":"Active""#, r#""State":"Pending""#);
    let live = one("function_alias", NAME, [function, alias, versions, pending]).await;
    assert!(matches!(live.status, Status::Pending(_)), "{:?}", live.status);
    // Without an alias, the versions are what is left of it.
    let rest =
        [tagged(), answer("lambda", "no-alias"), ours(answer("lambda", "versions")), answer("lambda", "no-alias")];
    assert_eq!(one("function_alias", NAME, rest).await.outputs["version"], "");
}

#[tokio::test]
async fn a_statement_is_read_whatever_the_case_of_its_keys() {
    let id = format!("{NAME}/payinfra-payment_events");
    let policy = answer("lambda", "policy").with("{sid:2}", "payinfra-payment_events");
    let live = one("permission", &id, [tagged(), policy.with("{resource:3}", "sns-payment-events-prod")]).await;
    assert_eq!(live.address, Some(Address::new("permission", "payment_events")));
    shows(
        &live,
        &json!({"principal": "sns.amazonaws.com", "source_account": null,
        "source_arn": "arn:aws:sns:us-east-1:123456789012:sns-payment-events-prod"}),
    );
    let gone = deleted(&live, "permission", [answer("lambda", "no-such-statement")]).await.0;
    assert_eq!(gone, Err(Class::Absent));
}

#[tokio::test]
async fn a_taken_statement_is_known_from_the_policy() {
    let spec = json!({"function": NAME, "statement": "payinfra-payment_events", "principal": "sns.amazonaws.com",
        "source_arn": "arn:aws:sns:us-east-1:123456789012:sns-payment-events-prod", "source_account": null});
    let taken = || answer("lambda", "statement-taken").with("(s3)", "(payinfra-payment_events)");
    let policy = answer("lambda", "policy").with("{sid:2}", "payinfra-payment_events");
    assert_eq!(refused("permission", &spec, [taken(), policy]).await, Class::Exists);
    // Where the policy lacks it, somebody else changed the function at the same time.
    assert_eq!(refused("permission", &spec, [taken(), answer("lambda", "policy-of-none")]).await, Class::InUse);
    let made = created("permission", &spec, [modelled(201, r#"{"Statement":"{}"}"#)]).await;
    assert_eq!(made.expect("it is taken"), format!("{NAME}/payinfra-payment_events"));
}
