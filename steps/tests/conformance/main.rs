//! What all kinds of resources have in common, proved with scripted answers: a kind without a fixture fails.
//!
//! What is special to a kind is tested in its own file.

mod api;
mod api_parts;
mod database;
mod fixture;
mod functions;
mod messaging;
mod monitoring;
mod network;
mod parameters;
mod security;
mod storage;
mod tags;

use std::collections::BTreeSet;
use std::sync::Arc;

use payinfra_aws::replay::Replay;
use payinfra_engine::{Address, Class, Context, Kind, LiveValue, Select};
use payinfra_steps::Cloud;
use payinfra_steps::kinds::kinds;
use serde_json::{Value, json};

use fixture::{Answers, Fixture, differences};

/// The idempotency key of every create call here.
const TOKEN: &str = "0123abcd";

fn fixtures() -> Vec<Fixture> {
    let rooms = [
        api::fixtures(),
        api_parts::fixtures(),
        database::fixtures(),
        functions::fixtures(),
        messaging::fixtures(),
        monitoring::fixtures(),
        network::fixtures(),
        parameters::fixtures(),
        security::fixtures(),
        storage::fixtures(),
    ];
    rooms.into_iter().flatten().collect()
}

fn kind(fixture: &Fixture) -> Arc<dyn Kind<Cloud>> {
    Arc::clone(kinds().get(fixture.kind).unwrap_or_else(|| panic!("there is no kind {}", fixture.kind)))
}

/// A cloud that gets these answers, and has the functions' code at hand.
fn cloud(answers: &Answers) -> (Cloud, Replay) {
    let (mut cloud, replay) = Cloud::replaying([]);
    cloud.options.artifacts = functions::artifacts();
    for (status, body) in answers {
        replay.answer(*status, body);
    }
    (cloud, replay)
}

/// The requests, decoded: form bodies and addresses are percent-encoded.
fn sent(replay: &Replay) -> Vec<String> {
    replay.sent().iter().map(|sent| decoded(&format!("{} {} {}", sent.method, sent.uri, sent.body))).collect()
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(&part.as_bytes()[2..]);
            }
            None => bytes.extend(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The object that a fixture's first answers show.
async fn found(fixture: &Fixture) -> LiveValue {
    let (cloud, _) = cloud(&fixture.found);
    let live = kind(fixture).list(&cloud, Select::Owned).await;
    let mut live = live.unwrap_or_else(|error| panic!("{}: {error}", fixture.kind));
    assert_eq!(live.len(), 1, "{}: one object is ours: {live:?}", fixture.kind);
    live.remove(0)
}

fn requires(fixture: &Fixture, sent: &[String], texts: &[&str]) {
    for text in texts {
        assert!(sent.iter().any(|sent| sent.contains(text)), "{}: no request with {text}: {sent:#?}", fixture.kind);
    }
}

#[test]
fn every_kind_has_one_fixture() {
    let with: Vec<&str> = fixtures().iter().map(|fixture| fixture.kind).collect();
    let once: BTreeSet<&str> = with.iter().copied().collect();
    assert_eq!(once.len(), with.len(), "a kind has two fixtures");
    let all: BTreeSet<&str> = kinds().iter().map(|kind| kind.name()).collect();
    assert_eq!(once, all);
}

#[tokio::test]
async fn an_object_is_found_by_its_ownership_tags_in_the_shape_of_its_spec() {
    for fixture in fixtures() {
        let (cloud, replay) = cloud(&fixture.found);
        let live = kind(&fixture).list(&cloud, Select::Owned).await;
        let live = live.unwrap_or_else(|error| panic!("{}: {error}", fixture.kind));
        assert_eq!(live.len(), 1, "{}: {live:?}", fixture.kind);
        assert_eq!(live[0].address, Some(Address::new(fixture.kind, fixture.name)));
        assert_eq!(live[0].id, fixture.id);
        let shown = json!({"spec": live[0].spec, "outputs": live[0].outputs, "status": live[0].status});
        assert_eq!(differences(&shown, &fixture.shows), Vec::<String>::new(), "{}: {shown:#}", fixture.kind);
        let sent = sent(&replay);
        for secret in [r#""WithDecryption":true"#, "includeValues=true"] {
            assert!(!sent.iter().any(|sent| sent.contains(secret)), "{} asks for secrets: {sent:#?}", fixture.kind);
        }
        requires(&fixture, &sent, fixture.searched);
        assert_eq!(sent.len(), fixture.found.len(), "{}: {sent:#?}", fixture.kind);
    }
}

#[tokio::test]
async fn an_object_of_another_stack_is_not_ours() {
    for fixture in fixtures() {
        let answers = fixture.of_others();
        let (cloud, _) = cloud(&answers);
        let live = kind(&fixture).list(&cloud, Select::Owned).await;
        let live = live.unwrap_or_else(|error| panic!("{}: {error}", fixture.kind));
        assert!(live.iter().all(|live| live.address.is_none()), "{}: {live:?}", fixture.kind);
    }
}

#[tokio::test]
async fn an_absent_id_is_left_out() {
    for fixture in fixtures() {
        let (id, answers, texts) = &fixture.absent;
        let (cloud, replay) = cloud(answers);
        let live = kind(&fixture).list(&cloud, Select::Ids(&[(*id).to_owned()])).await;
        let live = live.unwrap_or_else(|error| panic!("{}: {error}", fixture.kind));
        assert!(live.is_empty(), "{}: {live:?}", fixture.kind);
        requires(&fixture, &sent(&replay), texts);
    }
}

#[tokio::test]
async fn a_create_call_carries_the_ownership_tags_and_its_refusal_has_a_class() {
    for fixture in fixtures() {
        let spec = found(&fixture).await.spec;
        let (answers, class, texts) = &fixture.refused;
        let (cloud, replay) = cloud(answers);
        let address = Address::new(fixture.kind, fixture.name);
        let cx = Context { cloud: &cloud, address: &address, token: TOKEN };
        let refused = kind(&fixture).create(&cx, &spec).await;
        let refused = refused.expect_err(&format!("{}: it is refused", fixture.kind));
        assert_eq!(refused.class, *class, "{}: {refused}", fixture.kind);
        let sent = sent(&replay);
        assert_eq!(sent.len(), answers.len(), "{}: {sent:#?}", fixture.kind);
        requires(&fixture, &sent[sent.len() - 1..], texts);
        // A spec with ownership tags, wherever it keeps them, sends them in this call.
        if spec.to_string().contains("payinfra:stack") {
            requires(&fixture, &sent[sent.len() - 1..], &["payinfra:stack", "payinfra:address", &address.to_string()]);
        }
    }
}

#[tokio::test]
async fn tags_change_by_what_differs() {
    for fixture in fixtures() {
        let mut live = found(&fixture).await;
        let mut want = live.spec.clone();
        let Some(tags) = live.spec.get_mut("tags").and_then(Value::as_object_mut) else { continue };
        tags.insert("surplus".to_owned(), json!("1"));
        want["tags"]["added"] = json!("1");
        let (cloud, replay) = cloud(&vec![(200, String::new()); 2]);
        let address = Address::new(fixture.kind, fixture.name);
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        let changed = kind(&fixture).update(&cx, &live, &want, &["tags"]).await;
        changed.unwrap_or_else(|error| panic!("{}: {error}", fixture.kind));
        let sent = sent(&replay);
        requires(&fixture, &sent, &["added"]);
        // S3 replaces all tags of a bucket with one call.
        if fixture.kind != "bucket" {
            requires(&fixture, &sent, &["surplus"]);
            assert!(!sent.iter().any(|sent| sent.contains("payinfra:stack")), "{}: {sent:#?}", fixture.kind);
        }
    }
}

#[tokio::test]
async fn deleting_an_absent_object_is_success_or_absence() {
    for fixture in fixtures() {
        let live = found(&fixture).await;
        let (answers, expected) = &fixture.deleted;
        let (cloud, replay) = cloud(answers);
        let address = Address::new(fixture.kind, fixture.name);
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        let deleted = kind(&fixture).delete(&cx, &live).await;
        assert_eq!(deleted.map_err(|error| error.class), *expected, "{}", fixture.kind);
        assert_eq!(replay.sent().len(), answers.len(), "{}: {:#?}", fixture.kind, sent(&replay));
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_an_error_and_no_absence() {
    for fixture in fixtures() {
        let (cloud, _) = cloud(&Answers::new());
        let ids = [fixture.id.to_owned()];
        for select in [Select::Owned, Select::Ids(&ids)] {
            let refused = kind(&fixture).list(&cloud, select).await;
            assert_eq!(refused.map_err(|error| error.class), Err(Class::NoAnswer), "{}", fixture.kind);
        }
    }
}
