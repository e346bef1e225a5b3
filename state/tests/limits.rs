//! A full disk and folders without write permission: an error, and the last good state stays.
//!
//! Each limit applies to a separate process. These tests are in another file than those that lock, because a child
//! holds its parent's locks between fork and exec.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use payinfra_state::{Error, LocalBackend};

use support::{append, holder, life, open, summary, text};

/// Runs one of this file's child tests in a separate process, as a user without root's privileges, under `limits`.
fn child(test: &str, home: &Path, limits: &str) -> String {
    let program = home.join("child");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(home, Permissions::from_mode(0o777)).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{limits} exec \"$0\" \"$@\"")])
        .arg(&program)
        .args([test, "--exact", "--nocapture", "--ignored"])
        .env("PAYINFRA_TEST_HOME", home)
        .current_dir(home)
        .stdin(Stdio::null());
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        std::os::unix::process::CommandExt::uid(&mut command, 65_534);
        std::os::unix::process::CommandExt::gid(&mut command, 65_534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

/// The folder that the parent set; `None` if a child test runs by itself.
fn child_home() -> Option<PathBuf> {
    std::env::var_os("PAYINFRA_TEST_HOME").map(PathBuf::from)
}

#[test]
fn a_full_disk_is_an_error_and_leaves_the_last_good_state() {
    let home = tempfile::tempdir().unwrap();
    // Files may have 8 blocks of 512 bytes; without the trap, the kernel would kill the process.
    let said = child("child_fills_the_disk", home.path(), "trap '' XFSZ; ulimit -f 8;");
    assert!(said.contains("test result: ok. 1 passed"), "{said}");
    summary::line(9, "1 states on a full disk or without permission: 0 lost");
}

#[tokio::test]
#[ignore = "runs as the child of another test"]
async fn child_fills_the_disk() {
    let Some(root) = child_home().map(|home| home.join("state")) else { return };
    let (journal, _) = open(&root).await;
    append(&journal, 0..1).await;
    journal.compact().await.unwrap();
    let mut good = journal.read(|stack| stack.records.clone());
    let error = loop {
        match journal.append(life(2).remove(0)).await {
            Ok(()) => good = journal.read(|stack| stack.records.clone()),
            Err(error) => break error,
        }
    };
    assert!(text(&error).contains("journal.jsonl: File too large"), "{}", text(&error));
    let refused = journal.append(life(3).remove(0)).await;
    assert!(
        matches!(&refused, Err(Error::Broken(why)) if why.ends_with("File too large (os error 27)")),
        "{refused:?}"
    );
    assert!(matches!(journal.compact().await, Err(Error::Broken(_))));
    drop(journal);
    let (journal, warnings) = open(&root).await;
    assert_eq!((journal.read(|stack| stack.records.clone()), warnings), (good, Vec::new()));
    // A snapshot that does not fit leaves the old one and the journal: its indentation makes it longer than the lines.
    let root = root.with_file_name("second");
    let (journal, _) = open(&root).await;
    journal.compact().await.unwrap();
    let old = fs::read(root.join("test/snapshot.json")).unwrap();
    let mut n = 0;
    while journal.append(life(n).remove(3)).await.is_ok() {
        n += 1;
    }
    drop(journal);
    let (journal, _) = open(&root).await;
    let good = journal.read(|stack| stack.records.clone());
    assert_eq!(good.len() as u32, n);
    let error = journal.compact().await.err().unwrap();
    assert!(text(&error).contains("File too large"), "{}", text(&error));
    drop(journal);
    assert_eq!(fs::read(root.join("test/snapshot.json")).unwrap(), old);
    assert_eq!(open(&root).await.0.read(|stack| stack.records.clone()), good);
}

#[test]
fn missing_permissions_are_an_error_and_leave_the_last_good_state() {
    let home = tempfile::tempdir().unwrap();
    let said = child("child_may_not_write", home.path(), "");
    assert!(said.contains("test result: ok. 1 passed"), "{said}");
    summary::line(9, "1 states on a full disk or without permission: 0 lost");
}

#[tokio::test]
#[ignore = "runs as the child of another test"]
async fn child_may_not_write() {
    let Some(root) = child_home().map(|home| home.join("state")) else { return };
    let (folder, set) =
        (root.join("test"), |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)));
    let (journal, _) = open(&root).await;
    append(&journal, 0..2).await;
    let good = journal.read(|stack| stack.records.clone());
    // The folder becomes read-only during a run: no snapshot, and from then on no entry.
    set(&folder, 0o500).unwrap();
    let error = journal.compact().await.err().unwrap();
    assert!(text(&error).contains("Permission denied") && text(&error).contains("state/test"), "{}", text(&error));
    assert!(matches!(journal.append(life(9).remove(0)).await, Err(Error::Broken(_))));
    drop(journal);
    set(&folder, 0o700).unwrap();
    assert_eq!(open(&root).await.0.read(|stack| stack.records.clone()), good);
    // A journal without write permission.
    let path = folder.join("journal.jsonl");
    set(&path, 0o400).unwrap();
    let (journal, _) = open(&root).await;
    let error = journal.append(life(9).remove(0)).await.err().unwrap();
    assert!(text(&error).contains("journal.jsonl: Permission denied"), "{}", text(&error));
    drop(journal);
    set(&path, 0o600).unwrap();
    assert_eq!(open(&root).await.0.read(|stack| stack.records.clone()), good);
    // A folder without any permission, and a root in which none can be created.
    set(&folder, 0o000).unwrap();
    let error = LocalBackend::open(&root, "test", &holder()).err().unwrap();
    assert!(text(&error).contains("state/test/lock: Permission denied"), "{}", text(&error));
    set(&folder, 0o700).unwrap();
    set(&root, 0o500).unwrap();
    let error = LocalBackend::open(&root, "other", &holder()).err().unwrap();
    assert!(text(&error).contains("state/other: Permission denied"), "{}", text(&error));
    set(&root, 0o700).unwrap();
}
