//! `payinfra verify` on a real stack in the sandbox: it passes, and whichever link is broken on purpose, it names that
//! one.

use crate::support::inventory::script;
use crate::support::sandbox::{Own, database};
use crate::support::{Finished, summary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a link is waited for here.
const TIMEOUT: &str = "6";

/// What makes the same request twice two requests.
const FORGETFUL: &str = "
    create function payments.forget() returns trigger language plpgsql as $$
    begin new.idempotency_key := new.idempotency_key || clock_timestamp(); return new; end $$;
    create trigger forget before insert on payments.transactions for each row execute function payments.forget();";
const NO_LONGER_FORGETFUL: &str = "drop trigger forget on payments.transactions; drop function payments.forget();";

/// An entry without its counterpart, past the triggers that would refuse it.
const UNBALANCED: &str = "
    set session_replication_role = replica;
    insert into payments.entries select transaction_id, 99, account_id, currency, 5 from payments.entries limit 1;";
const BALANCED: &str = "
    set session_replication_role = replica; delete from payments.entries where position = 99;";

struct Verified {
    own: Own,
    broken: usize,
}

impl Verified {
    fn run(&self) -> (Finished, Vec<Value>) {
        let finished = self.own.stack(&["verify", "--json", "--timeout", TIMEOUT]);
        let lines = finished.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (finished, lines)
    }

    /// All links hold, and none is left out.
    fn passes(&self) {
        let (finished, lines) = self.run();
        let finished = finished.expect(0);
        let end = lines.iter().find(|line| line["type"] == "verification").unwrap();
        assert_eq!(
            (&end["ok"], &end["broken"], &end["not_checked"]),
            (&14.into(), &0.into(), &0.into()),
            "{}",
            finished.out
        );
    }

    /// The first broken link is this one; it says why, what to look at, and the command fails.
    fn names(&mut self, break_name: &str, link: &str) {
        let (finished, lines) = self.run();
        let finished = finished.expect(1);
        let of = |kind: &str| lines.iter().find(|line| line["type"] == kind).unwrap();
        assert_eq!(of("verification")["first_broken"], link, "{break_name}: {}", finished.out);
        let broken = lines.iter().find(|line| line["link"] == link && line["state"] == "broken").unwrap();
        assert!(!broken["text"].as_str().unwrap().is_empty(), "{broken}");
        let error = of("error");
        assert!(error["message"].as_str().unwrap().ends_with(&format!("fails the check: {link}")), "{error}");
        let section = format!("docs/verify.md#{}", link.replace(' ', "-"));
        assert!(error["hint"].as_str().unwrap().contains(&section), "{error}");
        self.broken += 1;
    }

    /// Breaks something in the cloud, expects it to be named, and lets `up` repair it.
    fn breaks(&mut self, arguments: &[&str], link: &str) {
        let endpoint = self.own.endpoint();
        script("breaks.py", &[&[&endpoint, "sandbox"], arguments].concat());
        self.names(&arguments.join(" "), link);
        self.own.stack(&["up", "--yes"]).expect(0);
    }
}

#[tokio::test]
async fn each_link_that_is_broken_on_purpose_is_named() {
    let own = Own::new();
    own.configure("[functions]\nconfig_max_age_seconds = 1\n");
    let up = own.stack(&["up", "--yes", "--verify"]).expect(0);
    assert!(up.out.contains("ok           alarm heard"), "{}", up.out);
    let mut verified = Verified { own, broken: 0 };
    verified.passes();
    nowhere_to_listen(&verified);
    in_the_cloud(&mut verified);
    in_the_database(&mut verified).await;
    verified.passes();
    a_key_that_is_not_the_stacks(&mut verified);
    summary::payments("verify", &format!("{} breaks on purpose, each named by its link", verified.broken));
}

/// What cannot be checked is said, with the reason, and is neither well nor broken.
fn nowhere_to_listen(verified: &Verified) {
    let port = verified.own.running(&["status"])["webhook_port"].as_u64().unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    let (finished, lines) = verified.run();
    let finished = finished.expect(0);
    let of = |link: &str| lines.iter().find(|line| line["link"] == link).unwrap();
    assert_eq!(of("webhooks delivered")["state"], "not_checked", "{}", finished.out);
    assert!(of("webhooks delivered")["text"].as_str().unwrap().contains(&port.to_string()), "{}", finished.out);
    assert_eq!(of("webhooks signed")["state"], "skipped", "{}", finished.out);
}

fn in_the_cloud(verified: &mut Verified) {
    for (arguments, link) in [
        (&["no-stage"][..], "health"),
        (&["open-to-all"], "strangers refused"),
        (&["blind-validator"], "bad request refused"),
        (&["credulous-function"], "card number refused"),
        (&["parameter", "storage/sessions-table", "none"], "payment validated"),
        (&["no-get-method"], "payment read back"),
        (&["parameter", "features/refunds-enabled", "false"], "payment refunded"),
        (&["nobody-hears-events"], "events archived"),
        (&["parameter", "storage/archive-bucket", "none"], "events archived"),
        (&["unencrypted-archive"], "events archived"),
        (&["parameter", "features/notifications-enabled", "false"], "webhooks delivered"),
        (&["parameter", "webhooks/payinfra-verify", "https://127.0.0.1:9/"], "webhooks delivered"),
        (&["no-signing-key"], "webhooks delivered"),
        (&["nobody-hears-alarms"], "alarm heard"),
    ] {
        verified.breaks(arguments, link);
    }
    // MiniStack shows alarms without whether they are silenced, so `up` cannot know.
    verified.breaks(&["silent-alarm"], "alarm heard");
    script("breaks.py", &[&verified.own.endpoint(), "sandbox", "speaking-alarm"]);
}

async fn in_the_database(verified: &mut Verified) {
    let running = verified.own.running(&["status"]);
    for (break_it, repair, link) in
        [(FORGETFUL, NO_LONGER_FORGETFUL, "booking replayed"), (UNBALANCED, BALANCED, "ledger balanced")]
    {
        database(&running, "localhost").await.unwrap().batch_execute(break_it).await.unwrap();
        verified.names(break_it, link);
        database(&running, "localhost").await.unwrap().batch_execute(repair).await.unwrap();
    }
    let pid = running["postgres"]["pid"].as_i64().unwrap().try_into().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    // Without `--sandbox`, which would start it again.
    let endpoint = verified.own.endpoint();
    let finished =
        verified.own.payinfra.run(["verify", "--endpoint-url", &endpoint, "--suffix", "sandbox", "--timeout", "5"]);
    let finished = finished.expect(1);
    assert!(finished.err.contains("fails the check: payment booked"), "{}{}", finished.out, finished.err);
    assert!(finished.out.contains("skipped      payment refunded"), "{}", finished.out);
    verified.broken += 1;
    verified.own.stack(&["up", "--yes"]).expect(0);
}

/// The functions keep what they have read for five minutes, so the key they sign with is no longer the stack's.
fn a_key_that_is_not_the_stacks(verified: &mut Verified) {
    verified.own.configure("[functions]\nconfig_max_age_seconds = 300\n");
    verified.own.stack(&["up", "--yes"]).expect(0);
    verified.passes();
    script("breaks.py", &[&verified.own.endpoint(), "sandbox", "other-signing-key"]);
    verified.names("other-signing-key", "webhooks signed");
}
