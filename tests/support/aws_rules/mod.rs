//! What AWS does and an emulator does not: one row for each thing, each of which can be switched on alone.
//!
//! A row is shown by what the proxy makes of a call on its way to the emulator or back. What an emulated world cannot
//! meet at all, because payinfra does not wait for visibility there, is marked [`World::Aws`].

mod alarms;
mod api;
mod consistency;
mod database;
mod functions;
mod identity;
mod memory;
mod messaging;
mod network;
mod storage;
mod text;
mod throttles;

use bytes::Bytes;
use serde_json::Value;

pub use memory::Memory;
pub use text::{Asked, canonical, decoded, inside, map_elements};

/// A refusal: status, code and message.
pub type Refusal = (u16, &'static str, &'static str);

/// One thing that AWS does.
#[derive(Clone, Copy)]
pub struct Row {
    /// What it is called, to switch it on alone.
    pub id: &'static str,
    /// What AWS does.
    pub does: &'static str,
    /// Where that is written.
    pub source: &'static str,
    /// How it is shown.
    pub shown: Shown,
    /// Where it can be met.
    pub world: World,
}

impl Row {
    /// Whether a life without a mistake meets it: a row about what must not be asked for is not met.
    pub fn is_met_by_a_life(&self) -> bool {
        !matches!(self.shown, Shown::Refused(..) | Shown::Alone(..) | Shown::Taken(..))
    }
}

/// Where a rule can be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Everywhere.
    Any,
    /// Only where payinfra takes the other side for AWS, and waits until new objects become visible.
    Aws,
}

/// The operations that a rule is about, as `ec2:CreateVpc`.
pub type On = &'static [&'static str];

/// How a rule is shown.
#[derive(Clone, Copy)]
pub enum Shown {
    /// An answer in XML, or of another text form, is rewritten.
    Text(On, fn(&Asked, &mut Memory, String) -> String),
    /// An answer in JSON is rewritten.
    Json(On, fn(&Asked, &mut Memory, &mut Value)),
    /// Each such request is refused the first so many times.
    First(On, usize, Refusal),
    /// Each such request gets this answer, with status 200, the first so many times.
    Instead(On, usize, &'static str),
    /// Requests are refused as long as this is true.
    Refused(On, fn(&Asked, &mut Memory) -> bool, Refusal),
    /// Of two such requests about one thing at a time, the second is refused; the text is what they are about.
    Alone(On, fn(&Asked) -> String, Refusal),
    /// An item of an answer is shown in another state the first so many times.
    Pending(On, Item),
    /// After the first operation succeeds, the first reads of the new object are refused.
    Lag(&'static str, fn(&str) -> Option<String>, On, Refusal),
    /// AWS takes the request, and what it is for does not work then: the text says what.
    Taken(On, fn(&Asked) -> Option<&'static str>),
}

/// An item of an answer whose state is shown late.
#[derive(Clone, Copy)]
pub struct Item {
    /// The XML element that holds one object.
    pub element: &'static str,
    /// The element inside with its id.
    pub id: &'static str,
    /// The state as the emulator shows it at once.
    pub ready: &'static str,
    /// The state that AWS shows first.
    pub first: &'static str,
}

impl Shown {
    /// The operations that this is about.
    pub fn on(self) -> On {
        match self {
            Self::Text(on, _)
            | Self::Json(on, _)
            | Self::First(on, ..)
            | Self::Instead(on, ..)
            | Self::Refused(on, ..)
            | Self::Alone(on, ..)
            | Self::Pending(on, _)
            | Self::Lag(_, _, on, _)
            | Self::Taken(on, _) => on,
        }
    }
}

/// A row that can be met everywhere.
pub const fn row(id: &'static str, does: &'static str, source: &'static str, shown: Shown) -> Row {
    Row { id, does, source, shown, world: World::Any }
}

/// A row that only a run that believes in AWS can meet.
pub const fn row_of_aws(id: &'static str, does: &'static str, source: &'static str, shown: Shown) -> Row {
    Row { id, does, source, shown, world: World::Aws }
}

/// The rows that a run which takes the other side for an emulator can meet.
pub fn rows_of_any_world() -> Vec<Row> {
    rows().into_iter().filter(|row| row.world == World::Any).collect()
}

/// All rows, service by service.
pub fn rows() -> Vec<Row> {
    [
        network::ROWS,
        identity::ROWS,
        database::ROWS,
        storage::ROWS,
        functions::ROWS,
        messaging::ROWS,
        api::ROWS,
        alarms::ROWS,
        consistency::ROWS,
        throttles::ROWS,
    ]
    .concat()
}

/// The rows that are switched on, and what they remember.
pub struct AwsRules {
    rows: Vec<Row>,
    memory: Memory,
}

/// What becomes of a request before the emulator sees it.
pub enum Verdict {
    /// It goes on; the text is what it keeps busy, until [`AwsRules::after`].
    Passes(Option<String>),
    /// It is refused.
    Refused(Refusal),
    /// It gets this answer, with status 200.
    Answered(&'static str),
}

impl AwsRules {
    /// Switches these on.
    pub fn new(rows: Vec<Row>) -> Self {
        Self { rows, memory: Memory::default() }
    }

    /// Looks at a request.
    pub fn before(&mut self, asked: &Asked) -> Verdict {
        let mut busy = None;
        for row in self.rows.iter().filter(|row| row.shown.on().contains(&asked.name.as_str())) {
            let refusal = match row.shown {
                Shown::First(_, times, refusal) => {
                    (self.memory.count(row.id, &asked.identity()) <= times).then_some(refusal)
                }
                Shown::Refused(_, when, refusal) => when(asked, &mut self.memory).then_some(refusal),
                Shown::Alone(_, about, refusal) => {
                    let about = format!("{} {}", row.id, about(asked));
                    let free = self.memory.occupy(&about);
                    busy = free.then_some(about);
                    (!free).then_some(refusal)
                }
                Shown::Lag(_, _, _, refusal) => self.memory.is_fresh(row.id, asked).then_some(refusal),
                Shown::Taken(_, what) => {
                    if let Some(what) = what(asked) {
                        self.memory.wrong.push(format!("{}: {}: {what}", row.id, asked.name));
                    }
                    None
                }
                Shown::Instead(_, times, answer) if self.memory.count(row.id, &asked.identity()) <= times => {
                    self.memory.met(row.id);
                    return Verdict::Answered(answer);
                }
                Shown::Instead(..) | Shown::Text(..) | Shown::Json(..) | Shown::Pending(..) => None,
            };
            if let Some(refusal) = refusal {
                busy.iter().for_each(|about| self.memory.leave(about));
                self.memory.met(row.id);
                return Verdict::Refused(refusal);
            }
        }
        Verdict::Passes(busy)
    }

    /// Looks at an answer, and gives the body as AWS would have it.
    pub fn after(&mut self, asked: &Asked, busy: Option<&str>, success: bool, body: &Bytes) -> Bytes {
        busy.iter().for_each(|about| self.memory.leave(about));
        if !success {
            return body.clone();
        }
        self.learn(asked, body);
        let mut body = body.clone();
        for row in &self.rows {
            if let Shown::Lag(create, id, ..) = row.shown
                && create == asked.name
                && let Some(id) = id(&String::from_utf8_lossy(&body))
            {
                self.memory.make_fresh(row.id, &id);
            }
            if !row.shown.on().contains(&asked.name.as_str()) {
                continue;
            }
            let before = body.clone();
            body = match row.shown {
                Shown::Text(_, rewrite) => {
                    rewrite(asked, &mut self.memory, String::from_utf8_lossy(&body).into_owned()).into()
                }
                Shown::Json(_, rewrite) => match serde_json::from_slice(&body) {
                    Ok(mut value) => {
                        rewrite(asked, &mut self.memory, &mut value);
                        value.to_string().into()
                    }
                    Err(_) => body,
                },
                Shown::Pending(_, item) => pending(row.id, item, &mut self.memory, &body),
                _ => body,
            };
            if body != before {
                self.memory.met(row.id);
            }
        }
        body
    }

    /// Remembers what later answers depend on.
    pub fn learn(&mut self, asked: &Asked, body: &Bytes) {
        self.memory.learn(asked, &String::from_utf8_lossy(body));
    }

    /// What was asked for that AWS takes and that does not work then.
    pub fn wrong(&self) -> &[String] {
        &self.memory.wrong
    }

    /// The rules that were met: that refused or rewrote something.
    pub fn met(&self) -> Vec<&'static str> {
        self.memory.met.iter().copied().collect()
    }
}

fn pending(rule: &str, item: Item, memory: &mut Memory, body: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let late = |element: &str| match text::inside(element, item.id) {
        Some(id) if element.contains(item.ready) && memory.count(rule, id) <= 1 => {
            element.replacen(item.ready, item.first, 1)
        }
        _ => element.to_owned(),
    };
    text::map_elements(&text, item.element, late).into()
}
