//! Answers recorded on real AWS, fed to the kinds of resources in the place of the services.
//!
//! The answers and where they come from are in `answers/` and `README.md`.

mod answers;
mod api;
mod functions;
mod messaging;
mod others;
mod storage;

use std::sync::Arc;

use payinfra_aws::replay::{Replay, Sent};
use payinfra_engine::{Address, Class, Context, Error, Kind, LiveValue, Progress, Select};
use payinfra_steps::Cloud;
use payinfra_steps::kinds::kinds;
use serde_json::Value;

use answers::Answer;

/// The ownership tags of an object of the stack `prod`, in JSON without braces.
fn owner(address: &str) -> String {
    format!(r#""payinfra:stack":"prod","payinfra:address":"{address}""#)
}

fn kind(name: &str) -> Arc<dyn Kind<Cloud>> {
    Arc::clone(kinds().get(name).unwrap_or_else(|| panic!("there is no kind {name}")))
}

/// A cloud that gives these answers in this order.
fn cloud<const N: usize>(answers: [Answer; N]) -> (Cloud, Replay) {
    let (cloud, replay) = Cloud::replaying([]);
    for answer in answers {
        replay.answer(answer.status, &answer.on_the_wire());
    }
    (cloud, replay)
}

/// What a kind lists of what it owns.
async fn owned<const N: usize>(name: &str, answers: [Answer; N]) -> Vec<LiveValue> {
    let (cloud, replay) = cloud(answers);
    let live = kind(name).list(&cloud, Select::Owned).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(replay.sent().len(), N, "{name}: every answer is read");
    live
}

/// The one object that a kind lists by its id.
async fn one<const N: usize>(name: &str, id: &str, answers: [Answer; N]) -> LiveValue {
    let (cloud, replay) = cloud(answers);
    let ids = [id.to_owned()];
    let live = kind(name).list(&cloud, Select::Ids(&ids)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(replay.sent().len(), N, "{name}: every answer is read");
    let [live] = <[LiveValue; 1]>::try_from(live).unwrap_or_else(|live| panic!("{name}: {live:?}"));
    live
}

/// What becomes of a creation.
async fn created<const N: usize>(name: &str, spec: &Value, answers: [Answer; N]) -> Result<String, Error> {
    let (cloud, _) = cloud(answers);
    let address = Address::new(name, "x");
    let cx = Context { cloud: &cloud, address: &address, token: "t" };
    kind(name).create(&cx, spec).await.map(|(id, _)| id)
}

/// The class of a refused creation.
async fn refused<const N: usize>(name: &str, spec: &Value, answers: [Answer; N]) -> Class {
    created(name, spec, answers).await.expect_err("it is refused").class
}

/// What becomes of a deletion, and what was sent.
async fn deleted<const N: usize>(
    live: &LiveValue,
    name: &str,
    answers: [Answer; N],
) -> (Result<Progress, Class>, Vec<Sent>) {
    let (cloud, replay) = cloud(answers);
    let address = Address::new(name, "x");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    let progress = kind(name).delete(&cx, live).await.map_err(|error| error.class);
    (progress, replay.sent())
}

/// Demands values of a spec.
fn shows(live: &LiveValue, expected: &Value) {
    for (attribute, value) in expected.as_object().expect("attributes") {
        assert_eq!(&live.spec[attribute], value, "{attribute} of {}", live.id);
    }
}
