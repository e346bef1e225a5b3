//! The state in real files: private, complete, locked, and never worse than before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use payinfra_state::{Backend, Error, Holder, LocalBackend, Stack, StateLock};

use support::{append, holder, open, summary, text};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
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
    summary::line(9, "1 tests of private files and links");
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
    summary::line(9, "1 tests of private files and links");
}

#[tokio::test]
async fn a_second_run_learns_who_holds_the_lock() {
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
async fn a_kill_between_snapshot_and_journal_leaves_a_consistent_state() {
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
    // The next append starts a new journal after the snapshot.
    append(&journal, 3..4).await;
    let truth = journal.read(Clone::clone);
    drop(journal);
    assert_eq!(open(home.path()).await.0.read(Clone::clone), truth);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_before_the_next_entry() {
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
async fn damaged_files_are_set_aside_with_a_warning_and_the_rest_is_kept() {
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
async fn a_snapshot_of_another_stack_does_not_discard_the_journal() {
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
