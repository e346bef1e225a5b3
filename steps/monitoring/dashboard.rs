//! The CloudWatch dashboard.

use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{ADDRESS, STACK, error, unless};
use payinfra_engine::{Address, Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Cloud, Context};

/// A dashboard. Tagging one needs a newer protocol than the emulators speak, so its ownership tags are text in its first
/// widget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dashboard {
    /// Its name; dashboards are global in an account.
    pub name: String,
    /// Its widgets, compared as JSON. The first one is made by [`Dashboard::ownership_widget`].
    pub body: Value,
}

/// What others use of a dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name, which is its id.
    pub name: String,
}

impl Dashboard {
    /// The text widget that says whose dashboard it is; `title` is Markdown.
    pub fn ownership_widget(stack: &str, address: &Address, title: &str) -> Value {
        let markdown = format!("{title}\n\n`{STACK}={stack}` `{ADDRESS}={address}`");
        json!({"type": "text", "x": 0, "y": 0, "width": 24, "height": 2, "properties": {"markdown": markdown}})
    }
}

impl Resource for Dashboard {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "dashboard";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let names = match select {
            Select::Owned => {
                let request = cloud
                    .cloudwatch
                    .list_dashboards()
                    .dashboard_name_prefix(Kind::Dashboard.beginning())
                    .into_paginator();
                let found = request.items().send().collect::<Result<Vec<_>, _>>().await;
                let names =
                    found.map_err(error("ListDashboards"))?.into_iter().filter_map(|entry| entry.dashboard_name);
                names.filter(|name| cloud.names.is_ours(Kind::Dashboard, name)).collect()
            }
            Select::Ids(names) => names.to_vec(),
        };
        let live = try_join_all(names.into_iter().map(|name| live(cloud, name))).await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // Putting a dashboard overwrites one of the same name, whoever owns it.
        if live(cx, self.name.clone()).await?.is_some() {
            return Err(Error::new(
                Class::Exists,
                "PutDashboard",
                format!("there is a dashboard {} already", self.name),
            ));
        }
        self.put(cx).await?;
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone() }) })
    }

    async fn update(&self, cx: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        self.put(cx).await
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.cloudwatch.delete_dashboards().dashboard_names(&live.id).send().await.map_err(error("DeleteDashboards"))?;
        Ok(Progress::Going)
    }
}

impl Dashboard {
    async fn put(&self, cloud: &Cloud) -> Result<(), Error> {
        let request = cloud.cloudwatch.put_dashboard().dashboard_name(&self.name);
        let answer = request.dashboard_body(self.body.to_string()).send().await.map_err(error("PutDashboard"))?;
        for message in answer.dashboard_validation_messages() {
            tracing::warn!(dashboard = self.name, path = message.data_path(), message = message.message(), "widget");
        }
        Ok(())
    }
}

/// Reads a dashboard; nothing if it is absent.
async fn live(cloud: &Cloud, name: String) -> Result<Option<Live<Dashboard>>, Error> {
    let request = cloud.cloudwatch.get_dashboard().dashboard_name(&name);
    let Some(found) = unless(Class::Absent, request.send().await.map_err(error("GetDashboard")))? else {
        return Ok(None);
    };
    let body: Value = serde_json::from_str(found.dashboard_body().unwrap_or_default()).unwrap_or_default();
    Ok(Some(Live {
        address: address(cloud.stack(), &body),
        id: name.clone(),
        outputs: Outputs { name: name.clone() },
        spec: Dashboard { name, body },
        status: Status::Ready,
    }))
}

/// Reads the ownership tags in the first widget.
fn address(stack: &str, body: &Value) -> Option<Address> {
    let markdown = body["widgets"][0]["properties"]["markdown"].as_str()?;
    let of = |key: &str| markdown.split('`').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
    if of(STACK) != Some(stack) {
        return None;
    }
    of(ADDRESS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &Value) -> String {
        let body = body.to_string().replace('"', "&quot;");
        format!(
            "<GetDashboardResponse><GetDashboardResult><DashboardBody>{body}</DashboardBody></GetDashboardResult></GetDashboardResponse>"
        )
    }

    const LISTED: &str = "<ListDashboardsResponse><ListDashboardsResult><DashboardEntries>
        <member><DashboardName>dashboard-prod</DashboardName></member>
        <member><DashboardName>dashboard-test</DashboardName></member>
        </DashboardEntries></ListDashboardsResult></ListDashboardsResponse>";

    #[tokio::test]
    async fn is_found_by_the_tags_in_its_first_widget() {
        let address = Address::new("dashboard", "main");
        let body = json!({"widgets": [Dashboard::ownership_widget("prod", &address, "# Payments")]});
        let (cloud, replay) = Cloud::replaying([(200, LISTED), (200, &found(&body))]);
        let live = Dashboard::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!((live.len(), &live[0].address, &live[0].spec.body), (1, &Some(address), &body));
        assert_eq!(replay.sent().len(), 2, "another stack's is not even read");
    }

    #[tokio::test]
    async fn a_dashboard_without_tags_is_not_ours_and_is_not_overwritten() {
        let body = found(&json!({"widgets": []}));
        let (cloud, replay) = Cloud::replaying([(200, LISTED), (200, &body), (200, &body)]);
        assert!(Dashboard::list(&cloud, Select::Owned).await.expect("the answers are good").is_empty());
        let dashboard = Dashboard { name: "dashboard-prod".to_owned(), body: json!({}) };
        let address = Address::new("dashboard", "main");
        let refused = dashboard.create(&Context { cloud: &cloud, address: &address, token: "" }).await;
        assert_eq!(refused.expect_err("the name is taken").class, Class::Exists);
        assert_eq!(replay.sent().len(), 3);
    }
}
