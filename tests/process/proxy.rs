//! The recording proxy itself, in front of a small server that counts what reaches it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Fault, Moment, Proxy, Rule};

const ANSWER: &str = "<VpcId>vpc-1</VpcId>";

/// Answers everything with 200 and counts; ends with the test's process.
fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = arrived.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let counter = counter.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let request = read_message(&mut stream).unwrap();
                assert!(request.contains("\r\nhost: kept.example\r\n"), "the caller's host is kept: {request}");
                counter.fetch_add(1, Ordering::SeqCst);
                let length = ANSWER.len();
                write!(stream, "HTTP/1.1 200 OK\r\nx-amzn-requestid: r1\r\ncontent-length: {length}\r\n\r\n{ANSWER}")
                    .ok();
            });
        }
    });
    (address, arrived)
}

/// Reads head and body by content-length; an error if the other side ends before that.
fn read_message(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
            if body.len() >= length.parse().unwrap() {
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// One signed form request on a connection of its own.
fn call(proxy: &Proxy, service: &str, form: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(proxy.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let credential = format!("AKID/20260101/us-east-1/{service}/aws4_request");
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: kept.example\r\nauthorization: AWS4-HMAC-SHA256 Credential={credential}, x\r\n\
         content-type: application/x-www-form-urlencoded\r\namz-sdk-invocation-id: i1\r\n\
         content-length: {}\r\n\r\n{form}",
        form.len()
    )?;
    read_message(&mut stream)
}

fn create(proxy: &Proxy) -> std::io::Result<String> {
    call(proxy, "ec2", "Action=CreateVpc&ClientToken=t-1&Version=2016-11-15")
}

#[test]
fn calls_are_passed_on_and_written_down() {
    let (upstream, arrived) = server();
    let proxy = Proxy::start(upstream);
    assert!(create(&proxy).unwrap().ends_with(ANSWER));
    call(&proxy, "ec2", "Action=DescribeVpcs").unwrap();
    call(&proxy, "ec2", "Action=CreateVpc&DryRun=true").unwrap();
    call(&proxy, "rds", "Action=DeleteDBCluster").unwrap();
    let calls = proxy.calls();
    let seen: Vec<_> = calls.iter().map(|call| (call.operation.as_str(), call.mutating, call.status)).collect();
    let expected = [
        ("CreateVpc", Some(1), Some(200)),
        ("DescribeVpcs", None, Some(200)),
        ("CreateVpc", None, Some(200)),
        ("DeleteDBCluster", Some(2), Some(200)),
    ];
    assert_eq!(seen, expected);
    assert_eq!((calls[0].token.as_deref(), calls[0].invocation.as_deref()), (Some("t-1"), Some("i1")));
    assert!(calls[0].took.is_some());
    assert_eq!((proxy.mutating(), proxy.count("CreateVpc"), proxy.counts()["rds:DeleteDBCluster"]), (2, 2, 1));
    assert_eq!(arrived.load(Ordering::SeqCst), 4);
    proxy.forget();
    create(&proxy).unwrap();
    assert_eq!((proxy.calls().len(), proxy.calls()[0].mutating), (1, Some(1)));
}

#[test]
fn refusals_speak_the_callers_protocol_and_do_not_reach_the_emulator() {
    let (upstream, arrived) = server();
    let proxy = Proxy::start(upstream);
    proxy.rule(Rule::on("CreateVpc", Fault::Throttle).from(2).times(2));
    proxy.rule(Rule::on("CreateDBCluster", Fault::InternalError));
    proxy.rule(Rule::on_mutating(6, Fault::Refuse(403, "AccessDenied")));
    let answers: Vec<String> = (0..4).map(|_| create(&proxy).unwrap()).collect();
    let throttled: Vec<bool> = answers.iter().map(|answer| answer.contains("RequestLimitExceeded")).collect();
    assert_eq!(throttled, [false, true, true, false]);
    assert!(answers[1].starts_with("HTTP/1.1 503") && answers[1].contains("<Response><Errors><Error><Code>"));
    let internal = call(&proxy, "rds", "Action=CreateDBCluster").unwrap();
    assert!(internal.starts_with("HTTP/1.1 500") && internal.contains("<Type>Receiver</Type><Code>InternalFailure<"));
    let denied = call(&proxy, "iam", "Action=CreateRole").unwrap();
    assert!(denied.starts_with("HTTP/1.1 403") && denied.contains("<Type>Sender</Type><Code>AccessDenied<"));
    assert_eq!(arrived.load(Ordering::SeqCst), 2);
    let faults: Vec<_> = proxy.calls().iter().map(|call| (call.fault, call.status)).collect();
    assert_eq!(faults[1..3], [(Some(Fault::Throttle), Some(503)); 2]);
}

#[test]
fn answers_get_lost_doubled_cut_and_late() {
    let (upstream, arrived) = server();
    let proxy = Proxy::start(upstream);
    let count = || arrived.swap(0, Ordering::SeqCst);
    let once = |fault| {
        proxy.clear_rules();
        proxy.rule(Rule::on_any(fault));
        create(&proxy)
    };
    assert_eq!(once(Fault::Reset).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(count(), 0, "reset before it arrived");
    assert_eq!(once(Fault::DropAnswer).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(count(), 1, "arrived, and the answer was dropped");
    assert!(once(Fault::Twice).unwrap().ends_with(ANSWER));
    assert_eq!(count(), 2, "arrived twice");
    assert_eq!(once(Fault::Truncate).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(count(), 1, "arrived, and half of the answer came back");
    let begun = Instant::now();
    assert!(once(Fault::Delay(Duration::from_millis(300))).unwrap().ends_with(ANSWER));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    proxy.clear_rules();
    proxy.latency(Duration::from_millis(200));
    let begun = Instant::now();
    create(&proxy).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn the_world_stops_at_each_moment_of_a_call() {
    for (moment, reached, answered) in
        [(Moment::BeforeForward, 1, false), (Moment::AfterForward, 2, false), (Moment::AfterAnswer, 2, true)]
    {
        let (upstream, arrived) = server();
        let proxy = Proxy::start(upstream);
        let stopped = proxy.hold(2, moment);
        create(&proxy).unwrap();
        call(&proxy, "ec2", "Action=DescribeVpcs").unwrap();
        arrived.fetch_sub(1, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let held = scope.spawn(|| create(&proxy));
            let call = stopped.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!((call.operation.as_str(), call.mutating), ("CreateVpc", Some(2)));
            // Whoever comes now is neither forwarded nor answered.
            let later = scope.spawn(|| create(&proxy));
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(arrived.load(Ordering::SeqCst), reached, "{moment:?}");
            assert!(!later.is_finished());
            assert_eq!(held.is_finished(), answered, "{moment:?}");
            proxy.release();
            assert_eq!(held.join().unwrap().is_ok(), answered);
            assert_eq!(later.join().unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        });
        create(&proxy).unwrap();
        assert_eq!(arrived.load(Ordering::SeqCst), reached + 1, "the world goes on");
    }
}

/// Sends a request line and headers as they are, and returns what the proxy took it for.
fn name(proxy: &Proxy, service: &str, line: &str, header: &str, body: &str) -> (String, bool, Option<String>) {
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    let credential = format!("AKID/20260101/us-east-1/{service}/aws4_request");
    let head = format!(
        "{line} HTTP/1.1\r\nhost: kept.example\r\nauthorization: AWS4-HMAC-SHA256 Credential={credential}, x\r\n{header}"
    );
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    // The head is enough: an answer to HEAD announces a body that does not come.
    stream.read_exact(&mut [0; 12]).unwrap();
    let call = proxy.calls().pop().unwrap();
    (call.operation, call.mutating.is_some(), call.token)
}

#[test]
fn operations_are_named_by_target_and_by_method_and_path() {
    let (upstream, _) = server();
    let proxy = Proxy::start(upstream);
    let target = "x-amz-target: AWSSecurityTokenServiceV1.CreateThing\r\n";
    let token = r#"{"IdempotencyToken":"t-2"}"#;
    let expected = ("CreateThing".to_owned(), true, Some("t-2".to_owned()));
    assert_eq!(name(&proxy, "acm", "POST /", target, token), expected);
    let zone = "<CreateHostedZoneRequest><CallerReference>t-3</CallerReference></CreateHostedZoneRequest>";
    let expected = ("CreateHostedZone".to_owned(), true, Some("t-3".to_owned()));
    assert_eq!(name(&proxy, "route53", "POST /2013-04-01/hostedzone", "", zone), expected);
    for (service, line, operation, mutates) in [
        ("s3", "PUT /bucket", "CreateBucket", true),
        ("s3", "PUT /bucket/", "CreateBucket", true),
        ("s3", "PUT /bucket?publicAccessBlock", "PutPublicAccessBlock", true),
        ("s3", "GET /bucket?lifecycle", "GetBucketLifecycleConfiguration", false),
        ("s3", "GET /bucket?list-type=2&prefix=a", "ListObjectsV2", false),
        ("s3", "POST /bucket?delete", "DeleteObjects", true),
        ("s3", "PUT /bucket/a/b?x-id=PutObject", "PutObject", true),
        ("s3", "HEAD /bucket/a", "HeadObject", false),
        ("s3", "DELETE /bucket?policy", "DeleteBucketPolicy", true),
        ("lambda", "POST /2015-03-31/functions", "CreateFunction", true),
        ("lambda", "GET /2015-03-31/functions/f/aliases/live", "GetAlias", false),
        (
            "lambda",
            "PUT /2019-09-30/functions/f/provisioned-concurrency?Qualifier=1",
            "PutProvisionedConcurrencyConfig",
            true,
        ),
        ("lambda", "DELETE /2017-03-31/tags/arn%3Aaws%3Alambda?tagKeys=a", "UntagResource", true),
        ("apigateway", "POST /restapis", "CreateRestApi", true),
        ("apigateway", "POST /restapis/a/resources/root", "CreateResource", true),
        ("apigateway", "GET /restapis/a/resources?embed=methods", "GetResources", false),
        ("apigateway", "PUT /restapis/a/resources/b/methods/POST", "PutMethod", true),
        ("apigateway", "PUT /restapis/a/resources/b/methods/POST/integration", "PutIntegration", true),
        ("apigateway", "PUT /restapis/a/gatewayresponses/DEFAULT_4XX", "PutGatewayResponse", true),
        ("apigateway", "PATCH /restapis/a/stages/live", "UpdateStage", true),
        ("apigateway", "DELETE /usageplans/u/keys/k", "DeleteUsagePlanKey", true),
        ("route53", "POST /2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets", true),
        ("route53", "POST /2013-04-01/tags/hostedzone", "ListTagsForResources", false),
        ("newservice", "POST /things/1", "POST /things/1", true),
        ("newservice", "GET /things/1", "GET /things/1", false),
    ] {
        assert_eq!(name(&proxy, service, line, "", ""), (operation.to_owned(), mutates, None), "{service} {line}");
    }
}
