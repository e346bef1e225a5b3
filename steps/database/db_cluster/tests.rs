use payinfra_engine::Address;

use super::super::rds::samples;
use super::*;

fn cluster(status: &str) -> String {
    let tags = samples::tag_list("db_cluster.main");
    format!(
        "<DBClusterIdentifier>aurora-prod</DBClusterIdentifier><Status>{status}</Status><Engine>aurora-postgresql</Engine>
        <EngineVersion>16.14</EngineVersion><DBClusterParameterGroup>group</DBClusterParameterGroup>
        <DBSubnetGroup>subnets</DBSubnetGroup><Port>5432</Port><DatabaseName>payments</DatabaseName>
        <MasterUsername>master</MasterUsername><StorageEncrypted>true</StorageEncrypted><KmsKeyId>arn:key</KmsKeyId>
        <VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId>
        </VpcSecurityGroupMembership></VpcSecurityGroups><MasterUserSecret><SecretArn>arn:secret</SecretArn>
        <KmsKeyId>arn:key</KmsKeyId></MasterUserSecret><Endpoint>writer</Endpoint>
        <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled>
        <BackupRetentionPeriod>7</BackupRetentionPeriod><PreferredBackupWindow>06:00-07:00</PreferredBackupWindow>
        <PreferredMaintenanceWindow>sun:07:30-sun:08:30</PreferredMaintenanceWindow>
        <EnabledCloudwatchLogsExports><member>postgresql</member></EnabledCloudwatchLogsExports>
        <CopyTagsToSnapshot>true</CopyTagsToSnapshot>{tags}"
    )
}

fn found(status: &str) -> String {
    let cluster = cluster(status);
    format!(
        "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>{cluster}</DBCluster></DBClusters>
        </DescribeDBClustersResult></DescribeDBClustersResponse>"
    )
}

fn spec() -> DbCluster {
    DbCluster {
        name: "aurora-prod".to_owned(),
        engine_version: "16".to_owned(),
        subnet_group: "subnets".to_owned(),
        parameter_group: "group".to_owned(),
        security_groups: vec!["sg-1".to_owned()],
        port: 5432,
        database: "payments".to_owned(),
        master_username: "master".to_owned(),
        secret_key_arn: "arn:key".to_owned(),
        key_arn: "arn:key".to_owned(),
        iam_authentication: true,
        backup_retention_days: 7,
        backup_window: "06:00-07:00".to_owned(),
        maintenance_window: "sun:07:30-sun:08:30".to_owned(),
        log_exports: vec!["postgresql".to_owned()],
        copies_tags_to_snapshots: true,
        deletion_protection: false,
        tags: samples::ownership("db_cluster.main"),
    }
}

#[tokio::test]
async fn is_created_with_its_tags_at_the_newest_minor_and_reports_its_endpoints_at_once() {
    let versions = "<DescribeDBEngineVersionsResponse><DescribeDBEngineVersionsResult><DBEngineVersions>
        <DBEngineVersion><EngineVersion>16.9</EngineVersion></DBEngineVersion>
        <DBEngineVersion><EngineVersion>16.13</EngineVersion></DBEngineVersion></DBEngineVersions>
        </DescribeDBEngineVersionsResult></DescribeDBEngineVersionsResponse>";
    let cluster = cluster("creating");
    let made = format!(
        "<CreateDBClusterResponse><CreateDBClusterResult><DBCluster>{cluster}</DBCluster></CreateDBClusterResult></CreateDBClusterResponse>"
    );
    let (cloud, replay) = Cloud::replaying([(200, versions), (200, &made)]);
    let address = Address::new("db_cluster", "main");
    let made = spec().create(&Context { cloud: &cloud, address: &address, token: "t" }).await.expect("it is made");
    let outputs = made.outputs.expect("known at once");
    assert_eq!((outputs.endpoint.as_str(), outputs.secret_arn.as_str()), ("writer", "arn:secret"));
    let sent = &replay.sent()[1];
    for part in ["EngineVersion=16.13", "Value=prod", "ManageMasterUserPassword=true", "StorageEncrypted=true"] {
        assert!(sent.has(part), "{part} is missing");
    }
    assert!(!sent.has("&MasterUserPassword="));
}

#[tokio::test]
async fn is_deleted_with_a_last_snapshot_only_if_asked_and_once_its_instances_are_on_their_way_out() {
    let instances = |status: &str| {
        format!(
            "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceStatus>{status}</DBInstanceStatus></DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
        )
    };
    let (alive, leaving) = (instances("available"), instances("deleting"));
    let refusal = samples::refusal("InvalidDBClusterStateFault");
    let deleted = "<DeleteDBClusterResponse><DeleteDBClusterResult/></DeleteDBClusterResponse>";
    let cluster = found("available");
    let answers =
        [(200, cluster.as_str()), (200, &alive), (200, &leaving), (400, &refusal), (200, &leaving), (200, deleted)];
    let (cloud, replay) = Cloud::replaying(answers);
    let address = Address::new("db_cluster", "main");
    let live = DbCluster::list(&cloud, Select::Owned).await.expect("the answer is good");
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    assert_eq!(DbCluster::delete(&cx, &live[0]).await.expect_err("it has instances").class, Class::InUse);
    assert_eq!(replay.sent().len(), 2, "no emulator is asked to delete it now");
    assert_eq!(DbCluster::delete(&cx, &live[0]).await.expect_err("RDS knows better").class, Class::InUse);
    assert!(replay.sent()[3].has("SkipFinalSnapshot=true"));
    let cloud = Cloud { options: crate::RunOptions { final_snapshots: true, ..cloud.options }, ..cloud };
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    assert_eq!(DbCluster::delete(&cx, &live[0]).await.expect("deleted"), Progress::Going);
    assert!(replay.sent()[5].has("FinalDBSnapshotIdentifier=aurora-prod-final-"));
}

#[tokio::test]
async fn an_instance_that_still_has_older_parameters_is_shown() {
    let member = |name: &str, status: &str| {
        format!(
            "<DBClusterMember><DBInstanceIdentifier>{name}</DBInstanceIdentifier>
            <DBClusterParameterGroupStatus>{status}</DBClusterParameterGroupStatus></DBClusterMember>"
        )
    };
    let members = [member("aurora-1-prod", "in-sync"), member("aurora-2-prod", "pending-reboot")].concat();
    let found = found("available")
        .replace("</DBCluster>", &format!("<DBClusterMembers>{members}</DBClusterMembers></DBCluster>"));
    let (cloud, _) = Cloud::replaying([(200, &found)]);
    let live = DbCluster::list(&cloud, Select::Owned).await.expect("the answer is good");
    assert_eq!(live[0].outputs.restarts_pending, ["aurora-2-prod"]);
    assert_eq!(live[0].status, Status::Ready, "it works, with other parameters");
}
