//! Stops calls that change something once the run may no longer make them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use payinfra_engine::Shutdown;
use tokio::sync::watch;

use crate::call::Call;

/// Decides, at the last moment before a request leaves, whether it still may; clones are the same gate.
///
/// A shared state is held on a lease. A run that was paused past the end of its lease may wake up with a call that it
/// announced before, although another run has taken over since: such a call must not leave. Nor may any call once the
/// run is asked to stop: an operation of several calls ends between two of them.
#[derive(Clone, Default)]
pub struct Gate {
    leased: Arc<OnceLock<Box<Open>>>,
    stop: Shutdown,
    /// How many requests that change something are on their way.
    flying: Arc<watch::Sender<usize>>,
}

/// A request on its way; it has landed when this is dropped.
pub(crate) struct Flight(Option<Arc<watch::Sender<usize>>>);

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(flying) = &self.0 {
            flying.send_modify(|count| *count -= 1);
        }
    }
}

/// Answers whether calls that change something may leave.
type Open = dyn Fn() -> bool + Send + Sync;

/// Marks a request that leaves even through a closed gate: one of the state's own, which its conditions make safe.
#[derive(Debug, Clone, Copy)]
pub struct Ungated;

/// Why a request was not sent. It had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    /// The run was asked to stop.
    #[error("the call was not sent: the run is stopping")]
    Stopping,
    /// Another run may have taken the state over.
    #[error("the call was not sent: the lease on the state has ended")]
    Unleased,
}

impl Gate {
    /// The request to stop, which closes the gate.
    pub fn stop(&self) -> &Shutdown {
        &self.stop
    }

    /// Asks `open` from now on; only the first one set counts. Without any, everything may leave.
    pub fn ask(&self, open: impl Fn() -> bool + Send + Sync + 'static) {
        // A second lease in one process would be a mistake; the first one counts.
        let _ = self.leased.set(Box::new(open));
    }

    /// Lets a request leave, or holds it back. Whoever sends several at once drops the others with the first error, so a
    /// stop is reported only once all requests in flight have landed.
    ///
    /// # Errors
    /// Where the gate is closed.
    pub(crate) async fn pass(&self, request: &HttpRequest) -> Result<Flight, Closed> {
        match self.admit(request) {
            Ok(()) => {
                let counts = request.extension::<Call>().is_some_and(|call| !call.reads());
                let flying = counts.then(|| Arc::clone(&self.flying));
                flying.iter().for_each(|flying| flying.send_modify(|count| *count += 1));
                Ok(Flight(flying))
            }
            Err(closed) => {
                let mut flying = self.flying.subscribe();
                // The sender lives as long as the gate.
                let _ = flying.wait_for(|count| *count == 0).await;
                Err(closed)
            }
        }
    }

    /// Whether a request may leave. Requests that only read, and those that no SDK client named, always may.
    fn admit(&self, request: &HttpRequest) -> Result<(), Closed> {
        let changes = request.extension::<Call>().is_some_and(|call| !call.reads());
        if !changes || request.extension::<Ungated>().is_some() {
            Ok(())
        } else if self.leased.get().is_some_and(|leased| !leased()) {
            Err(Closed::Unleased)
        } else if self.stop.requested() {
            Err(Closed::Stopping)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("watched", &self.leased.get().is_some()).finish()
    }
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
        assert_eq!(gate.admit(&request("CreateVpc")), Ok(()), "nobody watches");
        let open = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&open);
        gate.ask(move || watched.load(Ordering::SeqCst));
        assert_eq!(gate.clone().admit(&request("CreateVpc")), Ok(()));
        open.store(false, Ordering::SeqCst);
        assert_eq!(gate.clone().admit(&request("CreateVpc")), Err(Closed::Unleased));
        assert_eq!(gate.admit(&request("Invoke")), Err(Closed::Unleased));
        assert_eq!(gate.admit(&request("DescribeVpcs")), Ok(()));
        let mut own = request("PutObject");
        own.add_extension(Ungated);
        assert_eq!(gate.admit(&own), Ok(()));
        open.store(true, Ordering::SeqCst);
        gate.stop().request();
        assert_eq!(gate.clone().admit(&request("CreateVpc")), Err(Closed::Stopping));
        assert_eq!(gate.admit(&request("DescribeVpcs")), Ok(()));
    }

    #[tokio::test]
    async fn a_stop_is_reported_only_after_every_call_in_flight_has_ended() {
        let gate = Gate::default();
        let flight = gate.pass(&request("CreateVpc")).await.expect("the gate is open");
        gate.stop().request();
        let held = request("CreateSubnet");
        let mut refused = Box::pin(gate.pass(&held));
        assert!(futures::poll!(&mut refused).is_pending(), "the other one still flies");
        assert!(gate.pass(&request("DescribeVpcs")).await.is_ok(), "reads wait for nothing");
        drop(flight);
        assert_eq!(refused.await.err(), Some(Closed::Stopping));
    }
}
