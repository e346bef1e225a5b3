//! Who may invoke a function through its alias: one statement of its resource policy.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use futures::future::try_join_all;
use payinfra_aws::{Owned, error, unless};
use payinfra_engine::{Address, Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::function::{get, owned, tags};
use super::function_alias::LIVE;
use crate::{Cloud, Context};

/// A permission to invoke the alias `live`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Permission {
    /// The name of the function.
    pub function: String,
    /// The statement's id: [`Permission::statement`] of the resource's name.
    pub statement: String,
    /// The service that may invoke, such as `apigateway.amazonaws.com`.
    pub principal: String,
    /// On behalf of which object, as an ARN; `*` may stand in it.
    pub source_arn: String,
    /// The account of that object, for a service that sends it; EventBridge and SNS do not.
    #[serde(default)]
    pub source_account: Option<String>,
}

/// What others use of a permission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The statement's id.
    pub statement: String,
}

/// What our statements' ids begin with.
const PREFIX: &str = "payinfra-";

impl Permission {
    /// The statement id of the permission with this name.
    pub fn statement(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    fn id(&self) -> String {
        format!("{}/{}", self.function, self.statement)
    }
}

impl Resource for Permission {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "permission";
    const FORCES_REPLACEMENT: &'static [&'static str] =
        &["function", "statement", "principal", "source_arn", "source_account"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    // A statement has no tags: its function's count, and its id contains the name. Statements of others have other ids.
    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let functions = match select {
            Select::Owned => owned(cloud).await?,
            Select::Ids(ids) => {
                let mut names: Vec<&str> = ids.iter().filter_map(|id| Some(id.split_once('/')?.0)).collect();
                names.sort_unstable();
                names.dedup();
                try_join_all(names.into_iter().map(|name| get(cloud, name))).await?.into_iter().flatten().collect()
            }
        };
        let live = try_join_all(functions.iter().map(|function| statements(cloud, function))).await?;
        let wanted = |live: &Live<Self>| match select {
            Select::Owned => live.spec.statement.starts_with(PREFIX),
            Select::Ids(ids) => ids.contains(&live.id),
        };
        Ok(live.into_iter().flatten().filter(wanted).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.permissions.turn(&self.function).await;
        let request = cx.lambda.add_permission().function_name(&self.function).qualifier(LIVE);
        let request = request.statement_id(&self.statement).action("lambda:InvokeFunction");
        let request = request.principal(&self.principal).source_arn(&self.source_arn);
        let request = request.set_source_account(self.source_account.clone());
        if let Err(refusal) = request.send().await.map_err(error("AddPermission")) {
            // One code for an id that is taken and for a change of the function that is under way.
            let taken = refusal.class == Class::InUse && self.is_taken(cx).await?;
            return Err(if taken { Error { class: Class::Exists, ..refusal } } else { refusal });
        }
        Ok(Created { id: self.id(), outputs: Some(Outputs { statement: self.statement.clone() }) })
    }

    /// Nothing of a permission can be changed in place.
    async fn update(&self, _: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.permissions.turn(&live.spec.function).await;
        let request = cx.lambda.remove_permission().function_name(&live.spec.function).qualifier(LIVE);
        request.statement_id(&live.spec.statement).send().await.map_err(error("RemovePermission"))?;
        Ok(Progress::Going)
    }
}

impl Permission {
    /// Whether the function's policy has a statement with this id.
    async fn is_taken(&self, cloud: &Cloud) -> Result<bool, Error> {
        let found = policy(cloud, &self.function).await?;
        Ok(found.iter().any(|statement| statement["Sid"].as_str() == Some(&self.statement)))
    }
}

/// Reads the statements of a function's policy that are about its alias.
async fn statements(cloud: &Cloud, function: &GetFunctionOutput) -> Result<Vec<Live<Permission>>, Error> {
    let name = function.configuration().and_then(|configuration| configuration.function_name()).unwrap_or_default();
    let ours = tags(function).address_in(cloud.stack()).is_some();
    Ok(policy(cloud, name).await?.iter().map(|statement| live(name, ours, statement)).collect())
}

async fn policy(cloud: &Cloud, function: &str) -> Result<Vec<Value>, Error> {
    let request = cloud.lambda.get_policy().function_name(function).qualifier(LIVE);
    // A policy whose last statement was removed is absent.
    let found = unless(Class::Absent, request.send().await.map_err(error("GetPolicy")))?;
    let text = found.as_ref().and_then(|found| found.policy()).unwrap_or_default();
    let mut policy: Value = serde_json::from_str(text).unwrap_or_default();
    Ok(policy["Statement"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn live(function: &str, ours: bool, statement: &Value) -> Live<Permission> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sid = text(&statement["Sid"]);
    let spec = Permission {
        function: function.to_owned(),
        statement: sid.clone(),
        principal: text(&statement["Principal"]["Service"]),
        source_arn: condition(statement, "aws:SourceArn"),
        source_account: Some(condition(statement, "aws:SourceAccount")).filter(|account| !account.is_empty()),
    };
    let name = sid.strip_prefix(PREFIX).filter(|_| ours);
    Live {
        address: name.map(|name| Address::new(Permission::KIND, name)),
        id: spec.id(),
        spec,
        outputs: Outputs { statement: sid },
        status: Status::Ready,
    }
}

/// Finds the value of a condition key, whose case does not count, under whatever operator it stands.
fn condition(statement: &Value, key: &str) -> String {
    let operators = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
    let mut pairs = operators.filter_map(Value::as_object).flatten();
    let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(key));
    found.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FUNCTION: &str = r#"{"Configuration": {"FunctionName": "lambda-f-prod"},
        "Tags": {"payinfra:stack": "prod", "payinfra:address": "function.notifications"}}"#;
    /// What Lambda shows: our statement, and one that somebody else made.
    fn policy() -> String {
        let conditions = json!({"ArnLike": {"AWS:SourceArn": "arn:topic"}, "StringEquals": {"AWS:SourceAccount": "1"}});
        let statements = json!({"Statement": [
            {"Sid": "payinfra-payment_events", "Principal": {"Service": "sns.amazonaws.com"}, "Condition": conditions},
            {"Sid": "somebody-elses", "Principal": {"Service": "events.amazonaws.com"}},
        ]});
        json!({"Policy": statements.to_string()}).to_string()
    }

    fn permission() -> Permission {
        Permission {
            function: "lambda-f-prod".to_owned(),
            statement: Permission::statement("payment_events"),
            principal: "sns.amazonaws.com".to_owned(),
            source_arn: "arn:topic".to_owned(),
            source_account: Some("1".to_owned()),
        }
    }

    #[tokio::test]
    async fn is_found_by_its_statement_id_and_statements_of_others_are_not_ours() {
        let listed = r#"{"Functions": [{"FunctionName": "lambda-f-prod"}]}"#;
        let (cloud, _) = Cloud::replaying([(200, listed), (200, FUNCTION), (200, &policy())]);
        let live = Permission::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!((live.len(), &live[0].spec), (1, &permission()));
        assert_eq!(live[0].address, Some(Address::new("permission", "payment_events")));
    }

    #[tokio::test]
    async fn names_its_source_and_the_account_only_where_it_has_one() {
        let made = r#"{"Statement": "{}"}"#;
        let (cloud, replay) = Cloud::replaying([(201, made), (201, made)]);
        let address = Address::new("permission", "payment_events");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        permission().create(&cx).await.expect("it works");
        for part in ["Qualifier=live", r#""SourceAccount":"1""#, r#""SourceArn":"arn:topic""#] {
            assert!(replay.sent()[0].has(part), "{part}");
        }
        // EventBridge cannot invoke where the permission names the account.
        Permission { source_account: None, ..permission() }.create(&cx).await.expect("it works");
        assert!(!replay.sent()[1].has("SourceAccount"));
    }

    #[tokio::test]
    async fn a_conflict_is_a_taken_id_only_where_the_policy_has_it() {
        let address = Address::new("permission", "payment_events");
        // Recorded; the second is quoted in terraform-provider-aws#5154.
        let taken = "x-amzn-errortype: ResourceConflictException\n\n{\"Message\": \"The statement id \
            (payinfra-payment_events) provided already exists. Please provide a new statement id, or remove the existing \
            statement.\"}";
        let changing = "x-amzn-errortype: ResourceConflictException\n\n{\"Message\": \"The function could not be \
            updated due to a concurrent update operation.\"}";
        let absent = "x-amzn-errortype: ResourceNotFoundException\n\n{}";
        for (conflict, found, class) in
            [(taken, (200, policy()), Class::Exists), (changing, (404, absent.to_owned()), Class::InUse)]
        {
            let (cloud, _) = Cloud::replaying([(409, conflict), (found.0, &found.1)]);
            let cx = Context { cloud: &cloud, address: &address, token: "" };
            assert_eq!(permission().create(&cx).await.expect_err("a conflict").class, class);
        }
    }

    #[tokio::test]
    async fn one_function_is_changed_once_at_a_time_and_others_meanwhile() {
        let (cloud, replay) = Cloud::replaying([(201, r#"{"Statement": "{}"}"#)]);
        let address = Address::new("permission", "payment_events");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        let turn = cloud.permissions.turn("lambda-f-prod").await;
        let (permission, other) = (permission(), Permission { function: "g-prod".to_owned(), ..permission() });
        let mut waiting = Box::pin(permission.create(&cx));
        assert!(futures::poll!(&mut waiting).is_pending());
        other.create(&cx).await.expect("another function");
        assert_eq!(replay.sent().len(), 1);
        drop(turn);
        assert!(waiting.await.is_err(), "it is sent now, and the script has no further answer");
        assert_eq!(replay.sent().len(), 2);
    }
}
