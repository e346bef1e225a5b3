//! Questions before something is changed. `--yes` answers all of them.

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;

/// Asks before a plan is carried out. Without a terminal, a plan that deletes nothing needs no confirmation.
///
/// # Errors
/// Where it is not confirmed.
pub fn plan(global: &Global, screen: &Screen, destroys: bool) -> Result<(), CommandError> {
    if global.yes || (!screen.is_terminal() && !destroys) {
        return Ok(());
    }
    if !screen.is_terminal() {
        let error = CommandError::new(Exit::Usage, "the plan deletes resources, and there is no terminal to ask");
        return Err(error.hint("Nothing was changed. Read the plan above and add --yes to carry it out."));
    }
    if is_yes(&screen.ask("Do this? [y/N] ")?) { Ok(()) } else { Err(refused(Exit::Failed)) }
}

/// What happens if the suffix is typed back, and what a command without a terminal reports instead of asking.
pub struct Question<'a> {
    /// The consequence, as whole sentences.
    pub consequence: &'a str,
    /// The suffix to type.
    pub suffix: &'a str,
    /// The error without a terminal.
    pub no_terminal: CommandError,
}

/// Asks for the suffix to be typed back.
///
/// # Errors
/// Where it is not, with the exit code of `no_terminal` if it is a state that stays locked; where nobody can be asked.
pub fn suffix(global: &Global, screen: &Screen, question: Question<'_>) -> Result<(), CommandError> {
    let Question { consequence, suffix, no_terminal } = question;
    if global.yes {
        return Ok(());
    }
    if !screen.is_terminal() {
        return Err(no_terminal);
    }
    let answer = screen.ask(&format!("{consequence} Type the suffix ({suffix}) to continue: "))?;
    let exit = if no_terminal.exit == Exit::Locked { Exit::Locked } else { Exit::Failed };
    if answer == suffix { Ok(()) } else { Err(refused(exit)) }
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].iter().any(|yes| answer.eq_ignore_ascii_case(yes))
}

fn refused(exit: Exit) -> CommandError {
    CommandError::new(exit, "not confirmed").hint("Nothing was changed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_and_yes_confirm() {
        for yes in ["y", "Y", "yes", "Yes", "YES"] {
            assert!(is_yes(yes), "{yes}");
        }
        for no in ["", "n", "no", "ye", "yes please", "yy"] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
