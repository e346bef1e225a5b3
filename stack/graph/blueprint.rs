//! The graph under construction.

use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle, Need, Resource, Scope};
use payinfra_steps::Cloud;
use payinfra_steps::monitoring::LogGroup;
use payinfra_steps::security::{Key, Role};
use serde_json::Value;

use super::design::Design;
use super::policy::document;

/// The graph under construction, with what nearly every resource needs: the design and the stack's key.
pub(super) struct Blueprint {
    graph: Graph<Cloud>,
    design: Arc<Design>,
    /// The key that encrypts everything.
    pub(super) key: Handle<Key>,
}

/// Who may assume a role, and what it may do.
pub(super) struct Permissions {
    /// The trust policy.
    pub trust: Value,
    /// The statements of the inline policies, by the policy's role in its name.
    pub policies: Vec<(&'static str, Vec<Value>)>,
}

impl Blueprint {
    /// Starts with a graph that contains the key.
    pub(super) fn new(graph: Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Self {
        Self { graph, design: Arc::clone(design), key }
    }

    /// The finished graph.
    pub(super) fn into_graph(self) -> Graph<Cloud> {
        self.graph
    }

    /// The design, for decisions about which resources there are.
    pub(super) fn design(&self) -> Arc<Design> {
        Arc::clone(&self.design)
    }

    /// Adds a resource ([`Graph::add`]); `spec` gets the design too.
    pub(super) fn add<R: Resource<Cloud = Cloud>>(
        &mut self,
        name: &str,
        spec: impl Fn(&Design, &Scope<'_>) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        let design = Arc::clone(&self.design);
        self.graph.add(name, move |scope| spec(&design, scope))
    }

    /// Orders two resources that share no value ([`Graph::after`]).
    pub(super) fn after<A, B>(&mut self, node: Handle<A>, first: Handle<B>) {
        self.graph.after(node, first);
    }

    /// Adds a role of this stack; `role` is the last part of its name.
    pub(super) fn role(
        &mut self,
        role: &'static str,
        description: impl Into<String>,
        permissions: impl Fn(&Design, &Scope<'_>) -> Permissions + Send + Sync + 'static,
    ) -> Handle<Role> {
        let description = description.into();
        self.add(&node(role), move |design, scope| {
            let name = design.names.of(Kind::Role, role);
            let Permissions { trust, policies } = permissions(design, scope);
            let policy = |(role, statements)| (design.names.of(Kind::Policy, role), document::<Vec<Value>>(statements));
            Role {
                // IAM cannot filter roles by tags, but by path.
                path: design.names.role_path(),
                description: description.clone(),
                trust,
                policies: policies.into_iter().map(policy).collect(),
                tags: design.tags(scope, &name),
                name,
            }
        })
    }

    /// Adds an encrypted log group. Its writers would otherwise make it themselves, without encryption and for ever
    /// (`docs/requirements.md`, R8). `key` says whether the group waits until the key works, or only until it exists.
    pub(super) fn log_group(
        &mut self,
        name: &str,
        key: Need,
        group: impl Fn(&Design, &Scope<'_>) -> String + Send + Sync + 'static,
    ) -> Handle<LogGroup> {
        let handle = self.key;
        self.add(name, move |design, scope| {
            let name = group(design, scope);
            LogGroup {
                retention_days: design.settings.logs.retention_days,
                key_arn: match key {
                    Need::Exists => scope.get(handle, |key| key.arn.clone()),
                    Need::Ready => scope.ready(handle, |key| key.arn.clone()),
                },
                tags: design.tags(scope, &name),
                name,
            }
        })
    }
}

/// The last part of a name as an address has it: without hyphens.
pub(super) fn node(role: &str) -> String {
    role.replace('-', "_")
}
