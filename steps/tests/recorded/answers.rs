//! The recorded answers by service and name.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// An answer on its way to a kind.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// Puts a value in the place of a text that is there.
    pub fn with(mut self, text: &str, value: &str) -> Self {
        assert!(self.body.contains(text), "{text} is not in {}", self.body);
        self.body = self.body.replace(text, value);
        self
    }

    /// Lets the body end early.
    pub fn cut(mut self, by: usize) -> Self {
        self.body.truncate(self.body.len() - by);
        self
    }

    /// As the replay takes it: lines of the head, an empty one, the body.
    pub fn on_the_wire(&self) -> String {
        if self.head.is_empty() { self.body.clone() } else { format!("{}\n\n{}", self.head, self.body) }
    }
}

/// A recorded answer.
pub fn answer(service: &str, name: &str) -> Answer {
    let found = recorded(service).into_iter().find(|row| row["name"] == name);
    let found = found.unwrap_or_else(|| panic!("there is no answer {name} of {service}"));
    let body = found["body"].as_str().map_or_else(|| found["body"].to_string(), ToOwned::to_owned);
    let status = found["status"].as_u64().and_then(|status| status.try_into().ok()).expect("a status");
    Answer { status, head: found["head"].as_str().unwrap_or_default().to_owned(), body }
}

/// An answer that nobody recorded: in the form that the service's model gives it.
pub fn modelled(status: u16, body: &str) -> Answer {
    Answer { status, head: String::new(), body: body.to_owned() }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/answers")
}

fn recorded(service: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(format!("{service}.json"))).expect("the file is there");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn each_answer_says_where_and_when_it_was_recorded_and_is_used() {
    let tests = ["api", "functions", "messaging", "others", "storage"];
    let read = |name| std::fs::read_to_string(folder().with_file_name(format!("{name}.rs"))).expect("a test");
    let tests: String = tests.into_iter().map(read).collect();
    for entry in std::fs::read_dir(folder()).expect("the folder is there") {
        let file = entry.expect("an entry").path();
        let service = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let mut names = BTreeSet::new();
        for row in recorded(&service) {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            assert!(text("source").starts_with("tests/aws/") && text("recorded").starts_with("202"), "{row}");
            assert!(names.insert(text("name")), "{service}: {} is there twice", text("name"));
            let call = format!("answer(\"{service}\", \"{}\")", text("name"));
            assert!(tests.contains(&call), "nothing uses {call}");
        }
    }
}
