//! Where payinfra keeps what can be rebuilt at any time.

use std::ffi::OsString;
use std::path::PathBuf;

/// Finds the folder: `$PAYINFRA_CACHE`, or `$XDG_CACHE_HOME/payinfra`, or `$HOME/.cache/payinfra`; `None` if none of
/// them is set. It may be relative, and need not exist.
pub fn cache_folder() -> Option<PathBuf> {
    from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG specification says to ignore a relative path.
    let xdg = || variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    variable("PAYINFRA_CACHE")
        .map(PathBuf::from)
        .or_else(|| xdg().map(|path| path.join("payinfra")))
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache/payinfra")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(variables: &[(&str, &str)]) -> Option<PathBuf> {
        from_variables(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_most_specific_variable_wins_and_a_relative_xdg_path_is_ignored() {
        let all = [("PAYINFRA_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(folder(&all), Some("/a".into()));
        assert_eq!(folder(&all[1..]), Some("/b/payinfra".into()));
        assert_eq!(folder(&all[2..]), Some("/c/.cache/payinfra".into()));
        assert_eq!(folder(&[("XDG_CACHE_HOME", "b"), ("HOME", "/c")]), Some("/c/.cache/payinfra".into()));
        assert_eq!(folder(&[]), None);
    }
}
