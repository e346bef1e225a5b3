//! The execution environments of one function, one for each concurrent invocation.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};

use super::runtime_api::{Environment, InvocationError};

pub struct Pool {
    binary: PathBuf,
    variables: Vec<(String, String)>,
    logs: PathBuf,
    time: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<Environment>>,
    killers: Mutex<Vec<(u32, mpsc::Sender<()>)>>,
}

impl Pool {
    pub fn new(binary: &Path, variables: Vec<(String, String)>, logs: &Path, limit: usize, time: Duration) -> Self {
        std::fs::create_dir_all(logs).unwrap();
        Self {
            binary: binary.to_owned(),
            variables,
            logs: logs.to_owned(),
            time,
            permits: Semaphore::new(limit),
            idle: Mutex::default(),
            killers: Mutex::default(),
        }
    }

    /// Starts an environment outside the pool.
    pub async fn environment(&self) -> Environment {
        Environment::start(&self.binary, &self.variables, &self.logs).await
    }

    /// Invokes the function in an idle or a new environment.
    pub async fn invoke(&self, event: &Value) -> Result<Value, InvocationError> {
        let _permit = self.permits.acquire().await.unwrap();
        let idle = std::iter::from_fn(|| self.idle.lock().unwrap().pop()).find(|e| !e.is_dead());
        let environment = match idle {
            Some(environment) => environment,
            None => {
                let environment = self.environment().await;
                let mut killers = self.killers.lock().unwrap();
                killers.retain(|(_, killer)| !killer.is_closed());
                killers.push((environment.pid, environment.killer()));
                environment
            }
        };
        let answer = environment.invoke(event, self.time).await;
        if !matches!(answer, Err(InvocationError::Died | InvocationError::TimedOut)) {
            self.idle.lock().unwrap().push(environment);
        }
        answer
    }

    /// Kills a random process with SIGKILL, whatever it is doing. Returns whether there was one.
    pub fn kill_one(&self) -> bool {
        let killers = self.killers.lock().unwrap();
        let alive: Vec<_> = killers.iter().filter(|(_, killer)| !killer.is_closed()).collect();
        if alive.is_empty() {
            return false;
        }
        alive[rand::random_range(0..alive.len())].1.try_send(()).is_ok()
    }

    /// Returns the process IDs of the running environments.
    pub fn pids(&self) -> Vec<u32> {
        let killers = self.killers.lock().unwrap();
        killers.iter().filter(|(_, killer)| !killer.is_closed()).map(|(pid, _)| *pid).collect()
    }

    pub fn kill_all(&self) {
        for (_, killer) in self.killers.lock().unwrap().drain(..) {
            let _ = killer.try_send(());
        }
    }
}
