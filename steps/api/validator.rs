//! What API Gateway checks of a request before any function sees it (docs/requirements.md, A2).

use payinfra_aws::error;
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{address, children, path_name, replace, split};
use crate::{Cloud, Context};

/// A request validator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiValidator {
    /// The API.
    pub api_id: String,
    /// Its name, which its address is made from.
    pub name: String,
    /// Whether the body must fit the method's model.
    pub body: bool,
    /// Whether required headers, query parameters and path parameters must be there.
    pub parameters: bool,
}

/// What others use of a validator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id inside the API.
    pub id: String,
}

impl Resource for ApiValidator {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_validator";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["api_id", "name"];
    // Names are not unique.
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        children(cloud, select, |api| async move {
            let request = cloud.apigateway.get_request_validators().rest_api_id(&api).limit(500);
            let found = request.send().await.map_err(error("GetRequestValidators"))?;
            Ok(found.items().iter().map(|validator| live(&api, validator)).collect())
        })
        .await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_request_validator().rest_api_id(&self.api_id).name(&self.name);
        let request = request.validate_request_body(self.body).validate_request_parameters(self.parameters);
        let created = request.send().await.map_err(error("CreateRequestValidator"))?;
        let id = created.id().unwrap_or_default().to_owned();
        Ok(Created { id: format!("{}/{id}", self.api_id), outputs: Some(Outputs { id }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches = changed.iter().filter_map(|name| match *name {
            "body" => Some(replace("/validateRequestBody", self.body)),
            "parameters" => Some(replace("/validateRequestParameters", self.parameters)),
            _ => None,
        });
        let request = cx.apigateway.update_request_validator().rest_api_id(&self.api_id);
        let request = request.request_validator_id(&live.outputs.id).set_patch_operations(Some(patches.collect()));
        request.send().await.map_err(error("UpdateRequestValidator"))?;
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        let (api, id) = split(&live.id);
        let request = cx.apigateway.delete_request_validator().rest_api_id(api).request_validator_id(id);
        request.send().await.map_err(error("DeleteRequestValidator"))?;
        Ok(Progress::Going)
    }
}

fn live(api: &str, validator: &aws_sdk_apigateway::types::RequestValidator) -> Live<ApiValidator> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let (id, name) = (text(validator.id()), text(validator.name()));
    Live {
        address: address::<ApiValidator>(&path_name(&name)),
        id: format!("{api}/{id}"),
        outputs: Outputs { id },
        status: Status::Ready,
        spec: ApiValidator {
            api_id: api.to_owned(),
            name,
            body: validator.validate_request_body(),
            parameters: validator.validate_request_parameters(),
        },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    #[tokio::test]
    async fn is_addressed_by_its_name_and_patched_in_place() {
        let found = r#"{"item":[{"id":"v1","name":"body-and-parameters","validateRequestBody":true}]}"#;
        let (cloud, replay) = Cloud::replaying([(200, found), (200, "{}")]);
        let live = ApiValidator::list(&cloud, Select::Ids(&["a1/v1".to_owned()])).await.expect("the answer is good");
        let address = Address::new("api_validator", "body_and_parameters");
        assert_eq!(live[0].address.as_ref(), Some(&address));
        assert!(live[0].spec.body && !live[0].spec.parameters);
        let want = ApiValidator { parameters: true, ..live[0].spec.clone() };
        let cx = Context { cloud: &cloud, address: &address, token: "t" };
        want.update(&cx, &live[0], &["parameters"]).await.expect("the answer is good");
        assert_eq!(
            replay.sent()[1].body,
            r#"{"patchOperations":[{"op":"replace","path":"/validateRequestParameters","value":"true"}]}"#
        );
    }
}
