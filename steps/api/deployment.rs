//! A snapshot of the API that a stage can serve.

use payinfra_aws::error;
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{address, children, split};
use crate::{Cloud, Context};

/// A deployment. Nothing of it ever changes: another API means another deployment, under another address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiDeployment {
    /// The API.
    pub api_id: String,
    /// Its name, `live_` and the hash of what it contains. It is in the description, the only label that a
    /// deployment can carry.
    pub name: String,
}

/// What others use of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id inside the API.
    pub id: String,
}

impl Resource for ApiDeployment {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_deployment";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["api_id", "name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        children(cloud, select, |api| async move {
            let request = cloud.apigateway.get_deployments().rest_api_id(&api).limit(500);
            let pages = request.into_paginator().items().send();
            let found: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(error("GetDeployments"))?;
            Ok(found.iter().map(|deployment| live(&api, deployment)).collect())
        })
        .await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_deployment().rest_api_id(&self.api_id).description(&self.name);
        let created = request.send().await.map_err(error("CreateDeployment"))?;
        let id = created.id().unwrap_or_default().to_owned();
        Ok(Created { id: format!("{}/{id}", self.api_id), outputs: Some(Outputs { id }) })
    }

    async fn update(&self, _: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        let (api, id) = split(&live.id);
        let request = cx.apigateway.delete_deployment().rest_api_id(api).deployment_id(id);
        request.send().await.map_err(error("DeleteDeployment"))?;
        Ok(Progress::Going)
    }
}

fn live(api: &str, deployment: &aws_sdk_apigateway::types::Deployment) -> Live<ApiDeployment> {
    let id = deployment.id().unwrap_or_default().to_owned();
    let name = deployment.description().unwrap_or_default().to_owned();
    // A deployment made by hand has another description; it belongs to no stack and ends with its API.
    let ours = name.starts_with("live_") && !name.contains(char::is_whitespace);
    Live {
        address: ours.then(|| address::<ApiDeployment>(&name)).flatten(),
        id: format!("{api}/{id}"),
        outputs: Outputs { id },
        status: Status::Ready,
        spec: ApiDeployment { api_id: api.to_owned(), name },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::{Address, Class};

    use super::*;

    #[tokio::test]
    async fn is_addressed_by_what_it_contains_and_stays_while_a_stage_serves_it() {
        let found = r#"{"item":[{"id":"d1","description":"live_0a1b2c3d"},{"id":"d2","description":"by hand"}]}"#;
        let served = "x-amzn-errortype: BadRequestException\n\n\
            {\"message\":\"Active stages pointing to this deployment must be moved or deleted\"}";
        let (cloud, _) = Cloud::replaying([(200, found), (400, served)]);
        let ids = ["a1/d1".to_owned(), "a1/d2".to_owned()];
        let live = ApiDeployment::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good");
        let address = Address::new("api_deployment", "live_0a1b2c3d");
        assert_eq!((live[0].address.as_ref(), &live[1].address), (Some(&address), &None));
        let refused = ApiDeployment::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(refused.expect_err("a stage serves it").class, Class::InUse);
    }
}
