//! A name server for one world: every name of AWS is this machine, and there are no others.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

/// A running name server; its thread ends with the process.
pub struct NameServer {
    strangers: Arc<Mutex<BTreeSet<String>>>,
}

/// The domains of AWS's endpoints.
const AWS: [&str; 2] = [".amazonaws.com", ".api.aws"];

const TYPE_A: [u8; 2] = [0, 1];
const NO_SUCH_NAME: u8 = 3;

impl NameServer {
    /// Starts it on port 53.
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let strangers = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = strangers.clone();
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let Some((name, end)) = name_in(&query[..length]) else { continue };
                let known = AWS.iter().any(|domain| name.ends_with(domain));
                if !known {
                    seen.lock().unwrap().insert(name);
                }
                socket.send_to(&answer(&query[..end], known), from).ok();
            }
        });
        Self { strangers }
    }

    /// Names that were asked for and that are not AWS's.
    pub fn strangers(&self) -> Vec<String> {
        self.strangers.lock().unwrap().iter().cloned().collect()
    }
}

/// The name that a query asks for, and where the question ends (RFC 1035, section 4.1.2).
fn name_in(query: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    (query.len() >= at + 4).then(|| (labels.join("."), at + 4))
}

/// 127.0.0.1 to a question for an IPv4 address of a name that exists, else no address.
fn answer(question: &[u8], known: bool) -> Vec<u8> {
    let wants_address = question.ends_with(&[TYPE_A, [0, 1]].concat());
    let found = known && wants_address;
    let mut answer = question.to_vec();
    answer[2] = 0x81;
    answer[3] = 0x80 | if known { 0 } else { NO_SUCH_NAME };
    // One question, an answer or none, and no other sections.
    answer[4..12].copy_from_slice(&[0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    if found {
        // The name is the question's; then type, class, a minute to live, and four bytes of address.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
