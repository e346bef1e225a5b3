//! Fixtures of the database and the session table.

use payinfra_engine::{Class, Progress};
use payinfra_steps::database::Schema;
use serde_json::json;

use crate::fixture::{Answers, Fixture, json_fault, ok, query_fault, rest_fault};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![db_cluster(), db_instance(), db_parameter_group(), db_proxy(), db_subnet_group(), schema(), table()]
}

fn answer(operation: &str, body: &str) -> (u16, String) {
    ok(format!("<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"))
}

fn tag_list(address: &str) -> String {
    format!("<TagList>{}</TagList>", tags::query("Tag", address))
}

fn tags_of(address: &str) -> (u16, String) {
    answer("ListTagsForResource", &tag_list(address))
}

fn gone(code: &str) -> (Answers, Result<Progress, Class>) {
    (vec![query_fault(404, code)], Err(Class::Absent))
}

fn db_cluster() -> Fixture {
    let tags = tag_list("db_cluster.main");
    let cluster = format!(
        "<DBClusters><DBCluster><DBClusterIdentifier>aurora-prod</DBClusterIdentifier><Status>backing-up</Status>
        <Engine>aurora-postgresql</Engine><EngineVersion>16.14</EngineVersion>
        <DBClusterParameterGroup>group</DBClusterParameterGroup><DBSubnetGroup>subnets</DBSubnetGroup><Port>5432</Port>
        <DatabaseName>payments</DatabaseName><MasterUsername>master</MasterUsername>
        <StorageEncrypted>true</StorageEncrypted><KmsKeyId>arn:key</KmsKeyId><Endpoint>writer</Endpoint>
        <VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId>
        </VpcSecurityGroupMembership></VpcSecurityGroups><MasterUserSecret><SecretArn>arn:secret</SecretArn>
        <KmsKeyId>arn:key</KmsKeyId></MasterUserSecret>
        <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled>
        <BackupRetentionPeriod>7</BackupRetentionPeriod><PreferredBackupWindow>06:00-07:00</PreferredBackupWindow>
        <PreferredMaintenanceWindow>sun:07:30-sun:08:30</PreferredMaintenanceWindow>
        <EnabledCloudwatchLogsExports><member>postgresql</member></EnabledCloudwatchLogsExports>
        <CopyTagsToSnapshot>true</CopyTagsToSnapshot>{tags}</DBCluster></DBClusters>"
    );
    let found = vec![answer("DescribeDBClusters", &cluster)];
    let versions = "<DBEngineVersions><DBEngineVersion><EngineVersion>16.9</EngineVersion></DBEngineVersion>
        <DBEngineVersion><EngineVersion>16.13</EngineVersion></DBEngineVersion></DBEngineVersions>";
    Fixture {
        kind: "db_cluster",
        name: "main",
        id: "aurora-prod",
        found: found.clone(),
        searched: &["Action=DescribeDBClusters"],
        // Whichever minor version it runs, and while it is backed up.
        shows: json!({
            "spec": {"name": "aurora-prod", "engine_version": "16", "subnet_group": "subnets",
                "parameter_group": "group", "security_groups": ["sg-1"], "port": 5432, "database": "payments",
                "master_username": "master", "secret_key_arn": "arn:key", "key_arn": "arn:key",
                "iam_authentication": true, "backup_retention_days": 7, "backup_window": "06:00-07:00",
                "maintenance_window": "sun:07:30-sun:08:30", "log_exports": ["postgresql"],
                "copies_tags_to_snapshots": true, "deletion_protection": false},
            "outputs": {"endpoint": "writer", "secret_arn": "arn:secret"},
            "status": {"is": "ready"},
        }),
        others: None,
        absent: ("aurora-dev", found, &[]),
        refused: (
            vec![answer("DescribeDBEngineVersions", versions), query_fault(400, "DBClusterAlreadyExistsFault")],
            Class::Exists,
            &["EngineVersion=16.13", "Value=prod", "ManageMasterUserPassword=true", "StorageEncrypted=true"],
        ),
        deleted: (
            vec![answer("DescribeDBInstances", "<DBInstances/>"), query_fault(404, "DBClusterNotFoundFault")],
            Err(Class::Absent),
        ),
    }
}

fn db_instance() -> Fixture {
    let tags = tag_list("db_instance.1");
    let instance = format!(
        "<DBInstances><DBInstance><DBInstanceIdentifier>aurora-1-prod</DBInstanceIdentifier>
        <DBInstanceStatus>available</DBInstanceStatus><DBClusterIdentifier>aurora-prod</DBClusterIdentifier>
        <AvailabilityZone>us-east-1a</AvailabilityZone>
        <DBSubnetGroup><DBSubnetGroupName>subnets</DBSubnetGroupName></DBSubnetGroup>
        <DBInstanceClass>db.r6g.large</DBInstanceClass>
        <PendingModifiedValues><DBInstanceClass>db.r6g.xlarge</DBInstanceClass></PendingModifiedValues>
        <PromotionTier>1</PromotionTier><MonitoringInterval>0</MonitoringInterval>
        <AutoMinorVersionUpgrade>true</AutoMinorVersionUpgrade>
        <PreferredMaintenanceWindow>sun:07:30-sun:08:30</PreferredMaintenanceWindow>
        <CACertificateIdentifier>rds-ca-rsa2048-g1</CACertificateIdentifier>
        <PerformanceInsightsEnabled>true</PerformanceInsightsEnabled>
        <PerformanceInsightsKMSKeyId>arn:key</PerformanceInsightsKMSKeyId>
        <PerformanceInsightsRetentionPeriod>7</PerformanceInsightsRetentionPeriod>{tags}</DBInstance></DBInstances>"
    );
    let found = vec![answer("DescribeDBInstances", &instance)];
    Fixture {
        kind: "db_instance",
        name: "1",
        id: "aurora-1-prod",
        found: found.clone(),
        searched: &["Action=DescribeDBInstances"],
        // It counts as what it was asked to become.
        shows: json!({
            "spec": {"name": "aurora-1-prod", "cluster": "aurora-prod", "subnet_group": "subnets",
                "class": "db.r6g.xlarge", "zone": "us-east-1a", "public": false, "promotion_tier": 1,
                "certificate_authority": "rds-ca-rsa2048-g1", "auto_minor_version_upgrade": true,
                "maintenance_window": "sun:07:30-sun:08:30",
                "performance_insights": {"key_arn": "arn:key", "retention_days": 7}, "enhanced_monitoring": null},
            "status": {"is": "pending", "says": "modifying"},
        }),
        others: None,
        absent: ("aurora-2-prod", found, &[]),
        // The cluster is being created.
        refused: (
            vec![query_fault(400, "InvalidDBClusterStateFault")],
            Class::InUse,
            &["Value=prod", "PubliclyAccessible=false", "PerformanceInsightsKMSKeyId=arn:key"],
        ),
        deleted: gone("DBInstanceNotFound"),
    }
}

fn db_parameter_group() -> Fixture {
    let groups = answer(
        "DescribeDBClusterParameterGroups",
        "<DBClusterParameterGroups><DBClusterParameterGroup>
        <DBClusterParameterGroupName>db-parameter-group-postgresql16-prod</DBClusterParameterGroupName>
        <DBParameterGroupFamily>aurora-postgresql16</DBParameterGroupFamily><Description>d</Description>
        </DBClusterParameterGroup></DBClusterParameterGroups>",
    );
    let parameters = "<Parameters><Parameter><ParameterName>rds.force_ssl</ParameterName>
        <ParameterValue>1</ParameterValue><Source>user</Source></Parameter><Parameter>
        <ParameterName>work_mem</ParameterName><ParameterValue>1</ParameterValue><Source>system</Source></Parameter>
        </Parameters>";
    Fixture {
        kind: "db_parameter_group",
        name: "postgresql16",
        id: "db-parameter-group-postgresql16-prod",
        found: vec![
            groups.clone(),
            tags_of("db_parameter_group.postgresql16"),
            answer("DescribeDBClusterParameters", parameters),
        ],
        searched: &["Action=DescribeDBClusterParameters"],
        // Only what was set, or is ours to set, counts.
        shows: json!({"spec": {"name": "db-parameter-group-postgresql16-prod", "family": "aurora-postgresql16",
            "description": "d", "parameters": {"rds.force_ssl": "1"}}}),
        others: None,
        absent: ("other", vec![groups], &[]),
        refused: (vec![query_fault(400, "DBParameterGroupAlreadyExists")], Class::Exists, &["Value=prod"]),
        deleted: gone("DBParameterGroupNotFound"),
    }
}

fn db_proxy() -> Fixture {
    let proxies = answer(
        "DescribeDBProxies",
        "<DBProxies><member><DBProxyName>rds-proxy-prod</DBProxyName><Status>available</Status>
        <RoleArn>arn:role</RoleArn><DBProxyArn>arn:aws:rds:us-east-1:123456789012:db-proxy:prx-1</DBProxyArn>
        <Endpoint>host</Endpoint><DefaultAuthScheme>IAM_AUTH</DefaultAuthScheme><RequireTLS>true</RequireTLS>
        <IdleClientTimeout>1800</IdleClientTimeout><VpcSubnetIds><member>subnet-2</member><member>subnet-1</member>
        </VpcSubnetIds><VpcSecurityGroupIds><member>sg-1</member></VpcSecurityGroupIds></member></DBProxies>",
    );
    let groups = "<TargetGroups><member><ConnectionPoolConfig><MaxConnectionsPercent>70</MaxConnectionsPercent>
        <MaxIdleConnectionsPercent>35</MaxIdleConnectionsPercent><ConnectionBorrowTimeout>3</ConnectionBorrowTimeout>
        </ConnectionPoolConfig></member></TargetGroups>";
    let targets = "<Targets><member><RdsResourceId>aurora-prod</RdsResourceId><Type>TRACKED_CLUSTER</Type></member>
        <member><RdsResourceId>aurora-1-prod</RdsResourceId><Type>RDS_INSTANCE</Type>
        <TargetHealth><State>REGISTERING</State></TargetHealth></member></Targets>";
    Fixture {
        kind: "db_proxy",
        name: "main",
        id: "rds-proxy-prod",
        found: vec![
            proxies.clone(),
            tags_of("db_proxy.main"),
            answer("DescribeDBProxyTargetGroups", groups),
            answer("DescribeDBProxyTargets", targets),
        ],
        searched: &["Action=DescribeDBProxies"],
        shows: json!({
            "spec": {"name": "rds-proxy-prod", "role_arn": "arn:role", "subnet_ids": ["subnet-1", "subnet-2"],
                "security_groups": ["sg-1"], "auth_scheme": "IAM_AUTH", "require_tls": true,
                "idle_client_seconds": 1800, "debug_logging": false, "max_connections_percent": 70,
                "max_idle_connections_percent": 35, "borrow_timeout_seconds": 3, "cluster": "aurora-prod"},
            "outputs": {"resource_id": "prx-1"},
            "status": {"is": "pending", "says": "registering its targets"},
        }),
        others: None,
        absent: ("rds-proxy-dev", vec![proxies], &[]),
        refused: (
            vec![query_fault(400, "DBProxyAlreadyExistsFault")],
            Class::Exists,
            &["Value=prod", "RequireTLS=true", "DefaultAuthScheme=IAM_AUTH"],
        ),
        deleted: gone("DBProxyNotFoundFault"),
    }
}

fn db_subnet_group() -> Fixture {
    let groups = answer(
        "DescribeDBSubnetGroups",
        "<DBSubnetGroups><DBSubnetGroup><DBSubnetGroupName>db-subnet-group-prod</DBSubnetGroupName><VpcId>vpc-1</VpcId>
        <DBSubnetGroupDescription>d</DBSubnetGroupDescription><SubnetGroupStatus>Complete</SubnetGroupStatus>
        <Subnets><Subnet><SubnetIdentifier>subnet-2</SubnetIdentifier></Subnet>
        <Subnet><SubnetIdentifier>subnet-1</SubnetIdentifier></Subnet></Subnets></DBSubnetGroup>
        <DBSubnetGroup><DBSubnetGroupName>other</DBSubnetGroupName></DBSubnetGroup></DBSubnetGroups>",
    );
    Fixture {
        kind: "db_subnet_group",
        name: "main",
        id: "db-subnet-group-prod",
        // The groups of others are not asked for their tags.
        found: vec![groups.clone(), tags_of("db_subnet_group.main")],
        searched: &["Action=DescribeDBSubnetGroups"],
        shows: json!({"spec": {"name": "db-subnet-group-prod", "description": "d", "vpc_id": "vpc-1",
            "subnet_ids": ["subnet-1", "subnet-2"]}}),
        others: None,
        absent: ("db-subnet-group-dev", vec![groups], &[]),
        refused: (
            vec![query_fault(400, "DBSubnetGroupAlreadyExists")],
            Class::Exists,
            &["Value=prod", "SubnetIds.SubnetIdentifier.1=subnet-1"],
        ),
        deleted: gone("DBSubnetGroupNotFoundFault"),
    }
}

fn schema() -> Fixture {
    let cluster = answer(
        "DescribeDBClusters",
        "<DBClusters><DBCluster><DbClusterResourceId>cluster-1</DbClusterResourceId></DBCluster></DBClusters>",
    );
    let applied = json!({"applied": Schema::migrations(), "pending": []});
    Fixture {
        kind: "schema",
        name: "main",
        id: "lambda-transaction-processing-prod:live",
        found: vec![cluster.clone(), ok(applied.to_string())],
        searched: &["lambda-transaction-processing-prod:live/invocations", r#"{"payinfra":{"action":"migrations"}}"#],
        shows: json!({"spec": {"cluster": "cluster-1", "migrations": Schema::migrations()},
            "outputs": {"version": "3"}, "status": {"is": "ready"}}),
        // It belongs to the cluster with this stack's name; there is none.
        others: Some(vec![answer("DescribeDBClusters", "<DBClusters/>")]),
        absent: (
            "f:live",
            vec![cluster, rest_fault(404, "ResourceNotFoundException", "Function not found")],
            &["f:live/invocations"],
        ),
        refused: (
            vec![rest_fault(404, "ResourceNotFoundException", "Function not found")],
            Class::Absent,
            &[r#"{"payinfra":{"action":"migrate"}}"#],
        ),
        // It ends with its cluster.
        deleted: (Answers::new(), Ok(Progress::Gone)),
    }
}

fn table() -> Fixture {
    let gone = || json_fault(400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
    let tags = r#"{"Tags":[{"Key":"payinfra:stack","Value":"prod"},{"Key":"payinfra:address","Value":"table.sessions"},
        {"Key":"payinfra:warm-throughput","Value":"12000/10000"}]}"#;
    Fixture {
        kind: "table",
        name: "sessions",
        id: "dynamodb-sessions-prod",
        // Another stack's table is not read.
        found: vec![
            ok(r#"{"TableNames":["dynamodb-sessions-prod","dynamodb-sessions-dev"]}"#),
            ok(r#"{"Table":{"TableName":"dynamodb-sessions-prod","TableStatus":"ACTIVE",
                "TableArn":"arn:aws:dynamodb:us-east-1:123456789012:table/dynamodb-sessions-prod",
                "KeySchema":[{"AttributeName":"session_id","KeyType":"HASH"}],
                "BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},
                "SSEDescription":{"Status":"ENABLED","SSEType":"KMS","KMSMasterKeyArn":"arn:key"},
                "WarmThroughput":{"ReadUnitsPerSecond":30000,"WriteUnitsPerSecond":12000}}}"#),
            ok(tags),
            ok(r#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",
                "PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED"}}}"#),
            ok(r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires_at"}}"#),
        ],
        searched: &["ListTables"],
        // However warm it has become.
        shows: json!({"spec": {"name": "dynamodb-sessions-prod", "key": "session_id", "billing": "PAY_PER_REQUEST",
            "key_arn": "arn:key", "expiry_attribute": "expires_at", "point_in_time_recovery": true,
            "deletion_protection": false, "warm_throughput": {"read": 12_000, "write": 10_000}}}),
        others: None,
        absent: ("dynamodb-x", vec![gone()], &[r#""TableName":"dynamodb-x""#]),
        refused: (
            vec![json_fault(400, "com.amazonaws.dynamodb.v20120810#ResourceInUseException")],
            Class::Exists,
            &[
                r#"{"Key":"payinfra:stack","Value":"prod"}"#,
                r#""SSEType":"KMS","KMSMasterKeyId":"arn:key""#,
                r#"{"Key":"payinfra:warm-throughput","Value":"12000/10000"}"#,
            ],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}
