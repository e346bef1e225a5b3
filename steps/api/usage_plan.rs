//! What the holders of API keys may use, with `auth = "api-key"` (docs/requirements.md, A5).

use aws_sdk_apigateway::types::{ApiStage, PatchOperation, ThrottleSettings, UsagePlan as LivePlan};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{add, arn, from_gateway, replace, retag, to_gateway};
use crate::{Cloud, Context};

/// A usage plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The stages that its keys open, each as `<api>:<stage>`, sorted.
    pub stages: Vec<String>,
    /// Requests per second of each key.
    pub rate: f64,
    /// Requests at once above the rate, of each key.
    pub burst: i32,
    /// The ids of its keys, sorted.
    pub keys: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a usage plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub id: String,
}

impl Resource for UsagePlan {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "usage_plan";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    // Names are not unique.
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;
    // UpdateUsagePlan is one call in 20 seconds, and a deletion needs one.
    const DURATIONS: Durations = Durations::seconds(2, 20, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.apigateway.get_usage_plans().limit(500);
        let found: Vec<_> =
            request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(error("GetUsagePlans"))?;
        let wanted = found.iter().filter(|plan| match select {
            Select::Owned => from_gateway(plan.tags()).address_in(cloud.stack()).is_some(),
            Select::Ids(ids) => ids.iter().any(|id| plan.id() == Some(id)),
        });
        // A plan may go between the list and the look.
        let live = wanted.map(|plan| async { unless(Class::Absent, live(cloud, plan).await) });
        Ok(try_join_all(live).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let throttle = ThrottleSettings::builder().rate_limit(self.rate).burst_limit(self.burst).build();
        let stages = self.stages.iter().map(|stage| {
            let (api, stage) = stage.split_once(':').unwrap_or((stage, ""));
            ApiStage::builder().api_id(api).stage(stage).build()
        });
        let request = cx.apigateway.create_usage_plan().name(&self.name).description(&self.description);
        let request = request.throttle(throttle).set_api_stages(Some(stages.collect()));
        let created = request.set_tags(to_gateway(&self.tags)).send().await.map_err(error("CreateUsagePlan"))?;
        let id = created.id().unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches: Vec<_> = changed.iter().flat_map(|name| self.patches(&live.spec, name)).collect();
        if !patches.is_empty() {
            patch(cx, &live.id, patches).await?;
        }
        if changed.contains(&"keys") {
            for key in live.spec.keys.iter().filter(|key| !self.keys.contains(key)) {
                let request = cx.apigateway.delete_usage_plan_key().usage_plan_id(&live.id).key_id(key);
                request.send().await.map_err(error("DeleteUsagePlanKey"))?;
            }
            for key in self.keys.iter().filter(|key| !live.spec.keys.contains(key)) {
                let request = cx.apigateway.create_usage_plan_key().usage_plan_id(&live.id).key_id(key);
                request.key_type("API_KEY").send().await.map_err(error("CreateUsagePlanKey"))?;
            }
        }
        if changed.contains(&"tags") {
            retag(cx, &arn(&format!("usageplans/{}", live.id)), &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        // A plan that still opens a stage is not deleted.
        if !live.spec.stages.is_empty() {
            let closed = patch(cx, &live.id, live.spec.stages.iter().map(|stage| close(stage)).collect()).await;
            // "Invalid API Stage": one that went with its API is out of the plan already.
            if unless(Class::Absent, closed)?.is_some() {
                return Ok(Progress::More);
            }
        }
        cx.apigateway.delete_usage_plan().usage_plan_id(&live.id).send().await.map_err(error("DeleteUsagePlan"))?;
        Ok(Progress::Going)
    }
}

impl UsagePlan {
    fn patches(&self, have: &Self, changed: &str) -> Vec<PatchOperation> {
        match changed {
            "name" => vec![replace("/name", &self.name)],
            "description" => vec![replace("/description", &self.description)],
            "rate" => vec![replace("/throttle/rateLimit", self.rate)],
            "burst" => vec![replace("/throttle/burstLimit", self.burst)],
            "stages" => {
                let closed = have.stages.iter().filter(|stage| !self.stages.contains(stage)).map(|stage| close(stage));
                let opened = self.stages.iter().filter(|stage| !have.stages.contains(stage));
                closed.chain(opened.map(|stage| add("/apiStages", stage))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The patch that takes a stage out of a plan; unlike other removals it names the value.
fn close(stage: &str) -> PatchOperation {
    PatchOperation::builder().op(aws_sdk_apigateway::types::Op::Remove).path("/apiStages").value(stage).build()
}

async fn patch(cloud: &Cloud, id: &str, patches: Vec<PatchOperation>) -> Result<(), Error> {
    let request = cloud.apigateway.update_usage_plan().usage_plan_id(id).set_patch_operations(Some(patches));
    request.send().await.map_err(error("UpdateUsagePlan"))?;
    Ok(())
}

async fn live(cloud: &Cloud, plan: &LivePlan) -> Result<Live<UsagePlan>, Error> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let id = text(plan.id());
    let request = cloud.apigateway.get_usage_plan_keys().usage_plan_id(&id).limit(500).into_paginator().items();
    let keys: Vec<_> = request.send().collect::<Result<_, _>>().await.map_err(error("GetUsagePlanKeys"))?;
    let mut keys: Vec<String> = keys.iter().filter_map(|key| key.id().map(ToOwned::to_owned)).collect();
    keys.sort_unstable();
    let stages = plan.api_stages().iter();
    let mut stages: Vec<String> = stages
        .map(|stage| format!("{}:{}", stage.api_id().unwrap_or_default(), stage.stage().unwrap_or_default()))
        .collect();
    stages.sort_unstable();
    let tags = from_gateway(plan.tags());
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        outputs: Outputs { id: id.clone() },
        id,
        status: Status::Ready,
        spec: UsagePlan {
            name: text(plan.name()),
            description: text(plan.description()),
            stages,
            rate: plan.throttle().map(ThrottleSettings::rate_limit).unwrap_or_default(),
            burst: plan.throttle().map(ThrottleSettings::burst_limit).unwrap_or_default(),
            keys,
            tags,
        },
    })
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const PLANS: &str = r#"{"item":[{"id":"p1","name":"usage-plan-prod","apiStages":[{"apiId":"a1","stage":"live"}],
        "throttle":{"rateLimit":100.0,"burstLimit":50},
        "tags":{"payinfra:stack":"prod","payinfra:address":"usage_plan.callers"}},{"id":"p2","name":"other"}]}"#;

    #[tokio::test]
    async fn is_closed_before_it_is_deleted() {
        let (cloud, replay) = Cloud::replaying([(200, PLANS), (200, r#"{"item":[{"id":"k1"}]}"#), (200, "{}")]);
        let live = UsagePlan::list(&cloud, Select::Owned).await.expect("the answers are good");
        let address = Address::new("usage_plan", "callers");
        assert_eq!((live.len(), live[0].address.as_ref()), (1, Some(&address)));
        assert_eq!((&live[0].spec.stages, &live[0].spec.keys), (&vec!["a1:live".to_owned()], &vec!["k1".to_owned()]));
        let step = UsagePlan::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(step.expect("the answer is good"), Progress::More);
        assert!(replay.sent()[2].has(r#"{"op":"remove","path":"/apiStages","value":"a1:live"}"#));
    }
}
