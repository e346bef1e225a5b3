//! The kinds of the fake cloud: one spec for all, and a table of their manners.

use std::time::Duration;

use payinfra_engine::{Created, Cx, Error, Identity, Kinds, Live, Pace, Progress, Resource, Select};
use serde::{Deserialize, Serialize};

use crate::fake::cloud::Cloud;

/// How a kind behaves; times are in seconds and from the fact sheet.
pub struct Manners {
    pub kind: &'static str,
    pub identity: Identity,
    pub pace: Pace,
    pub holds: bool,
    /// From create, update and delete to their end.
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    /// Calls that a deletion takes, and how long each but the last keeps the object busy.
    pub steps: u32,
    pub step: u64,
    /// Deletion leaves it dormant.
    pub dormant: bool,
    /// Deletion is refused while something refers to it.
    pub refuses: bool,
    /// Deletion is refused while it is pending.
    pub busy: bool,
    /// It must outlive what refers to it, though the cloud does not insist (the role of a function).
    pub kept: bool,
    /// What it refers to stays in use for so long after it is gone (interfaces of a proxy, a domain's certificate).
    pub lingers: u64,
    /// From its first step on, its deletion is refused for so long (a function's interfaces, which its role removes).
    pub releases: u64,
    /// For so long after its creation, what refers to it is refused (a role).
    pub propagates: u64,
    /// The create call tells the outputs.
    pub at_once: bool,
    /// Mutating calls: the bucket's size and its refill per second.
    pub rate: Option<(f64, f64)>,
}

const PLAIN: Manners = Manners {
    kind: "plain",
    identity: Identity::Name,
    pace: Pace::QUICK,
    holds: true,
    create: 0,
    update: 0,
    delete: 0,
    steps: 1,
    step: 0,
    dormant: false,
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

pub static MANNERS: [Manners; 16] = [
    Manners { kind: "role", kept: true, propagates: 10, at_once: true, ..PLAIN },
    Manners {
        kind: "network",
        identity: Identity::Marks,
        pace: Pace::seconds(2, 2, 50 * 60),
        create: 1,
        refuses: true,
        rate: Some((50.0, 5.0)),
        ..PLAIN
    },
    Manners { kind: "group", pace: Pace::seconds(2, 2, 50 * 60), refuses: true, ..PLAIN },
    Manners { kind: "address", identity: Identity::Marks, at_once: true, refuses: true, ..PLAIN },
    Manners {
        kind: "gateway",
        identity: Identity::Token,
        pace: Pace::seconds(105, 60, 600),
        create: 105,
        delete: 60,
        at_once: true,
        rate: Some((10.0, 1.0)),
        ..PLAIN
    },
    Manners {
        kind: "database",
        pace: Pace::seconds(740, 660, 3600),
        create: 740,
        update: 60,
        delete: 660,
        busy: true,
        at_once: true,
        ..PLAIN
    },
    Manners {
        kind: "function",
        pace: Pace::seconds(150, 20, 3600),
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
    Manners { kind: "api", identity: Identity::Marks, rate: Some((40.0, 10.0)), ..PLAIN },
    Manners { kind: "key", identity: Identity::Marks, dormant: true, at_once: true, ..PLAIN },
    Manners { kind: "alarm", holds: false, rate: Some((3.0, 3.0)), ..PLAIN },
    Manners { kind: "logs", ..PLAIN },
    Manners { kind: "bucket", steps: 2, ..PLAIN },
    Manners {
        kind: "proxy",
        pace: Pace::seconds(300, 60, 3600),
        create: 300,
        delete: 60,
        busy: true,
        lingers: 120,
        at_once: true,
        ..PLAIN
    },
    Manners {
        kind: "endpoint",
        identity: Identity::Token,
        pace: Pace::seconds(60, 60, 900),
        create: 60,
        delete: 60,
        lingers: 30,
        // The tightest limit of the stack: CreateVpcEndpoint.
        rate: Some((4.0, 0.3)),
        ..PLAIN
    },
    Manners {
        kind: "domain",
        pace: Pace::seconds(15, 5, 1200),
        create: 15,
        delete: 5,
        lingers: 300,
        rate: Some((1.0, 1.0 / 30.0)),
        ..PLAIN
    },
    Manners {
        kind: "certificate",
        identity: Identity::Token,
        pace: Pace::seconds(100, 10, 4500),
        create: 100,
        refuses: true,
        ..PLAIN
    },
];

pub fn manners(kind: &str) -> &'static Manners {
    MANNERS.iter().find(|manners| manners.kind == kind).unwrap()
}

/// A resource of kind `K`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec<const K: usize> {
    /// Changed in place.
    pub size: u32,
    /// Only a new object can have another.
    pub fixed: u32,
    /// Not settable by the create call.
    pub nested: Option<String>,
    /// The ids that it stands on; only a new object can stand elsewhere.
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

    const KIND: &'static str = MANNERS[K].kind;
    const REPLACED_BY: &'static [&'static str] = &["fixed", "on"];
    const IDENTITY: Identity = MANNERS[K].identity;
    const PACE: Pace = MANNERS[K].pace;
    const HOLDS: bool = MANNERS[K].holds;

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

    async fn create(&self, cx: &Cx<'_, Cloud>) -> Result<Created<Self>, Error> {
        let id = cx.cloud.create(cx.address, cx.token, serde_json::to_value(self).unwrap()).await?;
        let outputs = MANNERS[K].at_once.then(|| Outputs { id: id.clone(), port: 5432 });
        Ok(Created { id, outputs })
    }

    async fn update(&self, cx: &Cx<'_, Cloud>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        cx.cloud.update(cx.address, &live.id, serde_json::to_value(self).unwrap(), changed).await
    }

    async fn delete(cx: &Cx<'_, Cloud>, live: &Live<Self>) -> Result<Progress, Error> {
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
