//! One walk along the links.

use std::time::Instant;

use super::link::{Finding, Link, State};
use super::target::Target;
use crate::problem::{Exit, Problem};
use crate::render::{LinkLine, Screen};

/// What a link gave to those after it.
pub struct Checked<T> {
    link: Link,
    value: Option<T>,
}

impl<T> Checked<T> {
    /// The value, where the link holds.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

/// Shows each link and remembers the first broken one.
pub struct Run<'a> {
    screen: &'a Screen,
    begun: Instant,
    states: Vec<State>,
    first_broken: Option<(Link, String)>,
}

impl<'a> Run<'a> {
    /// Begins.
    pub fn new(screen: &'a Screen) -> Self {
        Self { screen, begun: Instant::now(), states: Vec::new(), first_broken: None }
    }

    /// Checks a link that needs no other.
    pub async fn first<T>(&mut self, link: Link, check: impl AsyncFnOnce() -> Result<T, Finding>) -> Checked<T> {
        let begun = Instant::now();
        let found = check().await;
        self.note(link, begun, found)
    }

    /// Checks a link that needs what another gave; where that is not well, it is skipped.
    pub async fn after<B, T>(
        &mut self,
        link: Link,
        before: &Checked<B>,
        check: impl AsyncFnOnce(&B) -> Result<T, Finding>,
    ) -> Checked<T> {
        let Some(given) = &before.value else {
            let why = format!("because of: {}", before.link.name());
            self.show(link, State::Skipped, Instant::now(), Some(&why));
            return Checked { link: before.link, value: None };
        };
        let begun = Instant::now();
        let found = check(given).await;
        self.note(link, begun, found)
    }

    fn note<T>(&mut self, link: Link, begun: Instant, found: Result<T, Finding>) -> Checked<T> {
        let value = match found {
            Ok(value) => {
                self.show(link, State::Ok, begun, None);
                Some(value)
            }
            Err(Finding::NotChecked(why)) => {
                self.show(link, State::NotChecked, begun, Some(&why));
                None
            }
            Err(Finding::Broken(why)) => {
                self.show(link, State::Broken, begun, Some(&why));
                self.first_broken.get_or_insert((link, why));
                None
            }
        };
        Checked { link, value }
    }

    fn show(&mut self, link: Link, state: State, begun: Instant, text: Option<&str>) {
        self.states.push(state);
        self.screen.link(&LinkLine { link: link.name(), state, took: begun.elapsed(), text });
    }

    /// Says how it ended.
    ///
    /// # Errors
    /// Where a link is broken; the error names the first.
    pub fn finish(self, target: &Target<'_>) -> Result<Exit, Problem> {
        let count = |state| self.states.iter().filter(|found| **found == state).count();
        let counts = [State::Ok, State::Broken, State::Skipped, State::NotChecked].map(|state| (state, count(state)));
        let broken = self.first_broken;
        self.screen.verification(broken.as_ref().map(|(link, _)| link.name()), &counts, self.begun.elapsed());
        let Some((link, why)) = broken else { return Ok(Exit::Done) };
        let anchor = link.name().replace(' ', "-");
        let problem =
            Problem::new(Exit::Failed, format!("the stack {} is broken at: {}", target.suffix(), link.name()));
        let problem = Problem { error: anyhow::anyhow!(why).context(problem.error.to_string()), ..problem };
        Err(problem.hint(format!("{} More in docs/verify.md#{anchor}.", link.look_at())))
    }
}
