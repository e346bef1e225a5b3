//! The tables of codes and texts, each with its class.

use payinfra_engine::Class;

/// Texts that tell the two meanings of a code apart: operation (`*` for all), code, a part of the text, class.
///
/// Sources: docs/aws-behaviour.md, the tables of "IAM: propagation" and "All services: codes that are easily misread",
/// and the section of the service.
pub(super) const TEXTS: &[(&str, &str, &str, Class)] = &[
    // A role made seconds ago: not assumable, or its policy is not known everywhere. The same code says that a zip file,
    // an environment or a name is not acceptable.
    ("CreateFunction", "InvalidParameterValueException", "cannot be assumed by Lambda", Class::NotYet),
    ("CreateFunction", "InvalidParameterValueException", "execution role does", Class::NotYet),
    ("CreateFunction", "InvalidParameterValueException", "KMS key is invalid for CreateGrant", Class::NotYet),
    ("CreateFunction", "InvalidParameterValueException", ".NotFound", Class::NotYet),
    ("UpdateFunctionConfiguration", "InvalidParameterValueException", "cannot be assumed by Lambda", Class::NotYet),
    ("UpdateFunctionConfiguration", "InvalidParameterValueException", "execution role does", Class::NotYet),
    ("UpdateFunctionConfiguration", "InvalidParameterValueException", "KMS key is invalid", Class::NotYet),
    ("UpdateFunctionConfiguration", "InvalidParameterValueException", ".NotFound", Class::NotYet),
    ("UpdateAccount", "BadRequestException", "does not have required permissions", Class::NotYet),
    ("UpdateAccount", "BadRequestException", "could not successfully write to CloudWatch Logs", Class::NotYet),
    ("CreateKey", "MalformedPolicyDocumentException", "invalid principals", Class::NotYet),
    ("PutKeyPolicy", "MalformedPolicyDocumentException", "invalid principals", Class::NotYet),
    ("PutBucketPolicy", "MalformedPolicy", "invalid principal", Class::NotYet),
    ("CreateRole", "MalformedPolicyDocument", "invalid principal", Class::NotYet),
    ("UpdateAssumeRolePolicy", "MalformedPolicyDocument", "invalid principal", Class::NotYet),
    ("CreateFlowLogs", "InvalidParameter", "unable to assume given IAM role", Class::NotYet),
    // The code of an item in an answer of 200.
    ("CreateFlowLogs", "400", "does not exist", Class::NotYet),
    // RDS makes its service-linked role at the first call, and refuses what comes before it is usable.
    ("CreateDBSubnetGroup", "InvalidParameterValue", SERVICE_LINKED_ROLE, Class::NotYet),
    ("CreateDBCluster", "InvalidParameterValue", SERVICE_LINKED_ROLE, Class::NotYet),
    ("CreateDBInstance", "InvalidParameterValue", SERVICE_LINKED_ROLE, Class::NotYet),
    ("CreateDBInstance", "InvalidParameterValue", "does not include the required permissions", Class::NotYet),
    ("CreateServiceLinkedRole", "InvalidInput", "has been taken", Class::Exists),
    // A key made seconds ago, or its policy. The same codes say that a name is too long, and that the caller lacks a right.
    ("CreateLogGroup", "InvalidParameterException", "KMS key", Class::NotYet),
    ("CreateLogGroup", "AccessDeniedException", "KMS key does not exist", Class::NotYet),
    ("AssociateKmsKey", "InvalidParameterException", "KMS key", Class::NotYet),
    ("AssociateKmsKey", "AccessDeniedException", "KMS key does not exist", Class::NotYet),
    ("CreateTopic", "InvalidParameter", "already exists with different", Class::Exists),
    ("Subscribe", "InvalidParameter", "already exists with different", Class::Exists),
    // API Gateway answers a name that is taken and a concurrent change with one code.
    ("*", "ConflictException", "concurrent modification", Class::InUse),
    ("CreateStage", "BadRequestException", "Deployment id does not exist", Class::NotYet),
    ("UpdateStage", "BadRequestException", "Deployment id does not exist", Class::NotYet),
    ("UpdateStage", "BadRequestException", "role ARN must be set in account settings", Class::NotYet),
    ("CreateRequestValidator", "BadRequestException", "Invalid REST API identifier", Class::NotYet),
    // A model or validator made seconds ago.
    ("PutMethod", "BadRequestException", "Invalid model identifier", Class::NotYet),
    ("PutMethod", "BadRequestException", "Invalid Request Validator identifier", Class::NotYet),
    ("*", "LimitExceededException", "maximum number", Class::Quota),
    // DynamoDB, whose other texts name a quota of the account.
    ("*", "LimitExceededException", "simultaneously", Class::Throttled),
    ("*", "LimitExceededException", "Subscriber limit", Class::Throttled),
    ("DeleteRule", "ValidationException", "since it has targets", Class::InUse),
    ("ChangeResourceRecordSets", "InvalidChangeBatch", "already exists", Class::Exists),
    ("ChangeResourceRecordSets", "InvalidChangeBatch", "was not found", Class::Absent),
];

/// "ServiceLinkedRoles", "service linked role" and "service-linked role" are the same here.
const SERVICE_LINKED_ROLE: &str = "service linked role";

/// Codes that mean something else in one operation.
pub(super) const SPECIAL: &[(&str, &str, Class)] = &[
    ("CreateTrail", "InvalidCloudWatchLogsRoleArnException", Class::NotYet),
    ("CreateTrail", "InvalidCloudWatchLogsLogGroupArnException", Class::NotYet),
    ("CreateTrail", "InsufficientS3BucketPolicyException", Class::NotYet),
    ("CreateTrail", "InsufficientEncryptionPolicyException", Class::NotYet),
    ("CreateTrail", "S3BucketDoesNotExistException", Class::NotYet),
    ("CreateTrail", "KmsException", Class::NotYet),
    ("UpdateTrail", "InsufficientS3BucketPolicyException", Class::NotYet),
    ("UpdateTrail", "InsufficientEncryptionPolicyException", Class::NotYet),
    ("EnableKeyRotation", "DisabledException", Class::NotYet),
    ("PutParameter", "InvalidKeyId", Class::NotYet),
    ("CreateBasePathMapping", "BadRequestException", Class::NotYet),
    ("CreateDBProxy", "InvalidParameterValue", Class::NotYet),
    // Subnets made seconds ago, which RDS may not see yet; also a mistake.
    ("CreateDBSubnetGroup", "InvalidSubnet", Class::NotYet),
    // A target made seconds ago.
    ("PutBucketLogging", "InvalidTargetBucketForLogging", Class::NotYet),
    // A log group made seconds ago: the right to write to it follows.
    ("PutLoggingConfiguration", "WAFLogDestinationPermissionIssueException", Class::NotYet),
    // "Only N tables can be created, updated, or deleted simultaneously."
    ("CreateTable", "LimitExceededException", Class::Throttled),
    ("UpdateTable", "LimitExceededException", Class::Throttled),
    ("DeleteTable", "LimitExceededException", Class::Throttled),
    ("UpdateTimeToLive", "LimitExceededException", Class::Throttled),
    ("UpdateContinuousBackups", "LimitExceededException", Class::Throttled),
    // The function or its alias exists: elsewhere the code means a concurrent change.
    ("CreateFunction", "ResourceConflictException", Class::Exists),
    ("CreateAlias", "ResourceConflictException", Class::Exists),
    // moto's word for it.
    ("CreateAlias", "ConflictException", Class::Exists),
    // The table exists: elsewhere the code means a concurrent change.
    ("CreateTable", "ResourceInUseException", Class::Exists),
    // API Gateway's code for a concurrent change, too: see the texts.
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
    // "Active stages pointing to this deployment must be moved or deleted."
    ("DeleteDeployment", "BadRequestException", Class::InUse),
    // "Unable to delete": a model or validator that a method still uses.
    ("DeleteModel", "ConflictException", Class::InUse),
    ("DeleteRequestValidator", "ConflictException", Class::InUse),
    ("ReleaseAddress", "AuthFailure", Class::InUse),
    // The address is still with the gateway's predecessor.
    ("CreateNatGateway", "Resource.AlreadyAssociated", Class::InUse),
    ("DeleteNetworkInterface", "InvalidParameterValue", Class::InUse),
];

/// Codes that mean the same everywhere.
pub(super) const CODES: &[(&str, Class)] = &[
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
    ("NoSuchVersion", Class::Absent),
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
    ("KMSInvalidStateException", Class::InUse),
    ("WAFAssociatedItemException", Class::InUse),
    ("WAFTagOperationException", Class::InUse),
    ("WAFOptimisticLockException", Class::InUse),
    ("HostedZoneNotEmpty", Class::InUse),
    // SNS, while the tags of a topic are being changed.
    ("ConcurrentAccess", Class::InUse),
    ("ConcurrentAccessException", Class::InUse),
    ("StaleTag", Class::InUse),
    ("StaleTagException", Class::InUse),
    // Not there yet.
    ("WAFUnavailableEntityException", Class::NotYet),
    ("ContinuousBackupsUnavailableException", Class::NotYet),
    // As the body and as the header of SQS's answer spell it; the SDK takes the header.
    ("QueueDeletedRecently", Class::NotYet),
    ("AWS.SimpleQueueService.QueueDeletedRecently", Class::NotYet),
    ("KMSKeyNotAccessibleFault", Class::NotYet),
    ("IncorrectState", Class::NotYet),
    ("IncorrectInstanceState", Class::NotYet),
    // The service's own trouble.
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
    ("InvalidToken", Class::Credentials),
    ("TokenRefreshRequired", Class::Credentials),
    // The clock of this machine is wrong: S3 says so with HTTP 403.
    ("RequestTimeTooSkewed", Class::Credentials),
    // Permissions.
    ("AccessDenied", Class::Denied),
    ("AccessDeniedException", Class::Denied),
    ("UnauthorizedOperation", Class::Denied),
    ("UnauthorizedAccess", Class::Denied),
    ("AuthorizationError", Class::Denied),
    ("AuthFailure", Class::Denied),
    // With HTTP 403 and 501, though nothing is denied and no repetition helps.
    ("CrossLocationLoggingProhibitted", Class::Invalid),
    ("NotImplemented", Class::Invalid),
    // Quotas.
    ("LimitExceeded", Class::Quota),
    ("LimitExceededException", Class::Quota),
    ("CodeStorageExceededException", Class::Quota),
    ("TooManyBuckets", Class::Quota),
    ("MaximumNumberOfTrailsExceededException", Class::Quota),
    ("WAFLimitsExceededException", Class::Quota),
    ("InsufficientDBInstanceCapacity", Class::Quota),
    // With HTTP 403, though nothing is denied.
    ("InsufficientDBClusterCapacityFault", Class::Quota),
    ("InsufficientStorageClusterCapacity", Class::Quota),
    // AWS verifies a new account, which nobody can speed up.
    ("PendingVerification", Class::Quota),
];
