//! Errors with their causes, as text.

/// Writes an error and its causes, each as it displays itself, joined by colons.
///
/// The SDK's own way of writing errors adds their debug form, which contains the whole answer: an answer to
/// `CreateApiKey` contains the key.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
