//! A stack's life with the real binary in a world that it takes for AWS: no endpoint, AWS's timing, rates and quotas,
//! virtual-host buckets, every attribute compared, and every rule of AWS that the proxy knows.

#![allow(clippy::print_stderr, reason = "a long test shows how far it is")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;

use crate::support::aws_rules::{Row, rows};
use crate::support::configurations::{chosen, in_zone};
use crate::support::emulator::ACCOUNT;
use crate::support::ground::gaps;
use crate::support::inventory::{duplicates, inventory, python, script};
use crate::support::world::World;
use crate::support::{Finished, Kind, Moment, Target, artifacts};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

/// Rules that this life does not meet, each with the reason.
const NOT_MET: &[(&str, &str)] = &[
    ("rds-parameter-equal-to-its-default", "moto's answer names no source"),
    ("rds-proxy-without-use1-az3", "no proxy is in that zone"),
    ("roles-listed-without-tags", "moto lists roles without their tags"),
    ("ssm-too-many-updates", "a life changes no tag of a parameter"),
];

/// The mutating call at which an `up` is killed, and a `destroy`: about the middle.
const KILLED_AT: [(&str, usize); 2] = [("up", 150), ("destroy", 100)];

#[test]
fn a_stack_lives_and_dies_in_aws_world() {
    let Some(world) = World::enter("aws_world::a_stack_lives_and_dies_in_aws_world") else { return };
    let life = Life { world };
    // No kill before this has ended: the next run would hide what it got wrong.
    life.configure("");
    life.lives();
    life.drifts();
    life.is_killed("destroy");
    life.dies();
    let (met, _) = life.world.proxy.behaved();
    let exempt: BTreeSet<&str> = NOT_MET.iter().map(|(id, _)| *id).collect();
    // Whether a list is asked for within seconds of a creation is a matter of timing.
    let is_certain = |row: &Row| row.is_met_by_a_life() && !row.id.starts_with("hidden-");
    let missed = rows().into_iter().filter(|row| is_certain(row) && !met.contains(&row.id));
    let missed: Vec<&str> = missed.map(|row| row.id).filter(|id| !exempt.contains(id)).collect();
    assert_eq!(missed, Vec::<&str>::new(), "these rules were never met");
}

#[test]
fn each_gap_of_the_ground_says_what_is_lacking() {
    for gap in gaps() {
        assert!(!gap.id.is_empty() && !gap.lacks.is_empty(), "{}: {}", gap.id, gap.lacks);
    }
}

#[test]
#[ignore = "takes ten minutes; scripts/aws-rules --configurations runs it"]
fn every_configuration_lives_and_dies_in_aws_world() {
    let Some(world) = World::enter("aws_world::every_configuration_lives_and_dies_in_aws_world") else { return };
    let life = Life { world };
    for (name, text) in chosen() {
        eprintln!("{name}");
        life.world.emulator.reset();
        life.world.proxy.fill(gaps());
        life.configure(&in_zone(text, &life.world.emulator.endpoint()));
        life.is_killed("up");
        life.lives();
        life.dies();
    }
}

/// `scripts/aws-acceptance` as a person with an account runs it; only `verify` is left out, because nothing runs the
/// functions.
#[test]
#[ignore = "takes ten minutes; run it with --run-ignored after a change of scripts/acceptance"]
fn the_acceptance_run_passes_in_aws_world() {
    let Some(world) = World::enter("aws_world::the_acceptance_run_passes_in_aws_world") else { return };
    world.proxy.behave(rows());
    let folder = world.payinfra.folder();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/aws-acceptance");
    let mut command = Command::new(python());
    command.arg("-B").arg(script).args(["--account", ACCOUNT, "--yes", "--skip", "verify", "--probe-seconds", "20"]);
    command.arg("--folder").arg(&folder).env("PAYINFRA_BINARY", env!("CARGO_BIN_EXE_payinfra"));
    command.env("PAYINFRA_ARTIFACTS", artifacts()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
    command.env("SSL_CERT_FILE", world.authority()).env("AWS_CA_BUNDLE", world.authority());
    let status = command.status().unwrap();
    eprintln!("{}", std::fs::read_to_string(folder.join("report.md")).unwrap());
    assert!(status.success());
}

struct Life {
    world: World,
}

impl Life {
    fn configure(&self, text: &str) {
        self.world.payinfra.configure_with_functions(text);
        self.world.proxy.behave(rows());
    }

    fn lives(&self) {
        self.run(&["up", "--yes"]).expect(0);
        assert_eq!(duplicates(&self.inventory()), Vec::<String>::new());
        self.world.proxy.forget();
        self.run(&["up"]).expect(0);
        assert_eq!(self.written(), Vec::<String>::new(), "the second `up` has nothing to write");
        self.run(&["diff"]).demand_no_changes();
    }

    fn dies(&self) {
        self.run(&["destroy", "--yes"]).demand_nothing_left("world");
        assert_eq!(self.inventory(), Vec::new());
        let (_, wrong) = self.world.proxy.behaved();
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(self.world.strangers(), Vec::<String>::new(), "nobody but AWS is asked for");
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let finished = self.world.payinfra.run([&["--suffix", "world"], arguments].concat());
        eprintln!("{arguments:?} took {:.1} s", finished.took.as_secs_f64());
        if std::env::var_os("PAYINFRA_WORLD_VERBOSE").is_some() {
            eprintln!("{}\n{}", finished.out, finished.err);
        }
        finished
    }

    /// A run dies before the answer of a call.
    fn is_killed(&self, command: &str) {
        self.world.proxy.forget();
        let number = KILLED_AT.iter().find(|(name, _)| *name == command).unwrap().1;
        let run = self.world.payinfra.start(["--suffix", "world", command, "--yes"]);
        let (victim, (sender, receiver)) = (run.pid(), channel());
        let at = vec![(Target::Mutating(number), Moment::AfterForward)];
        self.world.proxy.stop_at(at, move |call| {
            kill_process(victim, Signal::KILL).ok();
            sender.send(call).ok();
        });
        let ended = run.wait();
        self.world.proxy.quiet();
        self.world.proxy.release();
        let call = receiver.try_recv().unwrap_or_else(|_| panic!("it was not killed: {}{}", ended.out, ended.err));
        eprintln!("{command} was killed at {} after {:.1} s", call.name(), ended.took.as_secs_f64());
    }

    /// What is changed behind payinfra's back is seen and repaired.
    fn drifts(&self) {
        let endpoint = self.world.proxy.endpoint();
        let drifts = script("drift.py", &[&endpoint, "world", Kind::Moto.name()]);
        let failed: Vec<&Value> = drifts.iter().filter(|drift| drift.get("failed").is_some()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        self.run(&["diff"]).expect(2);
        self.run(&["up", "--yes"]).expect(0);
        self.run(&["diff"]).demand_no_changes();
    }

    fn inventory(&self) -> Vec<crate::support::inventory::Thing> {
        inventory(&self.world.emulator.endpoint(), "world")
    }

    /// What was written since the calls were last forgotten. The function that owns the schema is asked what is applied,
    /// which changes nothing.
    fn written(&self) -> Vec<String> {
        let calls = self.world.proxy.calls();
        let asks =
            |call: &crate::support::Call| String::from_utf8_lossy(&call.body).contains(r#""action":"migrations""#);
        calls.iter().filter(|call| call.mutating.is_some() && !asks(call)).map(crate::support::Call::name).collect()
    }
}
