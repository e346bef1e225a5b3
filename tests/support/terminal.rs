//! A terminal for the binary to ask its questions on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// No question takes longer to come, and no run longer to end.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A run on a pseudo-terminal of its own; killed when dropped.
pub struct OnTerminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<String>>,
}

impl OnTerminal {
    /// Starts a command with the terminal as its standard input and both its outputs.
    pub fn start(mut command: Command) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(ptsname(&keyboard, Vec::new()).unwrap().as_bytes()));
        command.stdin(terminal(&path)).stdout(terminal(&path)).stderr(terminal(&path)).env("TERM", "xterm");
        let child = command.spawn().unwrap();
        // It keeps the terminal's other side open, and so what is shown without an end.
        drop(command);
        let keyboard = File::from(keyboard);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, copy) = (keyboard.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error once nobody has the other side open.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                copy.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keyboard, shown }
    }

    /// Waits until a text is shown.
    pub fn shows(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.shown.lock().unwrap().contains(text) {
            assert!(begun.elapsed() < TIMEOUT, "{text} is not shown:\n{}", self.shown.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    /// Sends the signal that Ctrl-C sends.
    pub fn interrupts(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Waits for the end.
    pub fn ends(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < TIMEOUT, "it does not end:\n{}", self.shown.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn terminal(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}
