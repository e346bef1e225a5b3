//! Decides the next step that brings a live object to its spec.
//!
//! Everything here is pure: it neither calls nor waits. `update.rs` carries the steps out.

use std::time::Duration;

use payinfra_state::Address;
use serde_json::Value;

use crate::diff::changed_attributes;
use crate::{ApplyError, LiveValue, Status};

/// How often the same difference is written before the cloud is taken to drop it silently.
const WRITES: u32 = 3;

/// How old an object is, which decides how far to trust what the cloud shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// This run created it with this spec.
    New,
    /// An earlier run did not finish its creation: like a new one, it may stay invisible to some calls for a while.
    Young,
    /// It was complete before.
    Old,
}

/// What an object should become, and how long each part of that may take.
pub(crate) struct Goal<'a> {
    pub(crate) address: &'a Address,
    pub(crate) spec: &'a Value,
    pub(crate) age: Age,
    /// The attributes that the cloud cannot change in place.
    pub(crate) fixed: &'a [&'a str],
    /// Whether an attribute is compared at all.
    pub(crate) compares: &'a (dyn Fn(&str) -> bool + Sync),
    /// What an earlier run was writing when it ended. It may look right while the write is still on its way, so it is
    /// written again.
    pub(crate) unfinished: &'a [String],
    /// How long a fresh object may stay invisible.
    pub(crate) visibility: Duration,
    /// How long a change may take to be readable.
    pub(crate) settle: Duration,
    /// The longest wait for the object.
    pub(crate) timeout: Duration,
}

/// The last write of this run.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) attributes: Vec<String>,
    /// How many times in a row exactly these were written.
    pub(crate) times: u32,
    /// When the call returned, counted from the start.
    pub(crate) at: Duration,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing: the object works and is as its spec says.
    Done(LiveValue),
    /// Write these attributes, for the nth time in a row.
    Write { live: LiveValue, attributes: Vec<String>, times: u32 },
    /// Wait and look again; the text is the object's state.
    Wait(String),
    /// Give up.
    Fail(ApplyError),
}

impl Goal<'_> {
    /// Decides after a look at the object, at a time counted from the start; `seen` is `None` where the cloud does not
    /// show it.
    pub(crate) fn next(&self, seen: Option<LiveValue>, written: Option<&Written>, now: Duration) -> Next {
        let Some(live) = seen else { return self.unseen(now) };
        match live.status {
            Status::Failed(reason) => self.failed(reason),
            Status::Deleting => self.failed("it is being deleted by somebody else"),
            Status::Pending(state) => self.wait(state, now),
            Status::Ready | Status::PendingDeletion => self.compare(live, written, now),
        }
    }

    fn unseen(&self, now: Duration) -> Next {
        if self.age == Age::Old || now > self.visibility {
            return self.failed("it was deleted by somebody else");
        }
        self.wait("invisible", now)
    }

    /// The object is idle: what differs is written, unless it was written just now or too often.
    fn compare(&self, live: LiveValue, written: Option<&Written>, now: Duration) -> Next {
        let mut changed = changed_attributes(&live.spec, self.spec, self.compares);
        if written.is_none() {
            let hidden: Vec<String> = self.unfinished.iter().filter(|name| !changed.contains(name)).cloned().collect();
            changed.extend(hidden);
        }
        // An object pending deletion is unusable until an update restores it, even where nothing differs.
        if changed.is_empty() && live.status == Status::Ready {
            return Next::Done(live);
        }
        if let Some(failure) = self.replacement(&changed) {
            return Next::Fail(failure);
        }
        let same = written.filter(|written| written.attributes == changed);
        if same.is_some_and(|same| now.saturating_sub(same.at) < self.settle) {
            return self.wait("not showing its changes", now);
        }
        let times = same.map_or(0, |same| same.times);
        if times >= WRITES {
            return Next::Fail(ApplyError::NotKept { address: self.address.clone(), attributes: changed });
        }
        Next::Write { live, attributes: changed, times: times + 1 }
    }

    /// The failure where the object would have to be replaced: the plan would have shown that.
    fn replacement(&self, changed: &[String]) -> Option<ApplyError> {
        let fixed: Vec<String> = changed.iter().filter(|name| self.fixed.contains(&name.as_str())).cloned().collect();
        let address = self.address.clone();
        match self.age {
            _ if fixed.is_empty() => None,
            Age::New => Some(ApplyError::NotKept { address, attributes: fixed }),
            Age::Young | Age::Old => Some(ApplyError::PlanChanged { address, act: "replaced" }),
        }
    }

    fn wait(&self, state: impl Into<String>, now: Duration) -> Next {
        let state = state.into();
        if now > self.timeout {
            return Next::Fail(ApplyError::TimedOut { address: self.address.clone(), state, seconds: now.as_secs() });
        }
        Next::Wait(state)
    }

    fn failed(&self, reason: impl Into<String>) -> Next {
        Next::Fail(ApplyError::Failed { address: self.address.clone(), reason: reason.into() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(status: Status, size: u32, fixed: u32) -> Option<LiveValue> {
        let spec = json!({ "size": size, "fixed": fixed, "lost": size });
        Some(LiveValue { address: None, id: "n-1".to_owned(), spec, outputs: Value::Null, status })
    }

    fn written(attributes: &[&str], times: u32, at: u64) -> Option<Written> {
        let attributes = attributes.iter().map(|name| (*name).to_owned()).collect();
        Some(Written { attributes, times, at: Duration::from_secs(at) })
    }

    /// The decision, in a few words, for an object that should become `{ size: 1, fixed: 1 }`.
    ///
    /// It may stay invisible for 60 s, changes settle within 30 s, and the timeout is 600 s.
    fn decide(age: Age, unfinished: &[&str], seen: Option<LiveValue>, written: Option<Written>, now: u64) -> String {
        let unfinished: Vec<String> = unfinished.iter().map(|name| (*name).to_owned()).collect();
        let goal = Goal {
            address: &Address::new("network", "main"),
            spec: &json!({ "size": 1, "fixed": 1, "lost": 1 }),
            age,
            fixed: &["fixed"],
            compares: &|name| name != "lost",
            unfinished: &unfinished,
            visibility: Duration::from_secs(60),
            settle: Duration::from_secs(30),
            timeout: Duration::from_secs(600),
        };
        match goal.next(seen, written.as_ref(), Duration::from_secs(now)) {
            Next::Done(_) => "done".to_owned(),
            Next::Write { attributes, times, .. } => format!("write {} #{times}", attributes.join(" ")),
            Next::Wait(state) => format!("wait: {state}"),
            Next::Fail(failure) => failure.to_string(),
        }
    }

    #[test]
    fn an_object_that_does_not_show_is_waited_for_as_long_as_it_may_be_invisible() {
        let gone = "network.main failed: it was deleted by somebody else";
        for (age, now, expected) in [
            (Age::New, 0, "wait: invisible"),
            (Age::New, 60, "wait: invisible"),
            (Age::New, 61, gone),
            (Age::Young, 60, "wait: invisible"),
            (Age::Young, 61, gone),
            (Age::Old, 0, gone),
        ] {
            assert_eq!(decide(age, &[], None, None, now), expected, "{age:?} after {now} s");
        }
    }

    #[test]
    fn the_status_decides_before_the_spec_does() {
        let pending = || Status::Pending("creating".to_owned());
        let being_deleted = "network.main failed: it is being deleted by somebody else";
        for (status, now, expected) in [
            (Status::Failed("no capacity".to_owned()), 0, "network.main failed: no capacity"),
            (Status::Deleting, 0, being_deleted),
            (pending(), 0, "wait: creating"),
            (pending(), 600, "wait: creating"),
            (pending(), 601, "network.main is still creating after 601 s"),
            // It became ready late: a wait that is over does not count against it.
            (Status::Ready, 601, "done"),
        ] {
            assert_eq!(
                decide(Age::New, &[], live(status.clone(), 1, 1), None, now),
                expected,
                "{status:?} after {now} s"
            );
        }
    }

    #[test]
    fn what_differs_is_written_three_times_and_each_time_given_time_to_settle() {
        let not_kept = "network.main: changes to size did not persist";
        for (size, last, now, expected) in [
            (1, None, 5, "done"),
            (2, None, 5, "write size #1"),
            (2, written(&["size"], 1, 5), 34, "wait: not showing its changes"),
            (2, written(&["size"], 1, 5), 35, "write size #2"),
            (2, written(&["size"], 2, 40), 70, "write size #3"),
            (2, written(&["size"], 3, 70), 99, "wait: not showing its changes"),
            (2, written(&["size"], 3, 70), 100, not_kept),
            (1, written(&["size"], 3, 70), 100, "done"),
            // A different set of attributes is written at once and counted from one.
            (2, written(&["name", "size"], 3, 70), 71, "write size #1"),
            // A write is still made after the timeout; only waiting ends.
            (2, written(&["size"], 1, 5), 601, "write size #2"),
            (2, written(&["size"], 1, 590), 601, "network.main is still not showing its changes after 601 s"),
        ] {
            let what = format!("size {size}, {last:?}, after {now} s");
            assert_eq!(decide(Age::Old, &[], live(Status::Ready, size, 1), last, now), expected, "{what}");
        }
    }

    #[test]
    fn what_an_earlier_run_was_writing_is_written_once_more_even_where_it_looks_right() {
        for (size, unfinished, last, expected) in [
            (1, &["size"][..], None, "write size #1"),
            (2, &["size"][..], None, "write size #1"),
            (2, &["name"][..], None, "write size name #1"),
            (1, &["size"][..], written(&["size"], 1, 0), "done"),
        ] {
            let what = format!("size {size}, unfinished {unfinished:?}, {last:?}");
            assert_eq!(decide(Age::Old, unfinished, live(Status::Ready, size, 1), last, 1), expected, "{what}");
        }
    }

    #[test]
    fn an_object_pending_deletion_is_restored_by_an_update_even_where_nothing_differs() {
        for (size, last, now, expected) in [
            (1, None, 0, "write  #1"),
            (2, None, 0, "write size #1"),
            (1, written(&[], 1, 0), 10, "wait: not showing its changes"),
            (1, written(&[], 3, 0), 30, "network.main: changes to  did not persist"),
        ] {
            let what = format!("size {size}, {last:?}, after {now} s");
            assert_eq!(decide(Age::Old, &[], live(Status::PendingDeletion, size, 1), last, now), expected, "{what}");
        }
    }

    #[test]
    fn what_cannot_be_changed_in_place_is_never_written() {
        let replaced = "the plan is out of date: network.main would have to be replaced";
        for (age, expected) in
            [(Age::New, "network.main: changes to fixed did not persist"), (Age::Young, replaced), (Age::Old, replaced)]
        {
            assert_eq!(decide(age, &[], live(Status::Ready, 2, 2), None, 0), expected, "{age:?}");
            assert_eq!(decide(age, &["fixed"], live(Status::Ready, 2, 1), None, 0), expected, "{age:?}, unfinished");
        }
    }
}
