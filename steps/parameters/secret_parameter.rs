//! A secret that payinfra makes up and never sees again.

use aws_sdk_ssm::types::{ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};

use super::tags::{retag, tags_of, to_ssm};
use crate::{Cloud, Context};

/// A SecureString of 256 random bits. The value is not part of the spec: it is in no plan, no state and no log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretParameter {
    /// Its full name, `/payments/<suffix>/secrets/…`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The KMS key that encrypts it. Another key means another secret: to encrypt the old one anew it would have to be
    /// read.
    pub key_arn: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its full name.
    pub name: String,
}

/// The path of the key that webhooks are signed with, below the stack's root.
pub const SIGNING_KEY: &str = "secrets/webhook-signing-key";

/// The secrets of a stack.
const SECRETS: [&str; 1] = [SIGNING_KEY];

impl Resource for SecretParameter {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "secret_parameter";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "description", "key_arn"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        // DescribeParameters gives no values at all. It searches the whole account page by page, slowly: names are quick.
        let names: Vec<String> = match select {
            Select::Owned => SECRETS.iter().map(|path| cloud.names.parameter(path)).collect(),
            Select::Ids(ids) => ids.to_vec(),
        };
        let named = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names));
        let secret = ParameterStringFilter::builder().key("Type").option("Equals").values("SecureString");
        let filters: Vec<_> = [named.build(), secret.build()]
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| Error::new(Class::Invalid, "DescribeParameters", error.to_string()))?;
        let request = cloud.ssm.describe_parameters().set_parameter_filters(Some(filters)).max_results(50);
        let found = request.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(error("DescribeParameters"))?;
        let wanted = found.iter().flat_map(|page| page.parameters()).filter(|found| match select {
            Select::Owned => true,
            Select::Ids(ids) => ids.iter().any(|id| Some(id.as_str()) == found.name()),
        });
        let live = wanted.map(|found| async move { unless(Class::Absent, live(cloud, found).await) });
        let mut live: Vec<_> = try_join_all(live).await?.into_iter().flatten().collect();
        live.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(live)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // A lost answer costs nothing: the name collides, and whichever value is there is the secret.
        let request = cx.ssm.put_parameter().name(&self.name).value(fresh()?).r#type(ParameterType::SecureString);
        let request = request.key_id(&self.key_arn).description(&self.description).tier(ParameterTier::Standard);
        let request = request.overwrite(false).set_tags(Some(to_ssm(&self.tags)?));
        request.send().await.map_err(error("PutParameter"))?;
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone() }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
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

/// Makes up a secret: 32 bytes of the operating system's generator, in hexadecimal.
fn fresh() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Error::new(Class::Invalid, "PutParameter", format!("no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn live(cloud: &Cloud, found: &ParameterMetadata) -> Result<Live<SecretParameter>, Error> {
    let name = found.name().unwrap_or_default().to_owned();
    let tags = tags_of(cloud, &name).await?;
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: name.clone(),
        outputs: Outputs { name: name.clone() },
        status: Status::Ready,
        spec: SecretParameter {
            description: found.description().unwrap_or_default().to_owned(),
            key_arn: found.key_id().unwrap_or_default().to_owned(),
            tags,
            name,
        },
    })
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const FOUND: &str = r#"{"Parameters":[{"Name":"/payments/prod/secrets/webhook-signing-key","Type":"SecureString","KeyId":"arn:key",
        "Description":"d"}]}"#;
    const TAGS: &str = r#"{"TagList":[{"Key":"payinfra:stack","Value":"prod"},
        {"Key":"payinfra:address","Value":"secret_parameter.key"}]}"#;

    fn secret() -> SecretParameter {
        SecretParameter {
            name: "/payments/prod/secrets/webhook-signing-key".to_owned(),
            description: "d".to_owned(),
            key_arn: "arn:key".to_owned(),
            tags: Tags::from([
                ("payinfra:stack".to_owned(), "prod".to_owned()),
                ("payinfra:address".to_owned(), "secret_parameter.key".to_owned()),
            ]),
        }
    }

    #[tokio::test]
    async fn is_found_by_its_tags_without_asking_for_its_value() {
        let (cloud, replay) = Cloud::replaying([(200, FOUND), (200, TAGS)]);
        let live = SecretParameter::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("secret_parameter", "key")));
        assert_eq!(live[0].spec, secret());
        assert!(replay.sent()[0].has("DescribeParameters") && replay.sent()[0].has(r#""MaxResults":50"#));
        assert!(
            replay.sent()[0]
                .has(r#""Key":"Name","Option":"Equals","Values":["/payments/prod/secrets/webhook-signing-key"]"#)
        );
        assert!(replay.sent().iter().all(|sent| !sent.has("GetParameter") && !sent.has("WithDecryption")));
        let (cloud, _) = Cloud::replaying([(200, FOUND)]);
        let ids = ["/payments/prod/other".to_owned()];
        assert!(SecretParameter::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good").is_empty());
    }

    #[tokio::test]
    async fn gets_a_new_value_each_time_that_is_never_shown() {
        let (cloud, replay) = Cloud::replaying([(200, "{}"), (200, "{}")]);
        let address = Address::new("secret_parameter", "key");
        let cx = Context { cloud: &cloud, address: &address, token: "t" };
        let value = |body: &str| {
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            body["Value"].as_str().expect("a value").to_owned()
        };
        let made = secret().create(&cx).await.expect("it is made");
        secret().create(&cx).await.expect("it is made");
        let (one, other) = (value(&replay.sent()[0].body), value(&replay.sent()[1].body));
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert!(!format!("{made:?} {:?}", secret()).contains(&one));
        assert!(replay.sent()[0].has(r#""KeyId":"arn:key""#) && replay.sent()[0].has(r#""Value":"prod""#));
    }
}
