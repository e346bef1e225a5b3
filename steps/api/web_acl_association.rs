//! Which web ACL protects the stage (docs/requirements.md, A6).

use futures::future::try_join_all;
use payinfra_aws::{error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::address;
use super::stage::Stage;
use crate::{Cloud, Context};

/// An association.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebAclAssociation {
    /// The ARN of the stage.
    pub stage_arn: String,
    /// The ARN of the web ACL.
    pub web_acl_arn: String,
}

/// What others use of an association.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The ARN of the web ACL.
    pub web_acl_arn: String,
}

impl Resource for WebAclAssociation {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "web_acl_association";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["stage_arn"];
    // A stage has one web ACL at most: the same call again changes nothing.
    const IDEMPOTENCY: Idempotency = Idempotency::Token;
    // A fresh web ACL or stage is rejected for up to five minutes (docs/aws-behaviour.md, "WAF: web ACLs").
    const DURATIONS: Durations = Durations::seconds(10, 10, 600);

    // An association has no tags: it belongs to the owner of the stage, whose ARN is its id. A web ACL that somebody
    // else put before our stage shows as drift.
    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let stages: Vec<String> = match select {
            Select::Owned => Stage::list(cloud, select).await?.into_iter().map(|stage| stage.outputs.arn).collect(),
            Select::Ids(ids) => ids.to_vec(),
        };
        let found = stages.into_iter().map(|stage_arn| async move {
            let request = cloud.waf.get_web_acl_for_resource().resource_arn(&stage_arn);
            let found = unless(Class::Absent, request.send().await.map_err(error("GetWebACLForResource")))?;
            let acl = found.as_ref().and_then(|found| found.web_acl());
            Ok(acl.map(|acl| live(stage_arn, acl.arn().to_owned())))
        });
        Ok(try_join_all(found).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        self.associate(cx).await?;
        let outputs = Outputs { web_acl_arn: self.web_acl_arn.clone() };
        Ok(Created { id: self.stage_arn.clone(), outputs: Some(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        self.associate(cx).await
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.waf.disassociate_web_acl().resource_arn(&live.id);
        request.send().await.map_err(error("DisassociateWebACL"))?;
        Ok(Progress::Going)
    }
}

impl WebAclAssociation {
    async fn associate(&self, cloud: &Cloud) -> Result<(), Error> {
        let request = cloud.waf.associate_web_acl().resource_arn(&self.stage_arn).web_acl_arn(&self.web_acl_arn);
        request.send().await.map_err(error("AssociateWebACL"))?;
        Ok(())
    }
}

fn live(stage_arn: String, web_acl_arn: String) -> Live<WebAclAssociation> {
    Live {
        address: address::<WebAclAssociation>("stage"),
        id: stage_arn.clone(),
        outputs: Outputs { web_acl_arn: web_acl_arn.clone() },
        status: Status::Ready,
        spec: WebAclAssociation { stage_arn, web_acl_arn },
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const STAGE: &str = "arn:aws:apigateway:us-east-1::/restapis/a1/stages/live";

    #[tokio::test]
    async fn is_found_at_its_stage_and_absent_where_the_stage_has_none() {
        let some = r#"{"WebACL":{"Name":"n","Id":"i","ARN":"arn:acl","DefaultAction":{},"VisibilityConfig":
            {"SampledRequestsEnabled":true,"CloudWatchMetricsEnabled":true,"MetricName":"n"}}}"#;
        let gone = r#"{"__type":"WAFNonexistentItemException"}"#;
        let (cloud, replay) = Cloud::replaying([(200, some), (200, "{}"), (400, gone)]);
        let ids = [STAGE.to_owned()];
        let live = WebAclAssociation::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good");
        assert_eq!(live[0].address, Some(Address::new("web_acl_association", "stage")));
        assert_eq!(live[0].spec.web_acl_arn, "arn:acl");
        for _ in 0..2 {
            assert!(WebAclAssociation::list(&cloud, Select::Ids(&ids)).await.expect("no error").is_empty());
        }
        assert!(replay.sent()[0].has(STAGE));
    }
}
