//! A private MiniStack: the emulated SSM, DynamoDB, SNS, SQS, and S3.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::free_port;

pub struct Ministack {
    child: Child,
    _home: TempDir,
    pub url: String,
}

impl Ministack {
    pub async fn start() -> Self {
        let program = std::env::var_os("PAYINFRA_MINISTACK").map(PathBuf::from);
        let program = program
            .or_else(on_path)
            .expect("MiniStack not found: set PAYINFRA_MINISTACK to its path or add `ministack` to PATH");
        let home = tempfile::Builder::new().prefix("payments-ms-").tempdir().unwrap();
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let child = Command::new(program)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("BIND_HOST", "127.0.0.1"), ("MINISTACK_ACCOUNT_ID", "123456789012")])
            .env("HOME", home.path())
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", &url)
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("MiniStack does not start");
        let ministack = Self { child, _home: home, url };
        let started = Instant::now();
        while !ministack.answers(port).await {
            assert!(started.elapsed() < Duration::from_secs(30), "MiniStack does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ministack
    }

    /// Kills the emulator, so that nothing answers any more.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn answers(&self, port: u16) -> bool {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else { return false };
        let request = b"GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
        let mut answer = [0; 12];
        stream.write_all(request).await.is_ok()
            && stream.read_exact(&mut answer).await.is_ok()
            && answer.ends_with(b"200")
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("ministack")).find(|p| p.exists())
}
