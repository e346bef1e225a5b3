//! The log level determines how much the binaries write. The metrics are always written.

use std::collections::HashSet;

use payments::frame::function::Function;
use serde_json::Value;

use crate::support::requests::{payment, send_raw, validate};
use crate::support::stack::{Options, Stack};

#[tokio::test]
async fn the_log_level_determines_what_is_logged_but_metrics_are_always_written() {
    let stack = Stack::start(Options { environments: 1, migrated: false, ..Options::default() }).await;
    let mut seen = HashSet::new();
    for (level, logs_success, logs_rejection, has_steps) in [
        (None, true, true, false),
        (Some("debug"), true, true, true),
        (Some("warn"), false, true, false),
        (Some("error"), false, false, false),
        (Some("loud"), true, true, false),
    ] {
        let pool = stack.pool_with(Function::PaymentValidation, &[("PAYMENTS_LOG_LEVEL", level)]);
        assert_eq!(validate(&pool, &payment("m-1", 100)).await.unwrap().status, 200);
        assert_eq!(send_raw(&pool, "GET", "/nowhere", None, None, None).await.unwrap().status, 404);
        pool.kill_all();
        let new: Vec<String> =
            stack.logs().lines().map(str::to_owned).filter(|line| seen.insert(line.clone())).collect();
        assert_eq!(new.len(), 2, "{level:?}: two invocations, two lines");
        let new: Vec<Value> = new.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (outcome, is_logged) in [("validated", logs_success), ("no_route", logs_rejection)] {
            let line = new.iter().find(|line| line["Outcome"] == outcome).unwrap();
            assert_eq!(line["request_id"].is_string(), is_logged, "{level:?}: {line}");
            assert_eq!(line["steps"].is_array(), has_steps, "{level:?}: {line}");
            assert_eq!(line["Function"], "lambda-payment-validation-test");
            assert!(line["Latency"].is_number() && line["_aws"]["CloudWatchMetrics"][1].is_object(), "{line}");
        }
    }
}
