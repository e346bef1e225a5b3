//! An alarm that goes off, and whether its notification arrives.

use std::time::{Duration, Instant};

use payinfra_aws::names::Kind;
use payinfra_stack::evidence::{self, State, alarm_state, notification_queue, set_alarm_state};

use super::api::nonce;
use super::check::{CheckError, broken};
use super::target::Target;

/// The alarms that may be forced, the quietest first. For each of them, missing data counts as good, so CloudWatch resets
/// it within minutes if this program is killed before it does.
const CANDIDATES: [&str; 3] = ["api-rate", "api-4xx", "api-5xx"];

/// How long one call waits for a message.
const POLL: Duration = Duration::from_secs(5);

/// Forces one of the alarms, waits for its notification, and resets it in any case.
pub async fn is_heard(target: &Target<'_>) -> Result<(), CheckError> {
    let cloud = target.cloud;
    let queue = notification_queue(cloud, target.names).await?;
    let Some((name, before)) = quiet_alarm(target).await? else {
        return Err(CheckError::NotChecked(format!("{} are all in ALARM already", CANDIDATES.join(", "))));
    };
    let reason =
        format!("payinfra verify {}: this is a test, no action is needed; the alarm is reset at once", nonce());
    set_alarm_state(cloud, &name, State::Alarm, &reason).await?;
    let waited = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => broken("interrupted"),
        waited = wait(target, &queue, &name, &reason) => waited,
    };
    set_alarm_state(cloud, &name, before, "reset by payinfra verify").await?;
    waited
}

/// The first alarm that is not in ALARM, with its state.
async fn quiet_alarm(target: &Target<'_>) -> Result<Option<(String, State)>, CheckError> {
    for role in CANDIDATES {
        let name = target.names.of(Kind::Alarm, role);
        let Some(alarm) = alarm_state(target.cloud, &name).await? else {
            return broken(format!("there is no alarm {name}"));
        };
        if !alarm.notifies {
            return broken(format!("{name} is silent: its actions are switched off"));
        }
        if alarm.state != State::Alarm {
            return Ok(Some((name, alarm.state)));
        }
    }
    Ok(None)
}

async fn wait(target: &Target<'_>, queue: &str, name: &str, reason: &str) -> Result<(), CheckError> {
    let begun = Instant::now();
    loop {
        let left = target.timeout.saturating_sub(begun.elapsed());
        if evidence::notification_arrived(target.cloud, queue, reason, left.min(POLL)).await? {
            return Ok(());
        }
        if begun.elapsed() >= target.timeout {
            return broken(format!(
                "{name} went off, but its notification did not arrive within {} s",
                target.timeout.as_secs()
            ));
        }
        // A queue that answers at once, because it has other notifications, is not polled without a pause.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
