//! Which stage a custom domain leads to (docs/requirements.md, A4).

use futures::future::try_join_all;
use payinfra_aws::{error, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::domain::ApiDomain;
use super::gateway::{address, path_name, replace, split};
use crate::{Cloud, Context};

/// A base path mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiMapping {
    /// The domain.
    pub domain: String,
    /// The first step of the paths that it is for; `(none)` for all.
    pub base_path: String,
    /// The API.
    pub api_id: String,
    /// The stage.
    pub stage: String,
}

/// The base path that means all paths.
pub const ALL_PATHS: &str = "(none)";

/// What others use of a mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Where callers reach the API.
    pub url: String,
}

impl Resource for ApiMapping {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_mapping";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["domain", "base_path"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    // A mapping has no tags: it belongs to the owner of the domain, and its path is its name.
    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let domains: Vec<String> = match select {
            Select::Owned => ApiDomain::list(cloud, select).await?.into_iter().map(|live| live.id).collect(),
            Select::Ids(ids) => ids.iter().map(|id| split(id).0.to_owned()).collect(),
        };
        let found = try_join_all(domains.into_iter().map(|domain| async move {
            let pages = cloud.apigateway.get_base_path_mappings().domain_name(&domain).limit(500).into_paginator();
            let found = pages.items().send().collect::<Result<Vec<_>, _>>().await;
            let found = unless(Class::Absent, found.map_err(error("GetBasePathMappings")))?.unwrap_or_default();
            Ok(found.iter().map(|mapping| live(&domain, mapping)).collect::<Vec<_>>())
        }));
        let wanted = |live: &Live<Self>| match select {
            Select::Owned => true,
            Select::Ids(ids) => ids.contains(&live.id),
        };
        Ok(found.await?.into_iter().flatten().filter(wanted).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let request = cx.apigateway.create_base_path_mapping().domain_name(&self.domain).base_path(&self.base_path);
        let request = request.rest_api_id(&self.api_id).stage(&self.stage);
        request.send().await.map_err(error("CreateBasePathMapping"))?;
        let id = format!("{}/{}", self.domain, self.base_path);
        Ok(Created { id, outputs: Some(outputs(&self.domain, &self.base_path)) })
    }

    async fn update(&self, cx: &Context<'_>, _: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches = changed.iter().filter_map(|name| match *name {
            // The API's id is spelt like this here only.
            "api_id" => Some(replace("/restapiId", &self.api_id)),
            "stage" => Some(replace("/stage", &self.stage)),
            _ => None,
        });
        let request = cx.apigateway.update_base_path_mapping().domain_name(&self.domain).base_path(&self.base_path);
        let request = request.set_patch_operations(Some(patches.collect()));
        request.send().await.map_err(error("UpdateBasePathMapping"))?;
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        let (domain, path) = split(&live.id);
        let request = cx.apigateway.delete_base_path_mapping().domain_name(domain).base_path(path);
        request.send().await.map_err(error("DeleteBasePathMapping"))?;
        Ok(Progress::Going)
    }
}

fn outputs(domain: &str, base_path: &str) -> Outputs {
    let path = if base_path == ALL_PATHS { String::new() } else { format!("/{base_path}") };
    Outputs { url: format!("https://{domain}{path}") }
}

fn live(domain: &str, mapping: &aws_sdk_apigateway::types::BasePathMapping) -> Live<ApiMapping> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let base_path = mapping.base_path().filter(|path| !path.is_empty()).unwrap_or(ALL_PATHS).to_owned();
    let name = if base_path == ALL_PATHS { "all".to_owned() } else { path_name(&base_path) };
    Live {
        address: address::<ApiMapping>(&name),
        id: format!("{domain}/{base_path}"),
        outputs: outputs(domain, &base_path),
        status: Status::Ready,
        spec: ApiMapping {
            domain: domain.to_owned(),
            base_path,
            api_id: text(mapping.rest_api_id()),
            stage: text(mapping.stage()),
        },
    }
}
