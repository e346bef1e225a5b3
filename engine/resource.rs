//! What a resource kind must define, and nothing else: no diff, no wait, no retry.

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
/// The engine calls these methods; they never loop, wait, or retry. Creation is *one* call that creates the object;
/// whatever that call cannot set, the engine sees as a difference afterwards and passes to [`Resource::update`].
pub trait Resource: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static {
    /// The clients, and which stack they work for.
    type Cloud: Send + Sync + 'static;
    /// What other resources may use of it.
    type Outputs: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// The kind's name: `subnet` in `subnet.private_a`.
    const KIND: &'static str;
    /// The attributes that the cloud cannot change in place.
    const FORCES_REPLACEMENT: &'static [&'static str];
    /// How to recover a create whose answer was lost.
    const IDEMPOTENCY: Idempotency;
    /// How long it usually takes, and the longest wait.
    const DURATIONS: Durations = Durations::QUICK;
    /// The attributes whose change means new code.
    const CODE: &'static [&'static str] = &[];
    /// Whether it must be deleted before what it refers to can be.
    const BLOCKS_DELETION: bool = true;

    /// Lists live objects in the shape of the spec: all that carry this stack's ownership tags, or exactly
    /// the given ids.
    ///
    /// Objects that are permanently gone are left out, even where the cloud still shows them. An id that does not exist
    /// is left out; it is not an error.
    fn list(cloud: &Self::Cloud, select: Select<'_>) -> impl Future<Output = Result<Vec<Live<Self>>, Error>> + Send;

    /// Creates the object with one call that carries the ownership tags and, where the API accepts one, `cx.token`.
    fn create(&self, cx: &Context<'_, Self::Cloud>) -> impl Future<Output = Result<Created<Self>, Error>> + Send;

    /// Brings the named attributes of a live object to this spec; it may be called again with the same attributes.
    fn update(
        &self,
        cx: &Context<'_, Self::Cloud>,
        live: &Live<Self>,
        changed: &[&str],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes one step towards the object's deletion; an absent object is [`crate::Class::Absent`].
    fn delete(cx: &Context<'_, Self::Cloud>, live: &Live<Self>)
    -> impl Future<Output = Result<Progress, Error>> + Send;
}

/// How to recover a create whose answer was lost, without ever creating a second object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// By its name, which the cloud keeps unique: a repeated create collides.
    Name,
    /// By the idempotency key: a repeated create returns the same object.
    Token,
    /// Only by its ownership tags: a create is never repeated before a search for them.
    Tags,
}

/// How long a kind usually takes, and how long the engine waits at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// The usual time from create to ready.
    pub create: Duration,
    /// The usual time from delete to gone.
    pub delete: Duration,
    /// The longest wait for either.
    pub timeout: Duration,
}

impl Durations {
    /// For objects that are ready when the call returns.
    pub const QUICK: Self = Self::seconds(2, 2, 600);

    /// The usual create and delete times and the longest wait, in seconds.
    pub const fn seconds(create: u64, delete: u64, timeout: u64) -> Self {
        Self {
            create: Duration::from_secs(create),
            delete: Duration::from_secs(delete),
            timeout: Duration::from_secs(timeout),
        }
    }
}

/// Which objects to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select<'a> {
    /// All that carry this stack's ownership tags.
    Owned,
    /// Those with these ids, whatever their tags.
    Ids(&'a [String]),
}

/// What a create call needs besides the spec.
#[derive(Debug)]
pub struct Context<'a, C> {
    /// The clients.
    pub cloud: &'a C,
    /// The resource, for the ownership tags.
    pub address: &'a Address,
    /// The idempotency key of this creation: at most 32 hexadecimal digits, the same on every attempt.
    pub token: &'a str,
}

impl<C> std::ops::Deref for Context<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.cloud
    }
}

/// What a create call returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Created<R: Resource> {
    /// The cloud's name for the object.
    pub id: String,
    /// What others may use of it, if the call returned it.
    pub outputs: Option<R::Outputs>,
}

/// An object as the cloud shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live<R: Resource> {
    /// The address in its ownership tags; `None` if it has none.
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
    /// It is being created or changed; the text is the cloud's word for that.
    Pending(String),
    /// It is being deleted.
    Deleting,
    /// It counts as gone, but an update can restore it (a KMS key scheduled for deletion).
    PendingDeletion,
    /// It does not work and will not recover by itself; the text is the reason.
    Failed(String),
}

impl Status {
    /// Whether the object is being deleted or scheduled for deletion.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self, Status::Deleting | Status::PendingDeletion)
    }
}

/// How far a delete call has progressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All that is left is to wait until the object is gone.
    Going,
    /// One of several steps is done: delete is called again once the object is idle.
    More,
    /// It counts as gone without another look, because it ends with something else that is being deleted (the schema
    /// of a database).
    Gone,
}

/// A [`Live`] object of any kind, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveValue {
    /// The address in its ownership tags; `None` if it has none.
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

impl LiveValue {
    /// Whether an object with a resource's recorded id is that resource's object.
    ///
    /// It is not if it carries another resource's tags. Where the id is a name, anybody can have taken it since, so an
    /// object without tags is somebody else's. An id that the cloud generates never belongs to a second object.
    pub(crate) fn belongs_to(&self, address: &Address, idempotency: Idempotency) -> bool {
        match &self.address {
            Some(tagged) => tagged == address,
            None => idempotency != Idempotency::Name,
        }
    }
}
