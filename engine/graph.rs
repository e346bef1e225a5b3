//! The resources of a stack, and what each uses of the others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use payinfra_state::Address;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kind::to_value;
use crate::unknown::shown;
use crate::{Class, Error, Kind, Kinds, Resource, unknown};

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

/// What must be true of another resource first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Its id and outputs are known.
    Exists,
    /// It works.
    Ready,
}

/// One resource of the graph.
pub(crate) struct Node<C> {
    /// Its position in the order in which nodes were added.
    pub(crate) index: usize,
    pub(crate) address: Address,
    pub(crate) kind: Arc<dyn Kind<C>>,
    /// What it uses of other nodes, by their index.
    pub(crate) edges: BTreeMap<usize, Need>,
    build: Build,
}

type Build = Box<dyn Fn(&Scope<'_>) -> Value + Send + Sync>;

/// The desired stack: specs as functions of each other's outputs.
///
/// A resource can only refer to handles that exist already, so there are no cycles, and the order in which resources
/// are added is a valid order for creating them.
pub struct Graph<C> {
    kinds: Kinds<C>,
    nodes: Vec<Node<C>>,
    addresses: Vec<Address>,
    by_address: BTreeMap<Address, usize>,
    not_compared: BTreeSet<(&'static str, &'static str)>,
}

impl<C: 'static> Graph<C> {
    /// Creates an empty graph over these kinds.
    pub fn new(kinds: Kinds<C>) -> Self {
        Self {
            kinds,
            nodes: Vec::new(),
            addresses: Vec::new(),
            by_address: BTreeMap::new(),
            not_compared: BTreeSet::new(),
        }
    }

    /// Adds a resource; using another resource's output inside `spec` creates the edge.
    ///
    /// `spec` is called more than once, sometimes with outputs that are not known yet, and must always use the same
    /// outputs.
    ///
    /// # Panics
    /// If the address is taken or the kind is not in the list of kinds; both are bugs in the program.
    pub fn add<R: Resource<Cloud = C>>(
        &mut self,
        name: &str,
        spec: impl Fn(&Scope<'_>) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        let address = Address::new(R::KIND, name);
        let kind = self.kinds.get(R::KIND).unwrap_or_else(|| panic!("kind {} is not in the list of kinds", R::KIND));
        let kind = Arc::clone(kind);
        let index = self.nodes.len();
        assert!(self.by_address.insert(address.clone(), index).is_none(), "{address} is added twice");
        let build: Build = Box::new(move |scope| to_value(&spec(scope)));
        let scope = self.scope(&address, &|_| None);
        build(&scope);
        let edges = scope.edges.into_inner();
        self.addresses.push(address.clone());
        self.nodes.push(Node { index, address, kind, edges, build });
        Handle { node: index, resource: PhantomData }
    }

    /// Orders two resources that share no value: `node` waits until `first` is ready.
    pub fn after<A, B>(&mut self, node: Handle<A>, first: Handle<B>) {
        assert!(first.node < node.node, "an order must follow the order of adding");
        self.nodes[node.node].edges.insert(first.node, Need::Ready);
    }

    /// Leaves an attribute out of all comparisons, because this cloud does not return it.
    pub fn do_not_compare(&mut self, kind: &'static str, attribute: &'static str) {
        self.not_compared.insert((kind, attribute));
    }

    pub(crate) fn compares(&self, kind: &str, attribute: &str) -> bool {
        !self.not_compared.iter().any(|(k, a)| *k == kind && *a == attribute)
    }

    /// The addresses, in the order in which the resources were added.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The addresses that a resource uses.
    pub fn deps(&self, address: &Address) -> Vec<Address> {
        self.find(address).map(|node| self.deps_of(node)).unwrap_or_default()
    }

    /// The spec of a resource before anything is created; outputs of others show as `(known after apply)`.
    pub fn wanted(&self, address: &Address) -> Option<Value> {
        self.find(address).map(|node| shown(&(node.build)(&self.scope(&node.address, &|_| None))))
    }

    pub(crate) fn deps_of(&self, node: &Node<C>) -> Vec<Address> {
        node.edges.keys().map(|edge| self.addresses[*edge].clone()).collect()
    }

    pub(crate) fn kinds(&self) -> &Kinds<C> {
        &self.kinds
    }

    pub(crate) fn nodes(&self) -> &[Node<C>] {
        &self.nodes
    }

    pub(crate) fn node(&self, index: usize) -> &Node<C> {
        &self.nodes[index]
    }

    pub(crate) fn find(&self, address: &Address) -> Option<&Node<C>> {
        self.by_address.get(address).map(|index| &self.nodes[*index])
    }

    /// Computes a spec; `outputs` gives what is known of the node at an index.
    ///
    /// # Errors
    /// [`Class::Invalid`] where the outputs of another resource do not have the shape of its type.
    pub(crate) fn spec(&self, node: &Node<C>, outputs: &dyn Fn(usize) -> Option<Value>) -> Result<Value, Error> {
        let scope = self.scope(&node.address, outputs);
        let spec = (node.build)(&scope);
        scope.unreadable.into_inner().map_or(Ok(spec), Err)
    }

    fn scope<'a>(&'a self, address: &'a Address, outputs: &'a dyn Fn(usize) -> Option<Value>) -> Scope<'a> {
        let (edges, unreadable) = (RefCell::default(), RefCell::default());
        Scope { address, addresses: &self.addresses, outputs, edges, unreadable }
    }
}

/// What a spec may use while it is computed.
pub struct Scope<'a> {
    address: &'a Address,
    addresses: &'a [Address],
    outputs: &'a dyn Fn(usize) -> Option<Value>,
    edges: RefCell<BTreeMap<usize, Need>>,
    /// The first outputs that could not be decoded; the spec must not be used then.
    unreadable: RefCell<Option<Error>>,
}

impl Scope<'_> {
    /// The address of the resource whose spec this is.
    pub fn address(&self) -> &Address {
        self.address
    }

    /// Takes an output as soon as the other resource exists, although it may not work yet.
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
        let address = &self.addresses[from.node];
        let known = (self.outputs)(from.node).and_then(|outputs| self.decode(address, outputs));
        pick(&known.unwrap_or_else(|| unknown::<R::Outputs>(address)))
    }

    /// Decodes known outputs; an error is kept for [`Graph::spec`], because a spec cannot return one.
    fn decode<T: DeserializeOwned>(&self, address: &Address, outputs: Value) -> Option<T> {
        let decoded = serde_json::from_value(outputs);
        if let Err(error) = &decoded {
            let message = format!("the outputs of {address} cannot be decoded: {error}");
            self.unreadable.borrow_mut().get_or_insert(Error::new(Class::Invalid, "read the outputs", message));
        }
        decoded.ok()
    }
}
