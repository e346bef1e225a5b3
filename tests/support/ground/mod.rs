//! What moto lacks of AWS: one row for each gap, filled on the way to it or back, so that payinfra can take it for AWS.
//!
//! Where payinfra knows that it speaks to moto, it leaves these out by itself (`NOT_KEPT` in `aws/emulator.rs`).

mod api;
mod data;
mod functions;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::aws_rules::{Asked, On};
use super::proxy::Answer;

/// One thing that moto lacks.
#[derive(Clone, Copy)]
pub struct Gap {
    /// What it is called.
    pub id: &'static str,
    /// What is lacking.
    pub lacks: &'static str,
    /// How it is filled.
    pub fill: Fill,
}

/// How a gap is filled; a gap may have several rows.
#[derive(Clone, Copy)]
pub enum Fill {
    /// The request is written as moto understands it; none where it fits as it is.
    Request(On, fn(&Asked) -> Option<String>),
    /// The proxy answers with this status and body, and moto never sees the request; none where it may see it.
    Answer(On, fn(&mut Kept, &Asked) -> Option<(u16, String)>),
    /// What a request asked for is remembered once moto has accepted it; the texts are its headers and the answer.
    Keep(On, fn(&mut Kept, &Asked, &HeaderMap, &Value)),
    /// An answer in JSON gets what is lacking.
    Json(On, fn(&mut Kept, &Asked, &mut Value)),
    /// An answer in another form does.
    Whole(On, fn(&mut Kept, &Asked, &mut Answer)),
}

impl Fill {
    fn on(self) -> On {
        match self {
            Self::Request(on, _) | Self::Answer(on, _) | Self::Keep(on, _) | Self::Json(on, _) | Self::Whole(on, _) => {
                on
            }
        }
    }
}

/// What was asked for and moto does not keep, by kind and name of the object.
#[derive(Default)]
pub struct Kept(BTreeMap<(&'static str, String), Value>);

impl Kept {
    /// What is kept of an object; null if nothing is.
    pub fn of(&mut self, kind: &'static str, name: &str) -> &mut Value {
        self.0.entry((kind, name.to_owned())).or_default()
    }
}

/// All gaps.
pub fn gaps() -> &'static [Gap] {
    static GAPS: std::sync::LazyLock<Vec<Gap>> =
        std::sync::LazyLock::new(|| [api::GAPS, data::GAPS, functions::GAPS].concat());
    &GAPS
}

/// The gaps that are filled, and what is kept for them.
pub struct Ground {
    gaps: &'static [Gap],
    kept: Kept,
}

impl Ground {
    /// Fills these.
    pub fn new(gaps: &'static [Gap]) -> Self {
        Self { gaps, kept: Kept::default() }
    }

    fn of(&self, asked: &Asked) -> impl Iterator<Item = Fill> + use<> {
        let (gaps, name) = (self.gaps, asked.name.clone());
        gaps.iter().map(|gap| gap.fill).filter(move |fill| fill.on().contains(&name.as_str()))
    }

    /// The answer to a request that moto cannot answer.
    pub fn answer(&mut self, asked: &Asked) -> Option<Answer> {
        let (status, body) = self.of(asked).find_map(|fill| match fill {
            Fill::Answer(_, answer) => answer(&mut self.kept, asked),
            _ => None,
        })?;
        let kind = if body.starts_with('<') { "text/xml" } else { "application/json" };
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind.parse().unwrap())]);
        Some(Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() })
    }

    /// The body of a request as moto understands it.
    pub fn request(&self, asked: &Asked) -> Bytes {
        let written = self.of(asked).find_map(|fill| match fill {
            Fill::Request(_, write) => write(asked),
            _ => None,
        });
        written.map_or_else(|| asked.body.clone(), Bytes::from)
    }

    /// Completes moto's answer.
    pub fn complete(&mut self, asked: &Asked, headers: &HeaderMap, answer: &mut Answer) {
        for fill in self.of(asked) {
            match fill {
                Fill::Keep(_, keep) if answer.status.is_success() => {
                    let value = serde_json::from_slice(&answer.body).unwrap_or_default();
                    keep(&mut self.kept, asked, headers, &value);
                }
                Fill::Json(_, complete) if answer.status.is_success() => {
                    let Ok(mut value) = serde_json::from_slice(&answer.body) else { continue };
                    complete(&mut self.kept, asked, &mut value);
                    answer.body = value.to_string().into();
                }
                Fill::Whole(_, complete) => complete(&mut self.kept, asked, answer),
                _ => {}
            }
        }
        if let Some(announced) = answer.headers.get_mut(http::header::CONTENT_LENGTH) {
            *announced = answer.body.len().into();
        }
    }
}
