//! The events in the archive.

use std::time::{Duration, Instant};

use payinfra_stack::evidence::{Archived, archived};
use serde_json::Value;

use super::check::{CheckError, broken};
use super::payment::Event;
use super::target::Target;

/// How often the archive is asked for an event.
const INTERVAL: Duration = Duration::from_millis(250);

/// Each event is in the archive: once, encrypted with a KMS key, and as the event of its booking.
pub async fn has_events(target: &Target<'_>, events: &[Event]) -> Result<(), CheckError> {
    let bucket = target.output("storage/archive-bucket")?;
    let begun = Instant::now();
    for event in events {
        let key = format!("events/{}/{}.json", event.day, event.id);
        let object = loop {
            if let Some(object) = archived(target.cloud, bucket, &key).await? {
                break object;
            }
            if begun.elapsed() + INTERVAL > target.timeout {
                return broken(format!("{key} did not appear within {} s", target.timeout.as_secs()));
            }
            tokio::time::sleep(INTERVAL).await;
        };
        check(&object, event)?;
    }
    Ok(())
}

fn check(object: &Archived, event: &Event) -> Result<(), CheckError> {
    let body: Value = serde_json::from_str(&object.body).unwrap_or_default();
    if body["id"] != event.id.as_str() || body["data"]["id"] != event.transaction.as_str() {
        return broken(format!("the archived object of {} is not that event", event.id));
    }
    if object.versions != 1 {
        return broken(format!("{} was written {} times", event.id, object.versions));
    }
    if !object.encryption.starts_with("aws:kms") {
        let how = if object.encryption.is_empty() { "not at all" } else { &object.encryption };
        return broken(format!("{} is encrypted {how}, not with a KMS key", event.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_archived_once_encrypted_and_complete() {
        let event = Event { id: "evt_a".to_owned(), day: "2026/11/23".to_owned(), transaction: "txn_a".to_owned() };
        let body = r#"{"id":"evt_a","data":{"id":"txn_a"}}"#;
        let good = Archived { versions: 1, encryption: "aws:kms".to_owned(), body: body.to_owned() };
        assert_eq!(check(&good, &event), Ok(()));
        for bad in [
            Archived { versions: 2, ..good.clone() },
            Archived { encryption: "AES256".to_owned(), ..good.clone() },
            Archived { encryption: String::new(), ..good.clone() },
            Archived { body: body.replace("txn_a", "txn_b"), ..good.clone() },
            Archived { body: String::new(), ..good.clone() },
        ] {
            assert!(check(&bad, &event).is_err(), "{bad:?}");
        }
    }
}
