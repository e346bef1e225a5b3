//! All kinds of resources: one line each.

use payinfra_engine::Kinds;

use crate::aws::Aws;
use crate::{monitoring, network, security};

/// Everything that payinfra can list, make, change and delete.
pub fn kinds() -> Kinds<Aws> {
    Kinds::new()
        // Network.
        .with::<network::Subnet>()
        .with::<network::Vpc>()
        // Security.
        .with::<security::Key>()
        .with::<security::Role>()
        // Data.
        // Storage.
        // Configuration.
        // Monitoring.
        .with::<monitoring::LogGroup>()
        .with::<monitoring::Topic>()

    // Functions.

    // API.
}
