//! The webhooks to the merchant: delivered, and signed.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use payinfra_stack::evidence::{Delivery, VERIFY_MERCHANT, delivery, signing_key};

use super::check::{CheckError, broken};
use super::listener::{Listener, Webhook};
use super::payment::Event;
use super::signature;
use super::target::Target;

/// How often it is asked whether a webhook has arrived.
const INTERVAL: Duration = Duration::from_millis(250);

/// What is known of the delivered webhooks.
pub enum Delivered {
    /// They arrived here.
    Here(Vec<Webhook>),
    /// The merchant's server accepted them, according to the function's record.
    Elsewhere,
}

/// Each event's webhook arrives: here, or according to the function's record.
pub async fn delivered(target: &Target<'_>, listener: &Listener, events: &[Event]) -> Result<Delivered, CheckError> {
    let not_checked = |why: String| Err(CheckError::NotChecked(why));
    if !target.settings.features.get("notifications-enabled").copied().unwrap_or(true) {
        return not_checked("notifications are switched off in the configuration".to_owned());
    }
    let Some(address) = target.webhook() else {
        return not_checked(format!("the merchant {VERIFY_MERCHANT} has no address under [webhooks]"));
    };
    if let (Some(_), Listener::NotHere(why)) = (target.own_port, listener) {
        return not_checked(why.clone());
    }
    let mut webhooks = Vec::new();
    let begun = Instant::now();
    for event in events {
        loop {
            let arrived = listener.arrived(&event.id);
            if target.own_port.is_some() && !arrived.is_empty() {
                webhooks.extend(arrived);
                break;
            }
            let record = delivery(target.cloud, target.output("storage/sessions-table")?, &event.id).await?;
            if target.own_port.is_none() && record == Delivery::Done {
                break;
            }
            if begun.elapsed() + INTERVAL > target.timeout {
                return broken(missing(event, address, record));
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
    Ok(if target.own_port.is_some() { Delivered::Here(webhooks) } else { Delivered::Elsewhere })
}

fn missing(event: &Event, address: &str, record: Delivery) -> String {
    let record = match record {
        Delivery::Unknown => "the function has no record of it".to_owned(),
        Delivery::Tried(attempts) => format!("the function has tried {attempts} times"),
        Delivery::Done => "the function counts it as done: Parameter Store may have no address for the merchant, or \
                           notifications may be switched off there"
            .to_owned(),
    };
    format!("{} did not arrive at {address}; {record}", event.id)
}

/// Each webhook has a signature of its body by the stack's key.
pub async fn signed(target: &Target<'_>, delivered: &Delivered) -> Result<(), CheckError> {
    let Delivered::Here(webhooks) = delivered else {
        let why = format!("the receiver {} is not this machine", target.webhook().unwrap_or_default());
        return Err(CheckError::NotChecked(why));
    };
    let key = signing_key(target.cloud, target.names).await?;
    for webhook in webhooks {
        let now = Timestamp::now().as_second();
        if let Err(why) = signature::check(&webhook.signature, &webhook.body, &key, now) {
            return broken(format!("the signature of {}: {why}", webhook.event_id));
        }
    }
    Ok(())
}
