//! Lists in pages for which the SDK has no paginator.

/// Returns the token of the next page, or none after the last.
///
/// A service that returns the token it was sent would be asked for ever. Like the SDK's own paginators, this function
/// treats that as the end.
pub fn following(sent: Option<String>, answered: Option<&str>) -> Option<String> {
    answered.filter(|token| sent.as_deref() != Some(token)).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_token_ends_the_list() {
        assert_eq!(following(None, Some("a")).as_deref(), Some("a"));
        assert_eq!(following(Some("a".to_owned()), Some("b")).as_deref(), Some("b"));
        assert_eq!(following(Some("a".to_owned()), Some("a")), None);
        assert_eq!(following(Some("a".to_owned()), None), None);
    }
}
