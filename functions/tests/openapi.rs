//! The written OpenAPI documents are those of the route table.

use std::fs;
use std::path::Path;

fn written(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_default()
}

#[test]
fn both_written_documents_are_current() {
    let document = payments::openapi::document();
    let hint = "run `cargo run -p payments --example openapi`";
    assert!(written("docs/openapi.yaml") == payments::openapi::to_yaml(&document), "{hint}");
    assert!(written("steps/api/openapi.json") == payments::openapi::to_json(&document), "{hint}");
}
