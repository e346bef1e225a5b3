//! The kinds of events that the functions are invoked with.

use serde_json::Value;

use crate::frame::request::Request;

/// An event, classified by its shape.
#[derive(Debug)]
pub enum Invocation<'a> {
    /// `{"payinfra": {"action": …}}`, sent by the deployment.
    Action(&'a str),
    /// A request through API Gateway.
    Http(Request<'a>),
    /// An EventBridge schedule.
    Schedule,
    /// Messages from the SNS topic.
    Messages(Vec<&'a str>),
    /// None of these.
    Unknown,
}

impl<'a> Invocation<'a> {
    /// Classifies an event.
    pub fn of(event: &'a Value) -> Self {
        if let Some(action) = event["payinfra"]["action"].as_str() {
            return Self::Action(action);
        }
        if let Some(request) = Request::from_event(event) {
            return Self::Http(request);
        }
        if event["detail-type"] == "Scheduled Event" {
            return Self::Schedule;
        }
        let records = event["Records"].as_array();
        let messages = records
            .map(|records| records.iter().filter_map(|record| record["Sns"]["Message"].as_str()).collect::<Vec<_>>());
        match messages {
            Some(messages) if !messages.is_empty() => Self::Messages(messages),
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_classified_by_their_shape() {
        let action = json!({"payinfra": {"action": "health"}});
        assert!(matches!(Invocation::of(&action), Invocation::Action("health")));
        let http = json!({"httpMethod": "GET", "path": "/health"});
        assert!(matches!(Invocation::of(&http), Invocation::Http(_)));
        let schedule = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
        assert!(matches!(Invocation::of(&schedule), Invocation::Schedule));
        let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]});
        assert!(matches!(Invocation::of(&sns), Invocation::Messages(messages) if messages == ["{}"]));
        for other in [json!(null), json!({}), json!({"Records": []}), json!([1])] {
            assert!(matches!(Invocation::of(&other), Invocation::Unknown), "{other}");
        }
    }
}
