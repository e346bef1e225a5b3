//! The two secrets that a check of the deployed stack needs. They are not kept.

use payinfra_aws::error;
use payinfra_aws::names::Names;
use payinfra_engine::{Error, Resource, Select};
use payinfra_steps::Cloud;
use payinfra_steps::api::ApiKey;
use payinfra_steps::parameters::SIGNING_KEY;

/// Reads the key that webhooks are signed with. Needs `ssm:GetParameter`, and `kms:Decrypt` through it.
///
/// # Errors
/// If it does not exist or may not be read.
pub async fn signing_key(cloud: &Cloud, names: &Names) -> Result<String, Error> {
    let request = cloud.ssm.get_parameter().name(names.parameter(SIGNING_KEY)).with_decryption(true);
    let answer = request.send().await.map_err(error("GetParameter"))?;
    Ok(answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default())
}

/// Reads the API key that callers of the stack send; `None` if the stack has none. Needs `apigateway:GET` on it.
///
/// # Errors
/// If API Gateway refuses or does not answer.
pub async fn api_key(cloud: &Cloud) -> Result<Option<String>, Error> {
    let Some(key) = ApiKey::list(cloud, Select::Owned).await?.into_iter().next() else { return Ok(None) };
    let request = cloud.apigateway.get_api_key().api_key(&key.id).include_value(true);
    Ok(request.send().await.map_err(error("GetApiKey"))?.value)
}
