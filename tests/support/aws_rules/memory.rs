//! What the rules remember of a stack's life.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::text::{Asked, inside, inside_all};

/// How many reads of a new object are refused where a rule says that it is not visible everywhere yet.
const READS: usize = 1;

/// How long a list may leave out what is new.
const HIDDEN: Duration = Duration::from_secs(3);

/// What was seen so far.
#[derive(Default)]
pub struct Memory {
    /// Requests that AWS takes and that make something not work.
    pub wrong: Vec<String>,
    /// The rules that were met.
    pub met: BTreeSet<&'static str>,
    /// Subnets in the zone that lacks services.
    pub lacking: BTreeSet<String>,
    /// Names of queues that were deleted and not created again.
    pub deleted_queues: BTreeSet<String>,
    /// Rules of EventBridge with targets.
    pub targeted: BTreeSet<String>,
    /// Roles whose trust names the function that may assume them, and has to.
    pub narrow_roles: BTreeSet<String>,
    counts: BTreeMap<(String, String), usize>,
    busy: BTreeSet<String>,
    fresh: BTreeMap<(String, String), usize>,
    /// When something was created, and what request and answer said of it.
    created: Vec<(Instant, String)>,
}

impl Memory {
    /// Counts how often a rule came to a thing, this time included.
    pub fn count(&mut self, rule: &str, thing: &str) -> usize {
        let count = self.counts.entry((rule.to_owned(), thing.to_owned())).or_default();
        *count += 1;
        *count
    }

    /// Notes that a rule was met.
    pub fn met(&mut self, rule: &'static str) {
        self.met.insert(rule);
    }

    /// Keeps a thing busy, unless it is already.
    pub fn occupy(&mut self, about: &str) -> bool {
        self.busy.insert(about.to_owned())
    }

    /// Frees a thing.
    pub fn leave(&mut self, about: &str) {
        self.busy.remove(about);
    }

    /// Notes that an object is new.
    pub fn make_fresh(&mut self, rule: &str, id: &str) {
        self.fresh.insert((rule.to_owned(), id.to_owned()), READS);
    }

    /// Whether a request is about an object that is too new to be read, for this operation.
    pub fn is_fresh(&mut self, rule: &str, asked: &Asked) -> bool {
        let text = asked.text();
        let known = self.fresh.iter().find(|((of, id), _)| of == rule && text.contains(id.as_str()));
        let Some(((_, id), reads)) = known.map(|(key, reads)| (key.clone(), *reads)) else { return false };
        let counted = format!("{} {id}", asked.name);
        self.count(rule, &counted) <= reads
    }

    /// Whether a list leaves this object out: the first time, and only while it is new.
    pub fn hides(&mut self, rule: &str, id: &str) -> bool {
        self.created.retain(|(at, _)| at.elapsed() < HIDDEN);
        self.created.iter().any(|(_, said)| said.contains(id)) && self.count(rule, id) <= 1
    }

    /// Remembers what later answers depend on.
    pub fn learn(&mut self, asked: &Asked, body: &str) {
        if [":Create", ":Allocate", ":Put", ":Subscribe"].iter().any(|verb| asked.name.contains(verb)) {
            self.created.push((Instant::now(), format!("{} {body}", asked.text())));
        }
        match asked.name.as_str() {
            "ec2:CreateSubnet" if inside(body, "availabilityZone") == Some(super::network::LACKING_NAME) => {
                self.lacking.extend(inside_all(body, "subnetId").map(ToOwned::to_owned));
            }
            "sqs:DeleteQueue" => {
                let url = asked.json()["QueueUrl"].as_str().unwrap_or_default().to_owned();
                self.deleted_queues.extend(url.rsplit('/').next().map(ToOwned::to_owned));
            }
            "events:PutTargets" => {
                self.targeted.extend(asked.json()["Rule"].as_str().map(ToOwned::to_owned));
            }
            "events:RemoveTargets" => {
                self.targeted.remove(asked.json()["Rule"].as_str().unwrap_or_default());
            }
            "iam:CreateRole" | "iam:UpdateAssumeRolePolicy" => {
                let role = asked.form("RoleName").unwrap_or_default();
                let document = asked.form("AssumeRolePolicyDocument").or_else(|| asked.form("PolicyDocument"));
                let narrow = document.is_some_and(|document| super::functions::demands_the_function(&document));
                if narrow {
                    self.narrow_roles.insert(role);
                } else {
                    self.narrow_roles.remove(&role);
                }
            }
            _ => {}
        }
    }
}
