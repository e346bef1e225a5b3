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
    /// On behalf of which object, as an ARN; it may contain `*`.
    pub source_arn: String,
    /// The account of that object.
    pub source_account: String,
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
        let request = cx.lambda.add_permission().function_name(&self.function).qualifier(LIVE);
        let request = request.statement_id(&self.statement).action("lambda:InvokeFunction");
        let request = request.principal(&self.principal).source_arn(&self.source_arn);
        let request = request.source_account(&self.source_account);
        request.send().await.map_err(error("AddPermission"))?;
        Ok(Created { id: self.id(), outputs: Some(Outputs { statement: self.statement.clone() }) })
    }

    /// Nothing of a permission can be changed in place.
    async fn update(&self, _: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.lambda.remove_permission().function_name(&live.spec.function).qualifier(LIVE);
        request.statement_id(&live.spec.statement).send().await.map_err(error("RemovePermission"))?;
        Ok(Progress::Going)
    }
}

/// Reads the statements of a function's policy that are about its alias.
async fn statements(cloud: &Cloud, function: &GetFunctionOutput) -> Result<Vec<Live<Permission>>, Error> {
    let name = function.configuration().and_then(|configuration| configuration.function_name()).unwrap_or_default();
    let request = cloud.lambda.get_policy().function_name(name).qualifier(LIVE);
    let Some(found) = unless(Class::Absent, request.send().await.map_err(error("GetPolicy")))? else {
        return Ok(Vec::new());
    };
    let policy: Value = serde_json::from_str(found.policy().unwrap_or_default()).unwrap_or_default();
    let ours = tags(function).address_in(cloud.stack()).is_some();
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(statements.iter().map(|statement| live(name, ours, statement)).collect())
}

fn live(function: &str, ours: bool, statement: &Value) -> Live<Permission> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sid = text(&statement["Sid"]);
    let spec = Permission {
        function: function.to_owned(),
        statement: sid.clone(),
        principal: text(&statement["Principal"]["Service"]),
        source_arn: condition(statement, "aws:SourceArn"),
        source_account: condition(statement, "aws:SourceAccount"),
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

/// Finds the value of a condition key, in any case and under any operator.
fn condition(statement: &Value, key: &str) -> String {
    let operators = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
    let mut pairs = operators.filter_map(Value::as_object).flatten();
    let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(key));
    found.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}
