//! Writes the OpenAPI document to `docs/openapi.yaml` for people and to `steps/api/openapi.json` for the deployment.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = payments::openapi::document();
    fs::create_dir_all(root.join("docs"))?;
    fs::create_dir_all(root.join("steps/api"))?;
    fs::write(root.join("docs/openapi.yaml"), payments::openapi::to_yaml(&document))?;
    fs::write(root.join("steps/api/openapi.json"), payments::openapi::to_json(&document))
}
