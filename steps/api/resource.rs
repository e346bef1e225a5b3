//! One step of a path of the API.

use payinfra_aws::error;
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{address, all_resources, children, path_name, split};
use crate::{Cloud, Context};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiResource {
    /// The API.
    pub api_id: String,
    /// The step before it.
    pub parent_id: String,
    /// The step: `payments`, or `{id}` for any.
    pub path_part: String,
}

/// What others use of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id inside the API.
    pub id: String,
}

impl Resource for ApiResource {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_resource";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["api_id", "parent_id", "path_part"];
    // A second one at the same place is a `ConflictException`.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        children(cloud, select, |api| async move {
            let found = all_resources(cloud, &api).await?;
            // The path `/` belongs to the API itself.
            let below = found.iter().filter(|resource| resource.parent_id().is_some());
            Ok(below.map(|resource| live(&api, resource)).collect())
        })
        .await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_resource().rest_api_id(&self.api_id).parent_id(&self.parent_id);
        let created = request.path_part(&self.path_part).send().await.map_err(error("CreateResource"))?;
        let id = created.id().unwrap_or_default().to_owned();
        Ok(Created { id: format!("{}/{id}", self.api_id), outputs: Some(Outputs { id }) })
    }

    // Another step is another path, and so another resource.
    async fn update(&self, _: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        let (api, id) = split(&live.id);
        let request = cx.apigateway.delete_resource().rest_api_id(api).resource_id(id);
        request.send().await.map_err(error("DeleteResource"))?;
        Ok(Progress::Going)
    }
}

fn live(api: &str, resource: &aws_sdk_apigateway::types::Resource) -> Live<ApiResource> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let id = text(resource.id());
    Live {
        address: address::<ApiResource>(&path_name(resource.path().unwrap_or_default())),
        id: format!("{api}/{id}"),
        outputs: Outputs { id },
        status: Status::Ready,
        spec: ApiResource {
            api_id: api.to_owned(),
            parent_id: text(resource.parent_id()),
            path_part: text(resource.path_part()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCES: &str = r#"{"item":[{"id":"r0","path":"/"},
        {"id":"r1","parentId":"r0","pathPart":"payments","path":"/payments"}]}"#;

    #[tokio::test]
    async fn an_absent_api_or_id_is_left_out_without_reading_all_apis() {
        let (cloud, replay) = Cloud::replaying([(404, "x-amzn-errortype: NotFoundException\n\n{}"), (200, RESOURCES)]);
        let ids = ["a0/r1".to_owned(), "a1/r9".to_owned()];
        let live = ApiResource::list(&cloud, Select::Ids(&ids)).await.expect("absence is no error");
        assert!(live.is_empty());
        assert_eq!(replay.sent().len(), 2);
    }
}
