//! Stops calls that change something once the run has no right to make them any more.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::http::Call;

/// Decides, at the last moment before a request leaves, whether it still may; clones are the same gate.
///
/// A shared state is held on a lease. A run that was paused past the end of its lease may wake up with a call that it
/// announced before, and by then another run has gone on without it: such a call must not leave.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<Box<Open>>>);

/// Answers whether calls that change something may leave.
type Open = dyn Fn() -> bool + Send + Sync;

/// Marks a request that leaves even through a closed gate: one of the state's own, which its conditions make safe.
#[derive(Debug, Clone, Copy)]
pub struct Ungated;

impl Gate {
    /// Asks `open` from now on; only the first one set counts. Without any, everything may leave.
    pub fn ask(&self, open: impl Fn() -> bool + Send + Sync + 'static) {
        // A second lease in one process would be a mistake; the first one's word holds.
        let _ = self.0.set(Box::new(open));
    }

    /// Whether a request may leave. Requests that only read, and those that no SDK client named, always may.
    pub(super) fn admits(&self, request: &HttpRequest) -> bool {
        let Some(open) = self.0.get() else { return true };
        match request.extension::<Call>() {
            Some(call) if request.extension::<Ungated>().is_none() => reads(&call.operation) || open(),
            _ => true,
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("watched", &self.0.get().is_some()).finish()
    }
}

/// Whether an operation changes nothing, by AWS's own naming.
fn reads(operation: &str) -> bool {
    ["Describe", "Get", "Head", "List"].iter().any(|verb| operation.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn request(operation: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.add_extension(Call { service: "EC2".to_owned(), operation: operation.to_owned() });
        request
    }

    #[test]
    fn a_closed_gate_lets_reads_and_the_states_own_calls_pass() {
        let gate = Gate::default();
        assert!(gate.admits(&request("CreateVpc")), "nobody watches");
        let open = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&open);
        gate.ask(move || watched.load(Ordering::SeqCst));
        assert!(gate.clone().admits(&request("CreateVpc")));
        open.store(false, Ordering::SeqCst);
        assert!(!gate.clone().admits(&request("CreateVpc")));
        assert!(!gate.admits(&request("Invoke")));
        assert!(gate.admits(&request("DescribeVpcs")));
        let mut own = request("PutObject");
        own.add_extension(Ungated);
        assert!(gate.admits(&own));
    }
}
