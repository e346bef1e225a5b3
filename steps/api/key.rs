//! A key that callers send in `x-api-key`, with `auth = "api-key"` (docs/requirements.md, A5).

use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{arn, from_gateway, replace, retag, to_gateway};
use crate::{Cloud, Context};

/// An API key. AWS makes its value, and returns it unasked from `CreateApiKey`, `CreateUsagePlanKey` and
/// `GetUsagePlanKeys`: a deployment discards it, and only `payinfra verify` asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it opens anything.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, which is not its value.
    pub id: String,
}

impl Resource for ApiKey {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_key";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    // Names are not unique.
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.apigateway.get_api_keys().include_values(false).limit(500);
        let found: Vec<_> =
            request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(error("GetApiKeys"))?;
        let live = found.iter().map(|key| {
            let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
            let tags = from_gateway(key.tags());
            let id = text(key.id());
            let (name, description) = (text(key.name()), text(key.description()));
            Live {
                address: tags.address_in(cloud.stack()),
                outputs: Outputs { id: id.clone() },
                id,
                status: Status::Ready,
                spec: Self { name, description, enabled: key.enabled(), tags },
            }
        });
        let wanted = |live: &Live<Self>| match select {
            Select::Owned => live.address.is_some(),
            Select::Ids(ids) => ids.contains(&live.id),
        };
        Ok(live.filter(wanted).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_api_key().name(&self.name).description(&self.description);
        let request = request.enabled(self.enabled).set_tags(to_gateway(&self.tags));
        let created = request.send().await.map_err(error("CreateApiKey"))?;
        let id = created.id().unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches = changed.iter().filter_map(|name| match *name {
            "name" => Some(replace("/name", &self.name)),
            "description" => Some(replace("/description", &self.description)),
            "enabled" => Some(replace("/enabled", self.enabled)),
            _ => None,
        });
        let patches: Vec<_> = patches.collect();
        if !patches.is_empty() {
            let request = cx.apigateway.update_api_key().api_key(&live.id).set_patch_operations(Some(patches));
            request.send().await.map_err(error("UpdateApiKey"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &arn(&format!("apikeys/{}", live.id)), &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        cx.apigateway.delete_api_key().api_key(&live.id).send().await.map_err(error("DeleteApiKey"))?;
        Ok(Progress::Going)
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    #[tokio::test]
    async fn its_value_is_neither_asked_for_nor_kept() {
        let found = r#"{"item":[{"id":"k1","name":"api-key-prod","value":"s3cret","enabled":true,
            "tags":{"payinfra:stack":"prod","payinfra:address":"api_key.callers"}},{"id":"k2","name":"other"}]}"#;
        let created = r#"{"id":"k3","value":"s3cret"}"#;
        let (cloud, replay) = Cloud::replaying([(200, found), (201, created)]);
        let live = ApiKey::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!(live.len(), 1);
        assert_eq!(live[0].address, Some(Address::new("api_key", "callers")));
        assert!(replay.sent()[0].has("includeValues=false"));
        let address = Address::new("api_key", "callers");
        let made = live[0].spec.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        let made = made.expect("the answer is good");
        assert!(!format!("{live:?}{made:?}").contains("s3cret"));
        assert!(replay.sent()[1].has(r#""payinfra:stack":"prod""#));
    }
}
