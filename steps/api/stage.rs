//! The stage: what callers reach, with its logs and throttles.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{MethodSetting, PatchOperation, Stage as LiveStage};
use payinfra_aws::{Owned, REGION, Tags, error};
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gateway::{arn, children, from_gateway, pointer, remove, replace, retag, split, to_gateway};
use crate::{Cloud, Context};

/// A stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The API.
    pub api_id: String,
    /// Its name, the first step of every path below the `execute-api` address.
    pub name: String,
    /// The deployment that it serves.
    pub deployment_id: String,
    /// The access log.
    pub access_log: Option<AccessLog>,
    /// What holds for all methods but those below.
    pub all_methods: MethodSettings,
    /// What holds for single methods, such as `/payments/validate/POST`; nothing of the above is added to it.
    pub methods: BTreeMap<String, MethodSettings>,
    /// Whether requests are traced with X-Ray.
    pub tracing: bool,
    /// Its variables; none in this stack.
    pub variables: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
}

/// Where the access log is written and what a line contains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessLog {
    /// The log group.
    pub group_arn: String,
    /// A line of it, with `$context` variables.
    pub line: Value,
}

/// What holds for a method.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MethodSettings {
    /// Whether detailed metrics are published.
    pub metrics: bool,
    /// What the execution log contains: `OFF`, `ERROR` or `INFO`.
    pub log_level: String,
    /// Whether bodies are logged; never in this stack.
    pub log_bodies: bool,
    /// Requests per second.
    pub rate: f64,
    /// Requests at once above the rate.
    pub burst: i32,
}

/// API Gateway's key for all methods.
const ALL_METHODS: &str = "*/*";

/// What others use of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Where callers reach it at its `execute-api` address.
    pub url: String,
}

impl Resource for Stage {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_stage";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["api_id", "name"];
    // Its name is unique in the API, but its tags may be lost and its id begins with the API's: it stays ours.
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        children(cloud, select, |api| async move {
            let found = cloud.apigateway.get_stages().rest_api_id(&api).send().await.map_err(error("GetStages"))?;
            Ok(found.item().iter().map(|stage| live(cloud, &api, stage)).collect())
        })
        .await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_stage().rest_api_id(&self.api_id).stage_name(&self.name);
        let request = request.deployment_id(&self.deployment_id).tracing_enabled(self.tracing);
        request.set_tags(to_gateway(&self.tags)).send().await.map_err(error("CreateStage"))?;
        let outputs = Some(outputs(&self.api_id, &self.name));
        Ok(Created { id: format!("{}/{}", self.api_id, self.name), outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches: Vec<_> = changed.iter().flat_map(|name| self.patches(&live.spec, name)).collect();
        if !patches.is_empty() {
            let request = cx.apigateway.update_stage().rest_api_id(&self.api_id).stage_name(&self.name);
            request.set_patch_operations(Some(patches)).send().await.map_err(error("UpdateStage"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        let (api, name) = split(&live.id);
        let request = cx.apigateway.delete_stage().rest_api_id(api).stage_name(name);
        request.send().await.map_err(error("DeleteStage"))?;
        Ok(Progress::Going)
    }
}

impl Stage {
    fn patches(&self, have: &Self, changed: &str) -> Vec<PatchOperation> {
        match changed {
            "deployment_id" => vec![replace("/deploymentId", &self.deployment_id)],
            "tracing" => vec![replace("/tracingEnabled", self.tracing)],
            "access_log" => match &self.access_log {
                Some(log) => vec![
                    replace("/accessLogSettings/destinationArn", &log.group_arn),
                    replace("/accessLogSettings/format", &log.line),
                ],
                None => vec![remove("/accessLogSettings")],
            },
            "variables" => {
                let surplus = have.variables.keys().filter(|name| !self.variables.contains_key(*name));
                let removed = surplus.map(|name| remove(format!("/variables/{name}")));
                let set = self.variables.iter().map(|(name, value)| replace(format!("/variables/{name}"), value));
                removed.chain(set).collect()
            }
            "all_methods" => self.all_methods.patches(ALL_METHODS).into(),
            "methods" => {
                // Single values cannot be removed, only a whole entry.
                let surplus = have.methods.keys().filter(|key| !self.methods.contains_key(*key));
                let removed = surplus.map(|key| remove(format!("/{}", entry_path(key))));
                let differing = self.methods.iter().filter(|(key, want)| have.methods.get(*key) != Some(*want));
                removed.chain(differing.flat_map(|(key, want)| want.patches(key))).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl MethodSettings {
    fn patches(&self, key: &str) -> [PatchOperation; 5] {
        let path = |setting: &str| format!("/{}/{setting}", entry_path(key));
        [
            replace(path("metrics/enabled"), self.metrics),
            replace(path("logging/loglevel"), &self.log_level),
            replace(path("logging/dataTrace"), self.log_bodies),
            replace(path("throttling/rateLimit"), self.rate),
            replace(path("throttling/burstLimit"), self.burst),
        ]
    }
}

impl From<&MethodSetting> for MethodSettings {
    fn from(found: &MethodSetting) -> Self {
        Self {
            metrics: found.metrics_enabled(),
            // AWS leaves `OFF` out.
            log_level: found.logging_level().unwrap_or("OFF").to_owned(),
            log_bodies: found.data_trace_enabled(),
            rate: found.throttling_rate_limit(),
            burst: found.throttling_burst_limit(),
        }
    }
}

/// The path of an entry in a patch: the slashes of the API's path are escaped, the one before the method is not.
fn entry_path(key: &str) -> String {
    let (path, method) = key.rsplit_once('/').unwrap_or((key, "*"));
    format!("{}/{method}", pointer(path))
}

/// The key of an entry as we write it. AWS gives it back escaped, and emulators with or without the first slash.
fn entry_key(found: &str) -> String {
    let found = found.replace("~1", "/");
    if found.starts_with('/') { found } else { format!("/{found}") }
}

fn outputs(api: &str, name: &str) -> Outputs {
    Outputs {
        name: name.to_owned(),
        arn: arn(&format!("restapis/{api}/stages/{name}")),
        url: format!("https://{api}.execute-api.{REGION}.amazonaws.com/{name}"),
    }
}

fn live(cloud: &Cloud, api: &str, stage: &LiveStage) -> Live<Stage> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let name = text(stage.stage_name());
    let access_log = stage.access_log_settings().and_then(|log| {
        let line = log.format().unwrap_or_default();
        let line = serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()));
        Some(AccessLog { group_arn: log.destination_arn()?.to_owned(), line })
    });
    let settings = stage.method_settings().cloned().unwrap_or_default();
    let methods = settings.iter().filter(|(key, _)| *key != ALL_METHODS);
    let tags = from_gateway(stage.tags());
    Live {
        address: tags.address_in(cloud.stack()),
        id: format!("{api}/{name}"),
        outputs: outputs(api, &name),
        status: Status::Ready,
        spec: Stage {
            api_id: api.to_owned(),
            name,
            deployment_id: text(stage.deployment_id()),
            access_log,
            all_methods: settings.get(ALL_METHODS).map(MethodSettings::from).unwrap_or_default(),
            methods: methods.map(|(key, setting)| (entry_key(key), setting.into())).collect(),
            tracing: stage.tracing_enabled(),
            variables: stage.variables().cloned().unwrap_or_default().into_iter().collect(),
            tags,
        },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::{Address, Class};

    use super::*;

    const STAGES: &str = r#"{"item":[{"stageName":"live","deploymentId":"d1","tracingEnabled":true,
        "accessLogSettings":{"destinationArn":"arn:log","format":"{\"id\":\"$context.requestId\"}"},
        "methodSettings":{"*/*":{"throttlingRateLimit":10000.0,"throttlingBurstLimit":5000,"metricsEnabled":true},
            "~1payments~1validate/POST":{"throttlingRateLimit":5.5,"throttlingBurstLimit":1,"loggingLevel":"ERROR"}},
        "tags":{"payinfra:stack":"prod","payinfra:address":"api_stage.live"}}]}"#;

    async fn found(cloud: &Cloud) -> Live<Stage> {
        Stage::list(cloud, Select::Ids(&["a1/live".to_owned()])).await.expect("the answer is good").remove(0)
    }

    #[tokio::test]
    async fn an_entry_is_written_whole_and_removed_whole() {
        let (cloud, replay) =
            Cloud::replaying([(200, STAGES), (429, "x-amzn-errortype: TooManyRequestsException\n\n{}")]);
        let live = found(&cloud).await;
        let mut want = live.spec.clone();
        want.methods.remove("/payments/validate/POST");
        want.all_methods.rate = 100.0;
        let address = Address::new("api_stage", "live");
        let refused = want
            .update(&Context { cloud: &cloud, address: &address, token: "t" }, &live, &["all_methods", "methods"])
            .await;
        assert_eq!(refused.expect_err("too many calls").class, Class::Throttled);
        let sent = &replay.sent()[1];
        assert!(sent.has(r#"{"op":"remove","path":"/~1payments~1validate/POST"}"#), "{sent:?}");
        assert!(sent.has(r#""path":"/*/*/throttling/rateLimit","value":"100""#));
        assert!(sent.has(r#""path":"/*/*/logging/loglevel","value":"OFF""#));
    }
}
