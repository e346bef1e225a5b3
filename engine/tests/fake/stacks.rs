//! Stacks for the fake cloud, as data.

use std::sync::Arc;

use payinfra_engine::{Address, Graph, Need, Scope};

use crate::fake::cloud::Cloud;
use crate::fake::kinds::*;

/// One resource of a stack; it refers to earlier ones by their position.
#[derive(Debug, Clone, PartialEq)]
pub struct FakeResource {
    pub kind: usize,
    pub name: String,
    pub size: u32,
    pub fixed: u32,
    pub nested: Option<String>,
    pub on: Vec<(usize, Need)>,
    pub uses: Vec<(usize, Need)>,
}

impl FakeResource {
    pub fn new(kind: usize, name: &str) -> Self {
        Self { kind, name: name.to_owned(), size: 1, fixed: 1, nested: None, on: Vec::new(), uses: Vec::new() }
    }

    pub fn on(mut self, others: &[usize]) -> Self {
        self.on.extend(others.iter().map(|other| (*other, Need::Exists)));
        self
    }

    pub fn uses(mut self, others: &[usize]) -> Self {
        self.uses.extend(others.iter().map(|other| (*other, Need::Exists)));
        self
    }

    pub fn uses_ready(mut self, others: &[usize]) -> Self {
        self.uses.extend(others.iter().map(|other| (*other, Need::Ready)));
        self
    }

    pub fn nested(mut self, text: &str) -> Self {
        self.nested = Some(text.to_owned());
        self
    }

    pub fn address(&self) -> Address {
        Address::new(BEHAVIOURS[self.kind].kind, &self.name)
    }
}

type Tap = Arc<dyn Fn(&Scope<'_>, Need) -> String + Send + Sync>;

pub fn graph(resources: &[FakeResource]) -> Graph<Cloud> {
    let mut graph = Graph::new(kinds());
    let mut taps: Vec<Tap> = Vec::new();
    for resource in resources {
        let add = match resource.kind {
            ROLE => add::<ROLE>,
            NETWORK => add::<NETWORK>,
            GROUP => add::<GROUP>,
            ADDRESS => add::<ADDRESS>,
            GATEWAY => add::<GATEWAY>,
            DATABASE => add::<DATABASE>,
            FUNCTION => add::<FUNCTION>,
            API => add::<API>,
            KEY => add::<KEY>,
            ALARM => add::<ALARM>,
            LOGS => add::<LOGS>,
            PROXY => add::<PROXY>,
            ENDPOINT => add::<ENDPOINT>,
            DOMAIN => add::<DOMAIN>,
            CERTIFICATE => add::<CERTIFICATE>,
            _ => add::<BUCKET>,
        };
        let tap = add(&mut graph, resource.clone(), &taps);
        taps.push(tap);
    }
    graph
}

fn add<const K: usize>(graph: &mut Graph<Cloud>, resource: FakeResource, taps: &[Tap]) -> Tap {
    let tapped = |refs: &[(usize, Need)]| -> Vec<(Tap, Need)> {
        refs.iter().map(|(other, need)| (Arc::clone(&taps[*other]), *need)).collect()
    };
    let (on, uses) = (tapped(&resource.on), tapped(&resource.uses));
    let handle = graph.add(&resource.name.clone(), move |scope| Spec::<K> {
        size: resource.size,
        fixed: resource.fixed,
        nested: resource.nested.clone(),
        on: on.iter().map(|(tap, need)| tap(scope, *need)).collect(),
        uses: uses.iter().map(|(tap, need)| tap(scope, *need)).collect(),
    });
    Arc::new(move |scope, need| match need {
        Need::Exists => scope.get(handle, |outputs| outputs.id.clone()),
        Need::Ready => scope.ready(handle, |outputs| outputs.id.clone()),
    })
}

/// A small payment stack: every idempotency, both sorts of edges, and nearly every kind.
pub fn payments() -> Vec<FakeResource> {
    vec![
        FakeResource::new(ROLE, "pay"),                                                // 0
        FakeResource::new(NETWORK, "main"),                                            // 1
        FakeResource::new(NETWORK, "a").on(&[1]),                                      // 2
        FakeResource::new(NETWORK, "b").on(&[1]).nested("public"),                     // 3
        FakeResource::new(GROUP, "database").on(&[1]),                                 // 4
        FakeResource::new(GROUP, "functions").on(&[1]),                                // 5
        FakeResource::new(ADDRESS, "nat"),                                             // 6
        FakeResource::new(GATEWAY, "nat").on(&[2, 6]),                                 // 7
        FakeResource::new(KEY, "data").nested("rotated"),                              // 8
        FakeResource::new(DATABASE, "main").on(&[2, 3]).uses(&[4, 8]),                 // 9
        FakeResource::new(LOGS, "pay").uses(&[8]),                                     // 10
        FakeResource::new(FUNCTION, "pay").nested("alias").uses(&[0, 2, 3, 5, 9, 10]), // 11
        FakeResource::new(API, "main").uses_ready(&[11]),                              // 12
        FakeResource::new(ALARM, "errors").uses(&[12]),                                // 13
        FakeResource::new(BUCKET, "archive").uses(&[8]),                               // 14
    ]
}

/// The smallest stack with one object of each idempotency, a chain, and an update after creation.
pub fn small() -> Vec<FakeResource> {
    vec![
        FakeResource::new(NETWORK, "main").nested("public"),
        FakeResource::new(GATEWAY, "nat").on(&[0]),
        FakeResource::new(FUNCTION, "pay").uses(&[0, 1]),
    ]
}
