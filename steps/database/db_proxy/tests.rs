use payinfra_engine::Address;

use super::super::rds::samples;
use super::*;

const PROXIES: &str = "<DescribeDBProxiesResponse><DescribeDBProxiesResult><DBProxies><member>
    <DBProxyName>rds-proxy-prod</DBProxyName><Status>available</Status><RoleArn>arn:role</RoleArn>
    <DBProxyArn>arn:aws:rds:us-east-1:123456789012:db-proxy:prx-1</DBProxyArn><Endpoint>host</Endpoint>
    <DefaultAuthScheme>IAM_AUTH</DefaultAuthScheme><RequireTLS>true</RequireTLS>
    <IdleClientTimeout>1800</IdleClientTimeout><VpcSubnetIds><member>subnet-2</member><member>subnet-1</member>
    </VpcSubnetIds><VpcSecurityGroupIds><member>sg-1</member></VpcSecurityGroupIds></member></DBProxies>
    </DescribeDBProxiesResult></DescribeDBProxiesResponse>";
const GROUPS: &str = "<DescribeDBProxyTargetGroupsResponse><DescribeDBProxyTargetGroupsResult><TargetGroups><member>
    <ConnectionPoolConfig><MaxConnectionsPercent>70</MaxConnectionsPercent>
    <MaxIdleConnectionsPercent>35</MaxIdleConnectionsPercent><ConnectionBorrowTimeout>3</ConnectionBorrowTimeout>
    </ConnectionPoolConfig></member></TargetGroups></DescribeDBProxyTargetGroupsResult></DescribeDBProxyTargetGroupsResponse>";
const TARGETS: &str = "<DescribeDBProxyTargetsResponse><DescribeDBProxyTargetsResult><Targets><member>
    <RdsResourceId>aurora-prod</RdsResourceId><Type>TRACKED_CLUSTER</Type></member><member>
    <RdsResourceId>aurora-1-prod</RdsResourceId><Type>RDS_INSTANCE</Type><TargetHealth><State>REGISTERING</State>
    </TargetHealth></member></Targets></DescribeDBProxyTargetsResult></DescribeDBProxyTargetsResponse>";

fn spec() -> DbProxy {
    DbProxy {
        name: "rds-proxy-prod".to_owned(),
        role_arn: "arn:role".to_owned(),
        subnet_ids: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        auth_scheme: "IAM_AUTH".to_owned(),
        require_tls: true,
        idle_client_seconds: 1800,
        debug_logging: false,
        max_connections_percent: 70,
        max_idle_connections_percent: 35,
        borrow_timeout_seconds: 3,
        cluster: "aurora-prod".to_owned(),
        tags: samples::ownership("db_proxy.main"),
    }
}

#[tokio::test]
async fn is_found_by_its_tags_with_its_pool_and_its_cluster() {
    let tags = samples::tags("db_proxy.main");
    let (cloud, _) = Cloud::replaying([(200, PROXIES), (200, &tags), (200, GROUPS), (200, TARGETS)]);
    let live = DbProxy::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(live[0].address, Some(Address::new("db_proxy", "main")));
    assert_eq!(live[0].spec, spec());
    assert_eq!(live[0].status, Status::Pending("registering its targets".to_owned()));
    assert_eq!(live[0].outputs.resource_id, "prx-1");
}

#[tokio::test]
async fn is_created_with_its_tags_and_waits_for_an_instance_before_it_takes_the_cluster() {
    let made = "<CreateDBProxyResponse><CreateDBProxyResult/></CreateDBProxyResponse>";
    let refusal = samples::refusal("InvalidDBInstanceState");
    let tags = samples::tags("db_proxy.main");
    let no_targets = "<DescribeDBProxyTargetsResponse><DescribeDBProxyTargetsResult/></DescribeDBProxyTargetsResponse>";
    let answers = [(200, made), (200, PROXIES), (200, &tags), (200, GROUPS), (200, no_targets), (400, &refusal)];
    let (cloud, replay) = Cloud::replaying(answers);
    let address = Address::new("db_proxy", "main");
    let cx = Context { cloud: &cloud, address: &address, token: "t" };
    spec().create(&cx).await.expect("it is made");
    for part in ["Value=prod", "RequireTLS=true", "DefaultAuthScheme=IAM_AUTH"] {
        assert!(replay.sent()[0].has(part), "{part} is missing");
    }
    assert!(!replay.sent()[0].has("Auth="));
    let live = DbProxy::list(&cloud, Select::Owned).await.expect("the answers are good");
    let refused = spec().update(&cx, &live[0], &["cluster"]).await;
    assert_eq!(refused.expect_err("no instance is available").class, Class::InUse);
}

/// The targets with one instance in this health, as the service model documents it.
fn instance_is(state: &str, reason: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!("<Reason>{reason}</Reason>") };
    TARGETS
        .replace("<State>REGISTERING</State>", &format!("<State>{state}</State>{reason}<Description>d</Description>"))
}

#[tokio::test]
async fn is_pending_with_the_reason_while_no_target_can_be_used() {
    let tags = samples::tags("db_proxy.main");
    for (state, reason, expected) in [
        ("AVAILABLE", "", None),
        ("UNAVAILABLE", "UNREACHABLE", Some("waiting for its targets: UNREACHABLE d")),
        ("UNAVAILABLE", "CONNECTION_FAILED", Some("waiting for its targets: CONNECTION_FAILED d")),
        ("UNAVAILABLE", "INVALID_REPLICATION_STATE", Some("waiting for its targets: INVALID_REPLICATION_STATE d")),
        ("UNAVAILABLE", "PENDING_PROXY_CAPACITY", Some("waiting for its targets: PENDING_PROXY_CAPACITY d")),
        // The role that it logs in as is made once the proxy is ready.
        ("UNAVAILABLE", "AUTH_FAILURE", None),
    ] {
        let targets = instance_is(state, reason);
        let (cloud, _) = Cloud::replaying([(200, PROXIES), (200, &tags), (200, GROUPS), (200, &targets)]);
        let live = DbProxy::list(&cloud, Select::Owned).await.expect("the answers are good");
        let expected = expected.map_or(Status::Ready, |state| Status::Pending(state.to_owned()));
        assert_eq!(live[0].status, expected, "{reason}");
    }
}

#[tokio::test]
async fn a_refusal_to_show_targets_is_the_proxys_state_and_no_error() {
    let refusal = samples::refusal("InvalidDBProxyStateFault");
    let tags = samples::tags("db_proxy.main");
    for (shown, expected) in [
        ("creating", Status::Pending("creating".to_owned())),
        ("deleting", Status::Deleting),
        ("available", Status::Pending("changing".to_owned())),
    ] {
        let proxies = PROXIES.replace("<Status>available<", &format!("<Status>{shown}<"));
        let (cloud, _) = Cloud::replaying([(200, &proxies), (200, &tags), (400, &refusal), (400, &refusal)]);
        let live = DbProxy::list(&cloud, Select::Owned).await.expect("a refusal is an answer");
        assert_eq!(live[0].status, expected);
    }
}

/// In use1-az3 RDS answers 200 and leaves the subnet out (terraform-provider-aws#17781).
#[tokio::test]
async fn one_that_rds_puts_into_some_of_the_subnets_only_is_refused_with_the_reason() {
    let made = |subnets: &str| {
        format!(
            "<CreateDBProxyResponse><CreateDBProxyResult><DBProxy><DBProxyName>rds-proxy-prod</DBProxyName>
            <VpcSubnetIds>{subnets}</VpcSubnetIds></DBProxy></CreateDBProxyResult></CreateDBProxyResponse>"
        )
    };
    let some = made("<member>subnet-2</member>");
    let all = made("<member>subnet-2</member><member>subnet-1</member>");
    let (cloud, _) = Cloud::replaying([(200, &some), (200, &all)]);
    let address = Address::new("db_proxy", "main");
    let cx = Context { cloud: &cloud, address: &address, token: "t" };
    let refused = spec().create(&cx).await.expect_err("a subnet is left out");
    assert_eq!(refused.class, Class::Invalid);
    assert!(refused.message.contains("RDS Proxy left out subnet-1"), "{}", refused.message);
    assert!(spec().create(&cx).await.is_ok());
}
