//! How much the binaries write, by their log level; the metrics are always written.

use std::collections::HashSet;

use serde_json::Value;

use crate::support::requests::{payment, send_raw, validate};
use crate::support::stack::{Options, Stack};

#[tokio::test]
async fn the_log_level_decides_what_is_told_and_never_whether_it_is_measured() {
    let stack = Stack::start(Options { environments: 1, migrated: false, ..Options::default() }).await;
    let mut seen = HashSet::new();
    for (level, ok, refused, steps) in [
        (None, true, true, false),
        (Some("debug"), true, true, true),
        (Some("warn"), false, true, false),
        (Some("error"), false, false, false),
        (Some("loud"), true, true, false),
    ] {
        let pool = stack.other("payment-validation", &[("PAYMENTS_LOG_LEVEL", level)]);
        assert_eq!(validate(&pool, &payment("m-1", 100)).await.unwrap().status, 200);
        assert_eq!(send_raw(&pool, "GET", "/nowhere", None, None, None).await.unwrap().status, 404);
        pool.kill_all();
        let new: Vec<String> =
            stack.logs().lines().map(str::to_owned).filter(|line| seen.insert(line.clone())).collect();
        assert_eq!(new.len(), 2, "{level:?}: two runs, two lines");
        let new: Vec<Value> = new.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (outcome, told) in [("validated", ok), ("no_route", refused)] {
            let line = new.iter().find(|line| line["Outcome"] == outcome).unwrap();
            assert_eq!(line["request_id"].is_string(), told, "{level:?}: {line}");
            assert_eq!(line["steps"].is_array(), steps, "{level:?}: {line}");
            assert_eq!(line["Function"], "lambda-payment-validation-test");
            assert!(line["Latency"].is_number() && line["_aws"]["CloudWatchMetrics"][1].is_object(), "{line}");
        }
    }
}
