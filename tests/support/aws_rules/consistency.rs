//! What is not visible everywhere right after it was made. Only a run that believes in AWS waits for these.

use serde_json::Value;

use super::text::inside;
use super::{Row, Shown, row_of_aws};

const TF_WAIT: &str = "terraform-provider-aws, ec2/wait.go";
const KMS: &str = "terraform-provider-aws#1039, #1854, #1818; AWS: KMS eventual consistency";
const S3: &str = "terraform-provider-aws#372, #7803, #49960; AWS: S3 consistency model";

pub const ROWS: &[Row] = &[
    row_of_aws(
        "fresh-vpc",
        "does not know a VPC's attributes where it lists the VPC already",
        "terraform-provider-aws#31877",
        Shown::Lag(
            "ec2:CreateVpc",
            |answer| inside(answer, "vpcId").map(ToOwned::to_owned),
            &["ec2:DescribeVpcAttribute"],
            (400, "InvalidVpcID.NotFound", "The vpc ID does not exist"),
        ),
    ),
    row_of_aws(
        "fresh-key",
        "reads a fresh key from replicas that do not know it yet",
        KMS,
        Shown::Lag(
            "kms:CreateKey",
            |answer| {
                let answer: Value = serde_json::from_str(answer).ok()?;
                Some(answer["KeyMetadata"]["KeyId"].as_str()?.to_owned())
            },
            &["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"],
            (400, "NotFoundException", "Key does not exist"),
        ),
    ),
    row_of_aws(
        "fresh-subnet-group",
        "does not know a fresh subnet group everywhere",
        "terraform-provider-aws, rds/subnet_group.go",
        Shown::Lag(
            "rds:CreateDBSubnetGroup",
            |answer| inside(answer, "DBSubnetGroupArn").map(ToOwned::to_owned),
            &["rds:ListTagsForResource"],
            (404, "DBSubnetGroupNotFoundFault", "DB subnet group not found"),
        ),
    ),
    row_of_aws(
        "fresh-parameter-group",
        "does not know a fresh parameter group everywhere",
        "terraform-provider-aws, rds/cluster_parameter_group.go",
        Shown::Lag(
            "rds:CreateDBClusterParameterGroup",
            |answer| inside(answer, "DBClusterParameterGroupName").map(ToOwned::to_owned),
            &["rds:DescribeDBClusterParameters"],
            (404, "DBParameterGroupNotFound", "DB parameter group not found"),
        ),
    ),
    row_of_aws(
        "fresh-role",
        "does not know a fresh role everywhere",
        "terraform-provider-aws, iam/role.go",
        Shown::Lag(
            "iam:CreateRole",
            |answer| inside(answer, "RoleName").map(ToOwned::to_owned),
            &["iam:GetRole", "iam:ListRolePolicies"],
            (404, "NoSuchEntity", "The role with name cannot be found."),
        ),
    ),
    row_of_aws(
        "fresh-gateway",
        "does not know a fresh gateway everywhere",
        TF_WAIT,
        Shown::Lag(
            "ec2:CreateInternetGateway",
            |answer| inside(answer, "internetGatewayId").map(ToOwned::to_owned),
            &["ec2:AttachInternetGateway"],
            (400, "InvalidInternetGatewayID.NotFound", "The internetGateway ID does not exist"),
        ),
    ),
    row_of_aws(
        "fresh-bucket",
        "does not know the settings of a fresh bucket everywhere",
        S3,
        Shown::First(
            &[
                "s3:GetBucketVersioning",
                "s3:GetBucketLogging",
                "s3:GetBucketEncryption",
                "s3:GetBucketLifecycleConfiguration",
            ],
            1,
            (404, "NoSuchBucket", "The specified bucket does not exist"),
        ),
    ),
];
