//! Resource kinds without their types, so that one graph holds them all.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Class, Context, Durations, Error, Idempotency, Live, LiveValue, Progress, Resource, Select};

/// A [`Resource`] type as a value: its specs and outputs are JSON.
pub trait Kind<C>: Send + Sync {
    /// [`Resource::KIND`].
    fn name(&self) -> &'static str;
    /// [`Resource::FORCES_REPLACEMENT`].
    fn forces_replacement(&self) -> &'static [&'static str];
    /// [`Resource::IDEMPOTENCY`].
    fn idempotency(&self) -> Idempotency;
    /// [`Resource::DURATIONS`].
    fn durations(&self) -> Durations;
    /// [`Resource::CODE`].
    fn code(&self) -> &'static [&'static str];
    /// [`Resource::BLOCKS_DELETION`].
    fn blocks_deletion(&self) -> bool;
    /// [`Resource::list`].
    fn list<'a>(&'a self, cloud: &'a C, select: Select<'a>) -> BoxFuture<'a, Result<Vec<LiveValue>, Error>>;
    /// [`Resource::create`]; the outputs are those that the call returned, if any.
    fn create<'a>(
        &'a self,
        cx: &'a Context<'a, C>,
        spec: &'a Value,
    ) -> BoxFuture<'a, Result<(String, Option<Value>), Error>>;
    /// [`Resource::update`].
    fn update<'a>(
        &'a self,
        cx: &'a Context<'a, C>,
        live: &'a LiveValue,
        spec: &'a Value,
        changed: &'a [&'a str],
    ) -> BoxFuture<'a, Result<(), Error>>;
    /// [`Resource::delete`].
    fn delete<'a>(&'a self, cx: &'a Context<'a, C>, live: &'a LiveValue) -> BoxFuture<'a, Result<Progress, Error>>;
}

struct KindOf<R>(PhantomData<fn() -> R>);

impl<R: Resource> Kind<R::Cloud> for KindOf<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }

    fn forces_replacement(&self) -> &'static [&'static str] {
        R::FORCES_REPLACEMENT
    }

    fn idempotency(&self) -> Idempotency {
        R::IDEMPOTENCY
    }

    fn durations(&self) -> Durations {
        R::DURATIONS
    }

    fn code(&self) -> &'static [&'static str] {
        R::CODE
    }

    fn blocks_deletion(&self) -> bool {
        R::BLOCKS_DELETION
    }

    fn list<'a>(&'a self, cloud: &'a R::Cloud, select: Select<'a>) -> BoxFuture<'a, Result<Vec<LiveValue>, Error>> {
        Box::pin(async move {
            let live = R::list(cloud, select).await?;
            if live.iter().any(|live| live.id.is_empty()) {
                return Err(Error::new(Class::Transient, R::KIND, "the answer lists an object without its id"));
            }
            Ok(live
                .into_iter()
                .map(|live| LiveValue {
                    address: live.address,
                    id: live.id,
                    spec: to_value(&live.spec),
                    outputs: to_value(&live.outputs),
                    status: live.status,
                })
                .collect())
        })
    }

    fn create<'a>(
        &'a self,
        cx: &'a Context<'a, R::Cloud>,
        spec: &'a Value,
    ) -> BoxFuture<'a, Result<(String, Option<Value>), Error>> {
        Box::pin(async move {
            let created = from_value::<R>(spec)?.create(cx).await?;
            if created.id.is_empty() {
                // Something was created, so look for it as if there had been no answer.
                return Err(Error::new(Class::NoAnswer, R::KIND, "the answer lacks the new object's id"));
            }
            Ok((created.id, created.outputs.map(|outputs| to_value(&outputs))))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Context<'a, R::Cloud>,
        live: &'a LiveValue,
        spec: &'a Value,
        changed: &'a [&'a str],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { from_value::<R>(spec)?.update(cx, &typed(live)?, changed).await })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Context<'a, R::Cloud>,
        live: &'a LiveValue,
    ) -> BoxFuture<'a, Result<Progress, Error>> {
        Box::pin(async move { R::delete(cx, &typed(live)?).await })
    }
}

fn typed<R: Resource>(live: &LiveValue) -> Result<Live<R>, Error> {
    Ok(Live {
        address: live.address.clone(),
        id: live.id.clone(),
        spec: from_value(&live.spec)?,
        outputs: from_value(&live.outputs)?,
        status: live.status.clone(),
    })
}

pub(crate) fn to_value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("specs and outputs serialise to JSON")
}

fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    serde_json::from_value(value.clone())
        .map_err(|error| Error::new(Class::Invalid, "read the saved spec", error.to_string()))
}

/// All kinds that the program knows, by name.
pub struct Kinds<C> {
    by_name: BTreeMap<&'static str, Arc<dyn Kind<C>>>,
}

impl<C> Kinds<C> {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self { by_name: BTreeMap::new() }
    }

    /// Adds one kind.
    ///
    /// # Panics
    /// If two kinds have the same name, which is a bug in the program.
    #[must_use]
    pub fn with<R: Resource<Cloud = C>>(mut self) -> Self {
        let before = self.by_name.insert(R::KIND, Arc::new(KindOf::<R>(PhantomData)));
        assert!(before.is_none(), "two kinds are named {}", R::KIND);
        self
    }

    /// Finds a kind by name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Kind<C>>> {
        self.by_name.get(name)
    }

    /// All kinds, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Kind<C>>> {
        self.by_name.values()
    }
}

impl<C> Default for Kinds<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Clone for Kinds<C> {
    fn clone(&self) -> Self {
        Self { by_name: self.by_name.clone() }
    }
}
