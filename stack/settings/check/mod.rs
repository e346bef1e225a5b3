//! The checks over a whole configuration.

mod api;
mod capacity;
mod database;
mod functions;
mod general;
mod https;
mod monitoring;
mod network;
mod ranges;
mod retention;
#[cfg(test)]
mod tests;
mod window;

pub use general::check_state;

use super::error::Findings;
use super::{SettingError, SettingWarning, Settings};

impl Settings {
    /// Finds everything that cannot work, all at once, without a call.
    pub fn validate(&self) -> Vec<SettingError> {
        self.check().errors
    }

    /// Finds what works but is probably not meant.
    pub fn warnings(&self) -> Vec<SettingWarning> {
        self.check().warnings
    }

    fn check(&self) -> Findings {
        let mut findings = Findings::default();
        // The ranges come first: the checks after them may skip a value that is out of range.
        ranges::check(self, &mut findings);
        general::check(self, &mut findings);
        network::check(self, &mut findings);
        database::check(self, &mut findings);
        retention::check(self, &mut findings);
        capacity::check(self, &mut findings);
        monitoring::check(self, &mut findings);
        functions::check(self, &mut findings);
        api::check(self, &mut findings);
        findings
    }
}
