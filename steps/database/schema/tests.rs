use std::sync::Arc;

use payinfra_engine::{Action, Base, Graph, Kinds, Outcome, Shutdown, Timing, execute, plan};
use payinfra_state::{Journal, MemoryBackend};

use super::*;

const CLUSTER: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>
    <DbClusterResourceId>cluster-1</DbClusterResourceId></DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>";
const ABSENT: &str = "x-amzn-errortype: ResourceNotFoundException\n\n{}";

#[test]
fn the_files_are_the_ones_that_the_function_carries() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/migrations");
    let mut found: Vec<String> = std::fs::read_dir(directory)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("plain names"))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    found.sort();
    let built_in: Vec<String> =
        Schema::migrations().iter().map(|m| format!("{:04}_{}.sql", m.version, m.name)).collect();
    assert_eq!(found, built_in);
    assert!(Schema::migrations().iter().all(|migration| migration.checksum.len() == 64));
}

#[tokio::test]
async fn is_what_the_function_says_is_applied() {
    let answer = json!({ "applied": Schema::migrations(), "pending": [] }).to_string();
    let (cloud, replay) = Cloud::replaying([(200, CLUSTER), (200, &answer)]);
    let live = Schema::list(&cloud, Select::Owned).await.expect("the answers are good");
    assert_eq!(live[0].address, Some(Address::new("schema", "main")));
    assert_eq!(live[0].spec, Schema { cluster: "cluster-1".to_owned(), migrations: Schema::migrations() });
    assert_eq!(live[0].outputs.version, "3");
    let sent = &replay.sent()[1];
    assert!(sent.has("lambda-transaction-processing-prod%3Alive/invocations"), "{}", sent.uri);
    assert!(sent.has(r#"{"payinfra":{"action":"migrations"}}"#));
    assert_eq!(sent.read_timeout, Some(LONGEST_RUN), "a long migration is not cut off");
}

#[tokio::test]
async fn is_absent_without_its_function_and_ends_with_its_cluster() {
    let (cloud, replay) = Cloud::replaying([(200, CLUSTER), (404, ABSENT)]);
    assert!(Schema::list(&cloud, Select::Owned).await.expect("the answers are good").is_empty());
    let address = Address::new("schema", "main");
    let outputs = Outputs { version: "3".to_owned() };
    let spec = Schema { cluster: String::new(), migrations: Vec::new() };
    let live = Live { address: None, id: "f:live".to_owned(), outputs, status: Status::Ready, spec };
    let cx = Context { cloud: &cloud, address: &address, token: "" };
    assert_eq!(Schema::delete(&cx, &live).await.expect("nothing to do"), Progress::Gone);
    assert_eq!(replay.sent().len(), 2, "nothing is dropped");
}

#[test]
fn a_failed_function_is_waited_for_and_an_unknown_answer_is_not() {
    let refused = applied(true, br#"{"errorType":"database_unavailable","errorMessage":"no way in"}"#);
    let refused = refused.expect_err("the database is not there");
    assert_eq!((refused.class, refused.message.as_str()), (Class::NotYet, "no way in"));
    assert_eq!(applied(false, b"{}").expect_err("nothing is applied").class, Class::Invalid);
}

const UNREACHABLE: &str = "x-amz-function-error: Unhandled\n\n\
    {\"errorType\":\"database_unavailable\",\"errorMessage\":\"Timed-out waiting to acquire database connection\"}";

#[tokio::test(start_paused = true)]
async fn a_run_that_was_interrupted_before_the_schema_migrates_in_the_next_one() {
    let applied = json!({ "applied": Schema::migrations() }).to_string();
    // The database answers the first look and two attempts to migrate with an error: it is still being created.
    let answers = [
        (200, CLUSTER),
        (200, UNREACHABLE),
        (200, UNREACHABLE),
        (200, UNREACHABLE),
        (200, r#"{"applied": []}"#),
        (200, CLUSTER),
        (200, UNREACHABLE),
        (200, CLUSTER),
        (200, &applied),
    ];
    let (mut cloud, replay) = Cloud::replaying(answers);
    cloud.options.has_database = true;
    let mut graph = Graph::new(Kinds::new().with::<Schema>());
    graph.add("main", |_| Schema { cluster: "cluster-1".to_owned(), migrations: Schema::migrations() });
    let (journal, _) = Journal::open(Box::new(MemoryBackend::default()), "prod").await.expect("it is in memory");
    let base = Base { cloud: Arc::new(cloud), timing: Timing::AT_ONCE };
    let plan = plan(&graph, &journal, &base, &|_| {}).await.expect("a database that cannot be asked is no error");
    assert_eq!(plan.changes[0].action, Action::Create);
    let outcome = execute(&plan, &graph, &journal, &base, &|_| {}, &Shutdown::default()).await;
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
    let migrate = r#"{"payinfra":{"action":"migrate"}}"#;
    assert_eq!(replay.sent().iter().filter(|sent| sent.has(migrate)).count(), 3);
}

#[tokio::test]
async fn a_recorded_schema_is_waited_for_while_its_database_is_unreachable() {
    let (cloud, _) = Cloud::replaying([(200, CLUSTER), (200, UNREACHABLE)]);
    let ids = ["lambda-transaction-processing-prod:live".to_owned()];
    let live = Schema::list(&cloud, Select::Ids(&ids)).await.expect("a function that fails is an answer");
    assert_eq!(live[0].status, Status::Pending("Timed-out waiting to acquire database connection".to_owned()));
}
