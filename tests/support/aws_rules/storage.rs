//! S3 and CloudTrail.

use super::text::canonical;
use super::{Row, Shown, row};

pub const ROWS: &[Row] = &[
    row(
        "s3-policy-reordered",
        "gives a bucket's policy back with lists in another order and single elements unwrapped",
        "hashicorp/terraform#2432, #5978; ansible/ansible#42532",
        Shown::Text(&["s3:GetBucketPolicy"], |_, _, text| canonical(&text).unwrap_or(text)),
    ),
    row(
        "s3-conflicting-operation",
        "refuses a second change of a bucket while one is under way",
        "AWS: S3 error responses, OperationAborted",
        Shown::First(
            &["s3:PutBucketVersioning", "s3:PutBucketPolicy", "s3:PutPublicAccessBlock", "s3:PutBucketEncryption"],
            1,
            (
                409,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource.",
            ),
        ),
    ),
    row(
        "s3-log-target-not-visible",
        "refuses a fresh bucket as the target of logs",
        "recorded: PutBucketLogging",
        Shown::First(
            &["s3:PutBucketLogging"],
            1,
            (400, "InvalidTargetBucketForLogging", "The target bucket for logging does not exist"),
        ),
    ),
    row(
        "s3-principal-not-known",
        "refuses a policy that names a role which it does not know yet",
        "cdkd, retryable-errors.ts",
        Shown::First(&["s3:PutBucketPolicy"], 1, (400, "MalformedPolicy", "Invalid principal in policy")),
    ),
    row(
        "s3-bucket-not-empty",
        "refuses to delete a bucket in which an object just arrived",
        "AWS: S3 error responses, BucketNotEmpty",
        Shown::First(&["s3:DeleteBucket"], 1, (409, "BucketNotEmpty", "The bucket you tried to delete is not empty")),
    ),
    row(
        "trail-policy-not-visible",
        "refuses a trail whose bucket does not allow it yet",
        "model, InsufficientS3BucketPolicyException",
        Shown::First(
            &["cloudtrail:CreateTrail"],
            1,
            (400, "InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is detected for bucket"),
        ),
    ),
    row(
        "trail-bucket-not-visible",
        "refuses a trail whose bucket is not visible yet",
        "model, S3BucketDoesNotExistException",
        Shown::First(
            &["cloudtrail:CreateTrail"],
            1,
            (400, "S3BucketDoesNotExistException", "S3 bucket does not exist"),
        ),
    ),
    row(
        "trail-key-not-visible",
        "refuses a trail whose key does not allow it yet",
        "model, InsufficientEncryptionPolicyException",
        Shown::First(
            &["cloudtrail:CreateTrail"],
            1,
            (400, "InsufficientEncryptionPolicyException", "Insufficient permissions to access S3 bucket or KMS key"),
        ),
    ),
];
