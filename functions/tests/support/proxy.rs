//! A TCP proxy between a function and a service. It records the traffic, and it can be cut at any chunk of data.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Counts the chunks that pass through all of its proxies, and blocks everything from one of them on.
#[derive(Default)]
pub struct Cut {
    passed: AtomicU64,
    /// The number of the last chunk, counted from 1; 0 for no cut.
    at: u64,
    /// Whether that chunk is delivered.
    delivers: bool,
    reached: Notify,
}

impl Cut {
    pub fn never() -> Arc<Self> {
        Arc::default()
    }

    pub fn at(at: u64, delivers: bool) -> Arc<Self> {
        Arc::new(Self { at, delivers, ..Self::default() })
    }

    /// Waits until the connections have been cut.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }
}

/// A proxy for one service.
pub struct Proxy {
    pub address: String,
    /// The data that each connection sent to the service.
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Proxy {
    /// Starts a proxy for a service at an address.
    pub async fn to(service: &str, cut: &Arc<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (service, cut, shared) = (service.to_owned(), Arc::clone(cut), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&service).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let number = {
                    let mut sent = shared.lock().unwrap();
                    sent.push(Vec::new());
                    sent.len() - 1
                };
                let record = {
                    let shared = Arc::clone(&shared);
                    move |chunk: &[u8]| shared.lock().unwrap()[number].extend_from_slice(chunk)
                };
                tokio::spawn(forward(from_client, to_server, Arc::clone(&cut), record));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&cut), |_: &[u8]| {}));
            }
        });
        Self { address, sent }
    }

    /// Returns the data that each connection has sent so far.
    pub fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    cut: Arc<Cut>,
    record: impl Fn(&[u8]),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let chunk = &buffer[..count];
        record(chunk);
        let number = cut.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let is_over = cut.at > 0 && number >= cut.at;
        if (!is_over || (number == cut.at && cut.delivers)) && to.write_all(chunk).await.is_err() {
            return;
        }
        if is_over {
            if number == cut.at {
                // A delivered chunk may take effect before the process dies.
                tokio::time::sleep(std::time::Duration::from_millis(if cut.delivers { 15 } else { 0 })).await;
                cut.reached.notify_one();
            }
            std::future::pending::<()>().await;
        }
    }
}
