//! A stretch of wire between a function and what is behind it: it remembers what went by, and can be cut
//! at any one exchange.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Counts the pieces that pass, over all wires it is given to, and lets nothing pass from one of them on.
#[derive(Default)]
pub struct Cut {
    passed: AtomicU64,
    /// The piece that is the last one; none for 0.
    at: u64,
    /// Whether that piece still arrives.
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

    /// Waits until the wire has been cut.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }
}

/// The wire's near end.
pub struct Wire {
    pub address: String,
    /// What each connection sent towards the far end.
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    /// Lays a wire to an address.
    pub async fn to(far: &str, cut: &Arc<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (far, cut, shared) = (far.to_owned(), Arc::clone(cut), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&far).await else { continue };
                let (from_near, to_near) = near.into_split();
                let (from_far, to_far) = far.into_split();
                let number = {
                    let mut sent = shared.lock().unwrap();
                    sent.push(Vec::new());
                    sent.len() - 1
                };
                let record = {
                    let shared = Arc::clone(&shared);
                    move |piece: &[u8]| shared.lock().unwrap()[number].extend_from_slice(piece)
                };
                tokio::spawn(pass(from_near, to_far, Arc::clone(&cut), record));
                tokio::spawn(pass(from_far, to_near, Arc::clone(&cut), |_: &[u8]| {}));
            }
        });
        Self { address, sent }
    }

    /// Gives what each connection has sent so far.
    pub fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    cut: Arc<Cut>,
    record: impl Fn(&[u8]),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let piece = &buffer[..count];
        record(piece);
        let number = cut.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let is_over = cut.at > 0 && number >= cut.at;
        if (!is_over || (number == cut.at && cut.delivers)) && to.write_all(piece).await.is_err() {
            return;
        }
        if is_over {
            if number == cut.at {
                // What arrives may have its effect before the process dies.
                tokio::time::sleep(std::time::Duration::from_millis(if cut.delivers { 15 } else { 0 })).await;
                cut.reached.notify_one();
            }
            std::future::pending::<()>().await;
        }
    }
}
