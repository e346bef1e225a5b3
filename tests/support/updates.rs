//! The updates that a stack's kinds of resources can make, as requests: an emulated life needs only some of them.

use std::collections::BTreeMap;

use payinfra_engine::{Address, Context, LiveValue, Status};
use payinfra_steps::Cloud;
use payinfra_steps::functions::{Architecture, Artifacts, PackageCache};
use payinfra_steps::kinds::kinds;
use serde_json::{Value, json};

use super::artifacts;

/// Kinds whose updates send what an answer gave them; a life makes those.
const SEND_WHAT_THEY_READ: [&str; 2] = ["function_alias", "web_acl"];

/// More answers than the updates of one record read.
const ANSWERS: usize = 200;

/// Updates each attribute of each record in a state's snapshot by itself, and returns the requests: method, path,
/// headers and body. Every answer is empty, so an update that reads one ends there.
pub fn requests(records: &BTreeMap<String, Value>) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let code = Artifacts::load(artifacts().as_ref(), Architecture::X86_64, &PackageCache::default()).unwrap();
    records.iter().flat_map(|(address, record)| runtime.block_on(of_record(address, record, &code))).collect()
}

async fn of_record(address: &str, record: &Value, code: &Artifacts) -> Vec<Value> {
    let address: Address = address.parse().unwrap();
    if SEND_WHAT_THEY_READ.contains(&address.kind()) {
        return Vec::new();
    }
    let kind = kinds().get(address.kind()).cloned().unwrap();
    let want = &record["spec"];
    let mut live = LiveValue {
        address: Some(address.clone()),
        id: record["id"].as_str().unwrap().to_owned(),
        spec: want.clone(),
        outputs: record["outputs"].clone(),
        status: Status::Ready,
    };
    if let Some(tags) = live.spec.get_mut("tags").and_then(Value::as_object_mut) {
        tags.insert("surplus".to_owned(), json!("1"));
    }
    let (mut cloud, replay) = Cloud::replaying([(200, ""); ANSWERS]);
    cloud.options.artifacts = code.clone();
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    for attribute in want.as_object().unwrap().keys() {
        if !kind.forces_replacement().contains(&attribute.as_str()) {
            // Whether it comes to its end is not what is asked here.
            let _ = kind.update(&cx, &live, want, &[attribute]).await;
        }
    }
    replay.sent().iter().map(|sent| request(&sent.method, &sent.uri, &sent.headers, &sent.body)).collect()
}

/// A request with the bucket in its path, where S3 has it in the host.
fn request(method: &str, uri: &str, headers: &[(String, String)], body: &str) -> Value {
    let uri = uri.split('#').next().unwrap_or_default();
    let (host, path) = uri.strip_prefix("https://").and_then(|rest| rest.split_once('/')).unwrap();
    let bucket = host.split_once(".s3.").map(|(bucket, _)| format!("/{bucket}")).unwrap_or_default();
    json!({ "method": method, "path": format!("{bucket}/{path}"), "headers": headers, "body": body })
}
