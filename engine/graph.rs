//! The resources of a stack and what each uses of the others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use payinfra_state::Address;
use serde_json::Value;

use crate::kind::to_value;
use crate::unknown::shown;
use crate::{Kind, Kinds, Resource, unknown};

/// A resource of the graph, for use in other resources' specs.
pub struct Handle<R> {
    pub(crate) node: usize,
    resource: PhantomData<fn() -> R>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Handle<R> {}

/// What of another resource must be there first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Its id and outputs are known.
    Exists,
    /// It works.
    Ready,
}

pub(crate) struct Node<C> {
    pub(crate) kind: Arc<dyn Kind<C>>,
    pub(crate) edges: BTreeMap<usize, Need>,
    build: Build,
}

type Build = Box<dyn Fn(&Scope<'_>) -> Value + Send + Sync>;

/// The desired stack: specs as functions of each other's outputs.
///
/// A resource can only name handles that exist already, so there are no cycles, and the order of adding is an order of
/// creating.
pub struct Graph<C> {
    kinds: Kinds<C>,
    nodes: Vec<Node<C>>,
    addresses: Vec<Address>,
    by_address: BTreeMap<Address, usize>,
    not_compared: BTreeSet<(&'static str, &'static str)>,
}

impl<C: 'static> Graph<C> {
    /// Starts an empty graph over these kinds.
    pub fn new(kinds: Kinds<C>) -> Self {
        Self {
            kinds,
            nodes: Vec::new(),
            addresses: Vec::new(),
            by_address: BTreeMap::new(),
            not_compared: BTreeSet::new(),
        }
    }

    /// Adds a resource; using another's output inside `spec` makes the edge.
    ///
    /// `spec` is called more than once, also with outputs that are not known yet, and must always take the same outputs.
    ///
    /// # Panics
    /// Where the address is taken or the kind is not in the list of kinds, which are mistakes of the program.
    pub fn add<R: Resource<Cloud = C>>(
        &mut self,
        name: &str,
        spec: impl Fn(&Scope<'_>) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        let address = Address::new(R::KIND, name);
        let kind = self.kinds.get(R::KIND).unwrap_or_else(|| panic!("kind {} is not in the list of kinds", R::KIND));
        let kind = Arc::clone(kind);
        let node = self.nodes.len();
        assert!(self.by_address.insert(address.clone(), node).is_none(), "{address} is added twice");
        let build: Build = Box::new(move |scope| to_value(&spec(scope)));
        let scope = self.scope(&address, &|_| None);
        build(&scope);
        let edges = scope.edges.into_inner();
        self.addresses.push(address);
        self.nodes.push(Node { kind, edges, build });
        Handle { node, resource: PhantomData }
    }

    /// Orders two resources that share no value: `node` waits until `first` is ready.
    pub fn after<A, B>(&mut self, node: Handle<A>, first: Handle<B>) {
        assert!(first.node < node.node, "an order must follow the order of adding");
        self.nodes[node.node].edges.insert(first.node, Need::Ready);
    }

    /// Leaves an attribute out of all comparisons, because this cloud does not give it back.
    pub fn do_not_compare(&mut self, kind: &'static str, attribute: &'static str) {
        self.not_compared.insert((kind, attribute));
    }

    pub(crate) fn compares(&self, kind: &str, attribute: &str) -> bool {
        !self.not_compared.iter().any(|(k, a)| *k == kind && *a == attribute)
    }

    /// The addresses in order of adding.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The addresses that a resource uses.
    pub fn deps(&self, address: &Address) -> Vec<Address> {
        self.node_of(address).map(|node| self.deps_of(node)).unwrap_or_default()
    }

    /// The spec of a resource while nothing has been made yet; outputs of others show as `(known after apply)`.
    pub fn wanted(&self, address: &Address) -> Option<Value> {
        self.node_of(address).map(|node| shown(&self.spec(node, &|_| None)))
    }

    pub(crate) fn deps_of(&self, node: usize) -> Vec<Address> {
        self.nodes[node].edges.keys().map(|edge| self.addresses[*edge].clone()).collect()
    }

    pub(crate) fn kinds(&self) -> &Kinds<C> {
        &self.kinds
    }

    pub(crate) fn nodes(&self) -> &[Node<C>] {
        &self.nodes
    }

    pub(crate) fn node_of(&self, address: &Address) -> Option<usize> {
        self.by_address.get(address).copied()
    }

    /// Computes a spec; `outputs` gives what is known of other nodes.
    pub(crate) fn spec(&self, node: usize, outputs: &dyn Fn(usize) -> Option<Value>) -> Value {
        (self.nodes[node].build)(&self.scope(&self.addresses[node], outputs))
    }

    fn scope<'a>(&'a self, address: &'a Address, outputs: &'a dyn Fn(usize) -> Option<Value>) -> Scope<'a> {
        Scope { address, addresses: &self.addresses, outputs, edges: RefCell::default() }
    }
}

/// What a spec may use while it is computed.
pub struct Scope<'a> {
    address: &'a Address,
    addresses: &'a [Address],
    outputs: &'a dyn Fn(usize) -> Option<Value>,
    edges: RefCell<BTreeMap<usize, Need>>,
}

impl Scope<'_> {
    /// The address of the resource whose spec this is.
    pub fn address(&self) -> &Address {
        self.address
    }

    /// Takes an output as soon as the other resource exists, though it may not work yet.
    pub fn get<R: Resource, T>(&self, from: Handle<R>, pick: impl FnOnce(&R::Outputs) -> T) -> T {
        self.take(from, Need::Exists, pick)
    }

    /// Takes an output once the other resource works.
    pub fn ready<R: Resource, T>(&self, from: Handle<R>, pick: impl FnOnce(&R::Outputs) -> T) -> T {
        self.take(from, Need::Ready, pick)
    }

    fn take<R: Resource, T>(&self, from: Handle<R>, need: Need, pick: impl FnOnce(&R::Outputs) -> T) -> T {
        let mut edges = self.edges.borrow_mut();
        let edge = edges.entry(from.node).or_insert(need);
        *edge = need.max(*edge);
        let known = (self.outputs)(from.node).and_then(|outputs| serde_json::from_value(outputs).ok());
        pick(&known.unwrap_or_else(|| unknown::<R::Outputs>(&self.addresses[from.node])))
    }
}
