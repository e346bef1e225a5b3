//! An SNS topic.

use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sns_tags::{from_sns, retag, to_sns};
use crate::{Cloud, Context};

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// The KMS key that encrypts it. It must be the stack's own: AWS's `alias/aws/sns` drops alarms without a word.
    pub key_arn: String,
    /// Who may do what with it, as a policy document.
    #[serde(with = "crate::policy")]
    pub policy: Value,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its ARN, which is its id.
    pub arn: String,
    /// Its name.
    pub name: String,
}

impl Resource for Topic {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "topic";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    // A second create with the same attributes answers with the same topic, with others it is refused.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let arns = match select {
            Select::Owned => owned_arns(cloud).await?,
            Select::Ids(ids) => ids.to_vec(),
        };
        let live = try_join_all(arns.into_iter().map(|arn| live(cloud, arn))).await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.sns.create_topic().name(&self.name).set_tags(Some(to_sns(&self.tags)?));
        let request = request.attributes("KmsMasterKeyId", &self.key_arn).attributes("Policy", self.policy.to_string());
        let created = request.send().await.map_err(error("CreateTopic"))?;
        let arn = created.topic_arn.unwrap_or_default();
        Ok(Created { id: arn.clone(), outputs: Some(Outputs { arn, name: self.name.clone() }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let policy = self.policy.to_string();
        for (attribute, name, value) in [("key_arn", "KmsMasterKeyId", &self.key_arn), ("policy", "Policy", &policy)] {
            if changed.contains(&attribute) {
                let request = cx.sns.set_topic_attributes().topic_arn(&live.id);
                let request = request.attribute_name(name).attribute_value(value);
                request.send().await.map_err(error("SetTopicAttributes"))?;
            }
        }
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.sns.delete_topic().topic_arn(&live.id).send().await.map_err(error("DeleteTopic"))?;
        Ok(Progress::Going)
    }
}

/// Lists the topics whose name ends like ours; only their tags tell whether they are.
pub(super) async fn owned_arns(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let found = cloud.sns.list_topics().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let arns = found.map_err(error("ListTopics"))?.into_iter().filter_map(|topic| topic.topic_arn);
    Ok(arns.filter(|arn| cloud.names.is_ours(Kind::Topic, name_in(arn))).collect())
}

/// The name in a topic's ARN.
fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

/// Reads a topic; nothing if it is gone.
async fn live(cloud: &Cloud, arn: String) -> Result<Option<Live<Topic>>, Error> {
    let request = cloud.sns.get_topic_attributes().topic_arn(&arn);
    let attributes = request.send().await.map_err(error("GetTopicAttributes"));
    let Some(attributes) = unless(Class::Absent, attributes)? else { return Ok(None) };
    let Some(tags) = tags(cloud, &arn).await? else { return Ok(None) };
    let of = |name: &str| attributes.attributes().and_then(|all| all.get(name)).cloned().unwrap_or_default();
    let name = name_in(&arn).to_owned();
    Ok(Some(Live {
        address: tags.address_in(cloud.stack()),
        id: arn.clone(),
        status: Status::Ready,
        spec: Topic {
            name: name.clone(),
            key_arn: of("KmsMasterKeyId"),
            policy: serde_json::from_str(&of("Policy")).unwrap_or_default(),
            tags,
        },
        outputs: Outputs { arn, name },
    }))
}

/// Reads the tags of a topic; nothing if it is gone.
pub(super) async fn tags(cloud: &Cloud, arn: &str) -> Result<Option<Tags>, Error> {
    let request = cloud.sns.list_tags_for_resource().resource_arn(arn);
    let found = unless(Class::Absent, request.send().await.map_err(error("ListTagsForResource")))?;
    Ok(found.map(|found| from_sns(found.tags())))
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:sns:us-east-1:123456789012:sns-alarms-prod";
    const TOPICS: &str = "<ListTopicsResponse><ListTopicsResult><Topics>
        <member><TopicArn>arn:aws:sns:us-east-1:123456789012:sns-alarms-prod</TopicArn></member>
        <member><TopicArn>arn:aws:sns:us-east-1:123456789012:sns-alarms-test</TopicArn></member>
        </Topics></ListTopicsResult></ListTopicsResponse>";
    const ATTRIBUTES: &str = r#"<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>
        <entry><key>KmsMasterKeyId</key><value>arn:key</value></entry>
        <entry><key>Policy</key><value>{"Version": "2012-10-17"}</value></entry>
        </Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>"#;
    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags>
        <member><Key>payinfra:stack</Key><Value>prod</Value></member>
        <member><Key>payinfra:address</Key><Value>topic.alarms</Value></member>
        </Tags></ListTagsForResourceResult></ListTagsForResourceResponse>";

    #[tokio::test]
    async fn is_found_by_name_and_tags_in_the_shape_of_its_spec() {
        let (cloud, replay) = Cloud::replaying([(200, TOPICS), (200, ATTRIBUTES), (200, TAGS)]);
        let live = Topic::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!((live.len(), live[0].id.as_str()), (1, ARN));
        assert_eq!(live[0].address, Some(Address::new("topic", "alarms")));
        assert_eq!(live[0].spec.policy, json!({"Version": "2012-10-17"}));
        assert_eq!(replay.sent().len(), 3, "a topic of another stack is not even asked about");
    }

    #[tokio::test]
    async fn carries_tags_key_and_policy_in_the_create_call_and_sees_a_taken_name() {
        let taken = "<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Invalid parameter: \
            Attributes Reason: Topic already exists with different attributes</Message></Error></ErrorResponse>";
        let (cloud, replay) = Cloud::replaying([(400, taken)]);
        let tags = Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]);
        let name = "sns-alarms-prod".to_owned();
        let topic = Topic { name, key_arn: "arn:key".to_owned(), policy: json!({"Statement": []}), tags };
        let address = Address::new("topic", "alarms");
        let refused = topic.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("the name is taken").class, Class::Exists);
        for part in ["Key=payinfra%3Astack", "KmsMasterKeyId", "arn%3Akey", "Policy"] {
            assert!(replay.sent()[0].has(part), "{part}");
        }
    }
}
