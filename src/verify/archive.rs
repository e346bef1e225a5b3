//! The events in the archive.

use std::time::{Duration, Instant};

use payinfra_stack::evidence::{Archived, archived};
use serde_json::Value;

use super::link::{Finding, broken};
use super::payment::Event;
use super::target::Target;

/// Between two looks.
const TICK: Duration = Duration::from_millis(250);

/// Each event lies in the archive: once, encrypted with a KMS key, and as the event of its booking.
pub async fn holds(target: &Target<'_>, events: &[Event]) -> Result<(), Finding> {
    let bucket = target.output("storage/archive-bucket")?;
    let begun = Instant::now();
    for event in events {
        let key = format!("events/{}/{}.json", event.day, event.id);
        let object = loop {
            if let Some(object) = archived(target.cloud, bucket, &key).await? {
                break object;
            }
            if begun.elapsed() + TICK > target.patience {
                return broken(format!("{key} is not there after {} s", target.patience.as_secs()));
            }
            tokio::time::sleep(TICK).await;
        };
        judge(&object, event)?;
    }
    Ok(())
}

fn judge(object: &Archived, event: &Event) -> Result<(), Finding> {
    let body: Value = serde_json::from_str(&object.body).unwrap_or_default();
    if body["id"] != event.id.as_str() || body["data"]["id"] != event.transaction.as_str() {
        return broken(format!("the object of {} holds something else", event.id));
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
    fn an_event_lies_there_once_encrypted_and_whole() {
        let event = Event { id: "evt_a".to_owned(), day: "2026/11/23".to_owned(), transaction: "txn_a".to_owned() };
        let body = r#"{"id":"evt_a","data":{"id":"txn_a"}}"#;
        let good = Archived { versions: 1, encryption: "aws:kms".to_owned(), body: body.to_owned() };
        assert_eq!(judge(&good, &event), Ok(()));
        for bad in [
            Archived { versions: 2, ..good.clone() },
            Archived { encryption: "AES256".to_owned(), ..good.clone() },
            Archived { encryption: String::new(), ..good.clone() },
            Archived { body: body.replace("txn_a", "txn_b"), ..good.clone() },
            Archived { body: String::new(), ..good.clone() },
        ] {
            assert!(judge(&bad, &event).is_err(), "{bad:?}");
        }
    }
}
