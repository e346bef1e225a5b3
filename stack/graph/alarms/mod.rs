//! The alarms (`docs/requirements.md`, M1, M2 and F2). Those on the database are in a file of their own.

use payinfra_aws::names::Kind;
use payinfra_steps::functions::FunctionName;
use payinfra_steps::monitoring::Metric;

use super::blueprint::Blueprint;
use super::database::Database;
use super::design::Design;
use super::functions::{DEAD_LETTERS, SWEEP};
use super::network::Network;
use super::topics::{EVENTS, Topics};
use watch::{Rule, Silence, WINDOW, Watch};

mod database;
mod watch;

/// The percentage of refused requests above which the cause is probably not only the callers.
const CLIENT_ERRORS: f64 = 10.0;

/// The share of the API's throttle that is close to all of it.
const NEARLY_ALL: f64 = 0.8;

/// Adds the alarms; returns their names.
pub(super) fn add(stack: &mut Blueprint, topics: &Topics, network: &Network, database: &Database) -> Vec<String> {
    let mut watch = Watch::new(stack, topics.alarms);
    api(&mut watch);
    for which in FunctionName::ALL {
        function(&mut watch, which);
    }
    database_response(&mut watch);
    sessions(&mut watch);
    events(&mut watch);
    nats(&mut watch, network);
    self::database::add(&mut watch, database);
    watch.names
}

fn api(watch: &mut Watch<'_>) {
    watch.add("api-5xx", |design, _| {
        let api = Api::of(design);
        let thresholds = &design.settings.monitoring.thresholds;
        Rule::share_of_failures(
            [api.metric("5XXError", "Sum"), api.metric("Count", "SampleCount")],
            "API errors in percent",
            thresholds.minimum_failures,
            thresholds.api_5xx_percent,
            "Payments fail: the API answers with errors of its own. First look at the functions' error and throttle \
             alarms and the database's; if they are quiet, at the API's execution log (integration errors, timeouts).",
        )
    });
    watch.add("api-4xx", |design, _| {
        let api = Api::of(design);
        Rule::computed(
            vec![("m1", api.metric("4XXError", "Sum")), ("m2", api.metric("Count", "SampleCount"))],
            format!("IF(m2>={}, 100*m1/m2, 0)", design.settings.monitoring.thresholds.minimum_api_requests),
            "Refused requests in percent",
            CLIENT_ERRORS,
            "Many requests are refused. First look in the access log which status and caller: 429 is the throttle, 403 \
             signatures or the firewall, 400 and 422 a caller's new release.",
        )
        .of_periods(5, 10)
    });
    watch.add("api-latency", |design, _| {
        let api = Api::of(design);
        let thresholds = &design.settings.monitoring.thresholds;
        Rule::share_of_slow(
            |statistic| api.metric("Latency", statistic),
            "Slow requests in percent",
            thresholds.minimum_failures,
            thresholds.api_latency_p99_ms,
            "One caller in a hundred waits too long. First compare with IntegrationLatency on the dashboard: where both \
             rise, it is the functions or the database; where only Latency rises, it is API Gateway or the firewall.",
        )
    });
    watch.add("api-rate", |design, _| {
        Rule::computed(
            vec![("m1", Api::of(design).metric("Count", "Sum"))],
            "m1/PERIOD(m1)".to_owned(),
            "Requests per second",
            NEARLY_ALL * f64::from(design.settings.api.throttle_rate),
            "The traffic comes close to the API's throttle, beyond which callers get 429. First see whether it is \
             genuine (access log by caller); then ask for a higher account quota and raise api.throttle_rate.",
        )
    });
}

/// The dimensions of the API's metrics.
struct Api {
    name: String,
    stage: String,
}

impl Api {
    fn of(design: &Design) -> Self {
        Self { name: design.names.only(Kind::Api), stage: design.settings.api.stage.clone() }
    }

    fn metric(&self, name: &str, statistic: &str) -> Metric {
        Metric::new("AWS/ApiGateway", name, &[("ApiName", &self.name), ("Stage", &self.stage)], statistic)
    }
}

fn function(watch: &mut Watch<'_>, which: FunctionName) {
    let name = watch.stack.design().function(which);
    let metric =
        move |metric: &str, statistic: &str| Metric::new("AWS/Lambda", metric, &[("FunctionName", &name)], statistic);
    let of = metric.clone();
    watch.add(&format!("{}-errors", which.name()), move |design, _| {
        let thresholds = &design.settings.monitoring.thresholds;
        Rule::share_of_failures(
            [of("Errors", "Sum"), of("Invocations", "Sum")],
            "Failed runs in percent",
            thresholds.minimum_failures,
            thresholds.function_error_percent,
            format!(
                "Runs of {} fail. First read the outcome and cause fields of its latest log lines; if a deploy came \
                 just before, move the alias `live` back to the previous version.",
                which.name()
            ),
        )
    });
    let of = metric.clone();
    watch.add(&format!("{}-throttles", which.name()), move |design, _| {
        Rule::metric(
            of("Throttles", "Sum").over_minutes(WINDOW),
            design.settings.monitoring.thresholds.function_throttles,
            format!(
                "Runs of {} are refused because no concurrency is left. First compare ConcurrentExecutions with the reserved \
                 concurrency and the account's quota, then raise the one that is full.",
                which.name()
            ),
        )
        .at_threshold()
        .of_periods(1, 1)
    });
    watch.add(&format!("{}-duration", which.name()), move |design, _| {
        let thresholds = &design.settings.monitoring.thresholds;
        let timeout_ms = f64::from(design.settings.functions.of(which).timeout_seconds) * 1_000.0;
        Rule::share_of_slow(
            |statistic| metric("Duration", statistic),
            "Slow runs in percent",
            thresholds.minimum_failures,
            timeout_ms * thresholds.function_duration_percent / 100.0,
            format!(
                "The slowest runs of {} come close to its timeout, where they would be cut off. First see in its log \
                 lines where the time goes: database, connect, service or webhook.",
                which.name()
            ),
        )
    });
}

/// The promised 100 ms (`docs/requirements.md`, F2), measured by the function that waits for the database.
fn database_response(watch: &mut Watch<'_>) {
    watch.add("database-response", |design, _| {
        // The full name, as the function publishes it, keeps two stacks in one account apart (`docs/requirements.md`, R9).
        let function = design.function(FunctionName::TransactionProcessing);
        let thresholds = &design.settings.monitoring.thresholds;
        Rule::share_of_slow(
            |statistic| Metric::new("Payments", "DatabaseResponseTime", &[("Function", &function)], statistic),
            "Slow responses in percent",
            thresholds.minimum_failures,
            thresholds.database_response_ms,
            "The database answers the functions more slowly than promised. First compare with Aurora's commit and \
             select latency: where those are low, look at the proxy's borrow latency and the connections; where they \
             are high, at load, locks and the slowest statements in Database Insights.",
        )
    });
}

fn sessions(watch: &mut Watch<'_>) {
    let table = watch.stack.design().names.of(Kind::Table, "sessions");
    for (role, metric) in [("reads", "ReadThrottleEvents"), ("writes", "WriteThrottleEvents")] {
        let table = table.clone();
        watch.add(&format!("session-{role}-throttled"), move |design, _| {
            Rule::metric(
                Metric::new("AWS/DynamoDB", metric, &[("TableName", &table)], "Sum"),
                design.settings.monitoring.thresholds.session_throttles,
                "The table of sessions refuses requests, so payments are refused. First see whether the traffic more \
                 than doubled within half an hour: on-demand tables follow only so fast; then set \
                 sessions.warm_throughput.",
            )
            .at_threshold()
            // Without data, alarms on DynamoDB keep their state whatever is configured.
            .silence(Silence::Unchanged)
        });
    }
    watch.add("session-errors", move |_, _| {
        let of = |operation: &str| {
            Metric::new("AWS/DynamoDB", "SystemErrors", &[("TableName", &table), ("Operation", operation)], "Sum")
        };
        Rule::computed(
            vec![("m1", of("PutItem")), ("m2", of("UpdateItem"))],
            "FILL(m1, 0) + FILL(m2, 0)".to_owned(),
            "Errors of DynamoDB",
            1.0,
            "DynamoDB itself fails on the table of sessions. The functions try again; first look at the AWS Health \
             Dashboard.",
        )
        .at_threshold()
        .silence(Silence::Unchanged)
    });
}

fn events(watch: &mut Watch<'_>) {
    watch.add("dead-letters", |design, _| {
        let queue = design.names.of(Kind::Queue, DEAD_LETTERS);
        let metric = "ApproximateNumberOfMessagesVisible";
        Rule::metric(
            Metric::new("AWS/SQS", metric, &[("QueueName", &queue)], "Maximum"),
            design.settings.monitoring.thresholds.dead_letters,
            "An event could not be archived or delivered after all attempts. Nothing is lost: it waits in the \
             dead-letter queue with its reason. First read one message, fix its cause, then redrive the queue.",
        )
        .at_threshold()
        .of_periods(1, 1)
        // A queue that nobody uses for six hours stops reporting, although its messages still exist.
        .silence(Silence::Unchanged)
    });
    watch.add("sweep-invocations", |design, _| {
        let rule = design.names.of(Kind::Rule, SWEEP);
        // Long enough for three failures in a row, however rarely the rule is to fire.
        let window = WINDOW.max(4 * design.settings.functions.sweep_interval_minutes);
        Rule::metric(
            Metric::new("AWS/Events", "FailedInvocations", &[("RuleName", &rule)], "Sum").over_minutes(window),
            f64::from(design.settings.monitoring.thresholds.minimum_failures),
            "EventBridge cannot start the sweep of the outbox, so events that a booking could not publish itself are not \
             published. First look whether the function, its alias and its permission are in place (`payinfra diff`).",
        )
        .at_threshold()
        .of_periods(1, 1)
    });
    watch.add("event-delivery", |design, _| {
        let topic = design.names.of(Kind::Topic, EVENTS);
        Rule::metric(
            Metric::new("AWS/SNS", "NumberOfNotificationsFailed", &[("TopicName", &topic)], "Sum"),
            1.0,
            "The topic could not hand payment events to the notifications function. First look whether the function, \
             its alias and its permission are in place (`payinfra diff`); the events wait in the dead-letter queue.",
        )
        .at_threshold()
        .of_periods(1, 5)
    });
}

fn nats(watch: &mut Watch<'_>, network: &Network) {
    for (index, nat) in network.nats.iter().copied().enumerate() {
        watch.add(&format!("nat-ports-{}", index + 1), move |design, scope| {
            let id = scope.get(nat, |nat| nat.id.clone());
            let metric = Metric::new("AWS/NATGateway", "ErrorPortAllocation", &[("NatGatewayId", &id)], "Sum");
            Rule::metric(
                metric,
                design.settings.monitoring.thresholds.nat_port_errors,
                "A NAT gateway had no port left for new connections to one destination: webhooks and AWS calls of the \
                 functions in its zone fail. First look which destination takes the connections (flow logs), then give \
                 that service an interface endpoint or the gateway more addresses.",
            )
            .at_threshold()
        });
    }
}

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod tests;
