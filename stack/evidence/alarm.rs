//! An alarm's state, and the notification that it sends.

use std::time::Duration;

use aws_sdk_cloudwatch::types::StateValue;
use payinfra_aws::names::{Kind, Names};
use payinfra_aws::{error, unless};
use payinfra_engine::{Class, Error};
use serde_json::Value;

use payinfra_steps::Cloud;

use crate::graph::NOTIFICATIONS;

/// Seconds for which a received notification stays invisible.
const INVISIBLE_SECONDS: i32 = 5;

/// What matters of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmState {
    /// The state.
    pub state: State,
    /// Whether it sends notifications: its actions are enabled.
    pub notifies: bool,
}

/// The states of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// `OK`.
    Ok,
    /// `ALARM`.
    Alarm,
    /// `INSUFFICIENT_DATA`.
    Unknown,
}

impl State {
    fn value(self) -> StateValue {
        match self {
            Self::Ok => StateValue::Ok,
            Self::Alarm => StateValue::Alarm,
            Self::Unknown => StateValue::InsufficientData,
        }
    }
}

/// Reads an alarm; `None` if it does not exist. Needs `cloudwatch:DescribeAlarms`.
///
/// # Errors
/// If CloudWatch refuses or does not answer.
pub async fn alarm_state(cloud: &Cloud, alarm: &str) -> Result<Option<AlarmState>, Error> {
    let request = cloud.cloudwatch.describe_alarms().alarm_names(alarm);
    let found = request.send().await.map_err(error("DescribeAlarms"))?;
    Ok(found.metric_alarms().first().map(|alarm| AlarmState {
        state: match alarm.state_value() {
            Some(StateValue::Ok) => State::Ok,
            Some(StateValue::Alarm) => State::Alarm,
            _ => State::Unknown,
        },
        notifies: alarm.actions_enabled().unwrap_or(true),
    }))
}

/// Sets an alarm's state until CloudWatch evaluates it again. Needs `cloudwatch:SetAlarmState`.
///
/// # Errors
/// If CloudWatch refuses or does not answer.
pub async fn set_alarm_state(cloud: &Cloud, alarm: &str, state: State, reason: &str) -> Result<(), Error> {
    let request = cloud.cloudwatch.set_alarm_state().alarm_name(alarm).state_value(state.value()).state_reason(reason);
    request.send().await.map_err(error("SetAlarmState"))?;
    Ok(())
}

/// Returns the URL of the stack's queue that gets every alarm notification. Needs `sqs:GetQueueUrl`.
///
/// # Errors
/// If the queue does not exist, or SQS refuses or does not answer.
pub async fn notification_queue(cloud: &Cloud, names: &Names) -> Result<String, Error> {
    let request = cloud.sqs.get_queue_url().queue_name(names.of(Kind::Queue, NOTIFICATIONS));
    Ok(request.send().await.map_err(error("GetQueueUrl"))?.queue_url.unwrap_or_default())
}

/// Waits up to 20 s for the notification of an alarm with this reason, deletes it from the queue, and returns whether it
/// arrived. Other notifications stay. Needs `sqs:ReceiveMessage` and `sqs:DeleteMessage`, and `kms:Decrypt` through them.
///
/// # Errors
/// If SQS refuses or does not answer.
pub async fn notification_arrived(cloud: &Cloud, queue: &str, reason: &str, wait: Duration) -> Result<bool, Error> {
    let seconds = i32::try_from(wait.as_secs().min(20)).unwrap_or(20);
    let request = cloud.sqs.receive_message().queue_url(queue).max_number_of_messages(10);
    // Other notifications stay invisible just long enough for the next ten to be received.
    let request = request.wait_time_seconds(seconds).visibility_timeout(INVISIBLE_SECONDS);
    let received = request.send().await.map_err(error("ReceiveMessage"))?;
    for message in received.messages() {
        if reason_of(message.body().unwrap_or_default()).as_deref() == Some(reason) {
            let receipt = message.receipt_handle().unwrap_or_default();
            let request = cloud.sqs.delete_message().queue_url(queue).receipt_handle(receipt);
            unless(Class::Absent, request.send().await.map_err(error("DeleteMessage")))?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// The reason in the notification of an alarm in `ALARM`; SNS wraps the notification in a message.
fn reason_of(body: &str) -> Option<String> {
    let envelope: Value = serde_json::from_str(body).ok()?;
    let notification: Value = serde_json::from_str(envelope["Message"].as_str()?).ok()?;
    (notification["NewStateValue"] == "ALARM").then(|| notification["NewStateReason"].as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_notification_of_an_alarm_that_fires_has_a_reason() {
        let notification = |state: &str| {
            let message = serde_json::json!({"NewStateValue": state, "NewStateReason": "because"}).to_string();
            serde_json::json!({"Type": "Notification", "Message": message}).to_string()
        };
        assert_eq!(reason_of(&notification("ALARM")).as_deref(), Some("because"));
        assert_eq!(reason_of(&notification("OK")), None);
        assert_eq!(reason_of("hello"), None);
    }
}
