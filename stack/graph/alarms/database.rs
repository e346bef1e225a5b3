//! The alarms on Aurora (`docs/requirements.md`, M1 and M2).

use payinfra_engine::Handle;
use payinfra_steps::database::{DbInstance, DbProxy};
use payinfra_steps::monitoring::Metric;

use super::super::database::Database;
use super::super::design::Design;
use super::watch::{Rule, Silence, Watch};
use crate::settings::InstanceClass;

/// Above this age, PostgreSQL approaches the wraparound of its transaction ids, at two thousand million.
const OLD_TRANSACTIONS: f64 = 1_000_000_000.0;

pub(super) fn add(watch: &mut Watch<'_>, database: &Database) {
    for (index, instance) in database.instances.iter().copied().enumerate() {
        on_instance(watch, index + 1, instance);
    }
    if let Some(proxy) = database.proxy {
        on_proxy(watch, proxy);
    }
    let cluster = database.cluster;
    watch.add("database-replica-lag", move |design, scope| {
        let id = scope.get(cluster, |cluster| cluster.id.clone());
        Rule::metric(
            on_cluster("AuroraReplicaLagMaximum", &id, "Maximum"),
            design.settings.monitoring.thresholds.database_replica_lag_ms,
            "The readers are behind the writer, and a failover would take longer. First look at the readers' processor \
             and at long queries on them.",
        )
    });
    watch.add("database-deadlocks", move |_, scope| {
        let id = scope.get(cluster, |cluster| cluster.id.clone());
        Rule::metric(
            // Each instance reports its own rate, and readers have none: an average would divide the writer's by their number.
            on_cluster("Deadlocks", &id, "Sum"),
            1.0,
            "Transactions block each other, more than one a second. First read the deadlock reports in the PostgreSQL \
             log: they name both statements.",
        )
    });
    watch.add("database-transaction-ids", move |_, scope| {
        let id = scope.get(cluster, |cluster| cluster.id.clone());
        Rule::metric(
            on_cluster("MaximumUsedTransactionIDs", &id, "Maximum"),
            OLD_TRANSACTIONS,
            "Vacuum does not keep up; in the end PostgreSQL would stop taking writes. First look for a transaction or \
             replication slot that has been open for days.",
        )
        .of_periods(1, 1)
    });
}

/// The proxy's pool is smaller than what the instances allow, so it is exhausted long before their alarms fire.
fn on_proxy(watch: &mut Watch<'_>, proxy: Handle<DbProxy>) {
    watch.add("database-proxy-connections", move |design, scope| {
        let name = scope.get(proxy, |proxy| proxy.name.clone());
        let (settings, thresholds) = (&design.settings.database, &design.settings.monitoring.thresholds);
        let most = InstanceClass::find(&settings.instance_class).map_or(0, InstanceClass::max_connections);
        let pool = f64::from(most * settings.proxy_max_connections_percent / 100);
        Rule::metric(
            // Each machine of the proxy reports its own connections, hence the sum.
            Metric::new("AWS/RDS", "DatabaseConnections", &[("ProxyName", &name)], "Sum"),
            (pool * thresholds.database_connections_percent / 100.0).floor(),
            format!(
                "The proxy has nearly as many connections to the database as its pool takes ({pool}); beyond it, requests \
                 wait and then fail. First look at the proxy's pinned connections and borrow latency and at slow statements; \
                 then raise database.proxy_max_connections_percent or take a larger class."
            ),
        )
    });
}

/// What the rule of an alarm on one instance gets.
struct Instance {
    metric: Metric,
    class: Option<InstanceClass>,
}

fn on_instance(watch: &mut Watch<'_>, number: usize, instance: Handle<DbInstance>) {
    let insights = watch.stack.design().settings.database.performance_insights;
    let mut add = |role: &str, metric: &'static str, statistic: &'static str, rule: fn(&Design, Instance) -> Rule| {
        watch.add(&format!("database-{role}-{number}"), move |design, scope| {
            // Ready, because an instance that is being created reports nothing.
            let id = scope.ready(instance, |instance| instance.id.clone());
            let metric = Metric::new("AWS/RDS", metric, &[("DBInstanceIdentifier", &id)], statistic);
            rule(design, Instance { metric, class: InstanceClass::find(&design.settings.database.instance_class) })
        });
    };
    add("cpu", "CPUUtilization", "Average", |design, of| {
        Rule::metric(
            of.metric,
            design.settings.monitoring.thresholds.database_cpu_percent,
            "A database instance is short of processor time, or reports nothing at all because it is gone. First look \
             in Database Insights for the statements with the most load, then take a larger class.",
        )
        .silence(Silence::Reported)
    });
    add("connections", "DatabaseConnections", "Maximum", |design, of| {
        let most = of.class.map_or(0, InstanceClass::max_connections);
        let percent = design.settings.monitoring.thresholds.database_connections_percent;
        Rule::metric(
            of.metric,
            (f64::from(most) * percent / 100.0).floor(),
            format!(
                "A database instance has nearly as many connections as its class takes ({most}). First see who holds \
                 them (pg_stat_activity): the proxy, whose share is database.proxy_max_connections_percent, or somebody \
                 past it."
            ),
        )
    });
    add("commit-latency", "CommitLatency", "Average", |design, of| {
        Rule::metric(
            of.metric,
            design.settings.monitoring.thresholds.database_commit_latency_ms,
            "Commits take longer than promised. First look at the write load and at waits on storage in Database \
             Insights.",
        )
    });
    add("select-latency", "SelectLatency", "Average", |design, of| {
        Rule::metric(
            of.metric,
            design.settings.monitoring.thresholds.database_select_latency_ms,
            "Queries take longer than promised. First look in Database Insights for the statement, then at its plan \
             and at locks.",
        )
    });
    add("memory", "FreeableMemory", "Minimum", |design, of| {
        let bytes = of.class.map_or(0.0, |class| f64::from(class.memory_gib) * f64::from(1_u32 << 30));
        let percent = design.settings.monitoring.thresholds.database_free_memory_percent;
        Rule::metric(
            of.metric,
            (bytes * percent / 100.0).floor(),
            "A database instance is short of memory; next it would swap or restart. First look at the number of \
             connections, then take a larger class.",
        )
        .below()
    });
    if insights {
        add("load", "DBLoad", "Average", |_, of| {
            Rule::metric(
                of.metric,
                of.class.map_or(0.0, |class| f64::from(class.vcpus)),
                "More sessions are at work than the instance has processors, so they wait for each other. First look in \
                 Database Insights what they wait for.",
            )
            .of_periods(5, 10)
        });
    }
}

fn on_cluster(metric: &str, id: &str, statistic: &str) -> Metric {
    Metric::new("AWS/RDS", metric, &[("DBClusterIdentifier", id)], statistic)
}
