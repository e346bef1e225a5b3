//! What AWS's error codes mean. Only this file knows; messages are for people and never decide anything.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use payinfra_engine::{Class, Error};

use crate::chain;
use crate::gate::Closed;

/// Turns an SDK error into the engine's, for `map_err(error("CreateSubnet"))`.
pub fn error<E>(operation: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    move |sdk| {
        let (class, message) = match &sdk {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let class = class_of(operation, service.err().code(), status);
                let message = service.err().message().map(ToOwned::to_owned);
                (class, message.unwrap_or_else(|| format!("HTTP status {status} without an explanation")))
            }
            // The request may have reached the service in all of these.
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => (Class::NoAnswer, chain(&sdk)),
            SdkError::DispatchFailure(_) if has_cause::<Closed>(&sdk) => (Class::Throttled, chain(&sdk)),
            SdkError::DispatchFailure(_) => match without_credentials(&sdk) {
                Some(message) => (Class::Credentials, message),
                None => (Class::NoAnswer, chain(&sdk)),
            },
            // Nothing was sent: there are no credentials, or the request cannot be built.
            SdkError::ConstructionFailure(_) => (Class::Credentials, chain(&sdk)),
            _ => (Class::Invalid, chain(&sdk)),
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
fn without_credentials(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    std::iter::successors(Some(error), |error| error.source()).find(|cause| cause.is::<CredentialsError>()).map(chain)
}

/// Makes the error for an item that an otherwise successful answer refuses, as `CreateFlowLogs` does.
pub fn refused(operation: &'static str, code: Option<&str>, message: Option<&str>) -> Error {
    Error {
        class: class_of(operation, code, 400),
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

fn class_of(operation: &str, code: Option<&str>, status: u16) -> Class {
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        // No service reports that something is absent without a code: this came from something on the way.
        return if status == 404 { Class::Transient } else { class_of_status(status) };
    };
    if let Some((_, _, class)) = SPECIAL.iter().find(|(op, special, _)| *op == operation && *special == code) {
        return *class;
    }
    if let Some((_, class)) = CODES.iter().find(|(known, _)| *known == code) {
        return *class;
    }
    // EC2's codes for absent things are `Invalid<Thing>ID.NotFound` and variants of it; RDS's faults end the same way.
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

/// Codes that mean something else in one operation: the same code often covers a race and a mistake, and only the
/// operation decides which can happen here (docs/aws-behaviour.md, "All services: codes that are easily misread").
const SPECIAL: &[(&str, &str, Class)] = &[
    // A role made seconds ago: not assumable, or not yet allowed to make network interfaces.
    ("CreateFunction", "InvalidParameterValueException", Class::NotYet),
    ("UpdateFunctionConfiguration", "InvalidParameterValueException", Class::NotYet),
    ("UpdateAccount", "BadRequestException", Class::NotYet),
    ("CreateTrail", "InvalidCloudWatchLogsRoleArnException", Class::NotYet),
    ("CreateTrail", "InvalidCloudWatchLogsLogGroupArnException", Class::NotYet),
    ("CreateTrail", "InsufficientS3BucketPolicyException", Class::NotYet),
    ("CreateTrail", "InsufficientEncryptionPolicyException", Class::NotYet),
    ("CreateKey", "MalformedPolicyDocumentException", Class::NotYet),
    ("PutKeyPolicy", "MalformedPolicyDocumentException", Class::NotYet),
    ("EnableKeyRotation", "DisabledException", Class::NotYet),
    ("PutBucketPolicy", "MalformedPolicy", Class::NotYet),
    ("PutParameter", "InvalidKeyId", Class::NotYet),
    ("CreateFlowLogs", "InvalidParameter", Class::NotYet),
    ("CreateBasePathMapping", "BadRequestException", Class::NotYet),
    ("CreateDBCluster", "InvalidParameterValue", Class::Invalid),
    ("CreateDBInstance", "InvalidParameterValue", Class::NotYet),
    ("CreateDBProxy", "InvalidParameterValue", Class::NotYet),
    // A key made seconds ago.
    ("CreateDBCluster", "KMSKeyNotAccessibleFault", Class::NotYet),
    ("CreateDBInstance", "KMSKeyNotAccessibleFault", Class::NotYet),
    // "Only N tables can be created, updated, or deleted simultaneously."
    ("CreateTable", "LimitExceededException", Class::Throttled),
    ("UpdateTable", "LimitExceededException", Class::Throttled),
    ("DeleteTable", "LimitExceededException", Class::Throttled),
    // A key made seconds ago.
    ("CreateLogGroup", "InvalidParameterException", Class::NotYet),
    ("AssociateKmsKey", "InvalidParameterException", Class::NotYet),
    // "Topic already exists with different attributes" or tags.
    ("CreateTopic", "InvalidParameter", Class::Exists),
    // The function, its alias or the statement exists: elsewhere the code means a concurrent change.
    ("CreateFunction", "ResourceConflictException", Class::Exists),
    ("CreateAlias", "ResourceConflictException", Class::Exists),
    // moto's word for it.
    ("CreateAlias", "ConflictException", Class::Exists),
    ("AddPermission", "ResourceConflictException", Class::Exists),
    // The table exists: elsewhere the code means a concurrent change.
    ("CreateTable", "ResourceInUseException", Class::Exists),
    // API Gateway has one code for a name that is taken and for a concurrent change.
    ("CreateResource", "ConflictException", Class::Exists),
    ("CreateModel", "ConflictException", Class::Exists),
    ("CreateStage", "ConflictException", Class::Exists),
    ("PutMethod", "ConflictException", Class::Exists),
    ("CreateDomainName", "ConflictException", Class::Exists),
    ("CreateDomainName", "BadRequestException", Class::Invalid),
    ("CreateBasePathMapping", "ConflictException", Class::Exists),
    ("CreateApiKey", "ConflictException", Class::Exists),
    // MiniStack does not know the operation: no web ACL logs there.
    ("GetLoggingConfiguration", "InvalidAction", Class::Absent),
    // Route 53: the record exists already, or is no longer what is to be deleted.
    ("ChangeResourceRecordSets", "InvalidChangeBatch", Class::Exists),
    // "Active stages pointing to this deployment must be moved or deleted."
    ("DeleteDeployment", "BadRequestException", Class::InUse),
    // "Unable to delete": a model or validator that a method still uses.
    ("DeleteModel", "ConflictException", Class::InUse),
    ("DeleteRequestValidator", "ConflictException", Class::InUse),
    ("ReleaseAddress", "AuthFailure", Class::InUse),
    // The address still belongs to the gateway's predecessor.
    ("CreateNatGateway", "Resource.AlreadyAssociated", Class::InUse),
    ("DeleteNetworkInterface", "InvalidParameterValue", Class::InUse),
];

/// Codes that mean the same everywhere.
const CODES: &[(&str, Class)] = &[
    // Throttles, whatever their HTTP status (docs/aws-behaviour.md, "All services: throttling").
    ("Throttling", Class::Throttled),
    ("ThrottlingException", Class::Throttled),
    ("ThrottledException", Class::Throttled),
    ("RequestThrottled", Class::Throttled),
    ("RequestThrottledException", Class::Throttled),
    ("TooManyRequestsException", Class::Throttled),
    ("RequestLimitExceeded", Class::Throttled),
    ("EC2ThrottledException", Class::Throttled),
    ("BandwidthLimitExceeded", Class::Throttled),
    ("ProvisionedThroughputExceededException", Class::Throttled),
    ("SlowDown", Class::Throttled),
    ("PriorRequestNotComplete", Class::Throttled),
    ("TransactionInProgressException", Class::Throttled),
    ("TooManyUpdates", Class::Throttled),
    // Absent.
    ("NoSuchEntity", Class::Absent),
    ("NoSuchBucket", Class::Absent),
    ("NoSuchKey", Class::Absent),
    ("NoSuchTagSet", Class::Absent),
    ("NoSuchBucketPolicy", Class::Absent),
    ("NoSuchLifecycleConfiguration", Class::Absent),
    ("NoSuchPublicAccessBlockConfiguration", Class::Absent),
    ("NoSuchHostedZone", Class::Absent),
    ("ServerSideEncryptionConfigurationNotFoundError", Class::Absent),
    ("OwnershipControlsNotFoundError", Class::Absent),
    ("ResourceNotFound", Class::Absent),
    ("Gateway.NotAttached", Class::Absent),
    ("ParameterNotFound", Class::Absent),
    ("InvalidResourceId", Class::Absent),
    ("NoSuchResourceException", Class::Absent),
    ("WAFNonexistentItemException", Class::Absent),
    ("AWS.SimpleQueueService.NonExistentQueue", Class::Absent),
    ("QueueDoesNotExist", Class::Absent),
    ("DBInstanceNotFound", Class::Absent),
    // Exists.
    ("EntityAlreadyExists", Class::Exists),
    ("BucketAlreadyExists", Class::Exists),
    ("BucketAlreadyOwnedByYou", Class::Exists),
    ("InvalidGroup.Duplicate", Class::Exists),
    ("InvalidPermission.Duplicate", Class::Exists),
    ("InvalidSubnet.Conflict", Class::Exists),
    ("RouteAlreadyExists", Class::Exists),
    ("Resource.AlreadyAssociated", Class::Exists),
    ("FlowLogAlreadyExists", Class::Exists),
    ("QueueAlreadyExists", Class::Exists),
    ("WAFDuplicateItemException", Class::Exists),
    // moto's word for it.
    ("WafV2DuplicateItem", Class::Exists),
    ("DBProxyTargetAlreadyRegisteredFault", Class::Exists),
    // Still used, or still being changed.
    ("DependencyViolation", Class::InUse),
    ("InvalidGroup.InUse", Class::InUse),
    ("InvalidIPAddress.InUse", Class::InUse),
    ("InvalidNetworkInterface.InUse", Class::InUse),
    ("DeleteConflict", Class::InUse),
    ("BucketNotEmpty", Class::InUse),
    ("OperationAborted", Class::InUse),
    ("ConditionalRequestConflict", Class::InUse),
    ("OperationAbortedException", Class::InUse),
    ("ResourceInUseException", Class::InUse),
    ("ResourceInUse", Class::InUse),
    ("ResourceConflictException", Class::InUse),
    ("ConflictException", Class::InUse),
    ("ConcurrentModificationException", Class::InUse),
    ("ConcurrentModification", Class::InUse),
    ("InvalidDBClusterStateFault", Class::InUse),
    ("InvalidDBInstanceState", Class::InUse),
    ("InvalidDBInstanceStateFault", Class::InUse),
    ("InvalidDBSubnetGroupStateFault", Class::InUse),
    ("InvalidDBParameterGroupState", Class::InUse),
    ("InvalidDBParameterGroupStateFault", Class::InUse),
    ("InvalidDBProxyStateFault", Class::InUse),
    ("InvalidSubnet", Class::InUse),
    ("KMSInvalidStateException", Class::InUse),
    ("WAFAssociatedItemException", Class::InUse),
    ("WAFTagOperationException", Class::InUse),
    ("WAFOptimisticLockException", Class::InUse),
    ("HostedZoneNotEmpty", Class::InUse),
    // Not there yet.
    ("WAFUnavailableEntityException", Class::NotYet),
    ("ContinuousBackupsUnavailableException", Class::NotYet),
    ("QueueDeletedRecently", Class::NotYet),
    ("IncorrectState", Class::NotYet),
    ("IncorrectInstanceState", Class::NotYet),
    // A fault of the service.
    ("InternalFailure", Class::Transient),
    ("InternalError", Class::Transient),
    ("InternalServerError", Class::Transient),
    ("ServiceUnavailable", Class::Transient),
    ("ServiceUnavailableException", Class::Transient),
    ("Unavailable", Class::Transient),
    ("ServiceException", Class::Transient),
    ("KMSInternalException", Class::Transient),
    ("DependencyTimeoutException", Class::Transient),
    ("WAFInternalErrorException", Class::Transient),
    ("WAFTagOperationInternalErrorException", Class::Transient),
    ("RequestTimeout", Class::Transient),
    ("RequestTimeoutException", Class::Transient),
    // Credentials.
    ("ExpiredToken", Class::Credentials),
    ("ExpiredTokenException", Class::Credentials),
    ("RequestExpired", Class::Credentials),
    ("InvalidClientTokenId", Class::Credentials),
    ("UnrecognizedClientException", Class::Credentials),
    ("SignatureDoesNotMatch", Class::Credentials),
    ("InvalidSignatureException", Class::Credentials),
    ("InvalidAccessKeyId", Class::Credentials),
    ("IncompleteSignature", Class::Credentials),
    ("MissingAuthenticationToken", Class::Credentials),
    ("MissingAuthenticationTokenException", Class::Credentials),
    ("OptInRequired", Class::Credentials),
    // Permissions.
    ("AccessDenied", Class::Denied),
    ("AccessDeniedException", Class::Denied),
    ("UnauthorizedOperation", Class::Denied),
    ("UnauthorizedAccess", Class::Denied),
    ("AuthorizationError", Class::Denied),
    ("AuthFailure", Class::Denied),
    // Quotas.
    ("LimitExceeded", Class::Quota),
    ("LimitExceededException", Class::Quota),
    ("CodeStorageExceededException", Class::Quota),
    ("TooManyBuckets", Class::Quota),
    ("MaximumNumberOfTrailsExceededException", Class::Quota),
    ("WAFLimitsExceededException", Class::Quota),
    ("InsufficientDBInstanceCapacity", Class::Quota),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_and_the_operation_only_where_a_code_is_ambiguous() {
        assert_eq!(class_of("CreateSubnet", Some("InvalidVpcID.NotFound"), 400), Class::Absent);
        assert_eq!(class_of("CreateVpc", Some("VpcLimitExceeded"), 400), Class::Quota);
        assert_eq!(class_of("CreateVpc", Some("RequestLimitExceeded"), 503), Class::Throttled);
        assert_eq!(class_of("CreateFunction", Some("ResourceConflictException"), 409), Class::Exists);
        assert_eq!(class_of("CreateAlias", Some("ConflictException"), 409), Class::Exists);
        assert_eq!(class_of("CreateWebACL", Some("WafV2DuplicateItem"), 400), Class::Exists);
        assert_eq!(class_of("UpdateFunctionCode", Some("ResourceConflictException"), 409), Class::InUse);
        assert_eq!(class_of("CreateVpc", None, 503), Class::Transient);
        assert_eq!(class_of("GetRole", None, 404), Class::Transient);
        assert_eq!(class_of("CreateVpc", Some("SomethingNew"), 400), Class::Invalid);
    }

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        let before = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), before);
    }
}
