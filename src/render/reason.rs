//! Why something changes, in words.

use payinfra_engine::Reason;

/// A reason as a phrase.
pub(super) fn reason(reason: &Reason) -> String {
    let words = match reason {
        Reason::New => "new",
        Reason::Config => "config changed",
        Reason::Code => "new code",
        Reason::Drift => "drift: changed outside payinfra",
        Reason::Dependency => "follows a change of another resource",
        Reason::Missing => "drift: deleted outside payinfra",
        Reason::Unfinished => "an earlier run did not finish it",
        Reason::Unrecorded => "differs from the configuration",
        Reason::Failed(why) => return format!("failed: {why}"),
        Reason::Leaving => "it was being deleted and is needed again",
        Reason::Removed => "no longer in the configuration",
        Reason::Orphan => "orphan: carries this stack's tags, and nothing explains it",
        Reason::Destroy => "destroy",
    };
    words.to_owned()
}
