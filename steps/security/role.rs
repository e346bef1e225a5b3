//! What a service may do in the stack's name.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use futures::future::try_join_all;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Cloud, Context};

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// `/payinfra/<suffix>/`: IAM cannot filter by tags, but by path.
    pub path: String,
    /// What it is for.
    pub description: String,
    /// Who may assume it.
    #[serde(with = "crate::policy")]
    pub trust: Value,
    /// What it may do: inline policies by name. A managed policy that was attached by hand is listed under its ARN,
    /// with `null` for its document, so that it shows as drift.
    #[serde(with = "crate::policy::by_name")]
    pub policies: BTreeMap<String, Value>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id, `AROA…`.
    pub id: String,
}

impl Resource for Role {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "role";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "path"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 2, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let names = match select {
            Select::Ids(ids) => ids.to_vec(),
            Select::Owned => {
                let request = cloud.iam.list_roles().path_prefix(cloud.names.role_path());
                let roles: Vec<_> = request
                    .into_paginator()
                    .items()
                    .send()
                    .collect::<Result<_, _>>()
                    .await
                    .map_err(error("ListRoles"))?;
                roles.iter().map(|role| role.role_name().to_owned()).collect()
            }
        };
        // A role may go between the list and the look.
        let reads = names.iter().map(|name| async { unless(Class::Absent, read(cloud, name).await) });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.iam.create_role().role_name(&self.name).path(&self.path).description(&self.description);
        let created = request
            .assume_role_policy_document(self.trust.to_string())
            .set_tags(Some(to_iam(&self.tags)))
            .send()
            .await
            .map_err(error("CreateRole"))?;
        Ok(Created { id: self.name.clone(), outputs: created.role().map(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let iam = &cx.iam;
        if changed.contains(&"trust") {
            let request = iam.update_assume_role_policy().role_name(&live.id).policy_document(self.trust.to_string());
            request.send().await.map_err(error("UpdateAssumeRolePolicy"))?;
        }
        if changed.contains(&"description") {
            let request = iam.update_role().role_name(&live.id).description(&self.description);
            request.send().await.map_err(error("UpdateRole"))?;
        }
        if changed.contains(&"policies") {
            let writes = self.policies.iter().filter(|(name, policy)| live.spec.policies.get(*name) != Some(policy));
            try_join_all(writes.map(|(name, policy)| async move {
                let request = iam.put_role_policy().role_name(&live.id).policy_name(name);
                request.policy_document(policy.to_string()).send().await.map_err(error("PutRolePolicy"))
            }))
            .await?;
            let surplus = live.spec.policies.keys().filter(|name| !self.policies.contains_key(*name));
            try_join_all(surplus.map(|name| remove_policy(cx, &live.id, name))).await?;
        }
        if changed.contains(&"tags") {
            let change = TagChange::between(&live.spec.tags, &self.tags);
            if !change.remove.is_empty() {
                let request = iam.untag_role().role_name(&live.id).set_tag_keys(Some(change.remove));
                request.send().await.map_err(error("UntagRole"))?;
            }
            if !change.set.is_empty() {
                let request = iam.tag_role().role_name(&live.id).set_tags(Some(to_iam(&change.set)));
                request.send().await.map_err(error("TagRole"))?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        // IAM deletes only a role without policies.
        if !live.spec.policies.is_empty() {
            try_join_all(live.spec.policies.keys().map(|name| remove_policy(cx, &live.id, name))).await?;
            return Ok(Progress::More);
        }
        cx.iam.delete_role().role_name(&live.id).send().await.map_err(error("DeleteRole"))?;
        Ok(Progress::Going)
    }
}

/// Removes an inline policy by its name, or detaches a managed one by its ARN; an absent one is no error.
async fn remove_policy(cloud: &Cloud, role: &str, policy: &str) -> Result<(), Error> {
    if policy.starts_with("arn:") {
        let request = cloud.iam.detach_role_policy().role_name(role).policy_arn(policy);
        unless(Class::Absent, request.send().await.map_err(error("DetachRolePolicy")))?;
    } else {
        let request = cloud.iam.delete_role_policy().role_name(role).policy_name(policy);
        unless(Class::Absent, request.send().await.map_err(error("DeleteRolePolicy")))?;
    }
    Ok(())
}

async fn read(cloud: &Cloud, name: &str) -> Result<Live<Role>, Error> {
    let role = async { cloud.iam.get_role().role_name(name).send().await.map_err(error("GetRole")) };
    let (found, inline, managed) = tokio::try_join!(role, inline_policies(cloud, name), managed_policies(cloud, name))?;
    let role = found.role().ok_or_else(|| Error::new(Class::Absent, "GetRole", "the answer holds no role"))?;
    let tags = own_tags(role.tags().iter().map(|tag| (tag.key(), tag.value())));
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: role.role_name().to_owned(),
        spec: Role {
            name: role.role_name().to_owned(),
            path: role.path().to_owned(),
            description: role.description().unwrap_or_default().to_owned(),
            trust: document(role.assume_role_policy_document().unwrap_or_default()),
            policies: inline.into_iter().chain(managed).collect(),
            tags,
        },
        outputs: outputs(role),
        status: Status::Ready,
    })
}

async fn inline_policies(cloud: &Cloud, role: &str) -> Result<Vec<(String, Value)>, Error> {
    let request = cloud.iam.list_role_policies().role_name(role);
    let names: Vec<String> =
        request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(error("ListRolePolicies"))?;
    let reads = names.into_iter().map(|name| async move {
        let request = cloud.iam.get_role_policy().role_name(role).policy_name(&name);
        let found = unless(Class::Absent, request.send().await.map_err(error("GetRolePolicy")))?;
        Ok::<_, Error>(found.map(|found| (name, document(found.policy_document()))))
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

async fn managed_policies(cloud: &Cloud, role: &str) -> Result<Vec<(String, Value)>, Error> {
    let request = cloud.iam.list_attached_role_policies().role_name(role);
    let attached: Vec<_> = request
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await
        .map_err(error("ListAttachedRolePolicies"))?;
    Ok(attached.iter().filter_map(|policy| Some((policy.policy_arn()?.to_owned(), Value::Null))).collect())
}

/// Reads a policy document as IAM gives it: JSON, percent-encoded (RFC 3986).
fn document(encoded: &str) -> Value {
    let mut parts = encoded.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(byte);
        bytes.extend(part.get(2..).filter(|_| byte.is_some()).unwrap_or(part).as_bytes());
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(encoded.to_owned()))
}

fn outputs(role: &aws_sdk_iam::types::Role) -> Outputs {
    let (name, arn, id) = (role.role_name(), role.arn(), role.role_id());
    Outputs { name: name.to_owned(), arn: arn.to_owned(), id: id.to_owned() }
}

fn to_iam(tags: &Tags) -> Vec<Tag> {
    // A tag without a key or value cannot come out of a map of texts.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;
    use serde_json::json;

    use super::*;

    const ROLE: &str = "<Role><Path>/payinfra/prod/</Path><RoleName>role-flow-logs-prod</RoleName><RoleId>AROA1</RoleId>
        <Arn>arn:aws:iam::123456789012:role/payinfra/prod/role-flow-logs-prod</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>
        <AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%7D</AssumeRolePolicyDocument><Description>d</Description>
        <Tags><member><Key>payinfra:stack</Key><Value>prod</Value></member>
        <member><Key>payinfra:address</Key><Value>role.flow_logs</Value></member></Tags></Role>";

    fn role() -> Role {
        Role {
            name: "role-flow-logs-prod".to_owned(),
            path: "/payinfra/prod/".to_owned(),
            description: "d".to_owned(),
            trust: json!({ "Version": "2012-10-17" }),
            policies: BTreeMap::new(),
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        }
    }

    #[test]
    fn a_document_is_json_percent_encoded_and_plus_is_a_plus() {
        assert_eq!(document("%7B%22a%22%3A%20%22b+c%22%7D"), json!({ "a": "b+c" }));
    }

    #[tokio::test]
    async fn is_found_by_its_tags_in_the_shape_of_its_spec() {
        let list = format!(
            "<ListRolesResponse><ListRolesResult><Roles>{}</Roles></ListRolesResult></ListRolesResponse>",
            ROLE.replace("<Role>", "<member>").replace("</Role>", "</member>")
        );
        let get = format!("<GetRoleResponse><GetRoleResult>{ROLE}</GetRoleResult></GetRoleResponse>");
        let inline = "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames/></ListRolePoliciesResult></ListRolePoliciesResponse>";
        let managed = "<ListAttachedRolePoliciesResponse><ListAttachedRolePoliciesResult><AttachedPolicies><member>
            <PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member></AttachedPolicies>
            </ListAttachedRolePoliciesResult></ListAttachedRolePoliciesResponse>";
        let (cloud, replay) = Cloud::replaying([(200, &list), (200, &get), (200, inline), (200, managed)]);
        let live = Role::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("role", "flow_logs")));
        assert_eq!(live[0].spec.trust, role().trust);
        assert_eq!(live[0].spec.policies["arn:aws:iam::aws:policy/AdministratorAccess"], Value::Null);
        assert!(replay.sent()[0].has("PathPrefix=%2Fpayinfra%2Fprod%2F"));
    }

    #[tokio::test]
    async fn loses_its_policies_before_it_is_deleted() {
        let gone = "<DeleteRolePolicyResponse/>";
        let (cloud, replay) = Cloud::replaying([(200, gone)]);
        let mut live = Live {
            address: None,
            id: "role-flow-logs-prod".to_owned(),
            outputs: Outputs { name: String::new(), arn: String::new(), id: String::new() },
            spec: role(),
            status: Status::Ready,
        };
        live.spec.policies.insert("write".to_owned(), json!({}));
        let address = Address::new("role", "flow_logs");
        let progress = Role::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live).await;
        assert_eq!(progress, Ok(Progress::More));
        assert!(replay.sent()[0].has("Action=DeleteRolePolicy"));
    }
}
