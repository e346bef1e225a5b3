//! Resource kinds without their types, so that one graph holds them all.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Class, Cx, Error, Identity, Live, LiveValue, Pace, Progress, Resource, Select};

/// A [`Resource`] type as a value: its specs and outputs are JSON.
pub trait Kind<C>: Send + Sync {
    /// [`Resource::KIND`].
    fn name(&self) -> &'static str;
    /// [`Resource::REPLACED_BY`].
    fn replaced_by(&self) -> &'static [&'static str];
    /// [`Resource::IDENTITY`].
    fn identity(&self) -> Identity;
    /// [`Resource::PACE`].
    fn pace(&self) -> Pace;
    /// [`Resource::CODE`].
    fn code(&self) -> &'static [&'static str];
    /// [`Resource::HOLDS`].
    fn holds(&self) -> bool;
    /// [`Resource::list`].
    fn list<'a>(&'a self, cloud: &'a C, select: Select<'a>) -> BoxFuture<'a, Result<Vec<LiveValue>, Error>>;
    /// [`Resource::create`]; the outputs are those the call told.
    fn create<'a>(
        &'a self,
        cx: &'a Cx<'a, C>,
        spec: &'a Value,
    ) -> BoxFuture<'a, Result<(String, Option<Value>), Error>>;
    /// [`Resource::update`].
    fn update<'a>(
        &'a self,
        cx: &'a Cx<'a, C>,
        live: &'a LiveValue,
        spec: &'a Value,
        changed: &'a [&'a str],
    ) -> BoxFuture<'a, Result<(), Error>>;
    /// [`Resource::delete`].
    fn delete<'a>(&'a self, cx: &'a Cx<'a, C>, live: &'a LiveValue) -> BoxFuture<'a, Result<Progress, Error>>;
}

struct KindOf<R>(PhantomData<fn() -> R>);

impl<R: Resource> Kind<R::Cloud> for KindOf<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }

    fn replaced_by(&self) -> &'static [&'static str] {
        R::REPLACED_BY
    }

    fn identity(&self) -> Identity {
        R::IDENTITY
    }

    fn pace(&self) -> Pace {
        R::PACE
    }

    fn code(&self) -> &'static [&'static str] {
        R::CODE
    }

    fn holds(&self) -> bool {
        R::HOLDS
    }

    fn list<'a>(&'a self, cloud: &'a R::Cloud, select: Select<'a>) -> BoxFuture<'a, Result<Vec<LiveValue>, Error>> {
        Box::pin(async move {
            let live = R::list(cloud, select).await?;
            if live.iter().any(|live| live.id.is_empty()) {
                return Err(Error::new(Class::Transient, R::KIND, "the answer shows an object without its id"));
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
        cx: &'a Cx<'a, R::Cloud>,
        spec: &'a Value,
    ) -> BoxFuture<'a, Result<(String, Option<Value>), Error>> {
        Box::pin(async move {
            let created = from_value::<R>(spec)?.create(cx).await?;
            if created.id.is_empty() {
                // Something was made: it is looked for as if there had been no answer.
                return Err(Error::new(Class::NoAnswer, R::KIND, "the answer does not tell the new object's id"));
            }
            Ok((created.id, created.outputs.map(|outputs| to_value(&outputs))))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Cx<'a, R::Cloud>,
        live: &'a LiveValue,
        spec: &'a Value,
        changed: &'a [&'a str],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { from_value::<R>(spec)?.update(cx, &typed(live)?, changed).await })
    }

    fn delete<'a>(&'a self, cx: &'a Cx<'a, R::Cloud>, live: &'a LiveValue) -> BoxFuture<'a, Result<Progress, Error>> {
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

/// All kinds that a program knows, by name.
pub struct Kinds<C> {
    by_name: BTreeMap<&'static str, Arc<dyn Kind<C>>>,
}

impl<C> Kinds<C> {
    /// Starts without any.
    pub fn new() -> Self {
        Self { by_name: BTreeMap::new() }
    }

    /// Adds one kind.
    ///
    /// # Panics
    /// Where two kinds have one name, which is a mistake of the program.
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
