//! The embedded sandbox through the real binary: started once, reused, stopped with its data kept, reset.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::support::Payinfra;
use crate::support::emulator::status_of;
use crate::support::sandbox::{Own, database};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

fn address(running: &Value) -> SocketAddr {
    running["endpoint"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
}

fn pid(of: &Value) -> Pid {
    Pid::from_raw(of["pid"].as_i64().unwrap().try_into().unwrap()).unwrap()
}

#[tokio::test]
async fn it_is_started_once_and_its_data_survives_a_stop_but_not_a_reset() {
    let own = Own::new();
    assert_eq!(own.running(&["status"]), Value::Null);

    let first = own.running(&["start"]);
    assert_eq!(first["account"], "123456789012");
    assert_eq!(own.running(&["start"]), first, "the second start finds the first one's");
    assert_eq!(own.running(&["status"]), first);
    let human = own.sandbox(&["status"]).expect(0).out;
    for part in [first["endpoint"].as_str().unwrap(), first["postgres"]["address"].as_str().unwrap(), "MiniStack"] {
        assert!(human.contains(part), "{human}");
    }

    assert_eq!(status_of(address(&first), "PUT", "/kept-bucket"), Some(200));
    let client = database(&first, "localhost").await.unwrap();
    client.batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").await.unwrap();

    own.sandbox(&["stop"]).expect(0);
    assert_eq!(own.running(&["status"]), Value::Null);
    assert_eq!(status_of(address(&first), "GET", "/"), None, "nothing listens any more");
    let second = own.running(&["start"]);
    assert_eq!(second["endpoint"], first["endpoint"], "deployed functions know the address");
    assert_eq!(second["postgres"]["address"], first["postgres"]["address"]);
    assert_eq!(status_of(address(&second), "HEAD", "/kept-bucket"), Some(200));
    let client = database(&second, "127.0.0.1").await.unwrap();
    assert_eq!(client.query_one("SELECT n FROM kept", &[]).await.unwrap().get::<_, i32>(0), 7);

    own.sandbox(&["reset"]).expect(0);
    let third = own.running(&["start"]);
    assert_eq!(status_of(address(&third), "HEAD", "/kept-bucket"), Some(404));
    let client = database(&third, "localhost").await.unwrap();
    assert!(client.query_one("SELECT n FROM kept", &[]).await.is_err());
}

#[tokio::test]
async fn the_database_takes_tls_only_and_shows_a_certificate_for_the_right_names() {
    let own = Own::new();
    let running = own.running(&["start"]);
    for name in ["localhost", "127.0.0.1", "payments.us-east-1.rds.amazonaws.com"] {
        database(&running, name).await.unwrap();
    }
    assert!(database(&running, "elsewhere.example").await.is_err(), "the name is verified");
    // A start-up message without TLS; the answer is an error of class 28, invalid authorization.
    let mut stream = TcpStream::connect(running["postgres"]["address"].as_str().unwrap()).unwrap();
    let words = b"user\0payinfra_sandbox\0database\0payments\0\0";
    let length = u32::try_from(words.len() + 8).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], &196_608_u32.to_be_bytes()[..], words].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"E") && answer.windows(6).any(|part| part == b"C28000"), "{answer:?}");
}

#[tokio::test]
async fn a_migration_that_the_database_lacks_shows_in_diff() {
    let own = Own::new();
    own.configure("[functions]\n");
    own.payinfra.run(["up", "--sandbox", "--yes"]).expect(0);
    own.payinfra.run(["diff", "--sandbox"]).expect(0);
    let client = database(&own.running(&["status"]), "localhost").await.unwrap();
    client.batch_execute("delete from payments.migrations where name = 'booking'").await.unwrap();
    let diff = own.payinfra.run(["diff", "--sandbox", "--json"]).expect(2);
    let plan: Value = diff
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|line: &Value| line["type"] == "plan")
        .unwrap();
    let changes = plan["changes"].as_array().unwrap();
    let changes: Vec<&Value> = changes.iter().filter(|change| change["action"] != "no_op").collect();
    let [change] = changes[..] else { panic!("not one change: {changes:#?}") };
    assert_eq!((&change["address"], &change["action"]), (&"schema.main".into(), &"update".into()), "{change:#}");
    let names = |migrations: &Value| -> Vec<String> {
        migrations.as_array().unwrap().iter().map(|migration| migration["name"].to_string()).collect()
    };
    let attribute = &change["attributes"][0];
    assert_eq!(names(&attribute["new"]).len(), names(&attribute["old"]).len() + 1, "{attribute:#}");
    assert!(names(&attribute["new"]).contains(&"\"booking\"".to_owned()));
    let shown = own.payinfra.run(["diff", "--sandbox"]).expect(2);
    assert!(shown.out.contains("schema.main") && shown.out.contains("\"name\": \"booking\""), "{}", shown.out);
}

#[test]
fn two_commands_at_once_start_one_sandbox() {
    let own = Own::new();
    let start = || own.payinfra.start(["--json", "sandbox", "start", "--without-database"]);
    let (one, two) = (start(), start());
    let pids = [one, two].map(|run| serde_json::from_str::<Value>(&run.wait().expect(0).out).unwrap());
    assert_eq!(pids[0]["running"]["pid"], pids[1]["running"]["pid"]);
    assert_eq!(pids[0]["running"]["postgres"], Value::Null);
}

#[test]
fn an_interrupted_start_and_a_killed_emulator_are_recovered_from() {
    let own = Own::new();
    let first = own.running(&["start", "--without-database"]);
    kill_process(pid(&first), Signal::KILL).unwrap();
    assert_eq!(own.running(&["status"]), Value::Null);
    let second = own.running(&["start", "--without-database"]);
    assert_ne!(second["pid"], first["pid"]);
    own.sandbox(&["stop"]).expect(0);
    own.sandbox(&["stop"]).expect(0);
    for delay in [5, 10, 15, 20, 50, 150, 300] {
        let run = own.payinfra.start(["sandbox", "start", "--without-database"]);
        std::thread::sleep(Duration::from_millis(delay));
        run.kill();
    }
    let third = own.running(&["start", "--without-database"]);
    assert_eq!(own.running(&["status"]), third);
    let processes = Command::new("ps").args(["-e", "-ww", "-o", "args="]).output().unwrap().stdout;
    let processes = String::from_utf8_lossy(&processes);
    let folder = own.cache.path().to_str().unwrap();
    let emulators: Vec<&str> =
        processes.lines().filter(|line| line.contains(folder) && line.contains("ministack")).collect();
    assert_eq!(emulators.len(), 1, "none was started and forgotten: {emulators:#?}");
}

#[test]
fn what_is_in_the_way_is_named_with_advice() {
    let own = Own::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = own.sandbox(&["start", "--without-database", "--port", &port]).expect(1);
    assert!(refused.err.contains(&format!("port {port} on 127.0.0.1 is in use")), "{}", refused.err);
    assert!(refused.err.contains("--port"), "{}", refused.err);

    // Another cache, where nothing is installed yet, and a search path without an interpreter.
    let empty = TempDir::new().unwrap();
    let path = empty.path().to_str().unwrap();
    let fresh = Payinfra::alone().variable("PAYINFRA_CACHE", path).variable("PATH", path);
    let refused = fresh.run(["sandbox", "start"]).expect(1);
    assert!(refused.err.contains("no python3 on the PATH"), "{}", refused.err);
    assert!(refused.err.contains("install Python 3.10"), "{}", refused.err);

    let fresh =
        Payinfra::alone().variable("PAYINFRA_CACHE", path).variable("PIP_INDEX_URL", "http://127.0.0.1:9/simple");
    let refused = fresh.variable("PIP_FIND_LINKS", "").run(["sandbox", "start"]).expect(1);
    assert!(refused.err.contains("the package index cannot be reached"), "{}", refused.err);
    assert!(!own.cache.path().join("sandbox/run.json").exists(), "nothing was started");
}
