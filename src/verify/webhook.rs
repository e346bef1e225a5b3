//! The webhooks to the merchant: delivered, and signed.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use payinfra_stack::evidence::{Delivery, delivery, signing_key};

use super::MERCHANT;
use super::link::{Finding, broken};
use super::listener::{Listener, Webhook};
use super::payment::Event;
use super::signature;
use super::target::Target;

/// Between two looks.
const TICK: Duration = Duration::from_millis(250);

/// What is known of the delivered webhooks.
pub enum Delivered {
    /// They arrived here.
    Here(Vec<Webhook>),
    /// The merchant's server took them, says the function's record.
    Elsewhere,
}

/// Each event's webhook arrives, here or by the function's own record.
pub async fn delivered(target: &Target<'_>, listener: &Listener, events: &[Event]) -> Result<Delivered, Finding> {
    let not_checked = |why: String| Err(Finding::NotChecked(why));
    if !target.settings.features.get("notifications-enabled").copied().unwrap_or(true) {
        return not_checked("notifications are switched off in the configuration".to_owned());
    }
    let Some(address) = target.webhook() else {
        return not_checked(format!("the merchant {MERCHANT} has no address under [webhooks]"));
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
            if begun.elapsed() + TICK > target.patience {
                return broken(missing(event, address, record));
            }
            tokio::time::sleep(TICK).await;
        }
    }
    Ok(if target.own_port.is_some() { Delivered::Here(webhooks) } else { Delivered::Elsewhere })
}

fn missing(event: &Event, address: &str, record: Delivery) -> String {
    let record = match record {
        Delivery::Unknown => "the function knows nothing of it".to_owned(),
        Delivery::Tried(attempts) => format!("the function has tried {attempts} times"),
        Delivery::Done => "the function thinks it is done: the merchant may have no address in Parameter Store, or \
                           notifications may be switched off there"
            .to_owned(),
    };
    format!("{} did not arrive at {address}; {record}", event.id)
}

/// Each webhook carries the signature of the stack's key over its own body.
pub async fn signed(target: &Target<'_>, delivered: &Delivered) -> Result<(), Finding> {
    let Delivered::Here(webhooks) = delivered else {
        let why = format!("the receiver {} is not this machine", target.webhook().unwrap_or_default());
        return Err(Finding::NotChecked(why));
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
