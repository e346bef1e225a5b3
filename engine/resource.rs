//! What a resource kind has to say, and nothing else: no diff, no wait, no retry.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use payinfra_state::Address;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// One kind of object in a cloud. The value itself is the spec: what the object should be.
///
/// The engine calls these; they never loop, wait or retry. Creation is *one* call that makes the object; whatever that
/// call cannot set, the engine sees as a difference afterwards and hands to [`Resource::update`].
pub trait Resource: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static {
    /// The clients, and which stack they work for.
    type Cloud: Send + Sync + 'static;
    /// What other resources may use of it.
    type Outputs: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// The kind's name: `subnet` in `subnet.private_a`.
    const KIND: &'static str;
    /// The attributes that the cloud cannot change in place.
    const REPLACED_BY: &'static [&'static str];
    /// How a create whose answer was lost is found again.
    const IDENTITY: Identity;
    /// How long it usually takes, and how long at most.
    const PACE: Pace = Pace::QUICK;
    /// The attributes whose change means new code.
    const CODE: &'static [&'static str] = &[];
    /// Whether it must be gone before what it refers to may be deleted.
    const HOLDS: bool = true;

    /// Lists live objects in the shape of the spec: all that carry this stack's marks, or exactly the given ids.
    ///
    /// Objects that are gone for good are left out, even where the cloud still shows them. An id that does not exist is
    /// left out, not an error.
    fn list(cloud: &Self::Cloud, select: Select<'_>) -> impl Future<Output = Result<Vec<Live<Self>>, Error>> + Send;

    /// Makes the object with one call that carries the owner marks and, where the API has one, `cx.token`.
    fn create(&self, cx: &Cx<'_, Self::Cloud>) -> impl Future<Output = Result<Created<Self>, Error>> + Send;

    /// Brings the named attributes of a live object to this spec; it may be called again with the same.
    fn update(
        &self,
        cx: &Cx<'_, Self::Cloud>,
        live: &Live<Self>,
        changed: &[&str],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes one step towards the object's deletion; an absent object is [`crate::Class::Absent`].
    fn delete(cx: &Cx<'_, Self::Cloud>, live: &Live<Self>) -> impl Future<Output = Result<Progress, Error>> + Send;
}

/// How a create whose answer was lost is found again, without ever making a second object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// By its name, which the cloud holds unique: a repeated create collides.
    Name,
    /// By the idempotency key: a repeated create answers with the same object.
    Token,
    /// Only by its marks: a create is never repeated before they have been looked for.
    Marks,
}

/// How long a kind usually takes, and how long the engine waits at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The usual time from create to ready.
    pub create: Duration,
    /// The usual time from delete to gone.
    pub delete: Duration,
    /// The longest wait for either.
    pub patience: Duration,
}

impl Pace {
    /// For objects that are there when the call returns.
    pub const QUICK: Self = Self::seconds(2, 2, 600);

    /// Gives usual create and delete times and the longest wait, in seconds.
    pub const fn seconds(create: u64, delete: u64, patience: u64) -> Self {
        Self {
            create: Duration::from_secs(create),
            delete: Duration::from_secs(delete),
            patience: Duration::from_secs(patience),
        }
    }
}

/// Which objects to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select<'a> {
    /// All that carry this stack's marks.
    Owned,
    /// Those with these ids, whatever their marks.
    Ids(&'a [String]),
}

/// What a create call needs besides the spec.
#[derive(Debug)]
pub struct Cx<'a, C> {
    /// The clients.
    pub cloud: &'a C,
    /// The resource, for the owner marks.
    pub address: &'a Address,
    /// The idempotency key of this creation: at most 32 hexadecimal digits, the same on every attempt.
    pub token: &'a str,
}

impl<C> std::ops::Deref for Cx<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.cloud
    }
}

/// What a create call told.
#[derive(Debug, Clone, PartialEq)]
pub struct Created<R: Resource> {
    /// The cloud's name for the object.
    pub id: String,
    /// What others may use of it, where it is known at once.
    pub outputs: Option<R::Outputs>,
}

/// An object as the cloud shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live<R: Resource> {
    /// The owner mark; `None` where it is missing.
    pub address: Option<Address>,
    /// The cloud's name for it.
    pub id: String,
    /// What it is, in the shape of the spec.
    pub spec: R,
    /// What others may use of it.
    pub outputs: R::Outputs,
    /// Whether it works.
    pub status: Status,
}

/// Whether an object works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "says")]
pub enum Status {
    /// It works.
    Ready,
    /// It is being made or changed; the text is the cloud's word for it.
    Pending(String),
    /// It is being deleted.
    Deleting,
    /// It counts as gone, but an update can take it back (a KMS key scheduled for deletion).
    Dormant,
    /// It does not work and will not by itself; the text says why.
    Failed(String),
}

/// How far a delete call has brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing more to do than to wait until the object is gone.
    Going,
    /// One of several steps is taken: once the object has settled, delete is called again.
    More,
}

/// A [`Live`] object of any kind, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveValue {
    /// The owner mark; `None` where it is missing.
    pub address: Option<Address>,
    /// The cloud's name for it.
    pub id: String,
    /// What it is.
    pub spec: Value,
    /// What others may use of it.
    pub outputs: Value,
    /// Whether it works.
    pub status: Status,
}
