//! Where calls wait for their rate: before they are signed.

use std::sync::Arc;

use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::rates::Rates;

/// Keeps calls to AWS's published rates, and hands out cached credentials to those that may go.
///
/// A signature is valid for five minutes, and in a large account a queue can be longer. The SDK asks for the identity right
/// before it signs, and that is the last step that can wait: whoever waits here is signed afterwards, with credentials
/// that are valid then, and no timeout of the SDK's counts the wait.
#[derive(Debug)]
pub(crate) struct PacedIdentities {
    rates: Arc<Rates>,
    cache: SharedIdentityCache,
}

impl PacedIdentities {
    pub(crate) fn new(cache: SharedIdentityCache) -> Self {
        Self { rates: Arc::default(), cache }
    }
}

impl ResolveCachedIdentity for PacedIdentities {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        IdentityFuture::new(async move {
            if let Some(call) = config.load::<Metadata>() {
                self.rates.admit(call.service(), call.name()).await;
            }
            self.cache.resolve_cached_identity(resolver, components, config).await
        })
    }
}
