//! What each deletion waits for.

use std::collections::BTreeMap;

use payinfra_state::Address;

use crate::{Action, Change, Graph, Plan, Purpose};

/// Whether a change removes an object.
pub(crate) fn deletes(change: &Change) -> bool {
    matches!(change.action, Action::Delete | Action::Replace)
}

/// For each deletion, what must have let go of the object first.
///
/// Creations wait for what they use, and for their own predecessor; the graph keeps that free of cycles. What deletions
/// wait for is taken from records, which can contradict each other and the graph (an order that was reversed between
/// two runs, a reversal that was killed half-way). A wait that would close a cycle is left out: the cloud then refuses
/// the deletion until its user lets go, and the refusal is waited out.
pub(crate) struct Order<'a> {
    holders: BTreeMap<&'a Address, Vec<&'a Address>>,
    users: BTreeMap<&'a Address, Vec<usize>>,
}

impl<'a> Order<'a> {
    pub(crate) fn new<C: 'static>(graph: &Graph<C>, plan: &'a Plan) -> Self {
        let going: Vec<&Change> = plan.changes.iter().filter(|change| deletes(change)).collect();
        let mut waits = Waits::new(graph, plan, &going);
        let mut order = Self { holders: BTreeMap::new(), users: BTreeMap::new() };
        for (index, change) in going.iter().enumerate() {
            let holds = |other: &Change| graph.kinds().get(other.address.kind()).is_none_or(|kind| kind.holds());
            for (other_index, other) in going.iter().enumerate() {
                if other_index != index
                    && holds(other)
                    && other.deps.contains(&change.address)
                    && waits.add(waits.going(index), waits.going(other_index))
                {
                    order.holders.entry(&change.address).or_default().push(&other.address);
                }
            }
        }
        // What stays and used this one when it was last applied must let go first. What waits for a replacement
        // cannot be waited for.
        for (index, change) in going.iter().enumerate().filter(|(_, change)| change.action == Action::Delete) {
            let stay = plan.changes.iter().filter(|other| !deletes(other) && other.deps.contains(&change.address));
            for user in stay.filter_map(|other| graph.node_of(&other.address)) {
                if waits.add(waits.going(index), user) {
                    order.users.entry(&change.address).or_default().push(user);
                }
            }
        }
        order
    }

    /// The deletions that must come before the one of `address`.
    pub(crate) fn holders(&self, address: &Address) -> &[&'a Address] {
        self.holders.get(address).map_or(&[], Vec::as_slice)
    }

    /// The nodes that stay and must let go of `address` before it is deleted.
    pub(crate) fn former_users(&self, address: &Address) -> &[usize] {
        self.users.get(address).map_or(&[], Vec::as_slice)
    }
}

/// Who waits for whom: the nodes of the graph, then the deletions.
struct Waits {
    nodes: usize,
    waits_for: Vec<Vec<usize>>,
}

impl Waits {
    fn new<C: 'static>(graph: &Graph<C>, plan: &Plan, going: &[&Change]) -> Self {
        let nodes = graph.nodes().len();
        let mut waits = Self { nodes, waits_for: vec![Vec::new(); nodes + going.len()] };
        if plan.purpose == Purpose::Up {
            for (node, below) in graph.nodes().iter().enumerate() {
                waits.waits_for[node].extend(below.edges.keys());
            }
            for (index, change) in going.iter().enumerate() {
                if let Some(node) = graph.node_of(&change.address) {
                    let going = waits.going(index);
                    waits.waits_for[node].push(going);
                }
            }
        }
        waits
    }

    fn going(&self, index: usize) -> usize {
        self.nodes + index
    }

    /// Adds a wait unless it would close a cycle; says whether it did.
    fn add(&mut self, waiter: usize, first: usize) -> bool {
        let mut seen = vec![false; self.waits_for.len()];
        let mut open = vec![first];
        while let Some(next) = open.pop() {
            if next == waiter {
                return false;
            }
            if !std::mem::replace(&mut seen[next], true) {
                open.extend(&self.waits_for[next]);
            }
        }
        self.waits_for[waiter].push(first);
        true
    }
}
