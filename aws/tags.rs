//! Ownership tags, which say which stack an object belongs to and which of its resources it is, and changes of tags.

use std::collections::BTreeMap;

use payinfra_engine::Address;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The tag key that carries the environment suffix of the owning stack.
pub const STACK: &str = "payinfra:stack";

/// The tag key that carries the address of the resource.
pub const ADDRESS: &str = "payinfra:address";

/// What the keys of AWS's own tags begin with; nobody else can set or remove them.
const RESERVED: &str = "aws:";

/// Reads ownership tags.
pub trait Owned {
    /// The address, if these are the ownership tags of this stack.
    fn address_in(&self, stack: &str) -> Option<Address>;
}

impl Owned for Tags {
    fn address_in(&self, stack: &str) -> Option<Address> {
        if self.get(STACK).map(String::as_str) != Some(stack) {
            return None;
        }
        self.get(ADDRESS)?.parse().ok()
    }
}

/// Collects the tags of an object as a service returned them, without those that AWS itself set.
pub fn own_tags<K: Into<String>, V: Into<String>>(found: impl IntoIterator<Item = (K, V)>) -> Tags {
    let pairs = found.into_iter().map(|(key, value)| (key.into(), value.into()));
    pairs.filter(|(key, _)| !key.starts_with(RESERVED)).collect()
}

/// What to do to an object's tags. A request with an empty part would be rejected by most services: skip it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagChange {
    /// The keys to remove.
    pub remove: Vec<String>,
    /// The tags to add or overwrite.
    pub set: Tags,
}

impl TagChange {
    /// The change that turns the tags `have` into `want`.
    pub fn between(have: &Tags, want: &Tags) -> Self {
        let missing = want.iter().filter(|(key, value)| have.get(*key) != Some(value));
        Self {
            remove: have.keys().filter(|key| !want.contains_key(*key)).cloned().collect(),
            set: missing.map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        own_tags(pairs.iter().copied())
    }

    #[test]
    fn ownership_tags_of_another_stack_or_half_of_them_are_not_ours() {
        let of = |stack: &str| tags(&[(STACK, stack), (ADDRESS, "vpc.main")]);
        assert_eq!(of("prod").address_in("prod"), Some(Address::new("vpc", "main")));
        assert_eq!(of("a-prod").address_in("prod"), None);
        assert_eq!(tags(&[(STACK, "prod")]).address_in("prod"), None);
        assert_eq!(tags(&[(ADDRESS, "vpc.main")]).address_in("prod"), None);
    }

    #[test]
    fn tags_of_aws_itself_are_left_out() {
        assert_eq!(tags(&[("aws:cloudformation:stack-id", "x"), ("awsome", "y")]), tags(&[("awsome", "y")]));
    }

    #[test]
    fn a_change_removes_what_is_not_wanted_and_sets_only_what_differs() {
        let have = tags(&[("same", "1"), ("other", "1"), ("surplus", "1")]);
        let want = tags(&[("same", "1"), ("other", "2"), ("new", "1")]);
        let change = TagChange::between(&have, &want);
        assert_eq!(change.remove, ["surplus"]);
        assert_eq!(change.set, tags(&[("other", "2"), ("new", "1")]));
        assert_eq!(TagChange::between(&want, &want), TagChange { remove: Vec::new(), set: Tags::new() });
    }
}
