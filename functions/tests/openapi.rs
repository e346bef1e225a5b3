//! The OpenAPI documents on disk match the route table.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_default()
}

#[test]
fn both_documents_on_disk_are_current() {
    let document = payments::openapi::document();
    let hint = "run `cargo run -p payments --example openapi`";
    assert!(read("docs/openapi.yaml") == payments::openapi::to_yaml(&document), "{hint}");
    assert!(read("steps/api/openapi.json") == payments::openapi::to_json(&document), "{hint}");
}
