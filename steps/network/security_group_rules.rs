//! Which connections are allowed.
//!
//! A separate kind and not an attribute of the group, because rules refer to groups: first all groups are created, then
//! their rules, and a teardown takes the rules first, so that two groups that name each other can both go.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::SecurityGroup as Found;
use payinfra_aws::{Owned, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};

use super::rules::{Direction, Rule, authorize, from_ec2, revoke};
use super::security_group::{SecurityGroup, groups};
use super::tags;
use crate::{Cloud, Context};

/// All rules of one security group, in both directions: a rule that was added by hand is drift.
///
/// Their owner is the group's, and so is their name, which must therefore be the same in the graph. A group without any
/// rule has none of this kind; a fresh one has EC2's own rule, everything outward, which is taken away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRules {
    /// The group.
    pub group_id: String,
    /// What may come in.
    pub ingress: BTreeSet<Rule>,
    /// What may go out.
    pub egress: BTreeSet<Rule>,
}

/// What others use of a group's rules: nothing but that they are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The group.
    pub group_id: String,
}

impl Resource for SecurityGroupRules {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "security_group_rules";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["group_id"];
    // The same rule again is `InvalidPermission.Duplicate`.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        Ok(groups(cloud, select).await?.iter().filter_map(|group| live(cloud, group)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // One call makes them be; the other direction is the difference that an update writes.
        let (direction, rules) = match self.egress.is_empty() {
            true => (Direction::Ingress, &self.ingress),
            false => (Direction::Egress, &self.egress),
        };
        authorize(cx, &self.group_id, direction, &rules.iter().collect::<Vec<_>>()).await?;
        let outputs = Outputs { group_id: self.group_id.clone() };
        Ok(Created { id: self.group_id.clone(), outputs: Some(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        for (name, direction, have, want) in [
            ("ingress", Direction::Ingress, &live.spec.ingress, &self.ingress),
            ("egress", Direction::Egress, &live.spec.egress, &self.egress),
        ] {
            if changed.contains(&name) {
                // First away: a rule with another description is the same rule to EC2.
                revoke(cx, &live.id, direction, &have.difference(want).collect::<Vec<_>>()).await?;
                let given = authorize(cx, &live.id, direction, &want.difference(have).collect::<Vec<_>>()).await;
                // An unanswered earlier call may have granted them already; the next look shows it.
                unless(Class::Exists, given)?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let (ingress, egress): (Vec<_>, Vec<_>) =
            (live.spec.ingress.iter().collect(), live.spec.egress.iter().collect());
        tokio::try_join!(
            revoke(cx, &live.id, Direction::Ingress, &ingress),
            revoke(cx, &live.id, Direction::Egress, &egress),
        )?;
        Ok(Progress::Going)
    }
}

fn live(cloud: &Cloud, group: &Found) -> Option<Live<SecurityGroupRules>> {
    let (ingress, egress) = (from_ec2(group.ip_permissions()), from_ec2(group.ip_permissions_egress()));
    if ingress.is_empty() && egress.is_empty() {
        return None;
    }
    let owner = tags::from_ec2(group.tags()).address_in(cloud.stack());
    let owner = owner.filter(|owner| owner.kind() == SecurityGroup::KIND);
    let id = group.group_id()?.to_owned();
    Some(Live {
        address: owner.map(|owner| Address::new(SecurityGroupRules::KIND, owner.name())),
        spec: SecurityGroupRules { group_id: id.clone(), ingress, egress },
        outputs: Outputs { group_id: id.clone() },
        status: Status::Ready,
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(egress: &str) -> String {
        format!(
            "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId><ipPermissions/>
            <ipPermissionsEgress>{egress}</ipPermissionsEgress>
            <tagSet><item><key>payinfra:stack</key><value>prod</value></item>
            <item><key>payinfra:address</key><value>security_group.functions</value></item></tagSet>
            </item></securityGroupInfo></DescribeSecurityGroupsResponse>"
        )
    }

    const DEFAULT: &str =
        "<item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item>";
    const TWO: &str = "<item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>
        <groups><item><groupId>sg-2</groupId></item></groups>
        <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp><description>out</description></item></ipRanges></item>";

    fn rules() -> SecurityGroupRules {
        let egress = BTreeSet::from([Rule::tcp(443, "0.0.0.0/0", "out"), Rule::tcp(443, "sg-2", "")]);
        SecurityGroupRules { group_id: "sg-1".to_owned(), ingress: BTreeSet::new(), egress }
    }

    #[tokio::test]
    async fn are_found_by_the_tags_of_their_group_one_by_one() {
        let (cloud, _) = Cloud::replaying([(200, &found(TWO)), (200, &found(""))]);
        let live = SecurityGroupRules::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!(live[0].address, Some(Address::new("security_group_rules", "functions")));
        assert_eq!(live[0].spec, rules());
        let none = SecurityGroupRules::list(&cloud, Select::Ids(&["sg-1".to_owned()])).await;
        assert_eq!(none, Ok(Vec::new()), "a group without rules");
    }

    #[tokio::test]
    async fn replace_the_default_rule_of_a_new_group() {
        let done = "<RevokeSecurityGroupEgressResponse/>";
        let duplicate = "<Response><Errors><Error><Code>InvalidPermission.Duplicate</Code></Error></Errors></Response>";
        let (cloud, replay) = Cloud::replaying([(200, &found(DEFAULT)), (200, done), (400, duplicate)]);
        let live = SecurityGroupRules::list(&cloud, Select::Owned).await.expect("the answer is good");
        let address = Address::new("security_group_rules", "functions");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        rules().update(&cx, &live[0], &["egress"]).await.expect("what is given already is no error");
        assert!(replay.sent()[1].has("IpPermissions.1.IpProtocol=-1"));
        assert!(replay.sent()[2].has("IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"));
        assert!(replay.sent()[2].has("IpPermissions.2.Groups.1.GroupId=sg-2"));
    }
}
