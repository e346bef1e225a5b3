//! RDS, its proxies, and DynamoDB.

use super::text::{inside, map_elements};
use super::{Item, Row, Shown, row};

const FIRST_USE: &str = "terraform-aws-modules/terraform-aws-rds#364; cube-js/cube#11114; cds-snc/terraform-modules#88";

pub const ROWS: &[Row] = &[
    row(
        "rds-first-use-subnet-group",
        "makes its service-linked role at the first use, and refuses until it is there",
        FIRST_USE,
        Shown::First(
            &["rds:CreateDBSubnetGroup"],
            1,
            (
                400,
                "InvalidParameterValue",
                "Missing necessary credentials for the service-linked role; see ServiceLinkedRoles",
            ),
        ),
    ),
    row(
        "rds-first-use-cluster",
        "makes its service-linked role at the first use, and refuses until it is there",
        FIRST_USE,
        Shown::First(
            &["rds:CreateDBCluster"],
            1,
            (
                400,
                "InvalidParameterValue",
                "Unable to create the resource. Verify that you have permission to create service linked role. \
                 Otherwise wait and try again later",
            ),
        ),
    ),
    row(
        "rds-key-not-known-cluster",
        "does not know a fresh key everywhere",
        "model, KMSKeyNotAccessibleFault",
        Shown::First(
            &["rds:CreateDBCluster"],
            1,
            (400, "KMSKeyNotAccessibleFault", "The specified KMS key does not exist"),
        ),
    ),
    row(
        "rds-monitoring-role-not-known",
        "refuses an instance whose monitoring role it cannot assume yet",
        "terraform-provider-aws, rds/instance.go",
        Shown::First(
            &["rds:CreateDBInstance"],
            1,
            (
                400,
                "InvalidParameterValue",
                "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING",
            ),
        ),
    ),
    row(
        "rds-cluster-not-known",
        "does not know a fresh cluster everywhere",
        "terraform-provider-aws, rds/cluster_instance.go",
        Shown::First(&["rds:CreateDBInstance"], 1, (404, "DBClusterNotFoundFault", "DBCluster not found")),
    ),
    row(
        "rds-group-changing",
        "refuses a change of a parameter group that is still being applied",
        "model, InvalidDBParameterGroupState",
        Shown::First(
            &["rds:ModifyDBClusterParameterGroup"],
            1,
            (400, "InvalidDBParameterGroupState", "The parameter group is currently being modified."),
        ),
    ),
    row(
        "rds-cluster-creating",
        "takes about a minute to make a cluster",
        "AWS: viewing DB cluster status",
        Shown::Pending(
            &["rds:DescribeDBClusters"],
            Item {
                element: "DBCluster",
                id: "DBClusterIdentifier",
                ready: "<Status>available</Status>",
                first: "<Status>creating</Status>",
            },
        ),
    ),
    row(
        "rds-instance-creating",
        "takes about ten minutes to make an instance",
        "AWS: viewing DB instance status",
        Shown::Pending(
            &["rds:DescribeDBInstances"],
            Item {
                element: "DBInstance",
                id: "DBInstanceIdentifier",
                ready: "<DBInstanceStatus>available</DBInstanceStatus>",
                first: "<DBInstanceStatus>configuring-enhanced-monitoring</DBInstanceStatus>",
            },
        ),
    ),
    row(
        "rds-proxy-creating",
        "takes several minutes to make a proxy",
        "model, DBProxyStatus",
        Shown::Pending(
            &["rds:DescribeDBProxies"],
            Item {
                element: "member",
                id: "DBProxyName",
                ready: "<Status>available</Status>",
                first: "<Status>creating</Status>",
            },
        ),
    ),
    row(
        "rds-proxy-without-use1-az3",
        "leaves the subnet in use1-az3 out of a proxy, and says nothing",
        "AWS: RDS Proxy limitations; terraform-provider-aws#17781",
        Shown::Text(&["rds:DescribeDBProxies", "rds:CreateDBProxy"], |_, memory, text| {
            map_elements(&text, "VpcSubnetIds", |ids| {
                map_elements(ids, "member", |member| {
                    let lacking = memory.lacking.iter().any(|subnet| member.contains(subnet.as_str()));
                    if lacking { String::new() } else { member.to_owned() }
                })
            })
        }),
    ),
    row(
        "rds-proxy-role-not-known",
        "refuses a proxy whose role it cannot assume yet",
        "terraform-provider-aws, rds/proxy.go",
        Shown::First(&["rds:CreateDBProxy"], 1, (400, "InvalidParameterValue", "IAM role ARN is invalid")),
    ),
    row(
        "rds-targets-of-a-young-instance",
        "refuses to register a cluster whose instances are not available",
        "aws/aws-cdk#31304",
        Shown::First(
            &["rds:RegisterDBProxyTargets"],
            1,
            (
                400,
                "InvalidDBInstanceState",
                "DB Instance is in an unsupported state - CREATING, needs to be in [AVAILABLE]",
            ),
        ),
    ),
    row(
        "rds-proxy-targets-refused",
        "refuses to show the targets of a proxy that is still being made",
        "model, InvalidDBProxyStateFault",
        Shown::First(
            &["rds:DescribeDBProxyTargets"],
            1,
            (
                400,
                "InvalidDBProxyStateFault",
                "The requested operation can't be performed while the proxy is in this state.",
            ),
        ),
    ),
    row(
        "rds-parameter-equal-to-its-default",
        "shows a parameter that is set to its default without the source user",
        "terraform-provider-aws#23335; awslabs/startups#199",
        Shown::Text(&["rds:DescribeDBClusterParameters"], |_, _, text| {
            map_elements(&text, "Parameter", |parameter| {
                let default = inside(parameter, "ParameterName") == Some("rds.force_ssl");
                if default {
                    parameter.replace("<Source>user</Source>", "<Source>system</Source>")
                } else {
                    parameter.to_owned()
                }
            })
        }),
    ),
    row(
        "rds-subnet-group-in-use",
        "refuses to delete a subnet group that a cluster used a moment ago",
        "model, InvalidDBSubnetGroupStateFault",
        Shown::First(
            &["rds:DeleteDBSubnetGroup"],
            1,
            (
                400,
                "InvalidDBSubnetGroupStateFault",
                "Cannot delete the subnet group because at least one database instance is using it.",
            ),
        ),
    ),
    row(
        "rds-parameter-group-in-use",
        "refuses to delete a parameter group that a cluster used a moment ago",
        "model, InvalidDBParameterGroupState",
        Shown::First(
            &["rds:DeleteDBClusterParameterGroup"],
            1,
            (
                400,
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group",
            ),
        ),
    ),
    row(
        "rds-cluster-busy-at-deletion",
        "refuses to delete a cluster whose instances are still being deleted",
        "model, InvalidDBClusterStateFault",
        Shown::First(
            &["rds:DeleteDBCluster"],
            1,
            (
                400,
                "InvalidDBClusterStateFault",
                "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
            ),
        ),
    ),
    row(
        "dynamodb-creating",
        "shows a fresh table as CREATING",
        "model, TableStatus",
        Shown::Json(&["dynamodb:DescribeTable"], |asked, memory, answer| {
            let name = asked.json()["TableName"].as_str().unwrap_or_default().to_owned();
            if memory.count("dynamodb-creating", &name) <= 1 {
                answer["Table"]["TableStatus"] = "CREATING".into();
            }
        }),
    ),
    row(
        "dynamodb-backups-unavailable",
        "refuses to set the backups of a fresh table",
        "terraform-provider-aws, dynamodb/table.go",
        Shown::First(
            &["dynamodb:UpdateContinuousBackups"],
            1,
            (
                400,
                "ContinuousBackupsUnavailableException",
                "Backups are being enabled for the table. Please retry later",
            ),
        ),
    ),
    row(
        "dynamodb-too-many-at-once",
        "refuses to create too many tables at a time with the code of a quota",
        "terraform-provider-aws, dynamodb/service_package.go",
        Shown::First(
            &["dynamodb:CreateTable"],
            1,
            (400, "LimitExceededException", "Only 10 tables can be created, updated, or deleted simultaneously"),
        ),
    ),
    row(
        "dynamodb-ttl-too-often",
        "refuses to change the time to live of too many tables at a time with the code of a quota",
        "terraform-provider-aws, dynamodb/service_package.go",
        Shown::First(
            &["dynamodb:UpdateTimeToLive"],
            1,
            (400, "LimitExceededException", "Subscriber limit exceeded: too many operations simultaneously"),
        ),
    ),
    row(
        "dynamodb-table-in-use",
        "refuses to delete a table that is being updated",
        "model, ResourceInUseException",
        Shown::First(
            &["dynamodb:DeleteTable"],
            1,
            (400, "ResourceInUseException", "Attempt to change a resource which is still in use"),
        ),
    ),
];
