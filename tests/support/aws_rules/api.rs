//! API Gateway, WAF, Parameter Store.

use serde_json::{Value, json};

use super::{Row, Shown, row, row_of_aws};

const GATEWAY_MODEL: &str = "terraform-provider-aws, apigateway";

pub const ROWS: &[Row] = &[
    // moto fails on a patch without a value, so payinfra sends it an empty one.
    row_of_aws(
        "api-account-role-emptied",
        "refuses an empty role of the account; only a patch without a value takes it away",
        "hashicorp/terraform#6321; terraform-provider-aws#42226",
        Shown::Refused(
            &["apigateway:UpdateAccount"],
            |asked, _| {
                let patches = asked.json()["patchOperations"].as_array().cloned().unwrap_or_default();
                patches.iter().any(|patch| patch["path"] == "/cloudwatchRoleArn" && patch["value"] == "")
            },
            (400, "BadRequestException", "The role ARN is not well formed"),
        ),
    ),
    row(
        "api-account-role-not-assumable",
        "refuses a role that it cannot assume yet",
        GATEWAY_MODEL,
        Shown::First(
            &["apigateway:UpdateAccount"],
            1,
            (400, "BadRequestException", "The role ARN does not have required permissions configured."),
        ),
    ),
    row(
        "api-stage-before-the-role",
        "does not see the account's role at once",
        "aws-samples/serverless-patterns#620; aws/aws-cdk#10722",
        Shown::First(
            &["apigateway:UpdateStage"],
            1,
            (400, "BadRequestException", "CloudWatch Logs role ARN must be set in account settings to enable logging"),
        ),
    ),
    row(
        "api-deployment-not-visible",
        "does not see a fresh deployment everywhere",
        "recorded: CreateStage",
        Shown::First(&["apigateway:CreateStage"], 1, (400, "BadRequestException", "Deployment id does not exist")),
    ),
    row(
        "api-not-visible-to-validators",
        "does not see a fresh API everywhere",
        "recorded: CreateRequestValidator",
        Shown::First(
            &["apigateway:CreateRequestValidator"],
            1,
            (400, "BadRequestException", "Invalid REST API identifier specified"),
        ),
    ),
    row(
        "api-not-visible-to-resources",
        "does not see a fresh API everywhere",
        GATEWAY_MODEL,
        Shown::First(&["apigateway:CreateResource"], 1, (404, "NotFoundException", "Invalid API identifier specified")),
    ),
    row(
        "api-concurrent-change",
        "refuses a change while another is under way",
        "recorded: CreateAuthorizer",
        Shown::First(
            &["apigateway:CreateModel", "apigateway:PutMethod"],
            1,
            (
                409,
                "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later.",
            ),
        ),
    ),
    row(
        "api-updating",
        "shows a fresh API as UPDATING",
        "model, ApiStatus",
        Shown::Json(&["apigateway:GetRestApis"], |_, memory, answer| {
            for api in answer["item"].as_array_mut().into_iter().flatten() {
                let id = api["id"].as_str().unwrap_or_default().to_owned();
                let state = if memory.count("api-updating", &id) <= 1 { "UPDATING" } else { "AVAILABLE" };
                api["apiStatus"] = state.into();
            }
        }),
    ),
    row(
        "aws-tags-api",
        "shows tags of its own, whose keys begin with aws:",
        "recorded: GetStages",
        Shown::Json(&["apigateway:GetRestApis", "apigateway:GetStages"], |_, _, answer| {
            for object in answer["item"].as_array_mut().into_iter().flatten() {
                if object["tags"].is_object() {
                    object["tags"]["aws:cloudformation:stack-name"] = json!("other");
                }
            }
        }),
    ),
    row(
        "api-deployment-in-use",
        "refuses to delete a deployment that a stage pointed to a moment ago",
        "recorded: DeleteDeployment",
        Shown::First(
            &["apigateway:DeleteDeployment"],
            1,
            (400, "BadRequestException", "Active stages pointing to this deployment must be moved or deleted"),
        ),
    ),
    row(
        "api-model-in-use",
        "refuses to delete a model that a method referred to a moment ago",
        "recorded: DeleteModel",
        Shown::First(
            &["apigateway:DeleteModel"],
            1,
            (409, "ConflictException", "Cannot delete model, is referenced in method"),
        ),
    ),
    row(
        "api-validator-in-use",
        "refuses to delete a validator that a method used a moment ago",
        GATEWAY_MODEL,
        Shown::First(
            &["apigateway:DeleteRequestValidator"],
            1,
            (409, "ConflictException", "Cannot delete request validator, is referenced in method"),
        ),
    ),
    row(
        "api-rate-in-the-dress-of-a-quota",
        "throttles with the code LimitExceededException",
        "model, LimitExceededException of API Gateway: retry after the specified time period",
        Shown::First(&["apigateway:PutIntegration"], 1, (429, "LimitExceededException", "Rate exceeded")),
    ),
    row(
        "waf-entity-not-visible",
        "does not see a fresh web ACL everywhere",
        "terraform-provider-aws, wafv2",
        Shown::First(
            &["wafv2:AssociateWebACL"],
            1,
            (
                400,
                "WAFUnavailableEntityException",
                "AWS WAF couldn't retrieve the resource that you requested. Retry your request.",
            ),
        ),
    ),
    row(
        "waf-log-group-not-visible",
        "refuses a fresh log group, whose policy it writes itself",
        "terraform-provider-aws#36000; navapbc/template-infra#926",
        Shown::First(
            &["wafv2:PutLoggingConfiguration"],
            1,
            (400, "WAFLogDestinationPermissionIssueException", "Unable to deliver logs to the configured destination."),
        ),
    ),
    row(
        "waf-lock-is-old",
        "refuses a change with a lock token that is no longer the newest",
        "model, WAFOptimisticLockException",
        Shown::First(
            &["wafv2:UpdateWebACL", "wafv2:DeleteWebACL"],
            1,
            (
                400,
                "WAFOptimisticLockException",
                "AWS WAF couldn't save your changes because someone changed the resource after you started.",
            ),
        ),
    ),
    row(
        "waf-still-associated",
        "refuses to delete a web ACL that was associated a moment ago",
        "model, WAFAssociatedItemException",
        Shown::First(
            &["wafv2:DeleteWebACL"],
            1,
            (
                400,
                "WAFAssociatedItemException",
                "AWS WAF couldn't perform the operation because your resource is being used.",
            ),
        ),
    ),
    row(
        "waf-headers-in-any-order",
        "gives redacted headers back in any order",
        "terraform-provider-aws, wafv2/web_acl_logging_configuration.go",
        Shown::Json(&["wafv2:GetLoggingConfiguration"], |_, _, answer| {
            if let Some(fields) = answer["LoggingConfiguration"]["RedactedFields"].as_array_mut() {
                fields.reverse();
            }
        }),
    ),
    row(
        "ssm-key-not-visible",
        "does not know a fresh key everywhere",
        "model, InvalidKeyId",
        Shown::First(&["ssm:PutParameter"], 1, (400, "InvalidKeyId", "The query key ID isn't valid.")),
    ),
    row(
        "ssm-too-many-updates",
        "refuses too many changes of a parameter at a time",
        "model, TooManyUpdates",
        Shown::First(
            &["ssm:AddTagsToResource"],
            1,
            (400, "TooManyUpdates", "There are concurrent updates for a resource."),
        ),
    ),
    row(
        "ssm-pages",
        "gives empty pages where a filter fits nothing on them",
        "aws/aws-sdk-ruby#2012; boto/boto3#1079",
        Shown::Json(&["ssm:DescribeParameters"], |asked, memory, answer| {
            let first = asked.json()["NextToken"].is_null();
            if first && answer["NextToken"].is_null() && memory.count("ssm-pages", &asked.identity()) <= 1 {
                *answer = json!({ "Parameters": [], "NextToken": Value::from("1") });
            }
        }),
    ),
];
