//! An alarm that goes off, and whether it is heard.

use std::time::{Duration, Instant};

use payinfra_aws::names::Kind;
use payinfra_stack::evidence::{self, State, force, heard_queue, look};

use super::api::nonce;
use super::link::{Finding, broken};
use super::target::Target;

/// The alarms that may be forced, the quietest first. Silence means well for each of them, so CloudWatch sets it back
/// by itself within minutes should this program not come to it.
const CANDIDATES: [&str; 3] = ["api-rate", "api-4xx", "api-5xx"];

/// How long one listening lasts.
const LISTENING: Duration = Duration::from_secs(5);

/// One of the alarms is made to go off, its notification is waited for, and it is set back in any case.
pub async fn heard(target: &Target<'_>) -> Result<(), Finding> {
    let cloud = target.cloud;
    let queue = heard_queue(cloud, target.names).await?;
    let Some((name, before)) = quiet_alarm(target).await? else {
        return Err(Finding::NotChecked(format!("{} have all gone off for real", CANDIDATES.join(", "))));
    };
    let reason = format!("payinfra verify {}: a test, nothing to do; it is set back at once", nonce());
    force(cloud, &name, State::Alarm, &reason).await?;
    let waited = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => broken("interrupted"),
        waited = wait(target, &queue, &name, &reason) => waited,
    };
    force(cloud, &name, before, "payinfra verify has set it back").await?;
    waited
}

/// The first alarm that has not gone off, with its state.
async fn quiet_alarm(target: &Target<'_>) -> Result<Option<(String, State)>, Finding> {
    for role in CANDIDATES {
        let name = target.names.of(Kind::Alarm, role);
        let Some(alarm) = look(target.cloud, &name).await? else {
            return broken(format!("there is no alarm {name}"));
        };
        if !alarm.tells {
            return broken(format!("{name} is silenced: its actions are switched off"));
        }
        if alarm.state != State::Alarm {
            return Ok(Some((name, alarm.state)));
        }
    }
    Ok(None)
}

async fn wait(target: &Target<'_>, queue: &str, name: &str, reason: &str) -> Result<(), Finding> {
    let begun = Instant::now();
    loop {
        let left = target.patience.saturating_sub(begun.elapsed());
        if evidence::heard(target.cloud, queue, reason, left.min(LISTENING)).await? {
            return Ok(());
        }
        if begun.elapsed() >= target.patience {
            return broken(format!("{name} went off, and nobody heard of it within {} s", target.patience.as_secs()));
        }
        // A queue that answers at once because others' notifications lie in it is not asked without a pause.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
