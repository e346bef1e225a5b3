//! One run of the checks.

use std::time::Instant;

use super::check::{Check, CheckError};
use super::target::Target;
use crate::command_error::{CommandError, Exit};
use crate::render::{CheckLine, CheckState, Screen};

/// What a check found, for those that need it.
pub struct Checked<T> {
    check: Check,
    value: Option<T>,
}

impl<T> Checked<T> {
    /// The value, if the check passed.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

/// Shows each check and remembers the first that failed.
pub struct Run<'a> {
    screen: &'a Screen,
    begun: Instant,
    states: Vec<CheckState>,
    first_broken: Option<(Check, String)>,
}

impl<'a> Run<'a> {
    /// Starts the clock.
    pub fn new(screen: &'a Screen) -> Self {
        Self { screen, begun: Instant::now(), states: Vec::new(), first_broken: None }
    }

    /// Runs a check that needs no other.
    pub async fn first<T>(&mut self, check: Check, probe: impl AsyncFnOnce() -> Result<T, CheckError>) -> Checked<T> {
        let begun = Instant::now();
        let found = probe().await;
        self.note(check, begun, found)
    }

    /// Runs a check that needs what another found; if that did not pass, it is skipped.
    pub async fn after<B, T>(
        &mut self,
        check: Check,
        before: &Checked<B>,
        probe: impl AsyncFnOnce(&B) -> Result<T, CheckError>,
    ) -> Checked<T> {
        let Some(given) = &before.value else {
            let why = format!("because of: {}", before.check.name());
            self.show(check, CheckState::Skipped, Instant::now(), Some(&why));
            return Checked { check: before.check, value: None };
        };
        let begun = Instant::now();
        let found = probe(given).await;
        self.note(check, begun, found)
    }

    fn note<T>(&mut self, check: Check, begun: Instant, found: Result<T, CheckError>) -> Checked<T> {
        let value = match found {
            Ok(value) => {
                self.show(check, CheckState::Ok, begun, None);
                Some(value)
            }
            Err(CheckError::NotChecked(why)) => {
                self.show(check, CheckState::NotChecked, begun, Some(&why));
                None
            }
            Err(CheckError::Broken(why)) => {
                self.show(check, CheckState::Broken, begun, Some(&why));
                self.first_broken.get_or_insert((check, why));
                None
            }
        };
        Checked { check, value }
    }

    fn show(&mut self, check: Check, state: CheckState, begun: Instant, text: Option<&str>) {
        self.states.push(state);
        self.screen.check(&CheckLine { check: check.name(), state, took: begun.elapsed(), text });
    }

    /// Shows the counts.
    ///
    /// # Errors
    /// Where a check failed; the error names the first.
    pub fn finish(self, target: &Target<'_>) -> Result<Exit, CommandError> {
        let count = |state| self.states.iter().filter(|found| **found == state).count();
        let counts = [CheckState::Ok, CheckState::Broken, CheckState::Skipped, CheckState::NotChecked]
            .map(|state| (state, count(state)));
        let broken = self.first_broken;
        self.screen.verification(broken.as_ref().map(|(check, _)| check.name()), &counts, self.begun.elapsed());
        let Some((check, why)) = broken else { return Ok(Exit::Done) };
        let anchor = check.name().replace(' ', "-");
        let failed = format!("the stack {} fails the check: {}", target.suffix(), check.name());
        let error = CommandError { exit: Exit::Failed, error: anyhow::anyhow!(why).context(failed), hint: None };
        Err(error.hint(format!("{} See docs/verify.md#{anchor}.", check.look_at())))
    }
}
