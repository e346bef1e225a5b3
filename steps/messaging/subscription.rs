//! Who hears of what is published to a topic.

use futures::future::try_join_all;
use payinfra_aws::fingerprint::fingerprint;
use payinfra_aws::{Owned, error, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::topic::{owned_arns, tags};
use crate::{Cloud, Context};

/// A subscription. One that waits for its receiver's confirmation counts as ready: only the receiver can go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// The topic.
    pub topic_arn: String,
    /// `lambda`, `sqs`, `email` or `https`.
    pub protocol: String,
    /// The function's or queue's ARN, the address or the URL.
    pub endpoint: String,
    /// The queue for messages that could not be handed over; only where handing over can fail for good.
    pub dead_letter_arn: Option<String>,
}

/// What others use of a subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its ARN; `None` until the receiver has confirmed it.
    pub arn: Option<String>,
}

impl Subscription {
    /// The name of the resource: topic, protocol and endpoint are what AWS knows a subscription by.
    pub fn name(topic: &str, protocol: &str, endpoint: &str) -> String {
        format!("{topic}_{protocol}_{}", fingerprint(endpoint.as_bytes(), 4))
    }

    fn id(&self) -> String {
        format!("{} {} {}", self.topic_arn, self.protocol, self.endpoint)
    }

    fn redrive(&self) -> Option<String> {
        self.dead_letter_arn.as_ref().map(|arn| json!({"deadLetterTargetArn": arn}).to_string())
    }
}

impl Resource for Subscription {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "subscription";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["topic_arn", "protocol", "endpoint"];
    // Subscribing the same endpoint again answers with the same subscription.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 2, 300);
    const BLOCKS_DELETION: bool = false;

    // A subscription has no tags: its topic's count, and its address is made of what identifies it in AWS.
    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let topics = match select {
            Select::Owned => owned_arns(cloud).await?,
            Select::Ids(ids) => {
                let mut topics: Vec<String> = ids.iter().filter_map(|id| Some(id.split(' ').next()?.into())).collect();
                topics.sort_unstable();
                topics.dedup();
                topics
            }
        };
        let live = try_join_all(topics.into_iter().map(|topic| of_topic(cloud, topic))).await?;
        // One that waits for its receiver cannot be taken back and lapses by itself: only the state knows that it is
        // wanted, and subscribing again answers with the same one.
        let wanted = |live: &Live<Self>| match select {
            Select::Owned => live.address.is_some() && live.outputs.arn.is_some(),
            Select::Ids(ids) => ids.contains(&live.id),
        };
        Ok(live.into_iter().flatten().filter(wanted).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.sns.subscribe().topic_arn(&self.topic_arn).protocol(&self.protocol).endpoint(&self.endpoint);
        let request = match self.redrive() {
            Some(policy) => request.attributes("RedrivePolicy", policy),
            None => request,
        };
        request.send().await.map_err(error("Subscribe"))?;
        Ok(Created { id: self.id(), outputs: None })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"dead_letter_arn")
            && let Some(arn) = &live.outputs.arn
        {
            let request = cx.sns.set_subscription_attributes().subscription_arn(arn).attribute_name("RedrivePolicy");
            let request = request.attribute_value(self.redrive().unwrap_or_else(|| "{}".to_owned()));
            request.send().await.map_err(error("SetSubscriptionAttributes"))?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let Some(arn) = &live.outputs.arn else {
            tracing::warn!(
                endpoint = live.spec.endpoint,
                "the subscription was never confirmed, and AWS takes back only confirmed ones; it lapses by itself \
                 within three days"
            );
            return Ok(Progress::Gone);
        };
        cx.sns.unsubscribe().subscription_arn(arn).send().await.map_err(error("Unsubscribe"))?;
        Ok(Progress::Going)
    }
}

/// Reads the subscriptions of a topic; none if it is gone.
async fn of_topic(cloud: &Cloud, topic_arn: String) -> Result<Vec<Live<Subscription>>, Error> {
    let found = async {
        let request = cloud.sns.list_subscriptions_by_topic().topic_arn(&topic_arn).into_paginator().items();
        let found = request.send().collect::<Result<Vec<_>, _>>().await;
        unless(Class::Absent, found.map_err(error("ListSubscriptionsByTopic")))
    };
    let (Some(found), Some(tags)) = tokio::try_join!(found, tags(cloud, &topic_arn))? else { return Ok(Vec::new()) };
    let topic = tags.address_in(cloud.stack());
    // SNS goes on listing an e-mail subscription that its receiver has ended, with a word in place of its ARN.
    let found = found.into_iter().filter(|found| found.subscription_arn() != Some("Deleted"));
    let live = found.map(|found| {
        let topic = topic.as_ref().map(Address::name);
        async move {
            // Where the receiver has not confirmed, a word stands in place of the ARN.
            let arn = found.subscription_arn.filter(|arn| arn.starts_with("arn:"));
            let Some(dead_letter_arn) = redrive(cloud, arn.as_deref()).await? else { return Ok(None) };
            let (protocol, endpoint) = (found.protocol.unwrap_or_default(), found.endpoint.unwrap_or_default());
            let name = topic.map(|topic| Subscription::name(topic, &protocol, &endpoint));
            let topic_arn = found.topic_arn.unwrap_or_default();
            let spec = Subscription { topic_arn, protocol, endpoint, dead_letter_arn };
            Ok(Some(Live {
                address: name.map(|name| Address::new(Subscription::KIND, &name)),
                id: spec.id(),
                spec,
                outputs: Outputs { arn },
                status: Status::Ready,
            }))
        }
    });
    Ok(try_join_all(live).await?.into_iter().flatten().collect())
}

/// Reads where undeliverable messages go; nothing at all if the subscription is gone.
async fn redrive(cloud: &Cloud, arn: Option<&str>) -> Result<Option<Option<String>>, Error> {
    let Some(arn) = arn else { return Ok(Some(None)) };
    let request = cloud.sns.get_subscription_attributes().subscription_arn(arn);
    let found = unless(Class::Absent, request.send().await.map_err(error("GetSubscriptionAttributes")))?;
    Ok(found.map(|found| {
        let policy: Value = serde_json::from_str(found.attributes()?.get("RedrivePolicy")?).ok()?;
        Some(policy["deadLetterTargetArn"].as_str()?.to_owned())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:sns-alarms-prod";
    const TOPICS: &str = "<ListTopicsResponse><ListTopicsResult><Topics>
        <member><TopicArn>arn:aws:sns:us-east-1:123456789012:sns-alarms-prod</TopicArn></member>
        </Topics></ListTopicsResult></ListTopicsResponse>";
    const FOUND: &str = "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions><member>
        <TopicArn>arn:aws:sns:us-east-1:123456789012:sns-alarms-prod</TopicArn><Protocol>email</Protocol>
        <SubscriptionArn>PendingConfirmation</SubscriptionArn><Endpoint>a@example.com</Endpoint>
        </member></Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>";
    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags>
        <member><Key>payinfra:stack</Key><Value>prod</Value></member>
        <member><Key>payinfra:address</Key><Value>topic.alarms</Value></member>
        </Tags></ListTagsForResourceResult></ListTagsForResourceResponse>";

    fn email() -> [String; 1] {
        [format!("{TOPIC} email a@example.com")]
    }

    #[tokio::test]
    async fn a_pending_subscription_is_ready_and_counts_as_gone_once_unwanted() {
        let (cloud, replay) = Cloud::replaying([(200, FOUND), (200, TAGS)]);
        let live = Subscription::list(&cloud, Select::Ids(&email())).await.expect("the answers are good");
        let name = Subscription::name("alarms", "email", "a@example.com");
        assert_eq!(live[0].address, Some(Address::new("subscription", &name)));
        assert_eq!((&live[0].status, &live[0].outputs.arn), (&Status::Ready, &None));
        let address = Address::new("subscription", &name);
        let gone = Subscription::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(gone.expect("a mistyped address holds nobody up"), Progress::Gone);
        assert_eq!(replay.sent().len(), 2, "AWS would refuse");
        // Without a record, it is nothing that could be deleted.
        let (cloud, _) = Cloud::replaying([(200, TOPICS), (200, FOUND), (200, TAGS)]);
        assert!(Subscription::list(&cloud, Select::Owned).await.expect("the answers are good").is_empty());
    }

    #[tokio::test]
    async fn a_subscription_that_its_receiver_ended_is_left_out() {
        // ansible/ansible#20086.
        let ended = FOUND.replace("PendingConfirmation", "Deleted");
        let (cloud, _) = Cloud::replaying([(200, &ended), (200, TAGS)]);
        let live = Subscription::list(&cloud, Select::Ids(&email())).await.expect("the answers are good");
        assert!(live.is_empty());
    }

    #[tokio::test]
    async fn a_confirmed_subscription_is_found_by_its_topics_tags() {
        let confirmed = FOUND.replace("PendingConfirmation", &format!("{TOPIC}:0b1c"));
        let attributes = "<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes/>\
            </GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>";
        let (cloud, _) = Cloud::replaying([(200, TOPICS), (200, &confirmed), (200, TAGS), (200, attributes)]);
        let live = Subscription::list(&cloud, Select::Owned).await.expect("the answers are good");
        let name = Subscription::name("alarms", "email", "a@example.com");
        assert_eq!(live[0].address, Some(Address::new("subscription", &name)));
        assert_eq!(live[0].outputs.arn, Some(format!("{TOPIC}:0b1c")));
    }

    #[tokio::test]
    async fn an_absent_id_and_an_absent_topic_are_left_out() {
        let gone = "<ErrorResponse><Error><Code>NotFound</Code></Error></ErrorResponse>";
        for answers in [[(200, FOUND), (200, TAGS)], [(404, gone), (404, gone)]] {
            let (cloud, _) = Cloud::replaying(answers);
            let ids = [format!("{TOPIC} https https://example.com")];
            let live = Subscription::list(&cloud, Select::Ids(&ids)).await.expect("absent is no error");
            assert!(live.is_empty());
        }
    }

    #[tokio::test]
    async fn names_topic_endpoint_and_dead_letters_in_one_call() {
        let made = "<SubscribeResponse><SubscribeResult><SubscriptionArn>arn:s</SubscriptionArn></SubscribeResult></SubscribeResponse>";
        let (cloud, replay) = Cloud::replaying([(200, made)]);
        let subscription = Subscription {
            topic_arn: TOPIC.to_owned(),
            protocol: "lambda".to_owned(),
            endpoint: "arn:f:live".to_owned(),
            dead_letter_arn: Some("arn:q".to_owned()),
        };
        let address = Address::new("subscription", "x");
        let created = subscription.create(&Context { cloud: &cloud, address: &address, token: "" }).await;
        assert_eq!(created.expect("it works").id, format!("{TOPIC} lambda arn:f:live"));
        assert!(replay.sent()[0].has("RedrivePolicy") && replay.sent()[0].has("arn%3Af%3Alive"));
    }
}
