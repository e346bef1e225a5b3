//! IAM and KMS.

use serde_json::json;

use super::text::canonical;
use super::{Row, Shown, row};

const KMS_CONSISTENCY: &str = "terraform-provider-aws#1039, #1854; AWS: KMS eventual consistency";

pub const ROWS: &[Row] = &[
    row(
        "kms-policy-reordered",
        "gives a key's policy back with lists in another order and single elements unwrapped",
        "terraform-provider-aws#39788, #11801; aws/aws-cli#9456",
        Shown::Json(&["kms:GetKeyPolicy"], |_, _, answer| {
            if let Some(policy) = answer["Policy"].as_str().and_then(canonical) {
                answer["Policy"] = policy.into();
            }
        }),
    ),
    row(
        "aws-tags-kms",
        "shows tags of its own, whose keys begin with aws:",
        "recorded: KMS TagException",
        Shown::Json(&["kms:ListResourceTags"], |_, _, answer| {
            if let Some(tags) = answer["Tags"].as_array_mut().filter(|tags| !tags.is_empty()) {
                tags.push(json!({ "TagKey": "aws:servicecatalog:applicationName", "TagValue": "other" }));
            }
        }),
    ),
    row(
        "aws-tags-refused-kms",
        "refuses to write or remove tags whose keys begin with aws:",
        "recorded: KMS TagException",
        Shown::Refused(
            &["kms:TagResource", "kms:UntagResource"],
            |asked, _| asked.text().contains("\"aws:"),
            (400, "TagException", "Tags beginning with aws: are reserved"),
        ),
    ),
    row(
        "kms-key-not-known-to-rotation",
        "does not know a fresh key everywhere",
        KMS_CONSISTENCY,
        Shown::First(&["kms:EnableKeyRotation"], 1, (400, "NotFoundException", "Key does not exist")),
    ),
    row(
        "kms-key-not-known-to-aliases",
        "does not know a fresh key everywhere",
        KMS_CONSISTENCY,
        Shown::First(&["kms:CreateAlias"], 1, (400, "NotFoundException", "Key does not exist")),
    ),
    row(
        "kms-principal-not-known",
        "refuses a policy that names a role which it does not know yet",
        "cdkd, retryable-errors.ts",
        Shown::First(
            &["kms:PutKeyPolicy", "kms:CreateKey"],
            1,
            (
                400,
                "MalformedPolicyDocumentException",
                "Policy contains a statement with one or more invalid principals.",
            ),
        ),
    ),
    row(
        "role-not-known-to-policies",
        "does not know a fresh role everywhere",
        "terraform-provider-aws, iam/role.go",
        Shown::First(&["iam:PutRolePolicy"], 1, (404, "NoSuchEntity", "The role with name cannot be found.")),
    ),
    row(
        "role-delete-conflict",
        "refuses to delete a role whose policies were there a moment ago",
        "model, DeleteRole",
        Shown::First(
            &["iam:DeleteRole"],
            1,
            (409, "DeleteConflict", "Cannot delete entity, must delete policies first."),
        ),
    ),
    row(
        "roles-listed-without-tags",
        "lists roles without their tags",
        "model, ListRoles",
        Shown::Text(&["iam:ListRoles"], |_, _, text| super::text::map_elements(&text, "Tags", |_| String::new())),
    ),
    row(
        "aws-tags-iam",
        "shows tags of its own, whose keys begin with aws:",
        "AWS: tagging IAM resources",
        Shown::Text(&["iam:GetRole"], |_, _, text| {
            let tag = "<Tags><member><Key>aws:servicecatalog:applicationName</Key><Value>other</Value></member>";
            text.replace("<Tags>", tag)
        }),
    ),
];
