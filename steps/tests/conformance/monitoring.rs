//! Fixtures of alarms, the dashboard and log groups.

use payinfra_engine::Class;
use serde_json::json;

use crate::fixture::{Fixture, json_fault, ok, query_fault};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![alarm(), dashboard(), log_group()]
}

fn alarm() -> Fixture {
    let answer = |alarms: &str| {
        ok(format!(
            "<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms>{alarms}</MetricAlarms></DescribeAlarmsResult>
            </DescribeAlarmsResponse>"
        ))
    };
    let tags = tags::query("member", "alarm.api_5xx");
    let metric = |id: &str| {
        format!(
            "<member><Id>{id}</Id><ReturnData>false</ReturnData><MetricStat><Metric><Namespace>AWS/ApiGateway</Namespace>
            <MetricName>5XXError</MetricName></Metric><Period>60</Period><Stat>Sum</Stat></MetricStat></member>"
        )
    };
    Fixture {
        kind: "alarm",
        name: "api_5xx",
        id: "alarm-api-5xx-prod",
        found: vec![
            answer(&format!(
                "<member><AlarmName>alarm-api-5xx-prod</AlarmName><AlarmArn>arn:alarm</AlarmArn>
                <Threshold>1.0</Threshold><ComparisonOperator>GreaterThanThreshold</ComparisonOperator>
                <EvaluationPeriods>5</EvaluationPeriods><TreatMissingData>notBreaching</TreatMissingData>
                <ActionsEnabled>true</ActionsEnabled>
                <Metrics>{}{}<member><Id>rate</Id><Expression>100*m1/m2</Expression></member></Metrics></member>
                <member><AlarmName>alarm-api-5xx-test</AlarmName><AlarmArn>arn:other</AlarmArn></member>",
                metric("m1"),
                metric("m2")
            )),
            ok(format!(
                "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags>{tags}</Tags></ListTagsForResourceResult>
                </ListTagsForResourceResponse>"
            )),
        ],
        searched: &["AlarmNamePrefix=alarm-"],
        // Without a number of periods to alarm, all of them count.
        shows: json!({
            "spec": {"periods_to_alarm": 5, "periods": 5, "metric": null, "missing_data": "notBreaching"},
            "outputs": {"arn": "arn:alarm"},
        }),
        others: None,
        absent: ("alarm-x-prod", vec![answer("")], &["AlarmNames.member.1=alarm-x-prod"]),
        refused: (
            vec![answer(""), query_fault(400, "LimitExceeded")],
            Class::Quota,
            &["Action=PutMetricAlarm", "Tags.member.2.Key=payinfra:stack"],
        ),
        deleted: (vec![query_fault(404, "ResourceNotFound")], Err(Class::Absent)),
    }
}

fn dashboard() -> Fixture {
    let body = json!({"widgets": [{"type": "text", "properties":
        {"markdown": "# Payments\n\n`payinfra:stack=prod` `payinfra:address=dashboard.main`"}}]});
    let encoded = body.to_string().replace('"', "&quot;");
    Fixture {
        kind: "dashboard",
        name: "main",
        id: "dashboard-prod",
        // Another stack's dashboard is not read.
        found: vec![
            ok("<ListDashboardsResponse><ListDashboardsResult><DashboardEntries>
                <member><DashboardName>dashboard-prod</DashboardName></member>
                <member><DashboardName>dashboard-test</DashboardName></member>
                </DashboardEntries></ListDashboardsResult></ListDashboardsResponse>"),
            ok(format!(
                "<GetDashboardResponse><GetDashboardResult><DashboardBody>{encoded}</DashboardBody></GetDashboardResult>
                </GetDashboardResponse>"
            )),
        ],
        searched: &["DashboardNamePrefix=dashboard-"],
        shows: json!({"spec": {"name": "dashboard-prod", "body": body}}),
        others: None,
        absent: ("dashboard-prod", vec![query_fault(404, "ResourceNotFound")], &["DashboardName=dashboard-prod"]),
        refused: (
            vec![query_fault(404, "ResourceNotFound"), query_fault(400, "InvalidParameterInput")],
            Class::Invalid,
            &["Action=PutDashboard"],
        ),
        deleted: (vec![query_fault(404, "ResourceNotFound")], Err(Class::Absent)),
    }
}

/// The text of CloudWatch Logs where it may not use a key, or not yet (terraform-provider-aws#29282).
const KEY_UNUSABLE: &str = r#"{"__type": "AccessDeniedException", "message": "The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/lambda-notifications-prod'"}"#;

fn log_group() -> Fixture {
    let groups = ok(r#"{"logGroups": [
        {"logGroupName": "/aws/lambda/lambda-notifications-prod", "retentionInDays": 365, "kmsKeyId": "arn:key",
         "arn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/lambda-notifications-prod:*"},
        {"logGroupName": "/aws/lambda/lambda-notifications-production", "arn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/lambda-notifications-production:*"}]}"#);
    let none = ok(r#"{"logGroups": []}"#);
    let tags = tags::map("log_group.notifications");
    Fixture {
        kind: "log_group",
        name: "notifications",
        id: "/aws/lambda/lambda-notifications-prod",
        found: vec![
            none.clone(),
            groups,
            none.clone(),
            none.clone(),
            none.clone(),
            none.clone(),
            ok(format!(r#"{{"tags": {tags}}}"#)),
        ],
        searched: &[r#""logGroupNamePrefix":"/aws/lambda/lambda-""#],
        shows: json!({
            "spec": {"retention_days": 365, "key_arn": "arn:key"},
            "outputs": {"arn":
                "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/lambda-notifications-prod"},
        }),
        others: None,
        absent: ("gone-prod", vec![none], &[]),
        // The key is too fresh.
        refused: (
            vec![(400, KEY_UNUSABLE.to_owned())],
            Class::NotYet,
            &[r#""payinfra:stack":"prod""#, r#""kmsKeyId":"arn:key""#],
        ),
        deleted: (vec![json_fault(400, "ResourceNotFoundException")], Err(Class::Absent)),
    }
}
