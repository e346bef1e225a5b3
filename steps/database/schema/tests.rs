use super::*;

const CLUSTER: &str = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>
    <DbClusterResourceId>cluster-1</DbClusterResourceId></DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>";
const ABSENT: &str = r#"{"__type":"ResourceNotFoundException"}"#;

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
