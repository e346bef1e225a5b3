//! A Lambda function.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, FunctionCode, LastUpdateStatus, Runtime, State, VpcConfig};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::configuration::Configuration;
use super::interfaces::released;
use crate::{Cloud, Context};

/// A function: a `bootstrap` on `provided.al2023`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its deployment package, in base64.
    pub code_sha256: String,
    /// What its published versions keep as well.
    #[serde(flatten)]
    pub configuration: Configuration,
    /// Runs set aside for it, which are its ceiling as well; `None` takes from the account's pool.
    pub reserved_concurrency: Option<u32>,
    /// Whether Lambda has taken over the last change; one that failed is sent again.
    pub changes_taken_over: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name, which is its id.
    pub name: String,
    /// Its ARN, without a version or alias.
    pub arn: String,
}

impl Resource for Function {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "function";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const CODE: &'static [&'static str] = &["code_sha256"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // The first function on new subnets and groups waits for its network interfaces, and the last one for their release,
    // which took 35 minutes in one case of a hundred (docs/aws-behaviour.md, "Lambda: network interfaces").
    const DURATIONS: Durations = Durations::seconds(150, 100, 3600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let names = match select {
            Select::Owned => return Ok(owned(cloud).await?.iter().filter_map(|found| live(cloud, found)).collect()),
            Select::Ids(names) => names,
        };
        let found = try_join_all(names.iter().map(|name| get(cloud, name))).await?;
        Ok(found.iter().flatten().filter_map(|found| live(cloud, found)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let configuration = &self.configuration;
        let request = cx.lambda.create_function().function_name(&self.name).runtime(Runtime::Providedal2023);
        let request = request.handler("bootstrap").role(&configuration.role_arn).memory_size(configuration.memory());
        let request = request.architectures(Architecture::from(configuration.architecture.as_str()));
        let request = request.code(FunctionCode::builder().zip_file(self.code(cx, "CreateFunction")?).build());
        let request = request.timeout(configuration.timeout()).environment(configuration.variables());
        let request = request.kms_key_arn(&configuration.key_arn).vpc_config(configuration.vpc());
        let request = request.logging_config(configuration.logging()).tracing_config(configuration.tracing_config());
        let dead_letters = configuration.dead_letter_arn.as_ref().map(|_| configuration.dead_letters());
        let request = request.set_dead_letter_config(dead_letters);
        let created = request
            .set_tags(Some(self.tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(error("CreateFunction"))?;
        let arn = created.function_arn.unwrap_or_default();
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone(), arn }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            retag(cx, live, &self.tags).await?;
        }
        if changed.contains(&"reserved_concurrency") {
            self.reserve(cx).await?;
        }
        // Lambda refuses a second change while it takes over the first: the next look brings the rest. The processor
        // belongs to the code.
        if changed.contains(&"code_sha256") || changed.contains(&"architecture") {
            let request = cx.lambda.update_function_code().function_name(&live.id);
            let request = request.architectures(Architecture::from(self.configuration.architecture.as_str()));
            let request = request.zip_file(self.code(cx, "UpdateFunctionCode")?);
            request.send().await.map_err(error("UpdateFunctionCode"))?;
            return Ok(());
        }
        if changed.iter().any(|name| !matches!(*name, "tags" | "reserved_concurrency")) {
            self.configure(cx, live, changed).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        // One that could not be made takes no changes: it can only be deleted (docs/aws-behaviour.md, "Lambda: functions").
        if !matches!(live.status, Status::Failed(_)) {
            if !live.spec.configuration.subnet_ids.is_empty() {
                leave_network(cx, &live.id).await?;
                return Ok(Progress::More);
            }
            released(cx, &owned(cx).await?).await?;
        }
        let request = cx.lambda.delete_function().function_name(&live.id);
        request.send().await.map_err(error("DeleteFunction"))?;
        Ok(Progress::Going)
    }
}

impl Function {
    fn code(&self, cloud: &Cloud, operation: &'static str) -> Result<Blob, Error> {
        let zip = cloud.options.artifacts.zip(&self.code_sha256);
        let missing = || Error::new(Class::Invalid, operation, format!("there is no code of {} at hand", self.name));
        zip.map(|zip| Blob::new(zip.to_vec())).ok_or_else(missing)
    }

    async fn configure(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let configuration = &self.configuration;
        let request = cx.lambda.update_function_configuration().function_name(&live.id);
        let request = request.role(&configuration.role_arn).memory_size(configuration.memory());
        let request = request.timeout(configuration.timeout()).environment(configuration.variables());
        let request = request.kms_key_arn(&configuration.key_arn).vpc_config(configuration.vpc());
        let request = request.logging_config(configuration.logging()).tracing_config(configuration.tracing_config());
        let dead_letters = changed.contains(&"dead_letter_arn").then(|| configuration.dead_letters());
        let request = request.set_dead_letter_config(dead_letters);
        request.send().await.map_err(error("UpdateFunctionConfiguration"))?;
        Ok(())
    }

    async fn reserve(&self, cx: &Context<'_>) -> Result<(), Error> {
        match self.reserved_concurrency {
            Some(runs) => {
                let runs = i32::try_from(runs).unwrap_or(i32::MAX);
                let request = cx.lambda.put_function_concurrency().function_name(&self.name);
                let request = request.reserved_concurrent_executions(runs);
                request.send().await.map_err(error("PutFunctionConcurrency"))?;
            }
            None => {
                let request = cx.lambda.delete_function_concurrency().function_name(&self.name);
                request.send().await.map_err(error("DeleteFunctionConcurrency"))?;
            }
        }
        Ok(())
    }
}

/// Takes a function out of its VPC: one that still has it when it goes leaves its network interfaces behind for up to 45
/// minutes.
async fn leave_network(cloud: &Cloud, function: &str) -> Result<(), Error> {
    let nowhere = VpcConfig::builder().set_subnet_ids(Some(Vec::new())).set_security_group_ids(Some(Vec::new()));
    let request = cloud.lambda.update_function_configuration().function_name(function).vpc_config(nowhere.build());
    request.send().await.map_err(error("UpdateFunctionConfiguration"))?;
    Ok(())
}

/// Reads all functions with this stack's ownership tags. Names of our form are the candidates; tags decide.
pub(super) async fn owned(cloud: &Cloud) -> Result<Vec<GetFunctionOutput>, Error> {
    let listed = cloud.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let names = listed.map_err(error("ListFunctions"))?.into_iter().filter_map(|listed| listed.function_name);
    let found = names
        .filter(|name| cloud.names.is_ours(Kind::Function, name))
        .map(|name| async move { get(cloud, &name).await });
    let found = try_join_all(found).await?;
    Ok(found.into_iter().flatten().filter(|found| tags(found).address_in(cloud.stack()).is_some()).collect())
}

/// Reads a function with its tags; nothing if it is absent.
pub(super) async fn get(cloud: &Cloud, name: &str) -> Result<Option<GetFunctionOutput>, Error> {
    let request = cloud.lambda.get_function().function_name(name);
    unless(Class::Absent, request.send().await.map_err(error("GetFunction")))
}

/// The tags of a function as it was read.
pub(super) fn tags(found: &GetFunctionOutput) -> Tags {
    own_tags(found.tags().into_iter().flatten())
}

fn live(cloud: &Cloud, found: &GetFunctionOutput) -> Option<Live<Function>> {
    let configuration = found.configuration()?;
    let name = configuration.function_name()?.to_owned();
    let status = match (configuration.state(), configuration.last_update_status()) {
        (Some(State::Failed), _) => Status::Failed(configuration.state_reason().unwrap_or("it failed").to_owned()),
        (Some(State::Pending), _) => Status::Pending("Pending".to_owned()),
        (_, Some(LastUpdateStatus::InProgress)) => Status::Pending("update in progress".to_owned()),
        _ => Status::Ready,
    };
    let tags = tags(found);
    let reserved = found.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
    Some(Live {
        address: tags.address_in(cloud.stack()),
        id: name.clone(),
        outputs: Outputs { name: name.clone(), arn: configuration.function_arn().unwrap_or_default().to_owned() },
        status,
        spec: Function {
            name,
            code_sha256: configuration.code_sha256().unwrap_or_default().to_owned(),
            configuration: Configuration::read(configuration),
            reserved_concurrency: reserved.map(i32::unsigned_abs),
            changes_taken_over: configuration.last_update_status() != Some(&LastUpdateStatus::Failed),
            tags,
        },
    })
}

async fn retag(cx: &Context<'_>, live: &Live<Function>, want: &Tags) -> Result<(), Error> {
    let (arn, change) = (&live.outputs.arn, TagChange::between(&live.spec.tags, want));
    if !change.remove.is_empty() {
        let request = cx.lambda.untag_resource().resource(arn).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("UntagResource"))?;
    }
    if !change.set.is_empty() {
        let request = cx.lambda.tag_resource().resource(arn).set_tags(Some(change.set.into_iter().collect()));
        request.send().await.map_err(error("TagResource"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
