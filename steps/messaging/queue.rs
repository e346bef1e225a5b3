//! An SQS queue.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Cloud, Context};

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The KMS key that encrypts it.
    pub key_arn: String,
    /// Who may do what with it, as a policy document.
    #[serde(with = "crate::policy")]
    pub policy: Value,
    /// Seconds it keeps a message.
    pub retention_seconds: u32,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its URL, which is its id.
    pub url: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
}

impl Resource for Queue {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "queue";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    // A second create with the same attributes answers with the same queue, with others it is refused.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // A deleted queue may show for a minute, and its name is blocked as long.
    const DURATIONS: Durations = Durations::seconds(2, 60, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let urls = match select {
            Select::Owned => {
                let request = cloud
                    .sqs
                    .list_queues()
                    .queue_name_prefix(Kind::Queue.beginning())
                    .max_results(1000)
                    .into_paginator();
                let urls = request.items().send().collect::<Result<Vec<_>, _>>().await.map_err(error("ListQueues"))?;
                let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
                urls.into_iter().filter(|url| cloud.names.is_ours(Kind::Queue, &name(url))).collect()
            }
            Select::Ids(urls) => urls.to_vec(),
        };
        let live = try_join_all(urls.into_iter().map(|url| live(cloud, url))).await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.sqs.create_queue().queue_name(&self.name).set_attributes(Some(self.attributes()));
        let request = request.set_tags(Some(self.tags.clone().into_iter().collect()));
        let url = request.send().await.map_err(error("CreateQueue"))?.queue_url.unwrap_or_default();
        let arn = cx.names.arn("sqs", &self.name);
        Ok(Created { id: url.clone(), outputs: Some(Outputs { url, arn, name: self.name.clone() }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.iter().any(|name| *name != "tags") {
            let request = cx.sqs.set_queue_attributes().queue_url(&live.id).set_attributes(Some(self.attributes()));
            request.send().await.map_err(error("SetQueueAttributes"))?;
        }
        if changed.contains(&"tags") {
            let change = TagChange::between(&live.spec.tags, &self.tags);
            if !change.remove.is_empty() {
                let request = cx.sqs.untag_queue().queue_url(&live.id).set_tag_keys(Some(change.remove));
                request.send().await.map_err(error("UntagQueue"))?;
            }
            if !change.set.is_empty() {
                let tags = change.set.into_iter().collect();
                let request = cx.sqs.tag_queue().queue_url(&live.id).set_tags(Some(tags));
                request.send().await.map_err(error("TagQueue"))?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.sqs.delete_queue().queue_url(&live.id).send().await.map_err(error("DeleteQueue"))?;
        Ok(Progress::Going)
    }
}

impl Queue {
    fn attributes(&self) -> HashMap<QueueAttributeName, String> {
        HashMap::from([
            (QueueAttributeName::KmsMasterKeyId, self.key_arn.clone()),
            (QueueAttributeName::Policy, self.policy.to_string()),
            (QueueAttributeName::MessageRetentionPeriod, self.retention_seconds.to_string()),
        ])
    }
}

/// Reads a queue; nothing if it is gone.
async fn live(cloud: &Cloud, url: String) -> Result<Option<Live<Queue>>, Error> {
    let attributes = async {
        let request = cloud.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
        unless(Class::Absent, request.send().await.map_err(error("GetQueueAttributes")))
    };
    let tags = async {
        let request = cloud.sqs.list_queue_tags().queue_url(&url);
        unless(Class::Absent, request.send().await.map_err(error("ListQueueTags")))
    };
    let (Some(attributes), Some(tags)) = tokio::try_join!(attributes, tags)? else { return Ok(None) };
    let of = |name| attributes.attributes().and_then(|all| all.get(&name)).cloned().unwrap_or_default();
    let tags = own_tags(tags.tags.unwrap_or_default());
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Some(Live {
        address: tags.address_in(cloud.stack()),
        status: Status::Ready,
        spec: Queue {
            name: name.clone(),
            key_arn: of(QueueAttributeName::KmsMasterKeyId),
            policy: serde_json::from_str(&of(QueueAttributeName::Policy)).unwrap_or_default(),
            retention_seconds: of(QueueAttributeName::MessageRetentionPeriod).parse().unwrap_or_default(),
            tags,
        },
        outputs: Outputs { url: url.clone(), arn: of(QueueAttributeName::QueueArn), name },
        id: url,
    }))
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;
    use serde_json::json;

    use super::*;

    const URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/sqs-notifications-dlq-prod";
    const ATTRIBUTES: &str = r#"{"Attributes": {"KmsMasterKeyId": "arn:key", "MessageRetentionPeriod": "1209600",
        "Policy": "{\"Statement\": []}", "QueueArn": "arn:queue"}}"#;
    const TAGS: &str = r#"{"Tags": {"payinfra:stack": "prod", "payinfra:address": "queue.notifications_dlq"}}"#;

    #[tokio::test]
    async fn is_found_by_name_and_tags_in_the_shape_of_its_spec() {
        let urls = json!({"QueueUrls": [URL, "https://sqs.us-east-1.amazonaws.com/1/sqs-x-test"]}).to_string();
        let (cloud, replay) = Cloud::replaying([(200, &urls), (200, ATTRIBUTES), (200, TAGS)]);
        let live = Queue::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("queue", "notifications_dlq")));
        assert_eq!((live[0].spec.retention_seconds, &live[0].spec.policy), (1_209_600, &json!({"Statement": []})));
        assert_eq!(replay.sent().len(), 3, "a queue of another stack is not even read");
    }

    #[tokio::test]
    async fn an_absent_id_is_left_out() {
        let gone = "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender\n\n\
            {\"__type\": \"com.amazonaws.sqs#QueueDoesNotExist\"}";
        let (cloud, _) = Cloud::replaying([(400, gone), (400, gone)]);
        assert!(Queue::list(&cloud, Select::Ids(&[URL.to_owned()])).await.expect("absent is no error").is_empty());
    }

    #[tokio::test]
    async fn carries_tags_key_and_policy_and_waits_out_a_name_just_freed() {
        // The header decides, as it does for other refusals of SQS (recorded).
        let freed = "x-amzn-query-error: AWS.SimpleQueueService.QueueDeletedRecently;Sender\n\n\
            {\"__type\": \"com.amazonaws.sqs#QueueDeletedRecently\"}";
        let (cloud, replay) = Cloud::replaying([(400, freed)]);
        let queue = Queue {
            name: "sqs-notifications-dlq-prod".to_owned(),
            key_arn: "arn:key".to_owned(),
            policy: json!({"Statement": []}),
            retention_seconds: 60,
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        };
        let address = Address::new("queue", "notifications_dlq");
        let refused = queue.create(&Context { cloud: &cloud, address: &address, token: "" }).await;
        assert_eq!(refused.expect_err("the name is blocked").class, Class::NotYet);
        for part in [r#""payinfra:stack":"prod""#, r#""KmsMasterKeyId":"arn:key""#, "Policy"] {
            assert!(replay.sent()[0].has(part), "{part}");
        }
    }
}
