//! Who holds the lease, for how long, and when it expires.

use std::sync::Mutex;
use std::time::Duration;

use payinfra_engine::Shutdown;
use payinfra_state::Error as StateError;
use tokio::time::{Instant, sleep};

use super::fake::{Fault, Runner, Service, holder, terms};
use crate::remote_state::moment::Moment;
use crate::remote_state::records::{LeaseRecord, write_lease};
use crate::remote_state::{Lease, RemoteStateError, Terms, look};

const KEY: &str = "some/prefix/test/lease.json";

async fn take(runner: &Runner, wait: u64) -> Result<Lease, RemoteStateError> {
    Lease::acquire(runner.store(), terms(wait), Shutdown::default(), &|_| {}).await
}

fn locked(taken: Result<Lease, RemoteStateError>) {
    assert!(matches!(taken.err(), Some(RemoteStateError::State(StateError::Locked(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_its_run_is_alive() {
    let service = Service::default();
    let first = Runner::new(&service);
    let lease = take(&first, 0).await.unwrap();
    assert_eq!(lease.fence(), 1);
    let before = service.writes();
    sleep(Duration::from_secs(610)).await;
    assert!(lease.holds());
    assert_eq!(service.writes() - before, 30, "three renewals in each length");
    locked(take(&Runner::new(&service), 0).await);
    lease.release().await.unwrap();
    assert!(!lease.holds());
    assert!(!lease.is_lost());
    let next = take(&Runner::new(&service), 0).await.unwrap();
    assert_eq!(next.fence(), 2);
    lease.release().await.unwrap();
    assert!(next.confirm().await.unwrap(), "a released lease is not released again");
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_dead_holder_is_free_when_its_lease_expires() {
    for server_time in [true, false] {
        let service = Service::default();
        let dead = Runner::new(&service);
        drop(take(&dead, 0).await.unwrap());
        let mut next = Runner::new(&service);
        next.server_time = server_time;
        sleep(Duration::from_secs(30)).await;
        locked(take(&next, 0).await);
        let start = Instant::now();
        let lease = take(&next, 600).await.unwrap();
        let took = start.elapsed().as_secs();
        // The server's clock has seen the thirty seconds before; our own has not.
        let expected = if server_time { 32..36 } else { 60..63 };
        assert!(expected.contains(&took), "{took} s");
        assert_eq!(lease.fence(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_expired_long_ago_is_taken_without_waiting() {
    let service = Service::default();
    drop(take(&Runner::new(&service), 0).await.unwrap());
    sleep(Duration::from_secs(62)).await;
    assert_eq!(take(&Runner::new(&service), 0).await.unwrap().fence(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_other_machines_clock_counts() {
    let service = Service::default();
    let runner = Runner::new(&service);
    let lease = take(&runner, 0).await.unwrap();
    let (record, _) = look(&runner.store()).await.unwrap().unwrap();
    drop(lease);
    for renewed_at in ["1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        let record = LeaseRecord { renewed_at: renewed_at.parse().unwrap(), ..record.clone() };
        service.overwrite(KEY, &write_lease(&record));
        locked(take(&runner, 0).await);
    }
    sleep(Duration::from_secs(62)).await;
    assert!(take(&runner, 0).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_is_notified_once_for_each_holder_and_gets_the_state_when_it_is_free() {
    let service = Service::default();
    let first = take(&Runner::new(&service), 0).await.unwrap();
    let notices = Mutex::new(Vec::new());
    let notice = |text: &str| notices.lock().unwrap().push(text.to_owned());
    let second = Runner::new(&service);
    let start = Instant::now();
    let waits = Lease::acquire(second.store(), terms(300), Shutdown::default(), &notice);
    let frees = async {
        sleep(Duration::from_secs(100)).await;
        first.release().await.unwrap();
    };
    let (taken, ()) = tokio::join!(waits, frees);
    assert_eq!(taken.unwrap().fence(), 2);
    assert!((100..103).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let notices = notices.into_inner().unwrap();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("the state is locked by `payinfra up` of alice on "), "{notices:?}");
    assert!(notices[0].ends_with("waiting up to 299 s more"), "{notices:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_its_limit() {
    let service = Service::default();
    let _first = take(&Runner::new(&service), 0).await.unwrap();
    let start = Instant::now();
    locked(take(&Runner::new(&service), 90).await);
    assert!((90..92).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn of_many_concurrent_runs_one_gets_the_lease() {
    let service = Service::default();
    let runners: Vec<Runner> = (0..20).map(|_| Runner::new(&service)).collect();
    let taken = futures_of(&runners, 0).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
    // All of them wait for a holder that dies, and then for one another.
    drop(taken);
    let taken = futures_of(&runners, 100).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
}

async fn futures_of(runners: &[Runner], wait: u64) -> Vec<Result<Lease, RemoteStateError>> {
    let tasks: Vec<_> =
        runners.iter().cloned().map(|runner| tokio::spawn(async move { take(&runner, wait).await })).collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.push(task.await.unwrap());
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_expires_and_stops_the_run() {
    let service = Service::default();
    let runner = Runner::new(&service);
    let stop = Shutdown::default();
    let lease = Lease::acquire(runner.store(), terms(0), stop.clone(), &|_| {}).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    runner.fault(1, Fault::Killed);
    sleep(Duration::from_secs(48)).await;
    assert!(lease.holds() && !stop.requested());
    stop.wait().await;
    assert!(!lease.holds());
    assert!(matches!(lease.check(), Err(StateError::LeaseLost(reason)) if reason == "it was not renewed for 60 s"));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_is_recognised() {
    let service = Service::default();
    let runner = Runner::new(&service);
    let lease = take(&runner, 0).await.unwrap();
    for fault in [Fault::Lost, Fault::Twice, Fault::Busy, Fault::Late(Duration::from_secs(15))] {
        runner.fault(1, fault);
        sleep(Duration::from_secs(61)).await;
        assert!(lease.holds(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_timed_out_but_arrived_is_recognised_by_the_next() {
    let service = Service::default();
    let runner = Runner::new(&service);
    let terms = Terms { length: Duration::from_secs(900), ..terms(0) };
    let lease = Lease::acquire(runner.store(), terms, Shutdown::default(), &|_| {}).await.unwrap();
    // For longer than one renewal is retried, there are no answers, but the writes arrive.
    (1..=60).for_each(|number| runner.fault(number, Fault::Lost));
    sleep(Duration::from_secs(1100)).await;
    assert!(lease.holds());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_fenced_off_learns_by_whom() {
    let service = Service::default();
    let stop = Shutdown::default();
    let runner = Runner::new(&service);
    let lease = Lease::acquire(runner.store(), terms(0), stop.clone(), &|_| {}).await.unwrap();
    let other = Lease::seize(Runner::new(&service).store(), holder("bob"), Duration::from_secs(60)).await.unwrap();
    assert_eq!(other.fence(), 2);
    stop.wait().await;
    assert!(lease.is_lost());
    let text = lease.why_lost().await.to_string();
    assert!(text.starts_with("the lease on the state was lost: `payinfra up` of bob on "), "{text}");
    assert!(text.ends_with(" holds it now"), "{text}");
    lease.release().await.unwrap();
    assert!(other.confirm().await.unwrap(), "a lost lease is not released");
    other.release().await.unwrap();
    let text = lease.why_lost().await.to_string();
    assert!(text.ends_with(" took it over and has ended"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_lease_expires_after_the_usual_time_and_a_newer_one_is_refused() {
    let service = Service::default();
    service.overwrite(KEY, b"{");
    let runner = Runner::new(&service);
    locked(take(&runner, 0).await);
    assert_eq!(look(&runner.store()).await.unwrap().unwrap().0.holder.command, "(unreadable)");
    let lease = take(&runner, 100).await.unwrap();
    assert_eq!(service.keys().iter().filter(|key| key.contains("lease.json.damaged-")).count(), 1);
    let text = String::from_utf8(service.bytes(KEY)).unwrap();
    lease.release().await.unwrap();
    service.overwrite(KEY, text.replace("\"format\": 1", "\"format\": 2").as_bytes());
    assert!(matches!(take(&runner, 0).await.err(), Some(RemoteStateError::State(StateError::Newer { .. }))));
}

#[tokio::test(start_paused = true)]
async fn time_that_the_monotonic_clock_missed_counts() {
    let slept = Moment::now().earlier(Duration::from_secs(3600));
    assert!(slept.elapsed() >= Duration::from_secs(3600));
}
