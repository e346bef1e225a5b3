//! The state in real files: private, whole, locked, and never worse than before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use payinfra_state::{Backend, Error, Holder, Journal, LocalBackend, Stack, StateLock};

use support::life;

fn holder() -> Holder {
    Holder::this_process("up")
}

async fn open(root: &Path) -> (Journal, Vec<String>) {
    let backend = LocalBackend::open(root, "test", &holder()).unwrap();
    Journal::open(Box::new(backend), "test").await.unwrap()
}

async fn append(journal: &Journal, numbers: std::ops::Range<u32>) {
    for entry in numbers.flat_map(life) {
        journal.append(entry).await.unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn text(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn folders_and_files_are_private() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("a/b");
    let (journal, _) = open(&root).await;
    append(&journal, 0..1).await;
    let folder = root.join("test");
    assert_eq!((mode(&root), mode(&folder)), (0o700, 0o700));
    for name in ["journal.jsonl", "lock"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    journal.compact().await.unwrap();
    assert_eq!(mode(&folder.join("snapshot.json")), 0o600);
    assert_eq!(fs::read_to_string(root.join(".gitignore")).unwrap(), "*\n");
    drop(journal);
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    open(&root).await;
    assert_eq!(mode(&folder), 0o700, "a folder that others could read is closed to them");
}

#[tokio::test]
async fn a_root_that_the_user_made_keeps_its_mode() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    open(home.path()).await;
    assert_eq!(mode(home.path()), 0o755);
}

#[tokio::test]
async fn symbolic_links_are_not_followed() {
    for name in ["snapshot.json", "journal.jsonl", "lock"] {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::create_dir_all(home.path().join("test")).unwrap();
        symlink(&victim, home.path().join("test").join(name)).unwrap();
        let error = match LocalBackend::open(home.path(), "test", &holder()) {
            Err(error) => error,
            Ok(mut backend) => backend.load("test").await.err().unwrap(),
        };
        assert!(text(&error).contains(name), "{}", text(&error));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("elsewhere")).unwrap();
    symlink(home.path().join("elsewhere"), home.path().join("test")).unwrap();
    let error = LocalBackend::open(home.path(), "test", &holder()).err().unwrap();
    assert!(text(&error).contains("symbolic link"), "{}", text(&error));
}

#[tokio::test]
async fn a_second_run_is_told_who_holds_the_lock() {
    let home = tempfile::tempdir().unwrap();
    let first = LocalBackend::open(home.path(), "test", &holder()).unwrap();
    let error = LocalBackend::open(home.path(), "test", &Holder::this_process("destroy")).err().unwrap();
    let Error::Locked(found) = &error else { panic!("{error}") };
    assert_eq!((found.command.as_str(), found.pid), ("up", std::process::id()));
    let says = error.to_string();
    assert!(says.starts_with("the state is locked by `payinfra up` of "), "{says}");
    assert!(says.contains(&format!("(process {})", std::process::id())), "{says}");
    drop(first);
    LocalBackend::open(home.path(), "test", &holder()).unwrap();
    LocalBackend::open(home.path(), "other", &holder()).unwrap();
}

#[test]
fn a_lock_whose_text_is_not_written_yet_still_locks() {
    let home = tempfile::tempdir().unwrap();
    let file = fs::File::create(home.path().join("lock")).unwrap();
    file.try_lock().unwrap();
    let error = StateLock::take(home.path(), &holder()).unwrap_err();
    assert!(matches!(error, Error::Locked(_)), "{error}");
}

#[tokio::test]
async fn a_kill_between_snapshot_and_journal_leaves_one_truth() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path()).await;
    append(&journal, 0..3).await;
    let path = home.path().join("test/journal.jsonl");
    let old = fs::read(&path).unwrap();
    journal.compact().await.unwrap();
    let truth = journal.read(Clone::clone);
    drop(journal);
    fs::write(&path, &old).unwrap();
    let (journal, warnings) = open(home.path()).await;
    assert_eq!((journal.read(Clone::clone), warnings), (truth, Vec::new()));
    // The next append begins the journal anew, after the snapshot.
    append(&journal, 3..4).await;
    let truth = journal.read(Clone::clone);
    drop(journal);
    assert_eq!(open(home.path()).await.0.read(Clone::clone), truth);
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_before_the_next_entry() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path()).await;
    append(&journal, 0..2).await;
    drop(journal);
    let path = home.path().join("test/journal.jsonl");
    let bytes = fs::read(&path).unwrap();
    for cut in [1, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (journal, warnings) = open(home.path()).await;
        assert_eq!(warnings, Vec::<String>::new());
        append(&journal, 5..6).await;
        let truth = journal.read(|stack| stack.records.clone());
        drop(journal);
        let (journal, warnings) = open(home.path()).await;
        assert_eq!((journal.read(|stack| stack.records.clone()), warnings), (truth, Vec::new()));
    }
}

#[tokio::test]
async fn damaged_files_are_set_aside_and_said_and_the_rest_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path()).await;
    append(&journal, 0..1).await;
    journal.compact().await.unwrap();
    append(&journal, 1..2).await;
    drop(journal);
    fs::write(home.path().join("test/snapshot.json"), "{ not json").unwrap();
    let (journal, warnings) = open(home.path()).await;
    assert_eq!(journal.read(|stack| stack.records.len()), 1);
    assert!(warnings[0].contains("snapshot.json is damaged at line 1 column 3"), "{warnings:?}");
    assert!(warnings[0].contains("set aside as"), "{warnings:?}");
    let names = || fs::read_dir(home.path().join("test")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names().any(|name| name.to_string_lossy().starts_with("snapshot.json.damaged-")));
    append(&journal, 2..3).await;
    let truth = journal.read(|stack| stack.records.clone());
    drop(journal);
    assert_eq!(open(home.path()).await.0.read(|stack| stack.records.clone()), truth);
}

#[tokio::test]
async fn a_snapshot_of_another_stack_does_not_cost_the_journal() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path()).await;
    append(&journal, 0..2).await;
    drop(journal);
    let other = Stack { lineage: "another".to_owned(), serial: 7, ..Stack::default() };
    fs::write(home.path().join("test/snapshot.json"), payinfra_state::encode_snapshot(&other)).unwrap();
    for last in 2..5 {
        let (journal, warnings) = open(home.path()).await;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(journal.read(|stack| stack.records.len() as u32), last);
        append(&journal, last..last + 1).await;
    }
}

#[tokio::test]
async fn a_newer_file_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    drop(open(home.path()).await);
    let path = home.path().join("test/snapshot.json");
    fs::write(&path, r#"{ "format": 99, "crc32": "0", "future": true }"#).unwrap();
    let mut backend = LocalBackend::open(home.path(), "test", &holder()).unwrap();
    let error = backend.load("test").await.err().unwrap();
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
    assert!(path.exists());
}

#[tokio::test]
async fn a_removed_state_leaves_nothing_to_read() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = open(home.path()).await;
    append(&journal, 0..1).await;
    journal.compact().await.unwrap();
    append(&journal, 1..2).await;
    assert!(LocalBackend::exists(home.path(), "test"));
    journal.remove().await.unwrap();
    assert!(!LocalBackend::exists(home.path(), "test"));
    drop(journal);
    assert_eq!(open(home.path()).await.0.read(|stack| stack.records.len()), 0);
}

/// Runs one of this file's child tests in a process of its own, as a user whom permissions bind, under `limits`.
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

/// The folder that the parent gave; `None` where a child test is run by itself.
fn child_home() -> Option<PathBuf> {
    std::env::var_os("PAYINFRA_TEST_HOME").map(PathBuf::from)
}

#[test]
fn a_full_disk_is_an_error_and_leaves_the_last_good_state() {
    let home = tempfile::tempdir().unwrap();
    // Files may have 8 blocks of 512 bytes; without the trap, the kernel would end the process.
    let said = child("child_fills_the_disk", home.path(), "trap '' XFSZ; ulimit -f 8;");
    assert!(said.contains("test result: ok. 1 passed"), "{said}");
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
    assert!(matches!(journal.append(life(3).remove(0)).await, Err(Error::Broken(_))));
    assert!(matches!(journal.compact().await, Err(Error::Broken(_))));
    drop(journal);
    let (journal, warnings) = open(&root).await;
    assert_eq!((journal.read(|stack| stack.records.clone()), warnings), (good, Vec::new()));
    // A snapshot that does not fit leaves the old one and the journal: with its indents it is longer than the lines.
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
    // The folder closes while a run is on: no snapshot, and from then on no entry.
    set(&folder, 0o500).unwrap();
    let error = journal.compact().await.err().unwrap();
    assert!(text(&error).contains("Permission denied") && text(&error).contains("state/test"), "{}", text(&error));
    assert!(matches!(journal.append(life(9).remove(0)).await, Err(Error::Broken(_))));
    drop(journal);
    set(&folder, 0o700).unwrap();
    assert_eq!(open(&root).await.0.read(|stack| stack.records.clone()), good);
    // A journal that may not be written.
    let path = folder.join("journal.jsonl");
    set(&path, 0o400).unwrap();
    let (journal, _) = open(&root).await;
    let error = journal.append(life(9).remove(0)).await.err().unwrap();
    assert!(text(&error).contains("journal.jsonl: Permission denied"), "{}", text(&error));
    drop(journal);
    set(&path, 0o600).unwrap();
    assert_eq!(open(&root).await.0.read(|stack| stack.records.clone()), good);
    // A folder that may not be entered, and a root in which none can be made.
    set(&folder, 0o000).unwrap();
    let error = LocalBackend::open(&root, "test", &holder()).err().unwrap();
    assert!(text(&error).contains("state/test/lock: Permission denied"), "{}", text(&error));
    set(&folder, 0o700).unwrap();
    set(&root, 0o500).unwrap();
    let error = LocalBackend::open(&root, "other", &holder()).err().unwrap();
    assert!(text(&error).contains("state/other: Permission denied"), "{}", text(&error));
    set(&root, 0o700).unwrap();
}
