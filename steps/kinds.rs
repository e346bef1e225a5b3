//! All kinds of resources: one line each.

use payinfra_engine::Kinds;

use crate::aws::Aws;
use crate::network;
use crate::security;

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

    // Functions.

    // API.
}
