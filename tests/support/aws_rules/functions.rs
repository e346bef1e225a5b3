//! Lambda.

use serde_json::{Value, json};

use super::text::decoded;
use super::{Asked, Row, Shown, row};

pub const ROWS: &[Row] = &[
    row(
        "lambda-role-not-assumable",
        "refuses a function whose role it cannot assume yet",
        "cdkd, retryable-errors.ts",
        Shown::First(
            &["lambda:CreateFunction"],
            1,
            (400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
        ),
    ),
    row(
        "lambda-trust-by-function",
        "does not send aws:SourceArn when it makes the first interfaces in a VPC, so that a role which demands it is refused",
        "aws/aws-parallelcluster#6926",
        Shown::Refused(
            &["lambda:CreateFunction"],
            |asked, memory| {
                let role = asked.json()["Role"].as_str().unwrap_or_default().to_owned();
                role.rsplit('/').next().is_some_and(|name| memory.narrow_roles.contains(name))
            },
            (
                400,
                "InvalidParameterValueException",
                "The function's execution role doesn't have permission to perform this operation.",
            ),
        ),
    ),
    row(
        "lambda-not-in-use1-az3",
        "refuses a function in a subnet of use1-az3",
        "keboola/aws-lambda#81",
        Shown::Refused(
            &["lambda:CreateFunction"],
            |asked, memory| memory.lacking.iter().any(|subnet| asked.text().contains(subnet.as_str())),
            (400, "InvalidParameterValueException", "subnets contain availability zone Lambda doesn't support"),
        ),
    ),
    row(
        "lambda-pending",
        "takes minutes to make the first function in a VPC",
        "AWS: Lambda function states",
        Shown::Json(&["lambda:GetFunction"], |asked, memory, answer| {
            if answer["Configuration"]["State"] == "Active" && memory.count("lambda-pending", &asked.path) <= 1 {
                answer["Configuration"]["State"] = "Pending".into();
                answer["Configuration"]["StateReasonCode"] = "Creating".into();
            }
        }),
    ),
    row(
        "lambda-update-in-progress",
        "refuses a second update while one is under way",
        "recorded: UpdateFunctionConfiguration",
        Shown::First(
            &["lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode", "lambda:PublishVersion"],
            1,
            (
                409,
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource",
            ),
        ),
    ),
    row(
        "lambda-versions-without-state",
        "lists versions without their state",
        "recorded: ListVersionsByFunction",
        Shown::Json(&["lambda:ListVersionsByFunction"], |_, _, answer| {
            for version in answer["Versions"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                for member in ["State", "StateReason", "StateReasonCode", "LastUpdateStatus"] {
                    version.remove(member);
                }
            }
        }),
    ),
    row(
        "lambda-policy-keys",
        "gives the condition keys of a permission back as AWS:SourceArn and AWS:SourceAccount",
        "recorded: GetPolicy",
        Shown::Json(&["lambda:GetPolicy"], |_, _, answer| {
            let policy = answer["Policy"].as_str().unwrap_or_default();
            let policy =
                policy.replace("aws:SourceArn", "AWS:SourceArn").replace("aws:SourceAccount", "AWS:SourceAccount");
            answer["Policy"] = policy.into();
        }),
    ),
    row(
        "lambda-one-permission-at-a-time",
        "refuses two permissions of one function at a time",
        "anomalyco/sst#6923; terraform-provider-aws#5154",
        Shown::Alone(
            &["lambda:AddPermission", "lambda:RemovePermission"],
            function_of,
            (
                409,
                "ResourceConflictException",
                "The function could not be updated due to a concurrent update operation.",
            ),
        ),
    ),
    row(
        "lambda-permission-of-an-event",
        "takes a permission for EventBridge with a source account, and then lets no event in",
        "AWS: EventBridge troubleshooting; terraform-provider-aws#4116",
        Shown::Taken(&["lambda:AddPermission"], |asked| {
            let request = asked.json();
            let broken = request["Principal"] == "events.amazonaws.com" && !request["SourceAccount"].is_null();
            broken.then_some("EventBridge can never invoke the function")
        }),
    ),
    row(
        "lambda-permission-of-a-topic",
        "is not documented to send a source account for a topic",
        "AWS: SNS, invoking a function; boto/boto3#1952",
        Shown::Taken(&["lambda:AddPermission"], |asked| {
            let request = asked.json();
            let doubtful = request["Principal"] == "sns.amazonaws.com" && !request["SourceAccount"].is_null();
            doubtful.then_some("SNS may never invoke the function")
        }),
    ),
    row(
        "lambda-alias-version-not-visible",
        "does not know a fresh version everywhere",
        "terraform-provider-aws, lambda/alias.go",
        Shown::First(&["lambda:CreateAlias"], 1, (404, "ResourceNotFoundException", "Function not found")),
    ),
    row(
        "aws-tags-lambda",
        "shows tags of its own, whose keys begin with aws:",
        "AWS: tag restrictions",
        Shown::Json(&["lambda:GetFunction"], |_, _, answer| {
            if answer["Tags"].is_object() {
                answer["Tags"]["aws:cloudformation:stack-name"] = json!("other");
            }
        }),
    ),
];

/// The name in a path such as `/2015-03-31/functions/<name>/policy`.
fn function_of(asked: &Asked) -> String {
    let name = asked.path.split("/functions/").nth(1).unwrap_or_default();
    decoded(name.split(['/', '?']).next().unwrap_or_default()).into_owned()
}

/// Whether a role's trust lets Lambda in only for a function that it names.
pub fn demands_the_function(document: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(document) else { return false };
    let statements = document["Statement"].as_array().cloned().unwrap_or_default();
    statements.iter().any(|statement| {
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        let strict = |(operator, keys): (&String, &Value)| {
            !operator.ends_with("IfExists") && keys.as_object().is_some_and(|keys| keys.contains_key("aws:SourceArn"))
        };
        statement["Principal"].to_string().contains("lambda.amazonaws.com") && conditions.into_iter().any(strict)
    })
}
