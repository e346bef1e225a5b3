//! What `up` and `destroy` share: carry a plan out, and report how that ended.

use payinfra_engine::{Address, ApplyError, Outcome, Plan, execute};

use crate::command_error::{CommandError, Exit, exit_of};
use crate::render::{Progress, Screen};
use crate::session::Session;

/// Carries a plan out and shows its progress.
pub async fn carry_out(plan: &Plan, session: &Session, screen: &Screen) -> Outcome {
    session.signals.work_begins(&session.stop);
    let progress = Progress::start(screen, plan);
    let show = |event| progress.event(event);
    let outcome = execute(plan, &session.graph, &session.journal, &session.base, &show, &session.stop).await;
    progress.finish();
    outcome
}

/// Reports how a run ended and what to do next.
///
/// # Errors
/// Where it did not complete.
pub fn finish(screen: &Screen, outcome: Outcome, session: &Session) -> Result<Exit, CommandError> {
    let recorded = session.journal.read(|stack| stack.records.len());
    let recorded = format!("{recorded} resources are in place and recorded.");
    let resume = session.resume_command();
    let (summary, end) = match outcome {
        // `Session::leave` reports the loss.
        Outcome::Interrupted(summary) | Outcome::Failed(summary, _) | Outcome::NotRecorded(summary, _)
            if session.is_lost() =>
        {
            (summary, Ok(Exit::Locked))
        }
        Outcome::Completed(summary) => (summary, Ok(Exit::Done)),
        Outcome::Interrupted(summary) => {
            let error = CommandError::new(Exit::Interrupted, "interrupted");
            (summary, Err(error.hint(format!("{recorded} Run `{resume}` to resume."))))
        }
        Outcome::NotRecorded(summary, failure) => {
            let error = CommandError::from(failure).context("the live resources could not be recorded");
            (summary, Err(error.also(&format!("Nothing was changed. {recorded} Then run `{resume}` again."))))
        }
        Outcome::Failed(summary, failures) => {
            screen.summary(&summary);
            return Err(report(screen, failures, &format!("{recorded} Then run `{resume}` again.")));
        }
    };
    screen.summary(&summary);
    end
}

/// Shows every failure but the last, which becomes the command's error.
fn report(screen: &Screen, failures: Vec<(Address, ApplyError)>, next: &str) -> CommandError {
    let exit = if failures.iter().any(|(_, failure)| is_denied(failure)) { Exit::Denied } else { Exit::Failed };
    let mut errors: Vec<CommandError> = failures
        .into_iter()
        .map(|(address, failure)| CommandError::from(failure).context(format!("failed to apply {address}")))
        .collect();
    let last = errors.pop();
    errors.iter().for_each(|error| screen.error(error));
    let mut last = last.unwrap_or_else(|| CommandError::new(exit, "the run failed"));
    last.exit = exit;
    last.also(next)
}

/// Whether credentials or a permission are missing.
fn is_denied(failure: &ApplyError) -> bool {
    matches!(failure, ApplyError::State(payinfra_state::Error::Denied { .. }))
        || failure.class().is_some_and(|class| exit_of(class) == Exit::Denied)
}
