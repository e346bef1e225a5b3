//! Stacks for the fake cloud, as data.

use std::sync::Arc;

use payinfra_engine::{Address, Graph, Need, Scope};

use crate::fake::cloud::Cloud;
use crate::fake::kinds::*;

/// One resource of a stack; it refers to earlier ones by their position.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    pub kind: usize,
    pub name: String,
    pub size: u32,
    pub fixed: u32,
    pub nested: Option<String>,
    pub on: Vec<(usize, Need)>,
    pub uses: Vec<(usize, Need)>,
}

impl Plant {
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
        Address::new(MANNERS[self.kind].kind, &self.name)
    }
}

type Tap = Arc<dyn Fn(&Scope<'_>, Need) -> String + Send + Sync>;

pub fn graph(plants: &[Plant]) -> Graph<Cloud> {
    let mut graph = Graph::new(kinds());
    let mut taps: Vec<Tap> = Vec::new();
    for plant in plants {
        let add = match plant.kind {
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
        let tap = add(&mut graph, plant.clone(), &taps);
        taps.push(tap);
    }
    graph
}

fn add<const K: usize>(graph: &mut Graph<Cloud>, plant: Plant, taps: &[Tap]) -> Tap {
    let tapped = |refs: &[(usize, Need)]| -> Vec<(Tap, Need)> {
        refs.iter().map(|(other, need)| (Arc::clone(&taps[*other]), *need)).collect()
    };
    let (on, uses) = (tapped(&plant.on), tapped(&plant.uses));
    let handle = graph.add(&plant.name.clone(), move |scope| Spec::<K> {
        size: plant.size,
        fixed: plant.fixed,
        nested: plant.nested.clone(),
        on: on.iter().map(|(tap, need)| tap(scope, *need)).collect(),
        uses: uses.iter().map(|(tap, need)| tap(scope, *need)).collect(),
    });
    Arc::new(move |scope, need| match need {
        Need::Exists => scope.get(handle, |outputs| outputs.id.clone()),
        Need::Ready => scope.ready(handle, |outputs| outputs.id.clone()),
    })
}

/// A payment stack in small: every kind, every identity, both sorts of edges.
pub fn payments() -> Vec<Plant> {
    vec![
        Plant::new(ROLE, "pay"),                                                // 0
        Plant::new(NETWORK, "main"),                                            // 1
        Plant::new(NETWORK, "a").on(&[1]),                                      // 2
        Plant::new(NETWORK, "b").on(&[1]).nested("public"),                     // 3
        Plant::new(GROUP, "database").on(&[1]),                                 // 4
        Plant::new(GROUP, "functions").on(&[1]),                                // 5
        Plant::new(ADDRESS, "nat"),                                             // 6
        Plant::new(GATEWAY, "nat").on(&[2, 6]),                                 // 7
        Plant::new(KEY, "data").nested("rotated"),                              // 8
        Plant::new(DATABASE, "main").on(&[2, 3]).uses(&[4, 8]),                 // 9
        Plant::new(LOGS, "pay").uses(&[8]),                                     // 10
        Plant::new(FUNCTION, "pay").nested("alias").uses(&[0, 2, 3, 5, 9, 10]), // 11
        Plant::new(API, "main").uses_ready(&[11]),                              // 12
        Plant::new(ALARM, "errors").uses(&[12]),                                // 13
        Plant::new(BUCKET, "archive").uses(&[8]),                               // 14
    ]
}

/// The smallest stack with one object of each identity, a chain, and an update after creation.
pub fn small() -> Vec<Plant> {
    vec![
        Plant::new(NETWORK, "main").nested("public"),
        Plant::new(GATEWAY, "nat").on(&[0]),
        Plant::new(FUNCTION, "pay").uses(&[0, 1]),
    ]
}
