//! What every kind of resource gets: the clients, which stack they work for, and what several kinds share.
//!
//! Nothing here knows a kind.

use std::ops::Deref;

use payinfra_aws::names::{Names, Suffix};
use payinfra_aws::replay::Replay;
use payinfra_aws::{Clients, Connected, Emulator};
use payinfra_engine::Timing;

pub mod artifact;
pub mod elf;
mod function_name;
mod gateway;
mod package_cache;
mod turns;

pub use artifact::{Artifact, ArtifactError, Artifacts};
pub use function_name::{Architecture, FunctionName};
pub use gateway::Gateway;
pub use package_cache::PackageCache;
pub use turns::Turns;

/// The AWS clients of one stack, and what its kinds share besides.
pub struct Cloud {
    /// The clients.
    pub clients: Clients,
    /// The names of the stack in this account.
    pub names: Names,
    /// Who answers, where it is not AWS.
    pub emulator: Option<Emulator>,
    /// The options of this run.
    pub options: RunOptions,
    /// What the kinds of API Gateway share.
    pub gateway: Gateway,
    /// Turns to change the policies of functions.
    pub permissions: Turns,
}

/// A [`Cloud`] with the resource that is worked on.
pub type Context<'a> = payinfra_engine::Context<'a, Cloud>;

/// The options of a run that kinds need.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Whether the database leaves a last snapshot when it is deleted (`--final-snapshot`).
    pub final_snapshots: bool,
    /// Whether functions run and reach a database: always in AWS, on an emulator only with the sandbox's own behind it.
    pub has_database: bool,
    /// The functions' code, for deployments; a spec contains only its hash.
    pub artifacts: Artifacts,
}

impl Cloud {
    /// Binds a connection to the stack `suffix`.
    pub fn new(connected: Connected, suffix: Suffix) -> Self {
        let Connected { clients, account, emulator } = connected;
        let options = RunOptions { has_database: emulator.is_none(), ..RunOptions::default() };
        let names = Names::new(suffix, account);
        Self { clients, names, emulator, options, gateway: Gateway::default(), permissions: Turns::default() }
    }

    /// The environment suffix, the value of the ownership tag `payinfra:stack`.
    pub fn stack(&self) -> &str {
        self.names.suffix().as_str()
    }

    /// The account id.
    pub fn account(&self) -> &str {
        self.names.account()
    }

    /// How long to wait for changes to become visible: an emulator shows them at once.
    pub fn timing(&self) -> Timing {
        if self.emulator.is_some() { Timing::AT_ONCE } else { Timing::AWS }
    }

    /// Makes a cloud for the stack `prod` in account 123456789012 that gets these answers (status, body), in order.
    ///
    /// # Panics
    /// Never: `prod` is a suffix.
    pub fn replaying<const N: usize>(answers: [(u16, &str); N]) -> (Self, Replay) {
        let (clients, replay) = Replay::answering(answers);
        let connected = Connected { clients, account: "123456789012".to_owned(), emulator: None };
        (Self::new(connected, Suffix::parse("prod").expect("it is a suffix")), replay)
    }
}

impl Deref for Cloud {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}
