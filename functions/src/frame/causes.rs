//! An error's text with all of its causes, for the log.

use std::error::Error;

/// Formats an error followed by its chain of sources, separated by colons. A source whose text already ends the line is
/// not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn a_chain_lists_every_cause_once() {
        let error = Layer("no answer", Some(Box::new(Layer("connection closed", None))));
        assert_eq!(chain(&error), "no answer: connection closed");
        let repeated = Layer("cannot sign: no key", Some(Box::new(Layer("no key", None))));
        assert_eq!(chain(&repeated), "cannot sign: no key");
    }
}
