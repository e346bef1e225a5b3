//! Replaces what connects the topic to the notifications function in AWS: SNS's asynchronous invocation with its
//! retries. Here, the topic delivers to a queue, and the relay receives from it.

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
use super::runtime_api::InvocationError;

/// The number of concurrent receivers. The emulator answers one call at a time, and the clients' calls come first.
const RECEIVERS: usize = 8;

pub struct Relay {
    receivers: Vec<JoinHandle<()>>,
    /// The number of received messages whose invocation has not succeeded yet.
    pub in_flight: Arc<AtomicU64>,
    /// The number of messages that were given up: Lambda's own dead letters.
    pub given_up: Arc<AtomicU64>,
}

impl Relay {
    pub fn start(sqs: Client, queue: String, notifications: Arc<Pool>) -> Self {
        let (in_flight, given_up) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let deliveries = Deliveries {
            notifications,
            limit: Arc::new(Semaphore::new(16)),
            in_flight: Arc::clone(&in_flight),
            given_up: Arc::clone(&given_up),
        };
        let receiver = |_| {
            let (sqs, queue, deliveries) = (sqs.clone(), queue.clone(), deliveries.clone());
            tokio::spawn(async move {
                loop {
                    let messages = receive(&sqs, &queue).await;
                    messages.iter().for_each(|message| deliveries.start(message));
                    delete(&sqs, &queue, &messages).await;
                }
            })
        };
        let receivers = (0..RECEIVERS).map(receiver).collect();
        Self { receivers, in_flight, given_up }
    }
}

/// The state that the receivers share.
#[derive(Clone)]
struct Deliveries {
    notifications: Arc<Pool>,
    limit: Arc<Semaphore>,
    in_flight: Arc<AtomicU64>,
    given_up: Arc<AtomicU64>,
}

impl Deliveries {
    /// Starts the delivery of a message, which is in flight from now on.
    fn start(&self, message: &Message) {
        let envelope: Value = serde_json::from_str(message.body().unwrap_or("")).unwrap();
        let text = envelope["Message"].as_str().unwrap().to_owned();
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let this = self.clone();
        tokio::spawn(async move {
            let _permit = this.limit.acquire().await.unwrap();
            if !invoke(&this.notifications, &text).await {
                this.given_up.fetch_add(1, Ordering::SeqCst);
            }
            this.in_flight.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn receive(sqs: &Client, queue: &str) -> Vec<Message> {
    let receiving = sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(1);
    receiving.send().await.ok().and_then(|answer| answer.messages).unwrap_or_default()
}

/// Deletes received messages, which wait in the relay as they would inside SNS. The emulator scans the whole queue on
/// every call, so a long queue would slow it down.
async fn delete(sqs: &Client, queue: &str, messages: &[Message]) {
    let entry = |(number, message): (usize, &Message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
        entry.receipt_handle(message.receipt_handle().unwrap_or_default()).build().unwrap()
    };
    let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
    if !entries.is_empty() {
        // A message that is not deleted is received again, and the function recognises the event by its ID.
        let _ = sqs.delete_message_batch().queue_url(queue).set_entries(Some(entries)).send().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.receivers.iter().for_each(JoinHandle::abort);
    }
}

/// Invokes the function until it succeeds or has failed three times, and returns whether it succeeded.
///
/// Lambda repeats a failed invocation twice, but one that it could not start, or whose environment was lost, for hours.
/// Kills are far more frequent here than there, so they do not count.
async fn invoke(pool: &Pool, text: &str) -> bool {
    let mut failures = 0;
    loop {
        match pool.invoke(&message(text)).await {
            Ok(_) => return true,
            Err(InvocationError::Reported { message, .. }) if !message.contains("another attempt") => failures += 1,
            Err(_) => {}
        }
        if failures >= 3 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
