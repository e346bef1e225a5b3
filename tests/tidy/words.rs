//! Words that no comment, message, document or name contains. CONTRIBUTING.md ("Words") says what to write instead.

use super::tree::File;

/// Phrases, lower-case; `_` in a name counts as a space, and a line break as one too.
const BANNED: [&str; 67] = [
    // Texts that are not in the repository.
    "fact sheet",
    "spec clause",
    // Ownership tags.
    "by marks",
    "by its marks",
    "by their marks",
    "carries its marks",
    "carries our marks",
    "carry our marks",
    "marks of its own",
    "marks of the stack",
    "our marks",
    "owner marks",
    "owner's marks",
    "ownership marks",
    "same marks",
    "stack's marks",
    "the marks",
    "with marks",
    "without marks",
    // Translations from German.
    "by and by",
    "else as",
    "for want of",
    "go on with",
    "goes on with",
    "gone on with",
    "going on with",
    "went on with",
    "how-manieth",
    "manieth",
    "is for you to",
    "is in one's",
    "is said to be",
    "is told apart",
    "are told apart",
    "lets go of",
    "lie in",
    "lies in",
    "lives one life",
    "looked into",
    "made good",
    "makes good",
    "makes it good",
    "mend",
    "mended",
    "mends",
    "of its own accord",
    "rests all the same",
    "all the same",
    "so far that",
    "so it is where",
    "stand there",
    "stands there",
    "stood there",
    "stands in the",
    "stands in its",
    "stand in a name",
    "thereby",
    "was due",
    "were due",
    "what flew",
    "what flies",
    "where it lies",
    "would rather have",
    // Old names.
    "dormant",
    "patience",
    "scribe",
    "survey",
];

/// Sections that name the words in order to forbid or explain them: file and heading.
const EXEMPT: [(&str, &str); 2] = [("CONTRIBUTING.md", "## Words"), ("docs/glossary.md", "## Old words")];

/// Files that quote others or are generated.
const NOT_OURS: [&str; 4] = ["Cargo.lock", "LICENSE", "functions/rds-ca-bundle.pem", "state/testdata/"];

/// Returns where a banned phrase is used.
pub fn banned(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !file.is_tidy() && NOT_OURS.iter().all(|path| !file.path.starts_with(path)))
    {
        let text = without_exempt_sections(file);
        let (plain, starts) = plain(&text);
        for phrase in BANNED {
            for (at, _) in plain.match_indices(phrase) {
                let whole = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                if whole(plain[..at].chars().next_back()) && whole(plain[at + phrase.len()..].chars().next()) {
                    let line = starts.partition_point(|start| *start <= at);
                    found.push(format!("{}:{line}: \"{phrase}\"", file.path));
                }
            }
        }
    }
    found
}

/// Replaces the lines of exempt sections by empty ones.
fn without_exempt_sections(file: &File) -> String {
    let heading = EXEMPT.iter().find(|(path, _)| *path == file.path).map(|(_, heading)| *heading);
    let mut exempt = false;
    let mut text = String::new();
    for line in file.text.lines() {
        if line.starts_with("## ") {
            exempt = Some(line) == heading;
        }
        text.push_str(if exempt { "" } else { line });
        text.push('\n');
    }
    text
}

/// Joins the lines of a text, in lower case, without comment signs and underscores; with the place where each begins.
fn plain(text: &str) -> (String, Vec<usize>) {
    let mut plain = String::new();
    let mut starts = Vec::new();
    for line in text.lines() {
        starts.push(plain.len());
        let line = line.trim().trim_start_matches(['/', '!', '#', '*', '|', '\\']).trim_end_matches('\\').trim();
        plain.push_str(&line.to_lowercase().replace('_', " "));
        plain.push(' ');
    }
    (plain, starts)
}

#[test]
fn a_banned_phrase_is_found_in_names_and_across_lines() {
    let code = "//! First.\n//! What was\n//! due is named.\nfn a_run_is_gone_on_with() {}\nlet amend = 1;\n";
    let found = banned(&[File::new("a.rs", code), File::new("CONTRIBUTING.md", "## Words\n| *mend* | fix |\n")]);
    assert_eq!(found, ["a.rs:4: \"gone on with\"", "a.rs:2: \"was due\""]);
}
