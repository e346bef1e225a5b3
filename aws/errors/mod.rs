//! What AWS's error codes mean. The one place that knows.
//!
//! A text is looked at only where one code has two meanings (docs/aws-behaviour.md, "All services: codes that are easily
//! misread").

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use payinfra_engine::{Class, Error};

use crate::chain;
use crate::gate::Closed;

mod codes;
#[cfg(test)]
mod recorded;

use codes::{CODES, SPECIAL, TEXTS};

/// Turns an SDK error into the engine's, for `map_err(error("CreateSubnet"))`.
pub fn error<E>(operation: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    move |sdk| {
        let (class, message) = match &sdk {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let message = service.err().message().map(ToOwned::to_owned);
                let class = class_of(operation, service.err().code(), message.as_deref(), status);
                (class, message.unwrap_or_else(|| format!("HTTP status {status} without an explanation")))
            }
            // The request may have reached the service in all of these.
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => (Class::NoAnswer, chain(&sdk)),
            SdkError::DispatchFailure(_) if has_cause::<Closed>(&sdk) => (Class::Throttled, chain(&sdk)),
            SdkError::DispatchFailure(_) => without_credentials(&sdk).unwrap_or_else(|| (Class::NoAnswer, chain(&sdk))),
            // Nothing was sent: no credentials could be had, or the request cannot be built.
            _ => without_credentials(&sdk).unwrap_or_else(|| (Class::Invalid, chain(&sdk))),
        };
        let code = sdk.as_service_error().and_then(|service| service.code()).map(ToOwned::to_owned);
        let request_id = sdk
            .raw_response()
            .and_then(|raw| raw.headers().get("x-amzn-requestid").or_else(|| raw.headers().get("x-amz-request-id")))
            .map(ToOwned::to_owned);
        Error { class, operation, code, message, request_id }
    }
}

/// Whether an error of this type is behind another.
fn has_cause<E: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<E>())
}

/// The reason why there are no credentials, if that is why nothing was sent; the SDK calls it a failed dispatch.
///
/// Whoever gives credentials out may refuse, or not answer. Only a refusal ends a run: the rest may be over a second later.
fn without_credentials(error: &(dyn std::error::Error + 'static)) -> Option<(Class, String)> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let failure = causes.find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    let unanswered = match failure {
        CredentialsError::ProviderTimedOut(_) => true,
        CredentialsError::ProviderError(_) | CredentialsError::Unhandled(_) => causes.any(|cause| {
            cause.downcast_ref().is_some_and(|error: &ConnectorError| !error.is_user())
                || cause.downcast_ref().is_some_and(is_passing)
        }),
        // Nobody was configured, or in a way that cannot work.
        _ => false,
    };
    let class = if unanswered { Class::NoAnswer } else { Class::Credentials };
    Some((class, chain(failure)))
}

/// Whether what STS or SSO answered is a failure of its own, or of somebody on the way who gives no code.
fn is_passing(answer: &ErrorMetadata) -> bool {
    answer.code().is_none_or(|code| matches!(class_of("", Some(code), None, 400), Class::Transient | Class::Throttled))
}

/// Makes the error for an item that an otherwise successful answer refuses, as `CreateFlowLogs` does.
pub fn refused(operation: &'static str, code: Option<&str>, message: Option<&str>) -> Error {
    Error {
        class: class_of(operation, code, message, 400),
        operation,
        code: code.map(ToOwned::to_owned),
        message: message.unwrap_or("refused without an explanation").to_owned(),
        request_id: None,
    }
}

/// Takes an error of one class as success, as in `unless(Class::Exists, …)`.
///
/// # Errors
/// Any other error, as it is.
pub fn unless<T>(class: Class, result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == class => Ok(None),
        Err(error) => Err(error),
    }
}

fn class_of(operation: &str, code: Option<&str>, message: Option<&str>, status: u16) -> Class {
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        // No service says that something is absent without a code: this is somebody on the way.
        return if status == 404 { Class::Transient } else { class_of_status(status) };
    };
    if let Some(class) = by_text(operation, code, message.unwrap_or_default()) {
        return class;
    }
    // API Gateway's rate limit has this code as well; what is full there says "Maximum number of …".
    if code == "LimitExceededException" && status == 429 {
        return Class::Throttled;
    }
    if let Some((_, _, class)) = SPECIAL.iter().find(|(op, special, _)| *op == operation && *special == code) {
        return *class;
    }
    if let Some((_, class)) = CODES.iter().find(|(known, _)| *known == code) {
        return *class;
    }
    // EC2 names every absent thing `Invalid<Thing>ID.NotFound` or a variant of it; RDS ends faults so.
    if code.ends_with("NotFound") || code.ends_with("NotFoundFault") || code.ends_with("NotFoundException") {
        return Class::Absent;
    }
    if code.ends_with("AlreadyExists")
        || code.ends_with("AlreadyExistsFault")
        || code.ends_with("AlreadyExistsException")
    {
        return Class::Exists;
    }
    if code.ends_with("LimitExceeded") || code.ends_with("QuotaExceeded") || code.ends_with("QuotaExceededFault") {
        return Class::Quota;
    }
    class_of_status(status)
}

/// The class of a code that has two meanings, by what the text says; an operation `*` stands for all.
fn by_text(operation: &str, code: &str, message: &str) -> Option<Class> {
    let mut known = TEXTS.iter().filter(|known| known.1 == code && (known.0 == "*" || known.0 == operation));
    let message = squeezed(message);
    known.find(|known| message.contains(&squeezed(known.2))).map(|known| known.3)
}

/// A text without what differs between its spellings: case, spaces and hyphens.
fn squeezed(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn class_of_status(status: u16) -> Class {
    match status {
        404 => Class::Absent,
        403 => Class::Denied,
        401 => Class::Credentials,
        429 => Class::Throttled,
        500..=599 => Class::Transient,
        _ => Class::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class of an answer without a text.
    fn class(operation: &str, code: Option<&str>, status: u16) -> Class {
        class_of(operation, code, None, status)
    }

    #[test]
    fn codes_decide_and_the_operation_only_where_a_code_is_ambiguous() {
        assert_eq!(class("CreateSubnet", Some("InvalidVpcID.NotFound"), 400), Class::Absent);
        assert_eq!(class("CreateVpc", Some("VpcLimitExceeded"), 400), Class::Quota);
        assert_eq!(class("CreateVpc", Some("RequestLimitExceeded"), 503), Class::Throttled);
        assert_eq!(class("CreateFunction", Some("ResourceConflictException"), 409), Class::Exists);
        assert_eq!(class("CreateAlias", Some("ConflictException"), 409), Class::Exists);
        assert_eq!(class("CreateWebACL", Some("WafV2DuplicateItem"), 400), Class::Exists);
        assert_eq!(class("UpdateFunctionCode", Some("ResourceConflictException"), 409), Class::InUse);
        assert_eq!(class("CreateVpc", None, 503), Class::Transient);
        assert_eq!(class("GetRole", None, 404), Class::Transient);
        assert_eq!(class("CreateVpc", Some("SomethingNew"), 400), Class::Invalid);
    }

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        let before = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), before);
    }

    /// Operation, code, status, text, class. Each text is recorded, or quoted in the source that docs/aws-behaviour.md
    /// gives for it.
    const TWO_MEANINGS: &[(&str, &str, u16, &str, Class)] = &[
        (
            "CreateFunction",
            "InvalidParameterValueException",
            400,
            "The role defined for the function cannot be assumed by Lambda.",
            Class::NotYet,
        ),
        (
            "CreateFunction",
            "InvalidParameterValueException",
            400,
            "The function's execution role doesn't have permission to perform this operation.",
            Class::NotYet,
        ),
        (
            "CreateFunction",
            "InvalidParameterValueException",
            400,
            "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
            Class::NotYet,
        ),
        (
            "CreateFunction",
            "InvalidParameterValueException",
            400,
            "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-1' does not exist",
            Class::NotYet,
        ),
        (
            "CreateFunction",
            "InvalidParameterValueException",
            400,
            "Unzipped size must be smaller than 262144000 bytes",
            Class::Invalid,
        ),
        (
            "CreateFunction",
            "InvalidParameterValueException",
            400,
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
            Class::Invalid,
        ),
        (
            "UpdateAccount",
            "BadRequestException",
            400,
            "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the required role policy.",
            Class::NotYet,
        ),
        ("UpdateAccount", "BadRequestException", 400, "The role ARN is not well formed", Class::Invalid),
        (
            "CreateKey",
            "MalformedPolicyDocumentException",
            400,
            "Policy contains a statement with one or more invalid principals.",
            Class::NotYet,
        ),
        (
            "PutKeyPolicy",
            "MalformedPolicyDocumentException",
            400,
            "The new key policy will not allow you to update the key policy in the future.",
            Class::Invalid,
        ),
        ("CreateFlowLogs", "InvalidParameter", 400, "Unable to assume given IAM role", Class::NotYet),
        ("CreateFlowLogs", "InvalidParameter", 400, "Invalid traffic type", Class::Invalid),
        ("CreateFlowLogs", "400", 400, "LogDestination: x does not exist", Class::NotYet),
        (
            "CreateDBSubnetGroup",
            "InvalidParameterValue",
            400,
            "Missing necessary credentials. Please check http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html",
            Class::NotYet,
        ),
        (
            "CreateDBCluster",
            "InvalidParameterValue",
            400,
            "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise wait and try again later",
            Class::NotYet,
        ),
        ("CreateDBCluster", "InvalidParameterValue", 400, "Invalid master user name", Class::Invalid),
        (
            "CreateDBInstance",
            "InvalidParameterValue",
            400,
            "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
            Class::NotYet,
        ),
        (
            "CreateDBInstance",
            "InvalidParameterValue",
            400,
            "RDS does not support creating a DB instance with the following combination",
            Class::Invalid,
        ),
        (
            "CreateServiceLinkedRole",
            "InvalidInput",
            400,
            "Service role name AWSServiceRoleForRDS has been taken in this account, please try a different suffix.",
            Class::Exists,
        ),
        (
            "CreateTopic",
            "InvalidParameter",
            400,
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
            Class::Exists,
        ),
        ("CreateTopic", "InvalidParameter", 400, "Invalid parameter: Topic Name", Class::Invalid),
        ("CreateModel", "ConflictException", 409, "Model name already exists for this REST API", Class::Exists),
        (
            "CreateModel",
            "ConflictException",
            409,
            "Unable to complete operation due to concurrent modification. Please try again later.",
            Class::InUse,
        ),
        ("CreateStage", "BadRequestException", 400, "Deployment id does not exist", Class::NotYet),
        (
            "UpdateStage",
            "BadRequestException",
            400,
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
            Class::NotYet,
        ),
        ("UpdateStage", "BadRequestException", 400, "Invalid patch path", Class::Invalid),
        ("CreateRequestValidator", "BadRequestException", 400, "Invalid REST API identifier specified", Class::NotYet),
        ("CreateResource", "LimitExceededException", 429, "Too Many Requests", Class::Throttled),
        (
            "CreateResource",
            "LimitExceededException",
            429,
            "Maximum number of resources for this API has been reached.",
            Class::Quota,
        ),
        (
            "TagResource",
            "LimitExceededException",
            400,
            "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously",
            Class::Throttled,
        ),
        ("TagResource", "LimitExceededException", 400, "", Class::Quota),
        ("DeleteRule", "ValidationException", 400, "Rule can't be deleted since it has targets.", Class::InUse),
        (
            "ChangeResourceRecordSets",
            "InvalidChangeBatch",
            400,
            "Tried to create resource record set [name='a.', type='A'] but it already exists",
            Class::Exists,
        ),
        (
            "ChangeResourceRecordSets",
            "InvalidChangeBatch",
            400,
            "RRSet with DNS name a. is not permitted in zone b.",
            Class::Invalid,
        ),
    ];

    #[test]
    fn the_text_decides_where_a_code_has_two_meanings() {
        for &(operation, code, status, text, expected) in TWO_MEANINGS {
            assert_eq!(class_of(operation, Some(code), Some(text), status), expected, "{operation}: {text}");
        }
    }

    #[test]
    fn codes_that_are_easily_misread() {
        for (operation, code, status, expected) in [
            ("CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", 400, Class::NotYet),
            ("CreateQueue", "QueueDeletedRecently", 400, Class::NotYet),
            ("PutLoggingConfiguration", "WAFLogDestinationPermissionIssueException", 400, Class::NotYet),
            ("PutBucketLogging", "InvalidTargetBucketForLogging", 400, Class::NotYet),
            ("CreateTrail", "KmsException", 400, Class::NotYet),
            ("UpdateTrail", "InsufficientS3BucketPolicyException", 400, Class::NotYet),
            ("CreateDBCluster", "InsufficientDBClusterCapacityFault", 403, Class::Quota),
            ("ModifyDBCluster", "KMSKeyNotAccessibleFault", 400, Class::NotYet),
            ("UpdateTimeToLive", "LimitExceededException", 400, Class::Throttled),
            ("TagResource", "ConcurrentAccess", 400, Class::InUse),
            ("GetObject", "RequestTimeTooSkewed", 403, Class::Credentials),
            ("GetObject", "InvalidToken", 400, Class::Credentials),
            ("RunInstances", "PendingVerification", 400, Class::Quota),
            ("AddPermission", "ResourceConflictException", 409, Class::InUse),
        ] {
            assert_eq!(class(operation, Some(code), status), expected, "{operation} {code}");
        }
    }
}
