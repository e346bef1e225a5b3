//! What stands between the topic and the notifications function in AWS: SNS's asynchronous invocation
//! with its retries. The topic delivers to a queue here, from which this takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::pool::Pool;
use super::requests::message;
use super::runtime_api::Failure;

/// So many ask for messages at once: the emulator answers one call after the other, and the clients' come first.
const RECEIVERS: usize = 8;

pub struct Relay {
    receivers: Vec<JoinHandle<()>>,
    /// Messages taken whose invocation has not succeeded yet.
    pub under_way: Arc<AtomicU64>,
    /// Messages given up: Lambda's own dead letters.
    pub given_up: Arc<AtomicU64>,
}

impl Relay {
    pub fn start(sqs: Client, queue: String, notifications: Arc<Pool>) -> Self {
        let (under_way, given_up) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let deliveries = Deliveries {
            notifications,
            limit: Arc::new(Semaphore::new(16)),
            under_way: Arc::clone(&under_way),
            given_up: Arc::clone(&given_up),
        };
        let receiver = |_| {
            let (sqs, queue, deliveries) = (sqs.clone(), queue.clone(), deliveries.clone());
            tokio::spawn(async move {
                loop {
                    let messages = receive(&sqs, &queue).await;
                    messages.iter().for_each(|taken| deliveries.begin(taken));
                    take_out(&sqs, &queue, &messages).await;
                }
            })
        };
        let receivers = (0..RECEIVERS).map(receiver).collect();
        Self { receivers, under_way, given_up }
    }
}

/// What the receivers share.
#[derive(Clone)]
struct Deliveries {
    notifications: Arc<Pool>,
    limit: Arc<Semaphore>,
    under_way: Arc<AtomicU64>,
    given_up: Arc<AtomicU64>,
}

impl Deliveries {
    /// Starts the delivery of a message, which counts as under way from here on.
    fn begin(&self, taken: &Message) {
        let envelope: Value = serde_json::from_str(taken.body().unwrap_or("")).unwrap();
        let text = envelope["Message"].as_str().unwrap().to_owned();
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let this = self.clone();
        tokio::spawn(async move {
            let _permit = this.limit.acquire().await.unwrap();
            if !invoke(&this.notifications, &text).await {
                this.given_up.fetch_add(1, Ordering::SeqCst);
            }
            this.under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn receive(sqs: &Client, queue: &str) -> Vec<Message> {
    let receiving = sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(1);
    receiving.send().await.ok().and_then(|answer| answer.messages).unwrap_or_default()
}

/// Deletes what was received: it waits here, as it does inside SNS. The emulator goes through the whole queue at every
/// call, so a long one would take all its time.
async fn take_out(sqs: &Client, queue: &str, messages: &[Message]) {
    let entry = |(number, taken): (usize, &Message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
        entry.receipt_handle(taken.receipt_handle().unwrap_or_default()).build().unwrap()
    };
    let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
    if !entries.is_empty() {
        // What stays is received again, and the function knows the event by its id.
        let _ = sqs.delete_message_batch().queue_url(queue).set_entries(Some(entries)).send().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.receivers.iter().for_each(JoinHandle::abort);
    }
}

/// Lambda repeats a failed invocation twice; its queue repeats one it could not even start, or whose
/// environment was lost, for hours. Kills here are far more frequent than there, so those do not count.
async fn invoke(pool: &Pool, text: &str) -> bool {
    let mut reported = 0;
    loop {
        match pool.invoke(&message(text)).await {
            Ok(_) => return true,
            Err(Failure::Reported { message, .. }) if !message.contains("another attempt") => reported += 1,
            Err(_) => {}
        }
        if reported >= 3 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
