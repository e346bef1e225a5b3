//! The kinds of the fake cloud: one spec for all, and a table of their behaviour.

use std::time::Duration;

use payinfra_engine::{Context, Created, Durations, Error, Idempotency, Kinds, Live, Progress, Resource, Select};
use serde::{Deserialize, Serialize};

use crate::fake::cloud::Cloud;

/// How a kind behaves; times are in seconds, from AWS's documentation and from measurements.
pub struct Behaviour {
    pub kind: &'static str,
    pub idempotency: Idempotency,
    pub durations: Durations,
    pub holds: bool,
    /// How long a create, an update, and a delete take.
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    /// Calls that a deletion takes, and how long each but the last keeps the object busy.
    pub steps: u32,
    pub step: u64,
    /// Deletion only schedules it for deletion.
    pub pending_deletion: bool,
    /// Deletion is refused while something refers to it.
    pub refuses: bool,
    /// Deletion is refused while it is pending.
    pub busy: bool,
    /// It must outlive what refers to it, although the cloud does not enforce that (the role of a function).
    pub kept: bool,
    /// How long what it refers to stays in use after it is gone (a proxy's interfaces, a domain's certificate).
    pub lingers: u64,
    /// How long its deletion is refused after the first step (a function's interfaces, which its role removes).
    pub releases: u64,
    /// How long after its creation what refers to it is refused (a role).
    pub propagates: u64,
    /// The create call returns the outputs.
    pub at_once: bool,
    /// The rate limit of mutating calls: the token bucket's size and its refill per second.
    pub rate: Option<(f64, f64)>,
}

const PLAIN: Behaviour = Behaviour {
    kind: "plain",
    idempotency: Idempotency::Name,
    durations: Durations::QUICK,
    holds: true,
    create: 0,
    update: 0,
    delete: 0,
    steps: 1,
    step: 0,
    pending_deletion: false,
    refuses: false,
    busy: false,
    kept: false,
    lingers: 0,
    releases: 0,
    propagates: 0,
    at_once: false,
    rate: None,
};

pub const ROLE: usize = 0;
pub const NETWORK: usize = 1;
pub const GROUP: usize = 2;
pub const ADDRESS: usize = 3;
pub const GATEWAY: usize = 4;
pub const DATABASE: usize = 5;
pub const FUNCTION: usize = 6;
pub const API: usize = 7;
pub const KEY: usize = 8;
pub const ALARM: usize = 9;
pub const LOGS: usize = 10;
pub const BUCKET: usize = 11;
pub const PROXY: usize = 12;
pub const ENDPOINT: usize = 13;
pub const DOMAIN: usize = 14;
pub const CERTIFICATE: usize = 15;

pub static BEHAVIOURS: [Behaviour; 16] = [
    Behaviour { kind: "role", kept: true, propagates: 10, at_once: true, ..PLAIN },
    Behaviour {
        kind: "network",
        idempotency: Idempotency::Tags,
        durations: Durations::seconds(2, 2, 50 * 60),
        create: 1,
        refuses: true,
        rate: Some((50.0, 5.0)),
        ..PLAIN
    },
    Behaviour { kind: "group", durations: Durations::seconds(2, 2, 50 * 60), refuses: true, ..PLAIN },
    Behaviour { kind: "address", idempotency: Idempotency::Tags, at_once: true, refuses: true, ..PLAIN },
    Behaviour {
        kind: "gateway",
        idempotency: Idempotency::Token,
        durations: Durations::seconds(105, 60, 600),
        create: 105,
        delete: 60,
        at_once: true,
        rate: Some((10.0, 1.0)),
        ..PLAIN
    },
    Behaviour {
        kind: "database",
        durations: Durations::seconds(740, 660, 3600),
        create: 740,
        update: 60,
        delete: 660,
        busy: true,
        at_once: true,
        ..PLAIN
    },
    Behaviour {
        kind: "function",
        durations: Durations::seconds(150, 20, 3600),
        create: 150,
        update: 5,
        delete: 1,
        steps: 2,
        step: 30,
        busy: true,
        releases: 100,
        rate: Some((15.0, 15.0)),
        ..PLAIN
    },
    Behaviour { kind: "api", idempotency: Idempotency::Tags, rate: Some((40.0, 10.0)), ..PLAIN },
    Behaviour { kind: "key", idempotency: Idempotency::Tags, pending_deletion: true, at_once: true, ..PLAIN },
    Behaviour { kind: "alarm", holds: false, rate: Some((3.0, 3.0)), ..PLAIN },
    Behaviour { kind: "logs", ..PLAIN },
    Behaviour { kind: "bucket", steps: 2, ..PLAIN },
    Behaviour {
        kind: "proxy",
        durations: Durations::seconds(300, 60, 3600),
        create: 300,
        delete: 60,
        busy: true,
        lingers: 120,
        at_once: true,
        ..PLAIN
    },
    Behaviour {
        kind: "endpoint",
        idempotency: Idempotency::Token,
        durations: Durations::seconds(60, 60, 900),
        create: 60,
        delete: 60,
        lingers: 30,
        // The tightest limit of the stack: CreateVpcEndpoint.
        rate: Some((4.0, 0.3)),
        ..PLAIN
    },
    Behaviour {
        kind: "domain",
        durations: Durations::seconds(15, 5, 1200),
        create: 15,
        delete: 5,
        lingers: 300,
        rate: Some((1.0, 1.0 / 30.0)),
        ..PLAIN
    },
    Behaviour {
        kind: "certificate",
        idempotency: Idempotency::Token,
        durations: Durations::seconds(100, 10, 4500),
        create: 100,
        refuses: true,
        ..PLAIN
    },
];

pub fn behaviour(kind: &str) -> &'static Behaviour {
    BEHAVIOURS.iter().find(|behaviour| behaviour.kind == kind).unwrap()
}

/// A resource of kind `K`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec<const K: usize> {
    /// Changed in place.
    pub size: u32,
    /// Fixed at creation.
    pub fixed: u32,
    /// Not set by the create call.
    pub nested: Option<String>,
    /// The ids that it is built on; fixed at creation.
    pub on: Vec<String>,
    /// The ids that it refers to; changed in place.
    pub uses: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    pub id: String,
    pub port: u16,
}

impl<const K: usize> Resource for Spec<K> {
    type Cloud = Cloud;
    type Outputs = Outputs;

    const KIND: &'static str = BEHAVIOURS[K].kind;
    const FORCES_REPLACEMENT: &'static [&'static str] = &["fixed", "on"];
    const IDEMPOTENCY: Idempotency = BEHAVIOURS[K].idempotency;
    const DURATIONS: Durations = BEHAVIOURS[K].durations;
    const BLOCKS_DELETION: bool = BEHAVIOURS[K].holds;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let found = cloud.list(Self::KIND, select).await?;
        Ok(found
            .into_iter()
            .map(|(address, id, spec, status)| Live {
                address,
                outputs: Outputs { id: id.clone(), port: 5432 },
                id,
                spec: serde_json::from_value(spec).unwrap(),
                status,
            })
            .collect())
    }

    async fn create(&self, cx: &Context<'_, Cloud>) -> Result<Created<Self>, Error> {
        let id = cx.cloud.create(cx.address, cx.token, serde_json::to_value(self).unwrap()).await?;
        let outputs = BEHAVIOURS[K].at_once.then(|| Outputs { id: id.clone(), port: 5432 });
        Ok(Created { id, outputs })
    }

    async fn update(&self, cx: &Context<'_, Cloud>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        cx.cloud.update(cx.address, &live.id, serde_json::to_value(self).unwrap(), changed).await
    }

    async fn delete(cx: &Context<'_, Cloud>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.cloud.delete(cx.address, &live.id).await
    }
}

pub fn kinds() -> Kinds<Cloud> {
    Kinds::new()
        .with::<Spec<ROLE>>()
        .with::<Spec<NETWORK>>()
        .with::<Spec<GROUP>>()
        .with::<Spec<ADDRESS>>()
        .with::<Spec<GATEWAY>>()
        .with::<Spec<DATABASE>>()
        .with::<Spec<FUNCTION>>()
        .with::<Spec<API>>()
        .with::<Spec<KEY>>()
        .with::<Spec<ALARM>>()
        .with::<Spec<LOGS>>()
        .with::<Spec<BUCKET>>()
        .with::<Spec<PROXY>>()
        .with::<Spec<ENDPOINT>>()
        .with::<Spec<DOMAIN>>()
        .with::<Spec<CERTIFICATE>>()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
