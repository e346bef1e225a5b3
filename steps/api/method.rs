//! A method of the API and the function behind it.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{IntegrationType, Method};
use payinfra_aws::{REGION, error, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{address, all_resources, children, method_name, split};
use crate::{Cloud, Context};

/// A method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiMethod {
    /// The API.
    pub api_id: String,
    /// The path that it is a method of.
    pub resource_id: String,
    /// The HTTP method, in capitals.
    pub method: String,
    /// The operation's name, for generated clients.
    pub operation: String,
    /// How callers are authorized: `AWS_IAM`, or `NONE`.
    pub authorization: String,
    /// Whether callers need an API key.
    pub api_key_required: bool,
    /// The validator; empty for none.
    pub validator_id: String,
    /// `method.request.header.…` and `method.request.path.…`, and whether each must be there.
    pub parameters: BTreeMap<String, bool>,
    /// The model of the body, by content type.
    pub models: BTreeMap<String, String>,
    /// What answers; absent for a method that was made and not yet finished.
    pub integration: Option<Integration>,
}

/// What answers a method: a function, which gets the request as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// The kind: `AWS_PROXY`.
    pub kind: String,
    /// The function's address for API Gateway; see [`invocation`].
    pub uri: String,
    /// How long it may take, in milliseconds.
    pub timeout_ms: i32,
}

/// What others use of a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The id of its path.
    pub resource_id: String,
}

/// The address under which API Gateway calls a function or its alias.
pub fn invocation(function_arn: &str) -> String {
    format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn}/invocations")
}

impl Resource for ApiMethod {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_method";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["api_id", "resource_id", "method"];
    // A second one is a `ConflictException`.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        children(cloud, select, |api| async move {
            let found = all_resources(cloud, &api).await?;
            let methods = found.iter().flat_map(|resource| {
                let methods = resource.resource_methods().into_iter().flatten();
                methods.map(move |(name, method)| (resource, name, method))
            });
            Ok(methods.map(|(resource, name, method)| live(&api, resource, name, method)).collect())
        })
        .await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        self.put(cx).await?;
        let outputs = Some(Outputs { resource_id: self.resource_id.clone() });
        Ok(Created { id: format!("{}/{}/{}", self.api_id, self.resource_id, self.method), outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        if changed.iter().any(|name| *name != "integration") {
            // A put does not overwrite, and neither emulator takes all of UpdateMethod's patches. Callers notice nothing:
            // they are served by the deployment, not by this.
            unless(Class::Absent, delete(cx, &live.id).await)?;
            self.put(cx).await?;
        }
        if let Some(integration) = &self.integration {
            // This put replaces the whole integration.
            let request = cx.apigateway.put_integration().rest_api_id(&self.api_id).resource_id(&self.resource_id);
            let request = request.http_method(&self.method).r#type(IntegrationType::from(integration.kind.as_str()));
            // Functions are always called by POST.
            let request = request.integration_http_method("POST").uri(&integration.uri);
            let request = request.timeout_in_millis(integration.timeout_ms);
            request.send().await.map_err(error("PutIntegration"))?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        delete(cx, &live.id).await?;
        Ok(Progress::Going)
    }
}

impl ApiMethod {
    async fn put(&self, cloud: &Cloud) -> Result<(), Error> {
        let request = cloud.apigateway.put_method().rest_api_id(&self.api_id).resource_id(&self.resource_id);
        let request = request.http_method(&self.method).operation_name(&self.operation);
        let request = request.authorization_type(&self.authorization).api_key_required(self.api_key_required);
        let validator = (!self.validator_id.is_empty()).then(|| self.validator_id.clone());
        let request = request
            .set_request_validator_id(validator)
            .set_request_parameters(Some(self.parameters.clone().into_iter().collect()))
            .set_request_models(Some(self.models.clone().into_iter().collect()));
        request.send().await.map_err(error("PutMethod"))?;
        Ok(())
    }
}

async fn delete(cloud: &Cloud, id: &str) -> Result<(), Error> {
    let (api, rest) = split(id);
    let (resource, method) = split(rest);
    let request = cloud.apigateway.delete_method().rest_api_id(api).resource_id(resource).http_method(method);
    request.send().await.map_err(error("DeleteMethod"))?;
    Ok(())
}

fn live(api: &str, resource: &aws_sdk_apigateway::types::Resource, name: &str, method: &Method) -> Live<ApiMethod> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let (resource_id, name) = (text(resource.id()), name.to_uppercase());
    let integration = method.method_integration().map(|integration| Integration {
        kind: text(integration.r#type().map(IntegrationType::as_str)),
        uri: text(integration.uri()),
        timeout_ms: integration.timeout_in_millis(),
    });
    Live {
        address: address::<ApiMethod>(&method_name(&name, resource.path().unwrap_or_default())),
        id: format!("{api}/{resource_id}/{name}"),
        outputs: Outputs { resource_id: resource_id.clone() },
        status: Status::Ready,
        spec: ApiMethod {
            api_id: api.to_owned(),
            resource_id,
            method: name,
            operation: text(method.operation_name()),
            authorization: text(method.authorization_type()),
            api_key_required: method.api_key_required().unwrap_or_default(),
            validator_id: text(method.request_validator_id()),
            parameters: method.request_parameters().cloned().unwrap_or_default().into_iter().collect(),
            models: method.request_models().cloned().unwrap_or_default().into_iter().collect(),
            integration,
        },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const TREE: &str = r#"{"item":[{"id":"r1","path":"/payments/{id}","parentId":"r0","resourceMethods":{"POST":{
        "httpMethod":"POST","authorizationType":"AWS_IAM","apiKeyRequired":false,"operationName":"pay",
        "requestParameters":{"method.request.path.id":true,"method.request.header.X":false},
        "methodIntegration":{"type":"AWS_PROXY","httpMethod":"POST","uri":"u","timeoutInMillis":29000}}}}]}"#;

    async fn found(cloud: &Cloud) -> Live<ApiMethod> {
        let live = ApiMethod::list(cloud, Select::Ids(&["a1/r1/POST".to_owned()])).await;
        live.expect("the answer is good").remove(0)
    }

    #[tokio::test]
    async fn a_changed_method_is_put_again_and_only_a_lost_integration_is_restored() {
        let gone = "x-amzn-errortype: NotFoundException\n\n{}";
        let (cloud, replay) = Cloud::replaying([(200, TREE), (404, gone), (201, "{}"), (201, "{}"), (201, "{}")]);
        let live = found(&cloud).await;
        let want = ApiMethod { authorization: "NONE".to_owned(), api_key_required: true, ..live.spec.clone() };
        let address = Address::new("api_method", "post_payments_id");
        let cx = Context { cloud: &cloud, address: &address, token: "t" };
        want.update(&cx, &live, &["api_key_required", "authorization"]).await.expect("the answers are good");
        want.update(&cx, &live, &["integration"]).await.expect("the answers are good");
        let sent = replay.sent();
        let methods: Vec<_> = sent.iter().map(|sent| sent.method.as_str()).collect();
        assert_eq!(methods, ["GET", "DELETE", "PUT", "PUT", "PUT"]);
        assert!(sent[2].has(r#""apiKeyRequired":true"#) && sent[2].has(r#""method.request.path.id":true"#), "{sent:?}");
        assert!(sent[3].has(r#""httpMethod":"POST""#) && sent[3].has("/integration") && sent[4].has("/integration"));
    }
}
