//! What the graph is a function of.

use std::collections::BTreeMap;

use payinfra_aws::names::{Kind, Names};
use payinfra_aws::{ADDRESS, STACK, Tags};
use payinfra_engine::Scope;
use payinfra_steps::functions::{Artifacts, FunctionName, LIVE};

use crate::settings::Settings;

/// Everything that the graph is a function of.
#[derive(Debug, Clone)]
pub struct Design {
    /// The configuration.
    pub settings: Settings,
    /// The names of this stack in this account.
    pub names: Names,
    /// The three zones, such as `us-east-1a`: discovered once, then kept.
    pub zones: Vec<String>,
    /// The functions' code.
    pub artifacts: Artifacts,
    /// The role under which API Gateway writes logs for this account, if it is not this stack's. Then it is left alone
    /// ([`payinfra_steps::api::foreign_log_role`]).
    pub foreign_log_role: Option<String>,
    /// Additional environment variables of the functions in the sandbox: how to reach the emulator and its database.
    pub sandbox_environment: BTreeMap<String, String>,
}

impl Design {
    /// The account id.
    pub fn account(&self) -> &str {
        self.names.account()
    }

    /// The tags of a resource: the user's, then the common ones, then the ownership tags.
    pub fn tags(&self, scope: &Scope<'_>, name: &str) -> Tags {
        let mut tags = self.settings.tags.clone();
        tags.insert("Name".to_owned(), name.to_owned());
        tags.insert("Project".to_owned(), self.settings.project.clone());
        tags.insert("Environment".to_owned(), self.names.suffix().to_string());
        tags.insert(STACK.to_owned(), self.names.suffix().to_string());
        tags.insert(ADDRESS.to_owned(), scope.address().to_string());
        tags
    }

    /// The name of a function.
    pub(super) fn function(&self, which: FunctionName) -> String {
        self.names.of(Kind::Function, which.name())
    }

    /// The ARN of a function, without a version.
    pub(super) fn function_arn(&self, which: FunctionName) -> String {
        self.names.arn("lambda", &format!("function:{}", self.function(which)))
    }

    /// The ARN of a function's alias. It follows from the name, so nothing that uses it waits for the function.
    pub(super) fn alias_arn(&self, which: FunctionName) -> String {
        format!("{}:{LIVE}", self.function_arn(which))
    }
}
