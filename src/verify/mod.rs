//! `payinfra verify`: one synthetic payment through everything that is deployed, check by check.
//!
//! The checks are in the order in which a payment meets what they are about. Each looks from the outside at what the
//! payment leaves behind; one that is impossible from here says so and never passes. `docs/verify.md` has a section for
//! each.

mod alarm;
mod api;
mod archive;
mod check;
mod gateway;
mod ledger;
mod listener;
mod payment;
mod run;
mod signature;
mod target;
mod webhook;

use crate::command_error::{CommandError, Exit};
use crate::render::Screen;
use check::Check;
use listener::Listener;
use run::Run;

pub use target::Target;

/// Runs all checks, shows each as it ends, and names the first that failed.
///
/// # Errors
/// Where a check fails.
pub async fn run(target: &Target<'_>, screen: &Screen) -> Result<Exit, CommandError> {
    let mut run = Run::new(screen);
    // Before the payment: its webhook may come at once.
    let listener = Listener::start(target).await;
    let api = &target.api;

    let health = run.first(Check::Health, async || gateway::healthy(api, target.timeout).await).await;
    run.after(Check::Unauthenticated, &health, async |_| gateway::refuses_unauthenticated(api).await).await;
    run.after(Check::BadRequest, &health, async |_| gateway::refuses_bad_requests(api).await).await;
    run.after(Check::CardNumber, &health, async |_| payment::refuses_card_numbers(api).await).await;

    let session = run.after(Check::Validated, &health, async |_| payment::validate(api).await).await;
    let booking = run.after(Check::Booked, &session, async |session| payment::book(api, session).await).await;
    run.after(Check::ReadBack, &booking, async |booking| payment::read_back(api, booking).await).await;
    run.after(Check::Replayed, &booking, async |booking| payment::replay(api, booking).await).await;
    let refund = run.after(Check::Refunded, &booking, async |booking| payment::refund(target, booking).await).await;

    let mut events: Vec<_> = booking.value().map(|booking| booking.event.clone()).into_iter().collect();
    events.extend(refund.value().cloned());
    let archived = run.after(Check::Archived, &booking, async |_| archive::has_events(target, &events).await).await;
    let delivered = webhook::delivered(target, &listener, &events);
    let delivered = run.after(Check::Delivered, &archived, async |_| delivered.await).await;
    run.after(Check::Signed, &delivered, async |got| webhook::signed(target, got).await).await;

    run.first(Check::Balanced, async || ledger::balanced(target).await).await;
    run.first(Check::Alarm, async || alarm::is_heard(target).await).await;
    run.finish(target)
}
