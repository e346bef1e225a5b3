//! The form of a request's body (docs/requirements.md, A2).

use payinfra_aws::error;
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gateway::{address, children, replace, split};
use crate::{Cloud, Context};

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiModel {
    /// The API.
    pub api_id: String,
    /// Its name: letters and digits.
    pub name: String,
    /// The content type that it is for.
    pub content_type: String,
    /// What it describes.
    pub description: String,
    /// The JSON Schema (draft 4, all that API Gateway knows).
    pub schema: Value,
}

/// What others use of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
}

/// The models that AWS puts into each new API.
const DEFAULTS: [&str; 2] = ["Empty", "Error"];

impl Resource for ApiModel {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_model";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["api_id", "name", "content_type"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        children(cloud, select, |api| async move {
            let pages = cloud.apigateway.get_models().rest_api_id(&api).limit(500).into_paginator().items().send();
            let found: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(error("GetModels"))?;
            let own = found.iter().filter(|model| !DEFAULTS.contains(&model.name().unwrap_or_default()));
            Ok(own.map(|model| live(&api, model)).collect())
        })
        .await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_model().rest_api_id(&self.api_id).name(&self.name);
        let request = request.description(&self.description).content_type(&self.content_type);
        request.schema(self.schema.to_string()).send().await.map_err(error("CreateModel"))?;
        let outputs = Some(Outputs { name: self.name.clone() });
        Ok(Created { id: format!("{}/{}", self.api_id, self.name), outputs })
    }

    async fn update(&self, cx: &Context<'_>, _: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches = changed.iter().filter_map(|name| match *name {
            "description" => Some(replace("/description", &self.description)),
            "schema" => Some(replace("/schema", &self.schema)),
            _ => None,
        });
        let request = cx.apigateway.update_model().rest_api_id(&self.api_id).model_name(&self.name);
        request.set_patch_operations(Some(patches.collect())).send().await.map_err(error("UpdateModel"))?;
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        let (api, name) = split(&live.id);
        let request = cx.apigateway.delete_model().rest_api_id(api).model_name(name);
        request.send().await.map_err(error("DeleteModel"))?;
        Ok(Progress::Going)
    }
}

/// The name of a model in addresses: `refund_request` for `RefundRequest`.
pub fn model_name(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn live(api: &str, model: &aws_sdk_apigateway::types::Model) -> Live<ApiModel> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let name = text(model.name());
    Live {
        address: address::<ApiModel>(&model_name(&name)),
        id: format!("{api}/{name}"),
        outputs: Outputs { name: name.clone() },
        status: Status::Ready,
        spec: ApiModel {
            api_id: api.to_owned(),
            name,
            content_type: text(model.content_type()),
            description: text(model.description()),
            schema: serde_json::from_str(model.schema().unwrap_or_default()).unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::{Address, Class};

    use super::*;

    #[tokio::test]
    async fn a_model_in_use_is_waited_for() {
        let used = "x-amzn-errortype: ConflictException\n\n\
            {\"message\":\"Cannot delete model 'M', is referenced in method request: /payments/POST\"}";
        let (cloud, replay) = Cloud::replaying([(200, r#"{"item":[{"name":"M"}]}"#), (409, used)]);
        let live = ApiModel::list(&cloud, Select::Ids(&["a1/M".to_owned()])).await.expect("the answer is good");
        let address = Address::new("api_model", "m");
        let refused = ApiModel::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(refused.expect_err("a method uses it").class, Class::InUse);
        assert!(replay.sent()[1].has("/restapis/a1/models/M"));
    }
}
