//! A plain parameter in Parameter Store.

use aws_sdk_ssm::types::{Parameter as Found, ParameterStringFilter, ParameterTier, ParameterType};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{retag, tags_of, to_ssm};
use crate::{Cloud, Context};

/// A parameter with a plain value, for everyone who may read the stack's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its full name, `/payments/<suffix>/…`.
    pub name: String,
    /// Its value, 1 to 4096 characters.
    pub value: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its full name.
    pub name: String,
}

impl Resource for Parameter {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "parameter";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // It only describes other resources.
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        // All values come ten to a call; secret ones stay encrypted, and are another kind.
        let plain = ParameterStringFilter::builder().key("Type").option("Equals").values("String").build();
        let plain = plain.map_err(|error| Error::new(Class::Invalid, "GetParametersByPath", error.to_string()))?;
        let request = cloud
            .ssm
            .get_parameters_by_path()
            .path(cloud.names.parameter_root())
            .recursive(true)
            .parameter_filters(plain);
        let found = request.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(error("GetParametersByPath"))?;
        let wanted = found.iter().flat_map(|page| page.parameters()).filter(|found| {
            let named = match select {
                Select::Owned => true,
                Select::Ids(ids) => ids.iter().any(|id| Some(id.as_str()) == found.name()),
            };
            named && found.r#type() == Some(&ParameterType::String)
        });
        let live = wanted.map(|found| async move { unless(Class::Absent, live(cloud, found).await) });
        let mut live: Vec<_> = try_join_all(live).await?.into_iter().flatten().collect();
        live.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(live)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ssm.put_parameter().name(&self.name).value(&self.value).r#type(ParameterType::String);
        let request = request.tier(ParameterTier::Standard).overwrite(false).set_tags(Some(to_ssm(&self.tags)?));
        request.send().await.map_err(error("PutParameter"))?;
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone() }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"value") {
            let request = cx.ssm.put_parameter().name(&live.id).value(&self.value).r#type(ParameterType::String);
            // The account's default tier may be one that costs and cannot be taken back.
            request.tier(ParameterTier::Standard).overwrite(true).send().await.map_err(error("PutParameter"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.ssm.delete_parameter().name(&live.id).send().await.map_err(error("DeleteParameter"))?;
        Ok(Progress::Going)
    }
}

async fn live(cloud: &Cloud, found: &Found) -> Result<Live<Parameter>, Error> {
    let name = found.name().unwrap_or_default().to_owned();
    let tags = tags_of(cloud, &name).await?;
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: name.clone(),
        outputs: Outputs { name: name.clone() },
        status: Status::Ready,
        spec: Parameter { value: found.value().unwrap_or_default().to_owned(), tags, name },
    })
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    #[tokio::test]
    async fn is_standard_whatever_the_accounts_default_is() {
        let put = r#"{"Version": 1, "Tier": "Standard"}"#;
        let (cloud, replay) = Cloud::replaying([(200, put), (200, put)]);
        let name = "/payments/prod/database/port".to_owned();
        let parameter = Parameter { name: name.clone(), value: "5432".to_owned(), tags: Tags::new() };
        let address = Address::new("parameter", "database_port");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        parameter.create(&cx).await.expect("the answer is good");
        let spec = Parameter { value: "5433".to_owned(), ..parameter.clone() };
        let outputs = Outputs { name: name.clone() };
        let live = Live { address: None, id: name, spec, outputs, status: Status::Ready };
        parameter.update(&cx, &live, &["value"]).await.expect("the answer is good");
        let sent = replay.sent();
        assert!(sent.iter().all(|sent| sent.has(r#""Tier":"Standard""#)), "{sent:#?}");
        // Tags cannot come with an overwritten value.
        assert!(sent[1].has(r#""Overwrite":true"#) && !sent[1].has("Tags"), "{}", sent[1].body);
    }
}
