//! What each deletion waits for.

use std::collections::BTreeMap;

use payinfra_state::Address;

use crate::{Action, Change, Graph, Plan, Purpose};

/// Whether a change removes an object.
pub(crate) fn deletes(change: &Change) -> bool {
    matches!(change.action, Action::Delete | Action::Replace)
}

/// For each deletion, what must have released the object first.
///
/// Creations wait for what they use and for their own predecessor; the graph keeps that free of cycles. What deletions
/// wait for comes from records, which can contradict each other and the graph: an order that was reversed between two
/// runs, a reversal that was killed midway, a user that moves from a removed resource to a replaced one. Waits on a
/// cycle are left out. The cloud then refuses each of those deletions until its user releases it, and the run waits.
#[derive(Default)]
pub(crate) struct Order<'a> {
    holders: BTreeMap<&'a Address, Vec<&'a Address>>,
    users: BTreeMap<&'a Address, Vec<usize>>,
}

impl<'a> Order<'a> {
    pub(crate) fn new<C: 'static>(graph: &Graph<C>, plan: &'a Plan) -> Self {
        let going: Vec<&Change> = plan.changes.iter().filter(|change| deletes(change)).collect();
        let acts = Acts { nodes: graph.nodes().len() };
        let wanted: Vec<(usize, Act)> =
            (0..going.len()).flat_map(|index| waits_of(graph, plan, &going, index)).collect();
        let mut waits = acts.creations(graph, plan, &going);
        for (index, first) in &wanted {
            waits[acts.number(Act::Going(*index))].push(acts.number(*first));
        }
        let mut order = Self::default();
        for (index, first) in wanted {
            let address = &going[index].address;
            match first {
                _ if reaches(&waits, acts.number(first), acts.number(Act::Going(index))) => {}
                Act::Going(holder) => order.holders.entry(address).or_default().push(&going[holder].address),
                Act::Node(user) => order.users.entry(address).or_default().push(user),
            }
        }
        order
    }

    /// The deletions that must come before the one of `address`.
    pub(crate) fn holders(&self, address: &Address) -> &[&'a Address] {
        self.holders.get(address).map_or(&[], Vec::as_slice)
    }

    /// The nodes that stay and must release `address` before it is deleted.
    pub(crate) fn former_users(&self, address: &Address) -> &[usize] {
        self.users.get(address).map_or(&[], Vec::as_slice)
    }
}

/// One act of a run: the creation or change of a node, or a deletion, by its position among the deletions.
#[derive(Debug, Clone, Copy)]
enum Act {
    Node(usize),
    Going(usize),
}

/// What the deletion at `index` would wait for.
fn waits_of<C: 'static>(graph: &Graph<C>, plan: &Plan, going: &[&Change], index: usize) -> Vec<(usize, Act)> {
    let change = going[index];
    let holds = |other: &Change| graph.kinds().get(other.address.kind()).is_none_or(|kind| kind.blocks_deletion());
    let held = |other: &Change| other.deps.contains(&change.address) && other.address != change.address;
    let holders = going.iter().enumerate().filter(|(_, other)| held(other) && holds(other));
    let mut waits: Vec<(usize, Act)> = holders.map(|(holder, _)| (index, Act::Going(holder))).collect();
    // What stays, and used this one when it was last applied, must release it first. That cannot be required of a
    // resource that waits for this one's replacement.
    if change.action == Action::Delete {
        let stay = plan.changes.iter().filter(|other| !deletes(other) && held(other));
        let users = stay.filter_map(|other| graph.find(&other.address));
        waits.extend(users.map(|user| (index, Act::Node(user.index))));
    }
    waits
}

/// Numbers the acts: the nodes first, then the deletions.
struct Acts {
    nodes: usize,
}

impl Acts {
    fn number(&self, act: Act) -> usize {
        match act {
            Act::Node(node) => node,
            Act::Going(index) => self.nodes + index,
        }
    }

    /// What each act waits for, leaving out the waits of deletions.
    fn creations<C: 'static>(&self, graph: &Graph<C>, plan: &Plan, going: &[&Change]) -> Vec<Vec<usize>> {
        let mut waits = vec![Vec::new(); self.nodes + going.len()];
        if plan.purpose == Purpose::Up {
            for node in graph.nodes() {
                waits[node.index].extend(node.edges.keys());
            }
            for (index, change) in going.iter().enumerate() {
                if let Some(node) = graph.find(&change.address) {
                    waits[node.index].push(self.number(Act::Going(index)));
                }
            }
        }
        waits
    }
}

fn reaches(waits: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![false; waits.len()];
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        if next == to {
            return true;
        }
        if !std::mem::replace(&mut seen[next], true) {
            open.extend(&waits[next]);
        }
    }
    false
}
