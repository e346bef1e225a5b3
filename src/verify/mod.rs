//! `payinfra verify`: one synthetic payment through everything that is deployed, link by link.
//!
//! The links stand in the order in which a payment meets them. Each is checked from outside, by what it leaves behind;
//! one that cannot be checked says so and is never called well. `docs/verify.md` has a section for each.

mod alarm;
mod api;
mod archive;
mod gateway;
mod ledger;
mod link;
mod listener;
mod payment;
mod run;
mod signature;
mod target;
mod webhook;

use crate::problem::{Exit, Problem};
use crate::render::Screen;
use link::Link;
use listener::Listener;
use run::Run;

pub use link::State;
pub use target::Target;

/// The merchant of the synthetic payments; nobody else may use its name.
pub const MERCHANT: &str = "payinfra-verify";

/// Checks all links, shows each as it is done, and names the first broken one.
///
/// # Errors
/// Where a link is broken.
pub async fn run(target: &Target<'_>, screen: &Screen) -> Result<Exit, Problem> {
    let mut run = Run::new(screen);
    // Before the payment: its webhook may come at once.
    let listener = Listener::start(target).await;
    let api = &target.api;

    let health = run.first(Link::Health, async || gateway::healthy(api, target.patience).await).await;
    run.after(Link::Unauthenticated, &health, async |_| gateway::refuses_strangers(api).await).await;
    run.after(Link::BadRequest, &health, async |_| gateway::refuses_bad_requests(api).await).await;
    run.after(Link::CardNumber, &health, async |_| payment::refuses_card_numbers(api).await).await;

    let session = run.after(Link::Validated, &health, async |_| payment::validate(api).await).await;
    let booking = run.after(Link::Booked, &session, async |session| payment::book(api, session).await).await;
    run.after(Link::ReadBack, &booking, async |booking| payment::read_back(api, booking).await).await;
    run.after(Link::Replayed, &booking, async |booking| payment::replay(api, booking).await).await;
    let refund = run.after(Link::Refunded, &booking, async |booking| payment::refund(target, booking).await).await;

    let mut events: Vec<_> = booking.value().map(|booking| booking.event.clone()).into_iter().collect();
    events.extend(refund.value().cloned());
    let archived = run.after(Link::Archived, &booking, async |_| archive::holds(target, &events).await).await;
    let delivered = webhook::delivered(target, &listener, &events);
    let delivered = run.after(Link::Delivered, &archived, async |_| delivered.await).await;
    run.after(Link::Signed, &delivered, async |got| webhook::signed(target, got).await).await;

    run.first(Link::Balanced, async || ledger::balanced(target).await).await;
    run.first(Link::Alarm, async || alarm::heard(target).await).await;
    run.finish(target)
}
