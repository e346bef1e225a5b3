//! Decides the next step of a deletion.
//!
//! Everything here is pure: it neither calls nor waits. `delete.rs` carries the steps out.

use std::time::Duration;

use payinfra_state::Address;

use crate::{ApplyError, Error, Idempotency, LiveValue, Status};

/// Which object is to be deleted, and how long each part of that may take.
pub(crate) struct Removal<'a> {
    /// The address that the plan gives it.
    pub(crate) address: &'a Address,
    /// The address in its ownership tags, which differs where a second object carries the tags of one resource.
    pub(crate) tagged: &'a Address,
    pub(crate) idempotency: Idempotency,
    /// Whether its creation was not finished: it may appear in one list and not yet in another.
    pub(crate) young: bool,
    /// How long a fresh object may stay invisible.
    pub(crate) visibility: Duration,
    /// How long an accepted deletion may take to show.
    pub(crate) settle: Duration,
    /// The longest wait until it is gone.
    pub(crate) timeout: Duration,
}

/// How far a deletion has progressed; times are counted from its start.
#[derive(Debug)]
pub(crate) struct Going {
    /// The object as it was last seen.
    pub(crate) live: LiveValue,
    /// Whether it was idle then, with no change under way; assumed before the first look.
    pub(crate) idle: bool,
    /// When the deletion was last accepted, or found to be under way.
    pub(crate) asked: Option<Duration>,
    /// The error of the last call, if it was refused.
    pub(crate) refused: Option<Error>,
}

impl Going {
    pub(crate) fn new(live: LiveValue, now: Duration) -> Self {
        let asked = (live.status == Status::Deleting).then_some(now);
        Self { live, idle: true, asked, refused: None }
    }

    /// Updates the progress after a look; an object that does not show is assumed to be unchanged.
    pub(crate) fn saw(&mut self, seen: Option<LiveValue>) {
        if let Some(live) = seen {
            self.live = live;
        }
        self.idle = !matches!(self.live.status, Status::Pending(_) | Status::Deleting);
    }
}

/// What to do before the next look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Make the delete call.
    Due,
    /// Make none: the object is busy, or an accepted deletion may not show yet.
    NotDue,
    /// Make no more calls: ours is gone, and what has its id now belongs to somebody else.
    NotOurs,
}

/// What to do after a look at an object that is not gone.
#[derive(Debug)]
pub(crate) enum Next {
    /// Continue at once with the call that is due.
    Call,
    /// Wait and look again.
    Wait,
    /// Give up.
    Fail(ApplyError),
}

impl Removal<'_> {
    /// Decides before a look whether to make the call.
    ///
    /// If an object is still idle after its deletion was accepted, the call is repeated: the deletion was lost, or the
    /// object was created again (a log group by a late writer). The next of several steps is due once the object is
    /// idle.
    pub(crate) fn call(&self, going: &Going, now: Duration) -> Call {
        let settled = going.asked.is_some_and(|at| now.saturating_sub(at) >= self.settle);
        if !going.idle || (going.asked.is_some() && !settled) {
            Call::NotDue
        } else if settled && !going.live.belongs_to(self.tagged, self.idempotency) {
            Call::NotOurs
        } else {
            Call::Due
        }
    }

    /// Whether a look means that the object is gone; `seen` is `None` where the cloud does not show it.
    pub(crate) fn is_gone(&self, seen: Option<&LiveValue>, asked: bool, now: Duration) -> bool {
        match seen {
            Some(live) => live.status == Status::PendingDeletion,
            None => asked || !self.young || now >= self.visibility,
        }
    }

    /// Decides after a look at an object that is not gone.
    pub(crate) fn next(&self, going: &Going, now: Duration) -> Next {
        if now > self.timeout {
            return Next::Fail(self.timed_out(going, now));
        }
        if going.asked.is_some() || !going.idle { Next::Wait } else { Next::Call }
    }

    /// A refusal explains more than a timeout.
    fn timed_out(&self, going: &Going, now: Duration) -> ApplyError {
        match &going.refused {
            Some(error) => error.clone().into(),
            None => {
                let state = if going.idle { "there" } else { "being deleted" }.to_owned();
                ApplyError::TimedOut { address: self.address.clone(), state, seconds: now.as_secs() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::Class;

    const PENDING: fn() -> Status = || Status::Pending("leaving".to_owned());

    /// It may stay invisible for 60 s, accepted deletions show within 30 s, and the timeout is 600 s.
    fn removal(address: &Address, idempotency: Idempotency, young: bool) -> Removal<'_> {
        Removal {
            address,
            tagged: address,
            idempotency,
            young,
            visibility: Duration::from_secs(60),
            settle: Duration::from_secs(30),
            timeout: Duration::from_secs(600),
        }
    }

    fn live(status: Status, tagged: Option<&str>) -> LiveValue {
        let address = tagged.map(|text| text.parse().expect("an address"));
        LiveValue { address, id: "n-1".to_owned(), spec: Value::Null, outputs: Value::Null, status }
    }

    fn going(status: Status, asked: Option<u64>, refused: Option<Class>) -> Going {
        let refused = refused.map(|class| Error::new(class, "DeleteNetwork", "something refers to it"));
        let asked = asked.map(Duration::from_secs);
        let mut going = Going { live: live(Status::Ready, Some("network.main")), idle: true, asked, refused };
        going.saw(Some(live(status, Some("network.main"))));
        going
    }

    #[test]
    fn an_object_that_does_not_show_is_gone_unless_it_may_be_invisible() {
        let address = Address::new("network", "main");
        let shown = |status: Status| Some(live(status, Some("network.main")));
        for (young, seen, asked, now, expected) in [
            (false, None, false, 0, true),
            (true, None, false, 0, false),
            (true, None, false, 59, false),
            (true, None, false, 60, true),
            (true, None, true, 0, true),
            (true, shown(Status::PendingDeletion), false, 0, true),
            (false, shown(Status::PendingDeletion), true, 99, true),
            (false, shown(Status::Ready), true, 99, false),
            (false, shown(Status::Deleting), true, 99, false),
            (false, shown(Status::Failed("dead".to_owned())), true, 99, false),
        ] {
            let removal = removal(&address, Idempotency::Tags, young);
            let gone = removal.is_gone(seen.as_ref(), asked, Duration::from_secs(now));
            assert_eq!(gone, expected, "young {young}, {seen:?}, asked {asked}, after {now} s");
        }
    }

    #[test]
    fn the_call_is_made_once_the_object_is_idle_and_again_where_it_had_no_effect() {
        let address = Address::new("network", "main");
        for (status, asked, now, expected) in [
            // The first call, and the next of several steps.
            (Status::Ready, None, 0, Call::Due),
            (PENDING(), None, 99, Call::NotDue),
            (Status::Failed("dead".to_owned()), None, 0, Call::Due),
            // Accepted at 10 s.
            (Status::Ready, Some(10), 39, Call::NotDue),
            (Status::Ready, Some(10), 40, Call::Due),
            (PENDING(), Some(10), 40, Call::NotDue),
            (Status::Deleting, Some(10), 40, Call::NotDue),
        ] {
            let call = removal(&address, Idempotency::Name, false)
                .call(&going(status.clone(), asked, None), Duration::from_secs(now));
            assert_eq!(call, expected, "{status:?}, asked at {asked:?}, after {now} s");
        }
    }

    #[test]
    fn the_first_call_does_not_wait_for_an_idle_object_unless_it_is_being_deleted() {
        let address = Address::new("network", "main");
        for (status, expected) in [(Status::Ready, Call::Due), (PENDING(), Call::Due), (Status::Deleting, Call::NotDue)]
        {
            let going = Going::new(live(status.clone(), Some("network.main")), Duration::ZERO);
            let call = removal(&address, Idempotency::Name, false).call(&going, Duration::ZERO);
            assert_eq!(call, expected, "{status:?}");
        }
    }

    #[test]
    fn a_deletion_is_not_repeated_on_an_object_that_is_not_ours() {
        let address = Address::new("network", "main");
        for (idempotency, tagged, asked, now, expected) in [
            (Idempotency::Name, Some("network.main"), Some(0), 30, Call::Due),
            (Idempotency::Name, None, Some(0), 30, Call::NotOurs),
            (Idempotency::Name, Some("network.other"), Some(0), 30, Call::NotOurs),
            // An id that the cloud generates never belongs to a second object.
            (Idempotency::Token, None, Some(0), 30, Call::Due),
            (Idempotency::Tags, Some("network.other"), Some(0), 30, Call::NotOurs),
            // Nobody can have taken the name before a deletion was accepted, or while it may not show yet.
            (Idempotency::Name, None, None, 0, Call::Due),
            (Idempotency::Name, None, Some(0), 29, Call::NotDue),
        ] {
            let mut going = going(Status::Ready, asked, None);
            going.saw(Some(live(Status::Ready, tagged)));
            let call = removal(&address, idempotency, false).call(&going, Duration::from_secs(now));
            assert_eq!(call, expected, "{idempotency:?}, tagged {tagged:?}, asked at {asked:?}, after {now} s");
        }
    }

    #[test]
    fn a_deletion_that_times_out_reports_what_blocked_it() {
        let address = Address::new("network", "main");
        let refusal = "DeleteNetwork: something refers to it";
        for (status, asked, refused, now, expected) in [
            (Status::Ready, None, None, 5, "call"),
            (Status::Ready, None, Some(Class::InUse), 5, "call"),
            (PENDING(), None, None, 5, "wait"),
            (Status::Ready, Some(1), None, 5, "wait"),
            (Status::Deleting, Some(1), None, 600, "wait"),
            (Status::Deleting, Some(1), None, 601, "network.main is still being deleted after 601 s"),
            (PENDING(), None, None, 601, "network.main is still being deleted after 601 s"),
            (Status::Ready, Some(1), None, 601, "network.main is still there after 601 s"),
            (Status::Ready, None, Some(Class::InUse), 601, refusal),
            (Status::Deleting, Some(1), Some(Class::InUse), 601, refusal),
        ] {
            let next = removal(&address, Idempotency::Name, false)
                .next(&going(status.clone(), asked, refused), Duration::from_secs(now));
            let says = match next {
                Next::Call => "call".to_owned(),
                Next::Wait => "wait".to_owned(),
                Next::Fail(failure) => failure.to_string(),
            };
            assert_eq!(says, expected, "{status:?}, asked at {asked:?}, refused {refused:?}, after {now} s");
        }
    }

    #[test]
    fn an_object_that_does_not_show_is_assumed_to_be_unchanged() {
        let mut going = Going::new(live(PENDING(), Some("network.main")), Duration::ZERO);
        assert!(going.idle);
        going.saw(None);
        assert_eq!((&going.live.status, going.idle), (&PENDING(), false));
        going.saw(Some(live(Status::Ready, None)));
        assert_eq!((&going.live.status, going.idle), (&Status::Ready, true));
    }
}
