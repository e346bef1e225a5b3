//! The complete environment of one test, and its options.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use payments::frame::clients;
use payments::frame::environment::Environment;
use payments::frame::function::Function;
use payments::frame::observation::Level;
use payments::stores::configuration::Configuration;
use payments::stores::database::{Database, Target};
use serde_json::Value;
use tempfile::TempDir;

use super::certificates::Authority;
use super::merchant::Merchant;
use super::ministack::Ministack;
use super::pool::Pool;
use super::postgres::{self, Postgres};
use super::requests::action;

pub const PATH: &str = "/payments/test";
pub const SIGNING_KEY: &str = "webhook-signing-key-of-the-test";
/// The largest amount the stack's configuration allows.
pub const LIMIT: i64 = 1_000_000;

pub struct Stack {
    pub validation: Arc<Pool>,
    pub processing: Arc<Pool>,
    pub notifications: Arc<Pool>,
    pub merchant: Merchant,
    pub postgres: Postgres,
    pub ministack: Ministack,
    pub topic: String,
    /// The queue that receives the topic's messages.
    pub events_queue: String,
    pub dead_letters: String,
    settings: aws_types::SdkConfig,
    environment: Environment,
    variables: Vec<(String, String)>,
    notification_seconds: u64,
    directory: TempDir,
}

pub struct Options {
    pub environments: usize,
    pub durable: bool,
    pub migrated: bool,
    /// The maximum age of the functions' configuration.
    pub configuration_seconds: u64,
    /// The timeout of an invocation of notifications.
    pub notification_seconds: u64,
    /// The directory of the function binaries; by default, that of the test build.
    pub binaries: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            environments: 16,
            durable: false,
            migrated: true,
            configuration_seconds: 1,
            notification_seconds: 10,
            binaries: None,
        }
    }
}

impl Stack {
    pub async fn start(options: Options) -> Self {
        let directory = tempfile::Builder::new().prefix("payments-test-").tempdir().unwrap();
        let authority = Authority::new(directory.path());
        let postgres = Postgres::start(&authority, options.durable);
        let ministack = Ministack::start().await;
        let merchant = Merchant::start(&authority).await;
        let variables: Vec<(String, String)> = [
            ("PAYMENTS_PARAMETER_PATH", PATH),
            ("PAYMENTS_CONFIGURATION_MAX_AGE_SECONDS", &options.configuration_seconds.to_string()),
            ("PAYMENTS_DATABASE_ADDRESS", &format!("127.0.0.1:{}", postgres.port)),
            ("PAYMENTS_DATABASE_CA_FILE", &authority.file.display().to_string()),
            ("PAYMENTS_DATABASE_MASTER_USER", "postgres"),
            ("PAYMENTS_WEBHOOK_ALLOW_LOOPBACK_CA", &authority.file.display().to_string()),
            ("AWS_ENDPOINT_URL", &ministack.url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let environment = Environment {
            function_name: None,
            log_level: Level::Info,
            parameter_path: PATH.to_owned(),
            configuration_max_age: Duration::from_secs(1),
            region: "us-east-1".to_owned(),
            endpoint_url: Some(ministack.url.clone()),
            database_address: format!("127.0.0.1:{}", postgres.port).parse().ok(),
            database_ca_file: Some(authority.file.clone()),
            database_master_user: Some("postgres".to_owned()),
            webhook_loopback_ca: None,
        };
        // The test's own calls may take long on a busy machine and are not retried.
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build();
        let settings = clients::settings(&environment, Credentials::new("test", "test", None, None, "test"));
        let settings = settings.into_builder().timeout_config(timeouts).retry_config(RetryConfig::disabled()).build();
        let pool = |function: Function, limit: usize| {
            let binaries = options.binaries.as_ref();
            let binary = binaries.map_or_else(|| built(function), |directory| directory.join(function.name()));
            let logs = directory.path().join("logs").join(function.name());
            let time = invocation_time(function, options.notification_seconds);
            Arc::new(Pool::new(&binary, variables.clone(), &logs, limit, time))
        };
        let validation = pool(Function::PaymentValidation, options.environments);
        let processing = pool(Function::TransactionProcessing, options.environments);
        let notifications = pool(Function::Notifications, 8);
        let mut stack = Self {
            validation,
            processing,
            notifications,
            merchant,
            postgres,
            ministack,
            topic: String::new(),
            events_queue: String::new(),
            dead_letters: String::new(),
            settings,
            environment,
            variables: variables.clone(),
            notification_seconds: options.notification_seconds,
            directory,
        };
        stack.create().await;
        if options.migrated {
            stack.processing.invoke(&action("migrate")).await.unwrap();
        }
        stack
    }

    /// Creates what the deployment would create.
    async fn create(&mut self) {
        let key = KeySchemaElement::builder().attribute_name("session_id").key_type(KeyType::Hash);
        let attribute =
            AttributeDefinition::builder().attribute_name("session_id").attribute_type(ScalarAttributeType::S);
        self.dynamodb()
            .create_table()
            .table_name("sessions")
            .key_schema(key.build().unwrap())
            .attribute_definitions(attribute.build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
        self.s3().create_bucket().bucket("archive").send().await.unwrap();
        let (sqs, sns) = (self.sqs(), aws_sdk_sns::Client::new(&self.settings));
        let queue = async |name: &str| sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        self.events_queue = queue("events").await;
        self.dead_letters = queue("dead-letters").await;
        self.topic = sns.create_topic().name("events").send().await.unwrap().topic_arn.unwrap();
        let endpoint = "arn:aws:sqs:us-east-1:123456789012:events";
        sns.subscribe().topic_arn(&self.topic).protocol("sqs").endpoint(endpoint).send().await.unwrap();
        for (name, value) in [
            ("database/writer-endpoint", postgres::HOST),
            ("database/port", "5432"),
            ("database/name", "postgres"),
            ("topics/payment-events-arn", &self.topic),
            ("storage/archive-bucket", "archive"),
            ("storage/sessions-table", "sessions"),
            ("queues/notifications-dlq-url", &self.dead_letters),
            ("features/refunds-enabled", "true"),
            ("features/notifications-enabled", "true"),
            ("limits/maximum-amount-minor", &LIMIT.to_string()),
            ("webhooks/m-hook", &self.merchant.url()),
        ] {
            self.set(name, value).await;
        }
        let ssm = aws_sdk_ssm::Client::new(&self.settings);
        ssm.put_parameter()
            .name(format!("{PATH}/secrets/webhook-signing-key"))
            .value(SIGNING_KEY)
            .r#type(ParameterType::SecureString)
            .send()
            .await
            .unwrap();
    }

    /// Returns the environments of a function.
    pub fn pool(&self, function: Function) -> &Arc<Pool> {
        match function {
            Function::PaymentValidation => &self.validation,
            Function::TransactionProcessing => &self.processing,
            Function::Notifications => &self.notifications,
        }
    }

    /// Sets a parameter. The functions use it after a second at most.
    pub async fn set(&self, name: &str, value: &str) {
        let ssm = aws_sdk_ssm::Client::new(&self.settings);
        let put = ssm.put_parameter().name(format!("{PATH}/{name}")).value(value);
        put.r#type(ParameterType::String).overwrite(true).send().await.unwrap();
    }

    pub async fn unset(&self, name: &str) {
        let ssm = aws_sdk_ssm::Client::new(&self.settings);
        ssm.delete_parameter().name(format!("{PATH}/{name}")).send().await.unwrap();
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.settings)
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.settings)
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.settings).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Returns a pool of one environment of a function, with some variables changed or removed.
    pub fn pool_with(&self, function: Function, changes: &[(&str, Option<&str>)]) -> Pool {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| changes.iter().all(|(changed, _)| name != changed));
        let changed = changes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.to_owned())));
        variables.extend(changed);
        let logs = self.directory.path().join("logs").join(format!("{}-changed", function.name()));
        let time = invocation_time(function, self.notification_seconds);
        Pool::new(&built(function), variables, &logs, 1, time)
    }

    /// Creates a secret as RDS does, and returns its ARN.
    pub async fn create_secret(&self, text: &str) -> String {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.settings);
        let created = secrets.create_secret().name("master").secret_string(text).send().await.unwrap();
        created.arn.unwrap()
    }

    /// Returns the keys of all archived events.
    pub async fn archived(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let listing = self.s3().list_objects_v2().bucket("archive").set_continuation_token(next);
            let page = listing.send().await.unwrap();
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() {
                return keys;
            }
        }
    }

    /// Returns the number of messages in a queue, including received ones.
    pub async fn waiting(&self, queue: &str) -> u64 {
        const COUNTS: [QueueAttributeName; 2] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let asking = self.sqs().get_queue_attributes().queue_url(queue).set_attribute_names(Some(COUNTS.into()));
        let attributes = asking.send().await.unwrap().attributes.unwrap();
        COUNTS.iter().map(|count| attributes[count].parse::<u64>().unwrap()).sum()
    }

    /// Removes the messages from a queue and returns their bodies.
    pub async fn drain(&self, queue: &str) -> Vec<Value> {
        let mut bodies = Vec::new();
        loop {
            let receiving = self.sqs().receive_message().queue_url(queue).max_number_of_messages(10);
            let messages = receiving.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(serde_json::from_str(message.body().unwrap()).unwrap());
                let handle = message.receipt_handle().unwrap();
                self.sqs().delete_message().queue_url(queue).receipt_handle(handle).send().await.unwrap();
            }
        }
    }

    /// Opens a connection to the database as any user.
    pub async fn connect(&self, user: &str) -> tokio_postgres::Client {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let database = Database::new(self.environment.clone(), credentials).unwrap();
        let pairs =
            [("database/writer-endpoint", postgres::HOST), ("database/port", "5432"), ("database/name", "postgres")];
        let configuration = Configuration::from_parameters(pairs.map(|(n, v)| (n.to_owned(), v.to_owned())));
        let target = Target::writer(&configuration, user).unwrap();
        let token = database.token(&target).unwrap();
        database.connect(&target, &token).await.unwrap()
    }

    /// Returns everything that the functions have written so far.
    pub fn logs(&self) -> String {
        let entries = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        let directories: Vec<PathBuf> = entries(&self.directory.path().join("logs"));
        let files = directories.iter().flat_map(|directory| -> Vec<PathBuf> { entries(directory) });
        files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }
}

/// Returns the path of a function's binary in the test build.
pub fn built(function: Function) -> PathBuf {
    // Cargo puts all binaries into one directory.
    Path::new(env!("CARGO_BIN_EXE_notifications")).with_file_name(function.name())
}

/// Returns the timeout of an invocation.
fn invocation_time(function: Function, notification_seconds: u64) -> Duration {
    match function {
        Function::Notifications => Duration::from_secs(notification_seconds),
        _ => Duration::from_secs(20),
    }
}
