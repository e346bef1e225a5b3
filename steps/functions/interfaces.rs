//! The network interfaces that Lambda makes for functions, and removes minutes after they have left the network.

use aws_sdk_ec2::types::{Filter, NetworkInterfaceStatus, NetworkInterfaceType};
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::State;
use payinfra_aws::error;
use payinfra_engine::{Class, Error, Resource, Select};

use crate::Cloud;
use crate::network::SecurityGroup;

/// Fails while interfaces of `functions`, all of the stack, are still there although none of them is in the network.
///
/// Lambda removes them with the functions' own roles: a function that is deleted before, and its role with it, strands
/// them, and they hold subnets and security groups for ever (AWS "Understanding Hyperplane ENIs"). Functions with the
/// same subnets and groups share them, so they stay, rightly, as long as one function of the stack is in the network.
///
/// # Errors
/// [`Class::InUse`] while there are some, and whatever the calls answer.
pub(super) async fn released(cloud: &Cloud, functions: &[GetFunctionOutput]) -> Result<(), Error> {
    // One that could not be made holds no interfaces.
    let working = functions.iter().filter_map(|found| found.configuration());
    let working = working.filter(|function| function.state() != Some(&State::Failed));
    let networks = working.filter_map(|function| function.vpc_config());
    if networks.into_iter().any(|network| !network.subnet_ids().is_empty()) {
        return Ok(());
    }
    let groups: Vec<String> =
        SecurityGroup::list(cloud, Select::Owned).await?.into_iter().map(|live| live.id).collect();
    if groups.is_empty() {
        return Ok(());
    }
    let in_groups = Filter::builder().name("group-id").set_values(Some(groups)).build();
    let request = cloud.ec2.describe_network_interfaces().filters(in_groups);
    let found: Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
    let mut left = found.map_err(error("DescribeNetworkInterfaces"))?;
    left.retain(|interface| interface.interface_type() == Some(&NetworkInterfaceType::Lambda));
    for interface in &left {
        // One that nothing holds any more may be taken away at once; Lambda may be quicker, or still at it.
        if interface.status() == Some(&NetworkInterfaceStatus::Available) {
            let request =
                cloud.ec2.delete_network_interface().set_network_interface_id(interface.network_interface_id.clone());
            match request.send().await.map_err(error("DeleteNetworkInterface")) {
                Err(error) if !matches!(error.class, Class::Absent | Class::InUse) => return Err(error),
                _ => {}
            }
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = left.iter().filter_map(|interface| interface.network_interface_id()).collect();
    let text = format!("Lambda has not released its network interfaces yet: {}", ids.join(", "));
    Err(Error::new(Class::InUse, "DeleteFunction", text))
}

#[cfg(test)]
mod tests {
    use super::super::function::owned;
    use super::*;

    async fn released(cloud: &Cloud) -> Result<(), Error> {
        super::released(cloud, &owned(cloud).await?).await
    }

    const LISTED: &str = r#"{"Functions": [{"FunctionName": "lambda-notifications-prod"}]}"#;
    const GROUPS: &str = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId></item>
        </securityGroupInfo></DescribeSecurityGroupsResponse>";

    fn function(subnets: &str) -> String {
        format!(
            r#"{{"Configuration": {{"FunctionName": "lambda-notifications-prod", "VpcConfig": {{"SubnetIds": [{subnets}]}}}},
            "Tags": {{"payinfra:stack": "prod", "payinfra:address": "function.notifications"}}}}"#
        )
    }

    fn interfaces(items: &str) -> String {
        format!(
            "<DescribeNetworkInterfacesResponse><networkInterfaceSet>{items}</networkInterfaceSet></DescribeNetworkInterfacesResponse>"
        )
    }

    fn interface(id: &str, kind: &str, status: &str) -> String {
        format!(
            "<item><networkInterfaceId>{id}</networkInterfaceId><interfaceType>{kind}</interfaceType><status>{status}</status></item>"
        )
    }

    #[tokio::test]
    async fn are_waited_for_and_taken_away_where_nothing_holds_them() {
        let there = interface("eni-1", "lambda", "in-use") + &interface("eni-2", "lambda", "available");
        let there = interfaces(&(there + &interface("eni-3", "interface", "in-use")));
        let (function, none) = (function(""), interfaces(&interface("eni-3", "interface", "in-use")));
        let answers = [
            (200, LISTED),
            (200, &function),
            (200, GROUPS),
            (200, &there),
            (200, "<DeleteNetworkInterfaceResponse/>"),
            (200, LISTED),
            (200, &function),
            (200, GROUPS),
            (200, &none),
        ];
        let (cloud, replay) = Cloud::replaying(answers);
        let refused = released(&cloud).await.expect_err("two are there");
        assert_eq!(refused.class, Class::InUse);
        assert!(refused.message.ends_with("yet: eni-1, eni-2"), "{}", refused.message);
        assert!(replay.sent()[3].has("Filter.1.Name=group-id&Filter.1.Value.1=sg-1"));
        assert!(replay.sent()[4].has("NetworkInterfaceId=eni-2"));
        assert_eq!(released(&cloud).await, Ok(()));
    }

    #[tokio::test]
    async fn are_not_waited_for_while_another_function_of_the_stack_uses_them() {
        let (cloud, replay) = Cloud::replaying([(200, LISTED), (200, &function(r#""subnet-a""#))]);
        assert_eq!(released(&cloud).await, Ok(()));
        assert_eq!(replay.sent().len(), 2);
    }
}
