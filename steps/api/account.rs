//! The account's API Gateway setting that names the role for writing logs (docs/requirements.md, A7).
//!
//! An account has one such setting in a region, for the APIs of everybody. So that stacks and strangers do not take it
//! from each other: a stack manages the setting only while it is empty or names the stack's own role
//! ([`foreign_log_role`] decides that before the graph is built), and handed over when the stack is destroyed.

use aws_sdk_apigateway::types::{Op, PatchOperation};
use payinfra_aws::names::{Names, Suffix};
use payinfra_aws::{Emulator, STACK, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{address, all_apis, from_gateway};
use crate::{Cloud, Context};

/// The setting, while it names our role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiAccount {
    /// The role under which API Gateway writes logs.
    pub role_arn: String,
}

/// What others use of the setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The role.
    pub role_arn: String,
}

/// The role's part in its name, `role-api-logs-<suffix>`.
pub const LOG_ROLE: &str = "api-logs";

impl Resource for ApiAccount {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_account";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["role_arn"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // UpdateAccount is one call in 20 seconds, and refuses a role that IAM has not spread yet.
    const DURATIONS: Durations = Durations::seconds(10, 20, 600);

    // The setting has no tags; the role that it names shows its owner. Its id is the role's ARN.
    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let ours = cloud.names.role_arn(LOG_ROLE);
        let role = current(cloud).await?.filter(|role| match select {
            Select::Owned => *role == ours,
            Select::Ids(ids) => ids.contains(role),
        });
        let live = role.map(|role_arn| Live {
            address: (role_arn == ours).then(|| address::<Self>("logs")).flatten(),
            id: role_arn.clone(),
            outputs: Outputs { role_arn: role_arn.clone() },
            status: Status::Ready,
            spec: Self { role_arn },
        });
        Ok(live.into_iter().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        if let Some(other) = foreign_log_role(cx).await? {
            let reason = format!("the account's logging role has become {other} meanwhile; it is left as it is");
            return Err(Error::new(Class::Invalid, "UpdateAccount", reason));
        }
        set(cx, Some(&self.role_arn)).await?;
        let outputs = Outputs { role_arn: self.role_arn.clone() };
        Ok(Created { id: self.role_arn.clone(), outputs: Some(outputs) })
    }

    async fn update(&self, _: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        if current(cx).await?.as_ref() == Some(&live.id) {
            // Another stack of this account may log under our role: it gets its own, which it has made.
            set(cx, heir(cx).await?.as_deref()).await?;
        }
        Ok(Progress::Going)
    }
}

/// The role that the account's setting names, where it exists and is not this stack's: the setting is then not ours.
///
/// # Errors
/// Whatever API Gateway or IAM refuses.
pub async fn foreign_log_role(cloud: &Cloud) -> Result<Option<String>, Error> {
    let ours = cloud.names.role_arn(LOG_ROLE);
    match current(cloud).await?.filter(|role| *role != ours) {
        // A role that is gone logs nothing. One that must not be looked at may well be there.
        Some(role) if exists(cloud, &role).await?.unwrap_or(true) => Ok(Some(role)),
        _ => Ok(None),
    }
}

async fn current(cloud: &Cloud) -> Result<Option<String>, Error> {
    let found = cloud.apigateway.get_account().send().await.map_err(error("GetAccount"))?;
    Ok(found.cloudwatch_role_arn().filter(|role| !role.is_empty()).map(ToOwned::to_owned))
}

/// Names a role, or none. An empty ARN is refused: only a patch without a value takes the role away
/// (docs/aws-behaviour.md, "API Gateway: account logging role").
async fn set(cloud: &Cloud, role_arn: Option<&str>) -> Result<(), Error> {
    let patch = PatchOperation::builder().op(Op::Replace).path("/cloudwatchRoleArn");
    // Moto fails without a value, though it may be empty.
    let value = role_arn.or((cloud.emulator == Some(Emulator::Moto)).then_some(""));
    let patch = patch.set_value(value.map(ToOwned::to_owned)).build();
    cloud.apigateway.update_account().patch_operations(patch).send().await.map_err(error("UpdateAccount"))?;
    Ok(())
}

/// Whether a role exists; `None` where we are not allowed to know.
async fn exists(cloud: &Cloud, role_arn: &str) -> Result<Option<bool>, Error> {
    let name = role_arn.rsplit('/').next().unwrap_or_default();
    let found = cloud.iam.get_role().role_name(name).send().await.map_err(error("GetRole"));
    match unless(Class::Absent, found) {
        Ok(found) => Ok(Some(found.is_some())),
        Err(error) if error.class == Class::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

/// The logging role of another stack that has an API in this account.
async fn heir(cloud: &Cloud) -> Result<Option<String>, Error> {
    for api in all_apis(cloud).await?.iter() {
        let tags = from_gateway(api.tags());
        let other = tags.get(STACK).filter(|stack| **stack != cloud.stack());
        // A tag that is no suffix is not from payinfra.
        let Some(other) = other.and_then(|stack| Suffix::parse(stack).ok()) else { continue };
        let role = Names::new(other, cloud.account()).role_arn(LOG_ROLE);
        if exists(cloud, &role).await? == Some(true) {
            return Ok(Some(role));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;
    use payinfra_aws::names::Kind;

    const OURS: &str = "arn:aws:iam::123456789012:role/payinfra/prod/role-api-logs-prod";
    const FOREIGN: &str = r#"{"cloudwatchRoleArn":"arn:aws:iam::123456789012:role/theirs"}"#;
    const ROLE: &str = "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>r</RoleName><RoleId>i</RoleId>\
        <Arn>a</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult></GetRoleResponse>";

    fn ours() -> String {
        format!(r#"{{"cloudwatchRoleArn":"{OURS}"}}"#)
    }

    #[tokio::test]
    async fn only_our_own_role_is_ours() {
        let names = Names::new(Suffix::parse("prod").expect("it is one"), "123456789012");
        assert!(OURS.ends_with(&names.of(Kind::Role, LOG_ROLE)));
        let (cloud, _) = Cloud::replaying([(200, &ours()), (200, FOREIGN)]);
        let live = ApiAccount::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!(live[0].address, Some(Address::new("api_account", "logs")));
        assert!(ApiAccount::list(&cloud, Select::Owned).await.expect("the answer is good").is_empty());
    }

    #[tokio::test]
    async fn a_role_of_somebody_else_is_never_replaced_and_one_that_is_gone_is_no_role() {
        let gone = "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>";
        let (cloud, replay) = Cloud::replaying([(200, FOREIGN), (200, ROLE), (200, FOREIGN), (404, gone)]);
        let address = Address::new("api_account", "logs");
        let account = ApiAccount { role_arn: OURS.to_owned() };
        let refused = account.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("it is taken").class, Class::Invalid);
        assert!(replay.sent().iter().all(|sent| sent.method != "PATCH"));
        assert_eq!(foreign_log_role(&cloud).await.expect("the answers are good"), None);
    }

    #[tokio::test]
    async fn another_stack_of_the_account_inherits_the_setting() {
        let apis = r#"{"item":[{"id":"a2","tags":{"payinfra:stack":"test"}}]}"#;
        let (cloud, replay) = Cloud::replaying([(200, &ours()), (200, &ours()), (200, apis), (200, ROLE), (200, "{}")]);
        let live = ApiAccount::list(&cloud, Select::Owned).await.expect("the answer is good");
        let address = Address::new("api_account", "logs");
        let gone = ApiAccount::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(gone.expect("the answers are good"), Progress::Going);
        let sent = replay.sent().pop().expect("a change");
        assert!(sent.method == "PATCH" && sent.has("role/payinfra/test/role-api-logs-test"), "{sent:?}");
    }

    #[tokio::test]
    async fn the_last_stack_takes_the_role_away_with_a_patch_that_has_no_value() {
        let answers = [(200, ours()), (200, ours()), (200, r#"{"item":[]}"#.to_owned()), (200, "{}".to_owned())];
        let (cloud, replay) = Cloud::replaying(answers.each_ref().map(|(status, body)| (*status, body.as_str())));
        let live = ApiAccount::list(&cloud, Select::Owned).await.expect("the answer is good");
        let address = Address::new("api_account", "logs");
        let gone = ApiAccount::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(gone.expect("the answers are good"), Progress::Going);
        // `"value":""` is refused: "The role ARN is not well formed".
        let sent = replay.sent().pop().expect("a change");
        assert_eq!(sent.body, r#"{"patchOperations":[{"op":"replace","path":"/cloudwatchRoleArn"}]}"#);
    }

    #[tokio::test]
    async fn a_role_that_may_not_be_read_counts_as_foreign() {
        let denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
        let (cloud, _) = Cloud::replaying([(200, FOREIGN), (403, denied)]);
        let foreign = foreign_log_role(&cloud).await.expect("a refusal is an answer");
        assert_eq!(foreign.as_deref(), Some("arn:aws:iam::123456789012:role/theirs"));
    }
}
