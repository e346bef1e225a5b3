//! The deployed stack to verify, and how to reach it from here.

use std::collections::BTreeMap;
use std::time::Duration;

use payinfra_aws::Proof;
use payinfra_aws::names::Names;
use payinfra_engine::ApplyError;
use payinfra_stack::evidence::{self, VERIFY_MERCHANT};
use payinfra_stack::settings::{ApiAuth, Settings};
use payinfra_steps::Cloud;

use super::api::Api;
use super::check::CheckError;
use crate::address;
use crate::command_error::{CommandError, Exit};
use crate::sandbox::Sandbox;
use crate::session::Session;

/// A deployed stack.
pub struct Target<'a> {
    pub cloud: &'a Cloud,
    pub names: &'a Names,
    pub settings: &'a Settings,
    pub api: Api<'a>,
    /// How long to wait for asynchronous effects.
    pub timeout: Duration,
    /// Where webhooks to the merchant arrive on this machine.
    pub own_port: Option<u16>,
    outputs: BTreeMap<String, String>,
}

impl<'a> Target<'a> {
    /// The stack of a session, as it was recorded when it was deployed.
    ///
    /// # Errors
    /// Where there is no stack, or its API key cannot be read.
    pub async fn of(session: &'a Session, timeout: Duration) -> Result<Self, CommandError> {
        let (cloud, design) = (session.base.cloud.as_ref(), session.design());
        let outputs = session.outputs()?;
        let Some(url) = outputs.get(address::API).cloned() else {
            let error = CommandError::new(Exit::Failed, "the stack has no address: it is not fully deployed");
            return Err(error.hint(format!("`{}` completes it.", session.command_line("up"))));
        };
        let proof = match design.settings.api.auth {
            ApiAuth::Iam => Proof::Signature,
            ApiAuth::ApiKey => {
                Proof::Key(evidence::api_key(cloud).await.map_err(ApplyError::from)?.unwrap_or_default())
            }
        };
        let local = session.local_api();
        let own_port = session.sandbox().and_then(|running| running.webhook_port).filter(|port| {
            let own = format!("https://127.0.0.1:{port}/");
            design.settings.webhooks.get(VERIFY_MERCHANT) == Some(&own)
        });
        Ok(Self {
            cloud,
            names: &design.names,
            settings: &design.settings,
            api: Api::new(&cloud.caller, &url, local, proof),
            timeout,
            own_port,
            outputs,
        })
    }

    /// The environment suffix.
    pub fn suffix(&self) -> &str {
        self.names.suffix().as_str()
    }

    /// One of the stack's addresses and names.
    pub fn output(&self, name: &str) -> Result<&str, CheckError> {
        let missing = || CheckError::Broken(format!("the stack has no {name}"));
        self.outputs.get(name).map(String::as_str).ok_or_else(missing)
    }

    /// Where the merchant's webhooks go, if it gets any.
    pub fn webhook(&self) -> Option<&str> {
        self.settings.webhooks.get(VERIFY_MERCHANT).map(String::as_str)
    }

    /// Certificate and key of a listener that the deployed functions trust, as PEM.
    pub fn listener_certificate(&self) -> anyhow::Result<Option<(String, String)>> {
        Sandbox::locate()?.listener_certificate()
    }
}
