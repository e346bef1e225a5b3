//! The checks over a whole configuration.

mod api;
mod database;
mod functions;
mod general;
mod https;
mod network;
mod sections;
#[cfg(test)]
mod tests;
mod window;

pub use general::check_state;

use super::problem::Findings;
use super::{Problem, Settings};

impl Settings {
    /// Finds everything that cannot work, all at once, without a call.
    pub fn validate(&self) -> Vec<Problem> {
        self.check().problems
    }

    /// Finds what works but is probably not meant.
    pub fn warnings(&self) -> Vec<Problem> {
        self.check().warnings
    }

    fn check(&self) -> Findings {
        let mut findings = Findings::default();
        general::check(self, &mut findings);
        network::check(self, &mut findings);
        database::check(self, &mut findings);
        sections::check(self, &mut findings);
        functions::check(self, &mut findings);
        api::check(self, &mut findings);
        findings
    }
}
