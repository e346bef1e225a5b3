//! The routes of the API, read from the OpenAPI document that is generated from the functions' own route table
//! (docs/requirements.md, A1).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::cloud::FunctionName;

const DOCUMENT: &str = include_str!("openapi.json");

/// The content type of all bodies.
pub const JSON: &str = "application/json";

/// The API as the document describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What the API is for.
    pub description: String,
    /// The paths, each after its parent; `/` is not among them.
    pub paths: BTreeSet<String>,
    /// The methods, by path and HTTP method.
    pub routes: Vec<Route>,
    /// The JSON Schemas of request bodies, by name.
    pub models: BTreeMap<String, Value>,
}

/// One method of one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The path, `/payments/{id}`.
    pub path: String,
    /// The HTTP method, in capitals.
    pub method: String,
    /// The operation's name.
    pub operation: String,
    /// The function behind it.
    pub function: FunctionName,
    /// Whether anyone may call it; true for `/health` only.
    pub open: bool,
    /// API Gateway's names of its parameters, and whether each must be there.
    pub parameters: BTreeMap<String, bool>,
    /// The model of its body.
    pub model: Option<String>,
}

/// What a request is checked for: the model of its body, its parameters, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checks {
    /// The body only.
    Body,
    /// The parameters only.
    Parameters,
    /// Both.
    Both,
}

impl Checks {
    /// The validator's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Parameters => "parameters",
            Self::Both => "body-and-parameters",
        }
    }
}

impl Route {
    /// What its requests are checked for; `None` where there is nothing to check.
    pub fn checks(&self) -> Option<Checks> {
        match (self.model.is_some(), self.parameters.values().any(|required| *required)) {
            (true, true) => Some(Checks::Both),
            (true, false) => Some(Checks::Body),
            (false, true) => Some(Checks::Parameters),
            (false, false) => None,
        }
    }
}

impl Document {
    /// The document that the program carries.
    ///
    /// # Panics
    /// Where the document is not as its generator makes it, which a test shows.
    pub fn embedded() -> Self {
        let document: Value = serde_json::from_str(DOCUMENT).expect("the embedded document is JSON");
        Self::read(&document).expect("the embedded document is as its generator makes it")
    }

    fn read(document: &Value) -> Option<Self> {
        let mut routes = Vec::new();
        let mut paths = BTreeSet::new();
        let mut models = BTreeMap::new();
        for (path, methods) in document.get("paths")?.as_object()? {
            paths.extend(steps(path));
            for (method, operation) in methods.as_object()? {
                let route = route(path, method, operation)?;
                if let Some(name) = &route.model {
                    models.insert(name.clone(), draft_4(document, name)?);
                }
                routes.push(route);
            }
        }
        let description = document.pointer("/info/description")?.as_str()?.to_owned();
        Some(Self { description, paths, routes, models })
    }
}

/// The path before a path, and its last step.
pub fn last_step(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Every path on the way to a path, itself included.
fn steps(path: &str) -> impl Iterator<Item = String> {
    let ends = path.char_indices().skip(1).filter(|(_, letter)| *letter == '/').map(|(at, _)| at);
    let ends: Vec<usize> = ends.chain(Some(path.len())).collect();
    ends.into_iter().map(|end| path[..end].to_owned()).filter(|path| path != "/")
}

fn route(path: &str, method: &str, operation: &Value) -> Option<Route> {
    let function = operation.get("x-payinfra-function")?.as_str()?;
    let mut parameters = BTreeMap::new();
    for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        let place = match parameter.get("in")?.as_str()? {
            "header" => "header",
            "path" => "path",
            "query" => "querystring",
            _ => return None,
        };
        let required = parameter.get("required").and_then(Value::as_bool).unwrap_or_default();
        parameters.insert(format!("method.request.{place}.{}", parameter.get("name")?.as_str()?), required);
    }
    let model = operation.pointer("/requestBody/content/application~1json/schema/$ref").and_then(Value::as_str);
    Some(Route {
        path: path.to_owned(),
        method: method.to_uppercase(),
        operation: operation.get("operationId")?.as_str()?.to_owned(),
        function: FunctionName::ALL.into_iter().find(|known| known.name() == function)?,
        open: operation.get("security").is_some_and(|schemes| schemes.as_array().is_some_and(Vec::is_empty)),
        parameters,
        model: model.and_then(|reference| reference.rsplit('/').next()).map(ToOwned::to_owned),
    })
}

/// A schema of the document as a JSON Schema of draft 4, all that API Gateway knows, with its references filled in.
fn draft_4(document: &Value, name: &str) -> Option<Value> {
    let schema = filled_in(document, document.pointer(&format!("/components/schemas/{name}"))?)?;
    let mut draft = Map::new();
    draft.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    draft.insert("title".to_owned(), json!(name));
    draft.extend(schema.as_object()?.clone());
    Some(Value::Object(draft))
}

fn filled_in(document: &Value, schema: &Value) -> Option<Value> {
    match schema {
        Value::Object(fields) => match fields.get("$ref").and_then(Value::as_str) {
            Some(reference) => filled_in(document, document.pointer(reference.trim_start_matches('#'))?),
            None => {
                let fields = fields.iter().map(|(key, value)| Some((key.clone(), filled_in(document, value)?)));
                fields.collect::<Option<Map<_, _>>>().map(Value::Object)
            }
        },
        Value::Array(items) => {
            items.iter().map(|item| filled_in(document, item)).collect::<Option<_>>().map(Value::Array)
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_document_gives_paths_routes_models_and_checks() {
        let document = Document::embedded();
        let paths: Vec<_> = document.paths.iter().map(String::as_str).collect();
        assert_eq!(paths[..2], ["/health", "/payments"]);
        assert!(paths.contains(&"/payments/transactions/{id}") && !paths.contains(&"/"));
        let open: Vec<_> = document.routes.iter().filter(|route| route.open).map(|route| route.path.as_str()).collect();
        assert_eq!(open, ["/health"]);
        let book = document.routes.iter().find(|route| route.operation == "bookTransaction").expect("a route");
        assert_eq!((book.method.as_str(), book.function), ("POST", FunctionName::TransactionProcessing));
        assert_eq!(book.checks(), Some(Checks::Both));
        assert_eq!(book.parameters, BTreeMap::from([("method.request.header.Idempotency-Key".to_owned(), true)]));
        assert_eq!(document.models["TransactionRequest"]["$schema"], "http://json-schema.org/draft-04/schema#");
        assert!(document.models.keys().all(|name| name.bytes().all(|b| b.is_ascii_alphanumeric())));
    }

    #[test]
    fn references_inside_a_schema_are_filled_in() {
        let document = json!({"components": {"schemas": {
            "A": {"type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"}}},
            "B": {"type": "string"},
        }}});
        let schema = draft_4(&document, "A").expect("both are there");
        assert_eq!(schema["properties"]["b"], json!({"type": "string"}));
    }
}
