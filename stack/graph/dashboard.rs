//! The dashboard: the metrics of every service of the stack, one row for each part (`docs/requirements.md`, M4).

use payinfra_aws::names::Kind;
use payinfra_engine::Scope;
use payinfra_steps::functions::FunctionName;
use payinfra_steps::monitoring::Dashboard;
use serde_json::{Value, json};

use super::blueprint::Blueprint;
use super::database::Database;
use super::design::Design;
use super::functions::DEAD_LETTERS;
use super::network::Network;
use super::topics::{ALARMS, EVENTS};
use crate::settings::{InstanceClass, REGION};

/// The width of a dashboard, in CloudWatch's units.
const WIDTH: usize = 24;

/// The height of the first widget, which contains the ownership tags.
const TITLE: usize = 2;

/// The height of each graph.
const HEIGHT: usize = 6;

/// The most alarms in one widget (docs/aws-behaviour.md, "CloudWatch: dashboards").
const ALARMS_OF_WIDGET: usize = 100;

pub(super) fn add(stack: &mut Blueprint, network: &Network, database: &Database, alarms: Vec<String>) {
    let (network, database) = (network.clone(), database.clone());
    stack.add("main", move |design, scope| {
        let title = format!("# {} ({})", design.settings.project, design.names.suffix());
        let mut widgets = vec![Dashboard::ownership_widget(design.names.suffix().as_str(), scope.address(), &title)];
        let rows = [
            status(design, &alarms),
            api(design),
            functions(design),
            self::database(design, scope, &database),
            stores(design),
            events(design),
            outward(design, scope, &network),
        ];
        for (row, graphs) in rows.into_iter().enumerate() {
            let width = WIDTH / graphs.len();
            for (column, (kind, properties)) in graphs.into_iter().enumerate() {
                widgets.push(json!({
                    "type": kind,
                    "x": column * width,
                    "y": TITLE + row * HEIGHT,
                    "width": width,
                    "height": HEIGHT,
                    "properties": properties,
                }));
            }
        }
        // Without the override, the dashboard's range decides about the periods, and not each graph.
        let body = json!({"start": "-PT3H", "periodOverride": "inherit", "widgets": widgets});
        Dashboard { name: design.names.only(Kind::Dashboard), body }
    });
}

/// A widget: its type and properties.
type Widget = (&'static str, Value);

/// A graph of metrics, each `[namespace, name, dimension, value, …, options]`.
fn graph(title: &str, statistic: &str, metrics: Vec<Value>) -> Widget {
    let properties = json!({
        "region": REGION,
        "title": title,
        "view": "timeSeries",
        "stat": statistic,
        "period": 60,
        "metrics": metrics,
        "yAxis": {"left": {"min": 0}},
    });
    ("metric", properties)
}

/// Draws a line at the value at which an alarm fires.
fn with_line((kind, mut properties): Widget, label: &str, value: f64) -> Widget {
    properties["annotations"] = json!({"horizontal": [{"label": label, "value": value}]});
    (kind, properties)
}

/// The state of all alarms, in as many widgets as they need.
fn status(design: &Design, alarms: &[String]) -> Vec<Widget> {
    let arn = |name: &String| design.names.arn("cloudwatch", &format!("alarm:{name}"));
    let widget = |alarms: &[String]| {
        let arns: Vec<String> = alarms.iter().map(arn).collect();
        ("alarm", json!({"title": "Alarms", "alarms": arns}))
    };
    alarms.chunks(ALARMS_OF_WIDGET).map(widget).collect()
}

fn api(design: &Design) -> Vec<Widget> {
    let name = design.names.only(Kind::Api);
    let stage = &design.settings.api.stage;
    let metric =
        |metric: &str, options: Value| json!(["AWS/ApiGateway", metric, "ApiName", name, "Stage", stage, options]);
    let percent = |statistic: &str| json!({"stat": statistic});
    vec![
        graph("API: requests a minute", "Sum", vec![metric("Count", json!({}))]),
        graph(
            "API: errors, share of requests",
            "Average",
            vec![metric("5XXError", json!({})), metric("4XXError", json!({}))],
        ),
        with_line(
            graph(
                "API: latency in ms",
                "p99",
                vec![
                    metric("Latency", percent("p50")),
                    metric("Latency", percent("p99")),
                    metric("IntegrationLatency", percent("p99")),
                ],
            ),
            "alarm",
            design.settings.monitoring.thresholds.api_latency_p99_ms,
        ),
    ]
}

fn functions(design: &Design) -> Vec<Widget> {
    let all = |metric: &str| -> Vec<Value> {
        let one = |which: FunctionName| json!(["AWS/Lambda", metric, "FunctionName", design.function(which)]);
        FunctionName::ALL.into_iter().map(one).collect()
    };
    let mut refused = all("Throttles");
    refused.extend(all("Errors"));
    vec![
        graph("Functions: runs a minute", "Sum", all("Invocations")),
        graph("Functions: errors and throttles", "Sum", refused),
        graph("Functions: duration p99 in ms", "p99", all("Duration")),
        graph("Functions: runs at once", "Maximum", all("ConcurrentExecutions")),
    ]
}

fn database(design: &Design, scope: &Scope<'_>, database: &Database) -> Vec<Widget> {
    let thresholds = &design.settings.monitoring.thresholds;
    let instances: Vec<String> =
        database.instances.iter().map(|instance| scope.get(*instance, |instance| instance.id.clone())).collect();
    let each = |metric: &str| -> Vec<Value> {
        instances.iter().map(|id| json!(["AWS/RDS", metric, "DBInstanceIdentifier", id])).collect()
    };
    let cluster = scope.get(database.cluster, |cluster| cluster.id.clone());
    let most = InstanceClass::find(&design.settings.database.instance_class).map_or(0, InstanceClass::max_connections);
    let mut latency = each("CommitLatency");
    latency.extend(each("SelectLatency"));
    let measured = design.function(FunctionName::TransactionProcessing);
    latency.push(json!(["Payments", "DatabaseResponseTime", "Function", measured, {"stat": "p99"}]));
    let mut connections = each("DatabaseConnections");
    if let Some(proxy) = database.proxy {
        let proxy = scope.get(proxy, |proxy| proxy.name.clone());
        for metric in ["ClientConnections", "DatabaseConnections", "DatabaseConnectionsCurrentlySessionPinned"] {
            connections.push(json!(["AWS/RDS", metric, "ProxyName", proxy]));
        }
    }
    let mut health = each("DBLoad");
    health.push(json!(["AWS/RDS", "AuroraReplicaLagMaximum", "DBClusterIdentifier", cluster, {"yAxis": "right"}]));
    vec![
        with_line(
            graph("Aurora: CPU in percent", "Average", each("CPUUtilization")),
            "alarm",
            thresholds.database_cpu_percent,
        ),
        with_line(
            graph("Aurora and proxy: connections", "Maximum", connections),
            "alarm",
            (f64::from(most) * thresholds.database_connections_percent / 100.0).floor(),
        ),
        with_line(graph("Database: response in ms", "Average", latency), "promise", thresholds.database_response_ms),
        graph("Aurora: load, and lag of readers in ms (right)", "Average", health),
    ]
}

fn stores(design: &Design) -> Vec<Widget> {
    let table = design.names.of(Kind::Table, "sessions");
    let sessions = |metric: &str| json!(["AWS/DynamoDB", metric, "TableName", table]);
    let took = |operation: &str| {
        json!(["AWS/DynamoDB", "SuccessfulRequestLatency", "TableName", table, "Operation", operation])
    };
    let archive = design.names.of(Kind::Bucket, "archive");
    let (kind, mut size) = graph(
        "S3 archive: bytes and objects (right), daily",
        "Average",
        vec![
            json!(["AWS/S3", "BucketSizeBytes", "BucketName", archive, "StorageType", "StandardStorage"]),
            json!(["AWS/S3", "BucketSizeBytes", "BucketName", archive, "StorageType", "GlacierStorage"]),
            json!(["AWS/S3", "NumberOfObjects", "BucketName", archive, "StorageType", "AllStorageTypes", {"yAxis": "right"}]),
        ],
    );
    size["period"] = json!(86_400);
    // Both metrics have one data point a day, of which the range of the other graphs has none.
    size["start"] = json!("-P14D");
    vec![
        graph(
            "DynamoDB sessions: units and throttles a minute",
            "Sum",
            ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"]
                .map(sessions)
                .to_vec(),
        ),
        graph("DynamoDB sessions: latency p99 in ms", "p99", ["PutItem", "UpdateItem"].map(took).to_vec()),
        (kind, size),
    ]
}

fn events(design: &Design) -> Vec<Widget> {
    let topic = |role: &str, metric: &str| json!(["AWS/SNS", metric, "TopicName", design.names.of(Kind::Topic, role)]);
    let queue = design.names.of(Kind::Queue, DEAD_LETTERS);
    let waiting = |metric: &str, options: Value| json!(["AWS/SQS", metric, "QueueName", queue, options]);
    let metrics = ["NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"];
    vec![
        graph("SNS payment events a minute", "Sum", metrics.map(|metric| topic(EVENTS, metric)).to_vec()),
        graph("SNS alarms a minute", "Sum", metrics.map(|metric| topic(ALARMS, metric)).to_vec()),
        graph(
            "Dead letters: messages, and age of the oldest in s (right)",
            "Maximum",
            vec![
                waiting("ApproximateNumberOfMessagesVisible", json!({})),
                waiting("ApproximateAgeOfOldestMessage", json!({"yAxis": "right"})),
            ],
        ),
    ]
}

/// The NAT gateways. Without them a text keeps the row in its place.
fn outward(design: &Design, scope: &Scope<'_>, network: &Network) -> Vec<Widget> {
    let nats: Vec<String> = network.nats.iter().map(|nat| scope.get(*nat, |nat| nat.id.clone())).collect();
    if nats.is_empty() {
        let text = format!("The functions of {} have no NAT gateway.", design.names.suffix());
        return vec![("text", json!({"markdown": text}))];
    }
    let each = |metric: &str| -> Vec<Value> {
        nats.iter().map(|id| json!(["AWS/NATGateway", metric, "NatGatewayId", id])).collect()
    };
    let mut lost = each("ErrorPortAllocation");
    lost.extend(each("PacketsDropCount"));
    vec![
        graph("NAT: bytes out a minute", "Sum", each("BytesOutToDestination")),
        graph("NAT: connections at once", "Maximum", each("ActiveConnectionCount")),
        graph("NAT: ports missing and packets dropped a minute", "Sum", lost),
    ]
}
