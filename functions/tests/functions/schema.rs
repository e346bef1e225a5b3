//! The schema enforces its rules against every database user.

use std::sync::Arc;

use futures::future::join_all;
use payments::frame::function::Function;
use serde_json::json;

use crate::support::requests::{action, book, payment, validate};
use crate::support::stack::{Options, Stack};

#[tokio::test]
async fn migrations_are_listed_applied_once_and_protected_against_changes() {
    let stack = Arc::new(Stack::start(Options { migrated: false, ..Options::default() }).await);
    let before = stack.processing.invoke(&action("migrations")).await.unwrap();
    assert_eq!((&before["applied"], before["pending"].as_array().unwrap().len()), (&json!([]), 3));
    assert_eq!(before["pending"][0]["name"], "ledger");
    // Eight concurrent deployments.
    let runs = (0..8).map(|_| {
        let stack = Arc::clone(&stack);
        tokio::spawn(async move { stack.processing.invoke(&action("migrate")).await.unwrap() })
    });
    for run in join_all(runs).await {
        let run = run.unwrap();
        assert_eq!((run["applied"].as_array().unwrap().len(), &run["pending"]), (3, &json!([])));
    }
    let after = stack.processing.invoke(&action("migrations")).await.unwrap();
    assert_eq!((&after["applied"], &after["pending"]), (&before["pending"], &json!([])));

    let owner = stack.connect("postgres").await;
    owner.batch_execute("update payments.migrations set checksum = repeat('0', 64) where version = 2").await.unwrap();
    for name in ["migrate", "migrations"] {
        let error = format!("{:?}", stack.processing.invoke(&action(name)).await.unwrap_err());
        assert!(error.contains("migration_failed") && error.contains("migration 2 was changed"), "{error}");
    }
}

#[tokio::test]
async fn booked_rows_are_immutable_and_unbalanced_ones_are_rejected() {
    let stack = Stack::start(Options::default()).await;
    let validated = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    let session_id = validated.body["session_id"].as_str().unwrap();
    assert_eq!(book(&stack.processing, "m-1", session_id, "key-1").await.unwrap().status, 201);
    let application = stack.connect("payments_app").await;
    let owner = stack.connect("postgres").await;
    for sql in [
        "update payments.entries set amount = 1",
        "update payments.transactions set amount = 1",
        "delete from payments.entries",
        "delete from payments.transactions",
        "delete from payments.outbox",
        "update payments.outbox set payload = 'x'",
        "truncate payments.entries",
        "update payments.accounts set currency = 'USD'",
    ] {
        for (who, client) in [("application", &application), ("superuser", &owner)] {
            let error = client.batch_execute(sql).await.expect_err(sql);
            assert_eq!(error.code().unwrap().code(), "42501", "{who}: {sql}");
        }
    }
    for sql in [
        "create table payments.x ()",
        "drop table payments.entries",
        "alter table payments.entries disable trigger all",
        "delete from payments.migrations",
    ] {
        assert_eq!(application.batch_execute(sql).await.expect_err(sql).code().unwrap().code(), "42501", "{sql}");
    }
    // An additional entry and a transaction without entries are rejected at the commit.
    for sql in [
        "insert into payments.entries select transaction_id, 3, account_id, currency, 1 from payments.entries limit 1",
        "insert into payments.transactions select 'txn_' || repeat('a', 32), kind, merchant_id, 'other', request_hash, \
         'other', original_id, amount, currency, source_fingerprint, reference from payments.transactions",
    ] {
        assert_eq!(application.batch_execute(sql).await.expect_err(sql).code().unwrap().code(), "23514", "{sql}");
    }
    let timeout = application.query_one("show statement_timeout", &[]).await.unwrap();
    assert_eq!(timeout.get::<_, &str>(0), "3s");
}

/// As on Aurora, the master user is not a superuser, and its password is in a secret. The configured application user
/// has another name.
#[tokio::test]
async fn a_master_user_without_superuser_rights_migrates_with_the_managed_secret() {
    let stack = Stack::start(Options { migrated: false, ..Options::default() }).await;
    let superuser = stack.connect("postgres").await;
    let aurora = "create role rds_iam; create role master login createrole; alter database postgres owner to master;";
    superuser.batch_execute(aurora).await.unwrap();
    let arn = stack.create_secret(r#"{"username": "master", "password": "hidden-master-password"}"#).await;
    stack.set("database/master-secret-arn", &arn).await;
    stack.set("database/user", "shop").await;
    let pool = stack.pool_with(Function::TransactionProcessing, &[("PAYMENTS_DATABASE_MASTER_USER", None)]);
    for _ in 0..2 {
        let run = pool.invoke(&action("migrate")).await.unwrap();
        assert_eq!(run["pending"], json!([]));
    }
    let validated = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    let session_id = validated.body["session_id"].as_str().unwrap();
    assert_eq!(book(&pool, "m-1", session_id, "key-1").await.unwrap().status, 201);
    let shop = stack.connect("shop").await;
    let row =
        shop.query_one("select current_setting('statement_timeout'), pg_has_role('shop', 'rds_iam', 'member')", &[]);
    let row = row.await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("3s", true));
    assert!(shop.batch_execute("delete from payments.entries").await.is_err());
    assert!(!stack.logs().contains("hidden-master-password"));
}
