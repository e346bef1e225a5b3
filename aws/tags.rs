//! The owner marks: tags that say which stack an object belongs to, and which of its resources it is.

use std::collections::BTreeMap;

use payinfra_engine::Address;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The tag key that carries the environment suffix of the owning stack.
pub const STACK: &str = "payinfra:stack";

/// The tag key that carries the address of the resource.
pub const ADDRESS: &str = "payinfra:address";

/// Reads owner marks.
pub trait Marked {
    /// The address, where the tags carry the marks of this stack.
    fn address_in(&self, stack: &str) -> Option<Address>;
}

impl Marked for Tags {
    fn address_in(&self, stack: &str) -> Option<Address> {
        if self.get(STACK).map(String::as_str) != Some(stack) {
            return None;
        }
        self.get(ADDRESS)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_another_stack_or_half_marks_are_not_ours() {
        let tags = |stack: &str| {
            Tags::from([(STACK.to_owned(), stack.to_owned()), (ADDRESS.to_owned(), "vpc.main".to_owned())])
        };
        assert_eq!(tags("prod").address_in("prod"), Some(Address::new("vpc", "main")));
        assert_eq!(tags("a-prod").address_in("prod"), None);
        assert_eq!(Tags::from([(STACK.to_owned(), "prod".to_owned())]).address_in("prod"), None);
    }
}
