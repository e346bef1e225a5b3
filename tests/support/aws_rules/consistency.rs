//! What is not visible everywhere right after it was made. Only a run that believes in AWS waits for these.

use serde_json::Value;

use super::text::{inside, map_elements};
use super::{Asked, Memory, Row, Shown, row_of_aws};

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
    row_of_aws(
        "hidden-ec2",
        "leaves what is seconds old out of lists and filtered reads",
        TF_WAIT,
        Shown::Text(
            &[
                "ec2:DescribeVpcs",
                "ec2:DescribeSubnets",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeInternetGateways",
                "ec2:DescribeAddresses",
                "ec2:DescribeNatGateways",
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeFlowLogs",
            ],
            |asked, memory, text| {
                const IDS: [(&str, &str); 9] = [
                    ("Vpcs", "vpcId"),
                    ("Subnets", "subnetId"),
                    ("RouteTables", "routeTableId"),
                    ("SecurityGroups", "groupId"),
                    ("InternetGateways", "internetGatewayId"),
                    ("Addresses", "allocationId"),
                    ("NatGateways", "natGatewayId"),
                    ("VpcEndpoints", "vpcEndpointId"),
                    ("FlowLogs", "flowLogId"),
                ];
                let id = IDS.iter().find(|(noun, _)| asked.name.ends_with(&format!(":Describe{noun}"))).unwrap().1;
                map_elements(&text, "item", |item| hide("hidden-ec2", memory, item, id))
            },
        ),
    ),
    row_of_aws(
        "hidden-rds",
        "leaves what is seconds old out of lists",
        "unproven",
        Shown::Text(&["rds:DescribeDBClusters", "rds:DescribeDBInstances"], |_, memory, text| {
            let text = map_elements(&text, "DBCluster", |item| hide("hidden-rds", memory, item, "DBClusterIdentifier"));
            map_elements(&text, "DBInstance", |item| hide("hidden-rds", memory, item, "DBInstanceIdentifier"))
        }),
    ),
    row_of_aws(
        "hidden-sns",
        "leaves what is seconds old out of lists",
        "terraform-provider-aws, sns",
        Shown::Text(&["sns:ListTopics"], |_, memory, text| {
            map_elements(&text, "member", |item| hide("hidden-sns", memory, item, "TopicArn"))
        }),
    ),
    row_of_aws(
        "hidden-iam",
        "leaves what is seconds old out of lists",
        "AWS: troubleshooting IAM, changes are not always immediately visible",
        Shown::Text(&["iam:ListRoles"], |_, memory, text| {
            map_elements(&text, "member", |item| hide("hidden-iam", memory, item, "RoleName"))
        }),
    ),
    row_of_aws(
        "hidden-lists",
        "leaves what is seconds old out of lists",
        "AWS: KMS eventual consistency; unproven for the other services",
        Shown::Json(
            &[
                "logs:DescribeLogGroups",
                "lambda:ListFunctions",
                "sqs:ListQueues",
                "kms:ListKeys",
                "dynamodb:ListTables",
                "events:ListRules",
                "apigateway:GetRestApis",
                "apigateway:GetResources",
                "ssm:DescribeParameters",
                "wafv2:ListWebACLs",
            ],
            hide_in_list,
        ),
    ),
];

/// An element, or nothing where it is left out.
fn hide(rule: &str, memory: &mut Memory, item: &str, id: &str) -> String {
    let hidden = inside(item, id).is_some_and(|id| memory.hides(rule, id));
    if hidden { String::new() } else { item.to_owned() }
}

/// Leaves new objects out of the list that an answer has.
fn hide_in_list(_: &Asked, memory: &mut Memory, answer: &mut Value) {
    const IDS: [&str; 8] = ["logGroupName", "FunctionName", "KeyId", "Name", "id", "Id", "name", "QueueUrl"];
    let lists = answer.as_object_mut().into_iter().flat_map(|answer| answer.values_mut());
    for list in lists.filter_map(Value::as_array_mut) {
        list.retain(|item| {
            let id = item.as_str().or_else(|| IDS.iter().find_map(|member| item[member].as_str()));
            let name = id.and_then(|id| id.rsplit('/').next()).filter(|name| !name.is_empty());
            !name.is_some_and(|name| memory.hides("hidden-lists", name))
        });
    }
}
