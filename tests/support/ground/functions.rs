//! Lambda, which runs nothing here, and Service Quotas.

use std::path::Path;

use serde_json::{Value, json};

use super::{Fill, Gap, Kept};
use crate::support::aws_rules::{Asked, decoded};

/// The members of a function's configuration that moto does not show.
const MEMBERS: [&str; 2] = ["DeadLetterConfig", "LoggingConfig"];
const CONFIGURE: &[&str] = &["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"];
const SHOW: &[&str] =
    &["lambda:GetFunction", "lambda:ListFunctions", "lambda:ListVersionsByFunction", "lambda:GetFunctionConfiguration"];

pub const GAPS: &[Gap] = &[
    Gap {
        id: "function-configuration",
        lacks: "the dead-letter queue and the log group of a function",
        fill: Fill::Keep(CONFIGURE, |kept, asked, _, answer| {
            let function = kept.of("function", answer["FunctionName"].as_str().unwrap_or_default());
            for member in MEMBERS {
                if !asked.json()[member].is_null() {
                    function[member] = asked.json()[member].clone();
                }
            }
        }),
    },
    Gap {
        id: "function-configuration",
        lacks: "what a version keeps of it",
        fill: Fill::Keep(&["lambda:PublishVersion"], |kept, _, _, answer| {
            let name = answer["FunctionName"].as_str().unwrap_or_default();
            let configuration = kept.of("function", name).clone();
            let version = kept.of("function", &format!("{name}:{}", answer["Version"].as_str().unwrap_or_default()));
            if version.is_null() {
                *version = configuration;
            }
        }),
    },
    Gap {
        id: "function-configuration",
        lacks: "the dead-letter queue and the log group of a function",
        fill: Fill::Json(SHOW, |kept, _, answer| {
            for list in ["Functions", "Versions"] {
                answer[list].as_array_mut().into_iter().flatten().for_each(|function| configure(kept, function));
            }
            match answer.get_mut("Configuration") {
                Some(function) => configure(kept, function),
                None => configure(kept, answer),
            }
        }),
    },
    Gap {
        id: "invoke",
        lacks: "functions that run: the one that owns the schema answers here",
        fill: Fill::Answer(&["lambda:Invoke"], invoke),
    },
    Gap {
        id: "quotas",
        lacks: "Service Quotas: no quota was raised",
        fill: Fill::Answer(&["servicequotas:GetServiceQuota"], |_, _| {
            Some((400, r#"{"__type":"NoSuchResourceException","message":"no such quota"}"#.to_owned()))
        }),
    },
    Gap {
        id: "quotas",
        lacks: "Service Quotas: the defaults of AWS are as large as this",
        fill: Fill::Answer(&["servicequotas:GetAWSDefaultServiceQuota"], |_, _| {
            Some((200, r#"{"Quota":{"Value":100000.0}}"#.to_owned()))
        }),
    },
];

fn configure(kept: &mut Kept, function: &mut Value) {
    let Some(name) = function["FunctionName"].as_str() else { return };
    let key = match function["Version"].as_str() {
        None | Some("$LATEST") => name.to_owned(),
        Some(version) => format!("{name}:{version}"),
    };
    for (member, value) in kept.of("function", &key).clone().as_object().into_iter().flatten() {
        function[member] = value.clone();
    }
}

/// What the function that owns the schema answers (`steps/database/schema` reads it): nothing is applied until it migrates.
fn invoke(kept: &mut Kept, asked: &Asked) -> Option<(u16, String)> {
    let path = decoded(&asked.path);
    let function = path.split("/functions/").nth(1)?.split([':', '/']).next()?.to_owned();
    let database = kept.of("schema", &function);
    if asked.json()["payinfra"]["action"] == "migrate" {
        *database = migrations();
    }
    let applied = if database.is_null() { json!([]) } else { database.clone() };
    Some((200, json!({ "applied": applied }).to_string()))
}

/// The migrations of this checkout, as the function reports them.
fn migrations() -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/migrations");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".sql")).collect();
    names.sort();
    let numbered = names.iter().filter_map(|file| {
        let (version, name) = file.strip_suffix(".sql")?.split_once('_')?;
        let text = std::fs::read(folder.join(file)).unwrap();
        let checksum = ring::digest::digest(&ring::digest::SHA256, &text);
        let checksum: String = checksum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Some(json!({ "version": version.parse::<u32>().ok()?, "name": name, "checksum": checksum }))
    });
    numbered.collect()
}
