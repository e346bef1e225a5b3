//! Every reading call of every kind is answered with something else than the truth: there is no panic, an answer that
//! is cut off never means that nothing exists, and the error says which call it was.

#![allow(clippy::print_stdout, reason = "the seed must be seen")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::emulator::ACCOUNT;
use crate::support::{Emulator, Fault, Garble, Kind, Payinfra, Proxy, Rule, summary};
use payinfra_aws::names::Suffix;
use payinfra_aws::{Clients, Connected, Connection, Emulator as Recognised};
use payinfra_engine::{LiveValue, Select};
use payinfra_steps::Cloud;
use payinfra_steps::kinds::kinds;

/// The stack that is read.
const STACK: &str = "hostile";

/// How often each kind of damage that a number places is done to each call.
const PLACES: u64 = 2;

/// What is there, by address and id.
fn known(live: &[LiveValue]) -> BTreeSet<(String, String)> {
    let name = |live: &LiveValue| live.address.as_ref().map_or_else(String::new, ToString::to_string);
    live.iter().map(|live| (name(live), live.id.clone())).collect()
}

#[test]
fn no_broken_answer_of_a_service_is_trusted() {
    let emulator = Emulator::start(Kind::MiniStack);
    let payinfra = Payinfra::against(&emulator.endpoint()).argument("--suffix").argument(STACK);
    payinfra.configure_with_functions("");
    payinfra.run(["up"]).expect(0);

    let seed = std::env::var("PAYINFRA_PROPTEST_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut seed: u64 = seed.unwrap_or(u64::from(now.subsec_nanos()));
    println!("PAYINFRA_PROPTEST_SEED={seed}");
    let first = seed;
    let mut next = || {
        // A linear congruential generator (Knuth's MMIX); only its upper half is good.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 16
    };
    let proxy = Proxy::start(emulator.address());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut failures = Vec::new();
    let (mut answers, mut errors, mut operations) = (0, 0, BTreeSet::new());
    runtime.block_on(async {
        let connection = Connection { endpoint_url: Some(proxy.endpoint()), ..Connection::default() };
        let config = connection.sdk_config().await;
        let suffix = Suffix::parse(STACK).unwrap();
        let connected = Connected {
            clients: Clients::new(&config, true),
            account: ACCOUNT.to_owned(),
            emulator: Some(Recognised::MiniStack),
        };
        let cloud = || Cloud::new(connected.clone(), suffix.clone());
        for kind in kinds().iter() {
            proxy.clear_rules();
            proxy.forget();
            let truth = known(&kind.list(&cloud(), Select::Owned).await.unwrap());
            let counts: BTreeMap<String, usize> = proxy.calls().iter().fold(BTreeMap::new(), |mut counts, call| {
                *counts.entry(call.operation.clone()).or_default() += 1;
                counts
            });
            for (operation, count) in counts {
                operations.insert(operation.clone());
                for garble in garbles(&mut next) {
                    proxy.clear_rules();
                    let at = 1 + usize::try_from(next()).unwrap() % count;
                    proxy.rule(Rule::on(&operation, Fault::Garble(garble)).from(at));
                    answers += 1;
                    let what = format!("{}: {operation} {at} of {count}, {garble:?}", kind.name());
                    match kind.list(&cloud(), Select::Owned).await {
                        Ok(live) if garble.breaks() && known(&live) != truth => {
                            failures.push(format!("{what} is believed: {:?} for {truth:?}", known(&live)));
                        }
                        Ok(_) => {}
                        Err(error) => {
                            errors += 1;
                            let text = error.to_string();
                            if error.operation.is_empty() || text.len() > 2000 {
                                failures.push(format!("{what} says {} characters: {:.200}", text.len(), text));
                            }
                        }
                    }
                }
            }
        }
    });
    assert!(failures.is_empty(), "{} of {answers}, seed {first}:\n{}", failures.len(), failures.join("\n"));
    assert!(operations.len() > 50 && errors > answers / 4, "{} operations, {errors} errors", operations.len());
    // The stack is as it was.
    payinfra.run(["diff"]).expect(0);
    let operations = operations.len();
    summary::line(
        9,
        &format!("{answers} garbled answers to {operations} reading operations, seed {first}: 0 panics, 0 believed"),
    );
}

/// Every kind of wrong answer, those with a place at places all over the answer.
fn garbles(next: &mut impl FnMut() -> u64) -> Vec<Garble> {
    let mut garbles = vec![Garble::Empty, Garble::Page(200), Garble::Page(404), Garble::Huge, Garble::Deep];
    for place in 0..PLACES {
        garbles.push(Garble::Cut(u16::try_from(50 + 320 * place + next() % 250).unwrap()));
        garbles.extend([Garble::Noise(next()), Garble::Missing(next()), Garble::Other(next())]);
    }
    garbles
}
