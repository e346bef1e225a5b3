//! Fixtures of the network.

use payinfra_engine::{Class, Progress};
use serde_json::json;

use crate::fixture::{Answers, Fixture, ec2_fault, ok};
use crate::tags;

/// The search for owned objects.
const SEARCH: &[&str] = &["Filter.1.Name=tag:payinfra:stack&Filter.1.Value.1=prod"];

/// The tags in a create call.
const TAGS: &[&str] = &["TagSpecification.1.Tag.2.Key=payinfra:stack"];

const TOKEN_AND_TAGS: &[&str] = &["ClientToken=0123abcd", "TagSpecification.1.Tag.2.Key=payinfra:stack"];

pub fn fixtures() -> Vec<Fixture> {
    vec![
        elastic_ip(),
        flow_log(),
        internet_gateway(),
        internet_gateway_attachment(),
        nat_gateway(),
        route_table(),
        security_group(),
        security_group_rules(),
        subnet(),
        vpc(),
        vpc_endpoint(),
    ]
}

/// An answer of a Describe call.
fn described(operation: &str, set: &str, item: &str) -> Answers {
    vec![ok(format!("<{operation}Response><{set}>{item}</{set}></{operation}Response>"))]
}

fn gone(code: &str) -> (Answers, Result<Progress, Class>) {
    (vec![ec2_fault(code)], Err(Class::Absent))
}

/// A good answer that reports that nothing was done.
fn unsuccessful(operation: &str, code: &str) -> (u16, String) {
    ok(format!(
        "<{operation}Response><unsuccessful><item><resourceId>x</resourceId><error><code>{code}</code>
        <message>x</message></error></item></unsuccessful></{operation}Response>"
    ))
}

fn elastic_ip() -> Fixture {
    let answer = |item: &str| described("DescribeAddresses", "addressesSet", item);
    let tags = tags::ec2("elastic_ip.a");
    Fixture {
        kind: "elastic_ip",
        name: "a",
        id: "eipalloc-1",
        found: answer(&format!(
            "<item><publicIp>192.0.2.1</publicIp><allocationId>eipalloc-1</allocationId>{tags}</item>"
        )),
        searched: SEARCH,
        shows: json!({"outputs": {"id": "eipalloc-1", "public_ip": "192.0.2.1"}, "status": {"is": "ready"}}),
        others: None,
        absent: ("eipalloc-2", answer(""), &["Filter.1.Name=allocation-id&Filter.1.Value.1=eipalloc-2"]),
        refused: (vec![ec2_fault("AddressLimitExceeded")], Class::Quota, TAGS),
        deleted: gone("InvalidAllocationID.NotFound"),
    }
}

fn flow_log() -> Fixture {
    let answer = |item: &str| described("DescribeFlowLogs", "flowLogSet", item);
    let (tags, role) = (tags::ec2("flow_log.main"), "arn:aws:iam::123456789012:role/payinfra/prod/role-flow-logs-prod");
    Fixture {
        kind: "flow_log",
        name: "main",
        id: "fl-1",
        found: answer(&format!(
            "<item><flowLogId>fl-1</flowLogId><resourceId>vpc-1</resourceId><trafficType>ALL</trafficType>
            <logGroupName>log-group-flow-logs-prod</logGroupName>
            <deliverLogsPermissionArn>{role}</deliverLogsPermissionArn>
            <maxAggregationInterval>60</maxAggregationInterval>{tags}</item>"
        )),
        searched: SEARCH,
        shows: json!({"spec": {"vpc_id": "vpc-1", "traffic": "ALL", "log_group": "log-group-flow-logs-prod",
            "role_arn": role, "aggregation_seconds": 60}, "status": {"is": "ready"}}),
        others: None,
        absent: ("fl-2", answer(""), &["Filter.1.Name=flow-log-id&Filter.1.Value.1=fl-2"]),
        refused: (
            vec![ec2_fault("FlowLogAlreadyExists")],
            Class::Exists,
            &["ClientToken=0123abcd", "ResourceType=VPC", "TagSpecification.1.Tag.2.Key=payinfra:stack"],
        ),
        deleted: (vec![unsuccessful("DeleteFlowLogs", "InvalidFlowLogId.NotFound")], Err(Class::Absent)),
    }
}

fn internet_gateway() -> Fixture {
    let answer = |item: &str| described("DescribeInternetGateways", "internetGatewaySet", item);
    let tags = tags::ec2("internet_gateway.main");
    Fixture {
        kind: "internet_gateway",
        name: "main",
        id: "igw-1",
        found: answer(&format!("<item><internetGatewayId>igw-1</internetGatewayId><attachmentSet/>{tags}</item>")),
        searched: SEARCH,
        shows: json!({"outputs": {"id": "igw-1"}, "status": {"is": "ready"}}),
        others: None,
        absent: ("igw-2", answer(""), &["Filter.1.Name=internet-gateway-id&Filter.1.Value.1=igw-2"]),
        refused: (vec![ec2_fault("InternetGatewayLimitExceeded")], Class::Quota, TAGS),
        deleted: gone("InvalidInternetGatewayID.NotFound"),
    }
}

fn internet_gateway_attachment() -> Fixture {
    let answer = |attachment: &str| {
        let tags = tags::ec2("internet_gateway.main");
        let item = format!(
            "<item><internetGatewayId>igw-1</internetGatewayId><attachmentSet>{attachment}</attachmentSet>{tags}</item>"
        );
        described("DescribeInternetGateways", "internetGatewaySet", &item)
    };
    Fixture {
        kind: "internet_gateway_attachment",
        name: "main",
        id: "igw-1",
        found: answer("<item><vpcId>vpc-1</vpcId><state>available</state></item>"),
        searched: SEARCH,
        shows: json!({"spec": {"gateway_id": "igw-1", "vpc_id": "vpc-1"}, "status": {"is": "ready"}}),
        others: None,
        // The gateway exists and is attached to nothing.
        absent: ("igw-1", answer(""), &["Filter.1.Name=internet-gateway-id&Filter.1.Value.1=igw-1"]),
        refused: (
            vec![ec2_fault("Resource.AlreadyAssociated")],
            Class::Exists,
            &["InternetGatewayId=igw-1", "VpcId=vpc-1"],
        ),
        deleted: gone("Gateway.NotAttached"),
    }
}

fn nat_gateway() -> Fixture {
    let answer = |item: &str| described("DescribeNatGateways", "natGatewaySet", item);
    let tags = tags::ec2("nat_gateway.a");
    Fixture {
        kind: "nat_gateway",
        name: "a",
        id: "nat-1",
        found: answer(&format!(
            "<item><natGatewayId>nat-1</natGatewayId><state>available</state><subnetId>subnet-1</subnetId>
            <natGatewayAddressSet><item><allocationId>eipalloc-1</allocationId></item></natGatewayAddressSet>{tags}</item>"
        )),
        searched: SEARCH,
        shows: json!({"spec": {"subnet_id": "subnet-1", "allocation_id": "eipalloc-1"}, "status": {"is": "ready"}}),
        others: None,
        absent: ("nat-2", answer(""), &["Filter.1.Name=nat-gateway-id&Filter.1.Value.1=nat-2"]),
        // The internet gateway is not attached yet.
        refused: (vec![ec2_fault("Gateway.NotAttached")], Class::Absent, TOKEN_AND_TAGS),
        deleted: gone("NatGatewayNotFound"),
    }
}

fn route_table() -> Fixture {
    let answer = |item: &str| described("DescribeRouteTables", "routeTableSet", item);
    let tags = tags::ec2("route_table.private_a");
    Fixture {
        kind: "route_table",
        name: "private_a",
        id: "rtb-1",
        // What AWS adds is left out: the local route, and those of gateway endpoints.
        found: answer(&format!(
            "<item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet>
            <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId></item>
            <item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId></item>
            <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-1</natGatewayId></item>
            </routeSet>{tags}</item>"
        )),
        searched: SEARCH,
        shows: json!({"spec": {"vpc_id": "vpc-1", "subnet_ids": [], "routes": {"0.0.0.0/0": "nat-1"}},
            "outputs": {"id": "rtb-1"}}),
        others: None,
        absent: ("rtb-2", answer(""), &["Filter.1.Name=route-table-id&Filter.1.Value.1=rtb-2"]),
        // The VPC does not show yet.
        refused: (vec![ec2_fault("InvalidVpcID.NotFound")], Class::Absent, TOKEN_AND_TAGS),
        deleted: gone("InvalidRouteTableID.NotFound"),
    }
}

fn security_group() -> Fixture {
    let answer = |item: &str| described("DescribeSecurityGroups", "securityGroupInfo", item);
    let tags = tags::ec2("security_group.functions");
    Fixture {
        kind: "security_group",
        name: "functions",
        id: "sg-1",
        found: answer(&format!(
            "<item><groupId>sg-1</groupId><groupName>security-group-functions-prod</groupName>
            <groupDescription>d</groupDescription><vpcId>vpc-1</vpcId>{tags}</item>"
        )),
        searched: SEARCH,
        shows: json!({
            "spec": {"vpc_id": "vpc-1", "name": "security-group-functions-prod", "description": "d"},
            "outputs": {"id": "sg-1", "arn": "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1"},
        }),
        others: None,
        absent: ("sg-2", answer(""), &["Filter.1.Name=group-id&Filter.1.Value.1=sg-2"]),
        refused: (vec![ec2_fault("InvalidGroup.Duplicate")], Class::Exists, TAGS),
        deleted: gone("InvalidGroup.NotFound"),
    }
}

fn security_group_rules() -> Fixture {
    let answer = |egress: &str| {
        let tags = tags::ec2("security_group.functions");
        let item = format!(
            "<item><groupId>sg-1</groupId><ipPermissions/><ipPermissionsEgress>{egress}</ipPermissionsEgress>{tags}</item>"
        );
        described("DescribeSecurityGroups", "securityGroupInfo", &item)
    };
    Fixture {
        kind: "security_group_rules",
        name: "functions",
        id: "sg-1",
        found: answer(
            "<item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>
            <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp><description>out</description></item></ipRanges></item>",
        ),
        searched: SEARCH,
        shows: json!({"spec": {"group_id": "sg-1", "ingress": []}, "outputs": {"group_id": "sg-1"}}),
        others: None,
        // The group exists and has no rules.
        absent: ("sg-1", answer(""), &["Filter.1.Name=group-id&Filter.1.Value.1=sg-1"]),
        refused: (
            vec![ec2_fault("InvalidPermission.Duplicate")],
            Class::Exists,
            &["GroupId=sg-1", "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"],
        ),
        deleted: (vec![ec2_fault("InvalidPermission.NotFound")], Ok(Progress::Going)),
    }
}

fn subnet() -> Fixture {
    let answer = |item: &str| described("DescribeSubnets", "subnetSet", item);
    let tags = tags::ec2("subnet.private_a");
    Fixture {
        kind: "subnet",
        name: "private_a",
        id: "subnet-1",
        found: answer(&format!(
            "<item><subnetId>subnet-1</subnetId><subnetArn>arn:subnet-1</subnetArn><vpcId>vpc-1</vpcId>
            <state>pending</state><availabilityZone>us-east-1a</availabilityZone><cidrBlock>10.0.0.0/24</cidrBlock>
            <mapPublicIpOnLaunch>true</mapPublicIpOnLaunch>{tags}</item>"
        )),
        searched: SEARCH,
        shows: json!({
            "spec": {"vpc_id": "vpc-1", "zone": "us-east-1a", "cidr": "10.0.0.0/24", "public_addresses": true},
            "outputs": {"id": "subnet-1", "arn": "arn:subnet-1"},
            "status": {"is": "pending", "says": "pending"},
        }),
        others: None,
        absent: ("subnet-2", answer(""), &["Filter.1.Name=subnet-id&Filter.1.Value.1=subnet-2"]),
        refused: (
            vec![ec2_fault("InvalidSubnet.Conflict")],
            Class::Exists,
            &["AvailabilityZone=us-east-1a", "CidrBlock=10.0.0.0/24", "TagSpecification.1.Tag.2.Key=payinfra:stack"],
        ),
        deleted: gone("InvalidSubnetID.NotFound"),
    }
}

fn vpc() -> Fixture {
    let answer = |item: &str| described("DescribeVpcs", "vpcSet", item);
    let tags = tags::ec2("vpc.main");
    let attribute = |name: &str| {
        ok(format!("<DescribeVpcAttributeResponse><{name}><value>true</value></{name}></DescribeVpcAttributeResponse>"))
    };
    let vpc =
        format!("<item><vpcId>vpc-1</vpcId><state>available</state><cidrBlock>10.0.0.0/16</cidrBlock>{tags}</item>");
    // A fresh group lets everything out.
    let group =
        "<item><groupId>sg-1</groupId><vpcId>vpc-1</vpcId><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol>
        <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissionsEgress></item>";
    let mut found = answer(&vpc);
    found.extend(described("DescribeSecurityGroups", "securityGroupInfo", group));
    found.extend([attribute("enableDnsSupport"), attribute("enableDnsHostnames")]);
    Fixture {
        kind: "vpc",
        name: "main",
        id: "vpc-1",
        found,
        searched: SEARCH,
        shows: json!({
            "spec": {"cidr": "10.0.0.0/16", "dns_hostnames": true, "dns_support": true, "default_group_closed": false},
            "status": {"is": "ready"},
        }),
        others: None,
        absent: ("vpc-2", answer(""), &["Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-2"]),
        refused: (vec![ec2_fault("VpcLimitExceeded")], Class::Quota, TAGS),
        deleted: gone("InvalidVpcID.NotFound"),
    }
}

fn vpc_endpoint() -> Fixture {
    let answer = |item: &str| described("DescribeVpcEndpoints", "vpcEndpointSet", item);
    let endpoint = format!(
        "<item><vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><vpcId>vpc-1</vpcId>
        <state>available</state><serviceName>com.amazonaws.us-east-1.s3</serviceName>
        <policyDocument>{{\"Statement\": []}}</policyDocument><routeTableIdSet><item>rtb-1</item></routeTableIdSet>{}
        </item>",
        tags::ec2("vpc_endpoint.s3")
    );
    Fixture {
        kind: "vpc_endpoint",
        name: "s3",
        id: "vpce-1",
        found: answer(&endpoint),
        searched: SEARCH,
        shows: json!({
            "spec": {"vpc_id": "vpc-1", "service": "com.amazonaws.us-east-1.s3", "endpoint_type": "Gateway",
                "policy": {"Statement": []}, "route_table_ids": ["rtb-1"], "subnet_ids": [], "security_group_ids": [],
                "private_dns": false},
            "status": {"is": "ready"},
        }),
        others: None,
        // All endpoints are listed; another one is not the one that was asked for.
        absent: ("vpce-2", answer(&endpoint), &[]),
        refused: (
            vec![ec2_fault("VpcEndpointLimitExceeded")],
            Class::Quota,
            &["ClientToken=0123abcd", "RouteTableId.1=rtb-1", "TagSpecification.1.Tag.2.Key=payinfra:stack"],
        ),
        deleted: (vec![unsuccessful("DeleteVpcEndpoints", "InvalidVpcEndpointId.NotFound")], Err(Class::Absent)),
    }
}
