//! VPC and EC2.

use super::text::{canonical, escaped, inside, map_elements, unescaped};
use super::{Item, Row, Shown, row};

/// The zone, by its name in the emulator's account, that is made the one that lacks services.
pub const LACKING_NAME: &str = "us-east-1b";

const TF_WAIT: &str = "terraform-provider-aws, ec2/wait.go";
const EC2_ERRORS: &str = "AWS: EC2 error codes";

pub const ROWS: &[Row] = &[
    row(
        "zone-use1-az3",
        "maps zone names to ids differently in each account; one of a, b and c is often use1-az3",
        "terraform-provider-aws#17781, #23446",
        Shown::Text(&["ec2:DescribeAvailabilityZones"], |_, _, text| {
            text.replace("use1-az3", "use1-swap").replace("use1-az1<", "use1-az3<").replace("use1-swap", "use1-az1")
        }),
    ),
    row(
        "endpoint-not-in-use1-az3",
        "refuses an interface endpoint in a subnet of use1-az3",
        "awslabs/aws-orbit-workbench#320",
        Shown::Refused(
            &["ec2:CreateVpcEndpoint"],
            |asked, memory| memory.lacking.iter().any(|subnet| asked.text().contains(subnet.as_str())),
            (400, "InvalidParameter", "The VPC endpoint service does not support the availability zone of the subnet"),
        ),
    ),
    row(
        "nat-not-in-use1-az3",
        "refuses a NAT gateway in a subnet of use1-az3",
        EC2_ERRORS,
        Shown::Refused(
            &["ec2:CreateNatGateway"],
            |asked, memory| memory.lacking.iter().any(|subnet| asked.text().contains(subnet.as_str())),
            (400, "NotAvailableInZone", "Nat Gateway is not available in this availability zone"),
        ),
    ),
    row(
        "aws-tags-ec2",
        "shows tags of its own, whose keys begin with aws:",
        "recorded: DescribeSecurityGroups, DescribeRouteTables",
        Shown::Text(
            &["ec2:DescribeVpcs", "ec2:DescribeSecurityGroups", "ec2:DescribeRouteTables", "ec2:DescribeSubnets"],
            |_, _, text| {
                let tag = "<tagSet><item><key>aws:cloudformation:stack-name</key><value>other</value></item>";
                text.replace("<tagSet>", tag)
            },
        ),
    ),
    row(
        "aws-tags-refused-ec2",
        "refuses to write or remove tags whose keys begin with aws:",
        EC2_ERRORS,
        Shown::Refused(
            &["ec2:CreateTags", "ec2:DeleteTags"],
            |asked, _| asked.text().contains("Key=aws:"),
            (400, "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"),
        ),
    ),
    row(
        "endpoint-policy-reordered",
        "gives an endpoint's policy back with lists in another order and single elements unwrapped",
        "hashicorp/terraform#3519; terraform-provider-aws#7645, #22137",
        Shown::Text(&["ec2:DescribeVpcEndpoints"], |_, _, text| {
            map_elements(&text, "policyDocument", |element| {
                let policy = inside(element, "policyDocument").map(unescaped).and_then(|policy| canonical(&policy));
                policy.map_or_else(
                    || element.to_owned(),
                    |policy| format!("<policyDocument>{}</policyDocument>", escaped(&policy)),
                )
            })
        }),
    ),
    row(
        "nat-pending",
        "takes one to three minutes to make a NAT gateway, and shows it as pending",
        "model, NatGatewayState",
        Shown::Pending(
            &["ec2:DescribeNatGateways"],
            Item {
                element: "item",
                id: "natGatewayId",
                ready: "<state>available</state>",
                first: "<state>pending</state>",
            },
        ),
    ),
    row(
        "endpoint-pending",
        "shows a fresh endpoint as pending",
        "model, State of VpcEndpoint",
        Shown::Pending(
            &["ec2:DescribeVpcEndpoints"],
            Item {
                element: "item",
                id: "vpcEndpointId",
                ready: "<state>available</state>",
                first: "<state>pending</state>",
            },
        ),
    ),
    row(
        "vpc-pending",
        "shows a fresh VPC as pending",
        "model, VpcState",
        Shown::Pending(
            &["ec2:DescribeVpcs"],
            Item { element: "item", id: "vpcId", ready: "<state>available</state>", first: "<state>pending</state>" },
        ),
    ),
    row(
        "subnet-pending",
        "shows a fresh subnet as pending",
        "model, SubnetState",
        Shown::Pending(
            &["ec2:DescribeSubnets"],
            Item {
                element: "item",
                id: "subnetId",
                ready: "<state>available</state>",
                first: "<state>pending</state>",
            },
        ),
    ),
    row(
        "vpc-in-use",
        "refuses to delete a VPC that something was in a moment ago",
        EC2_ERRORS,
        Shown::First(
            &["ec2:DeleteVpc"],
            1,
            (400, "DependencyViolation", "The vpc has dependencies and cannot be deleted"),
        ),
    ),
    row(
        "subnet-in-use",
        "refuses to delete a subnet while network interfaces are in it",
        EC2_ERRORS,
        Shown::First(&["ec2:DeleteSubnet"], 2, (400, "DependencyViolation", "The subnet has dependencies")),
    ),
    row(
        "security-group-in-use",
        "refuses to delete a security group that an interface or a rule names",
        EC2_ERRORS,
        Shown::First(&["ec2:DeleteSecurityGroup"], 2, (400, "DependencyViolation", "resource has a dependent object")),
    ),
    row(
        "gateway-in-use",
        "refuses to detach an internet gateway while addresses are mapped",
        EC2_ERRORS,
        Shown::First(
            &["ec2:DetachInternetGateway"],
            1,
            (400, "DependencyViolation", "Network has some mapped public address(es)"),
        ),
    ),
    row(
        "route-table-in-use",
        "refuses to delete a route table that is still associated",
        EC2_ERRORS,
        Shown::First(&["ec2:DeleteRouteTable"], 1, (400, "DependencyViolation", "The routeTable has dependencies")),
    ),
    row(
        "address-in-use",
        "refuses to release an address that a NAT gateway had a moment ago",
        "AWS: EC2 error codes, AuthFailure",
        Shown::First(
            &["ec2:ReleaseAddress"],
            1,
            (400, "AuthFailure", "You do not have permission to access the specified resource."),
        ),
    ),
    row(
        "vpc-not-visible-to-subnets",
        "does not know a fresh VPC everywhere",
        TF_WAIT,
        Shown::First(&["ec2:CreateSubnet"], 1, (400, "InvalidVpcID.NotFound", "The vpc ID does not exist")),
    ),
    row(
        "subnet-not-visible-to-nat",
        "does not know a fresh subnet everywhere",
        TF_WAIT,
        Shown::First(&["ec2:CreateNatGateway"], 1, (400, "InvalidSubnetID.NotFound", "The subnet ID does not exist")),
    ),
    row(
        "gateway-not-visible-to-routes",
        "does not know a fresh gateway everywhere",
        TF_WAIT,
        Shown::First(&["ec2:CreateRoute"], 1, (400, "InvalidGatewayID.NotFound", "The gateway ID does not exist")),
    ),
    row(
        "flow-log-target-not-visible",
        "refuses a flow log whose target is not visible yet, with status 200 and an item of code 400",
        "recorded: CreateFlowLogs",
        Shown::Instead(
            &["ec2:CreateFlowLogs"],
            1,
            "<CreateFlowLogsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><flowLogIdSet/><unsuccessful><item>\
             <error><code>400</code><message>LogDestination: the log group does not exist</message></error>\
             <resourceId>vpc</resourceId></item></unsuccessful></CreateFlowLogsResponse>",
        ),
    ),
];
