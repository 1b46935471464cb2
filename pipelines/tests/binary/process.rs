//! `worldflow` as a child process.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What a command said until it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `worldflow` with these arguments to its end, which must come.
pub(crate) fn worldflow<'a>(args: impl IntoIterator<Item = &'a str>) -> Said {
    Process::start(args).ended()
}

/// A running `worldflow`. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    stdout: String,
}

impl Process {
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Process {
        Process::start_with(args, &[])
    }

    /// As [`Process::start`], in this folder.
    pub(crate) fn start_in<'a>(folder: &Path, args: impl IntoIterator<Item = &'a str>) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldflow"));
        command.current_dir(folder).args(args);
        Process::spawn(command, &[])
    }

    /// As [`Process::start`], with these variables in its environment.
    pub(crate) fn start_with<'a>(
        args: impl IntoIterator<Item = &'a str>,
        environment: &[(&str, &str)],
    ) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worldflow"));
        command.args(args);
        Process::spawn(command, environment)
    }

    fn spawn(mut command: Command, environment: &[(&str, &str)]) -> Process {
        let mut child = command
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            // Keys for a Kinesis server of the tests' own, which does not look at them.
            .envs([("AWS_ACCESS_KEY_ID", "tests"), ("AWS_SECRET_ACCESS_KEY", "hunter2-tests")])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let (line, lines) = channel();
        // Ends with the process, or when the test no longer listens.
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        let stderr = std::thread::spawn(move || {
            let mut all = Vec::new();
            stderr.read_to_end(&mut all).expect("a pipe can be read");
            String::from_utf8_lossy(&all).into_owned()
        });
        Process { child, lines, stderr: Some(stderr), stdout: String::new() }
    }

    /// The next line that it prints; `None` when it has closed its output, which it does at its end.
    fn line(&mut self, end: Instant) -> Option<String> {
        match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.stdout.push_str(&line);
                self.stdout.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let said = std::mem::take(&mut self.stdout);
                let status = self.kill();
                panic!(
                    "no line and no end within {DEADLINE:?}; killed ({status}); it said:\n{said}{}",
                    self.log()
                )
            }
        }
    }

    /// Reads its output up to the line that begins like this.
    fn until(&mut self, beginning: &str) {
        let end = Instant::now() + DEADLINE;
        while let Some(line) = self.line(end) {
            if line.starts_with(beginning) {
                return;
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        let log = self.log();
        panic!("ended ({status}) before `{beginning}`; it said:\n{}{log}", self.stdout);
    }

    /// The rest of the printed line that begins like this.
    fn printed(&self, beginning: &str) -> &str {
        let found = self.stdout.lines().find_map(|line| line.strip_prefix(beginning));
        found.unwrap_or_else(|| panic!("no `{beginning}` in:\n{}", self.stdout))
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Said {
        let end = Instant::now() + DEADLINE;
        while self.line(end).is_some() {}
        let status = self.child.wait().expect("a child can be waited for");
        Said { status, stdout: std::mem::take(&mut self.stdout), stderr: self.log() }
    }

    fn kill(&mut self) -> ExitStatus {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("a child can be waited for")
    }

    fn log(&mut self) -> String {
        self.stderr.take().map(|log| log.join().expect("reading does not panic")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A `worldflow run` that serves.
pub(crate) struct Server {
    process: Process,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Realm, role and token, as printed.
    tokens: Vec<(String, String, String)>,
}

impl Server {
    /// Serves a world on a free port, with these further arguments.
    pub(crate) fn run(world: &Path, data: &Path, more: &[&str]) -> Server {
        Server::start([path(world)].into_iter().chain(more.iter().copied()), data)
    }

    /// `worldflow run` on a free port with these arguments.
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>, data: &'a Path) -> Server {
        let fixed = ["run", "--port", "0", "--data", path(data)];
        Server::listening(Process::start(fixed.into_iter().chain(args)))
    }

    fn listening(mut process: Process) -> Server {
        process.until("Ctrl-C stops it");
        let address = process.printed("worldflow listens on http://").to_owned();
        let tokens = printed_tokens(&process.stdout);
        Server { process, address, tokens }
    }

    /// `worldflow run` on a free port with these arguments, in this folder.
    pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Server {
        let all = ["run", "--port", "0"].into_iter().chain(args.iter().copied());
        Server::listening(Process::start_in(folder, all))
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> &str {
        &self.process.stdout
    }

    /// Serves with these variables in its environment, and prints no tokens; by `http` or `https`.
    pub(crate) fn guarded(scheme: &str, args: &[&str], environment: &[(&str, &str)]) -> Server {
        let all = ["run", "--port", "0"].into_iter().chain(args.iter().copied());
        let mut process = Process::start_with(all, environment);
        process.until("Ctrl-C stops it");
        let address = process.printed(&format!("worldflow listens on {scheme}://")).to_owned();
        Server { process, address, tokens: Vec::new() }
    }

    /// As [`Server::run`], with these variables in its environment.
    pub(crate) fn run_with(world: &Path, data: &Path, more: &[&str], environment: &[(&str, &str)]) -> Server {
        let fixed = ["run", "--port", "0", "--data", path(data), path(world)];
        let args = fixed.into_iter().chain(more.iter().copied());
        Server::listening(Process::start_with(args, environment))
    }

    /// `worldflow demo` on a free port with these arguments.
    pub(crate) fn demo(data: &Path, more: &[&str]) -> Server {
        let fixed = ["demo", "--port", "0", "--data", path(data)];
        let mut process = Process::start(fixed.into_iter().chain(more.iter().copied()));
        process.until("Ctrl-C stops it");
        let address = process.printed("  live page    http://").trim_end_matches('/').to_owned();
        let tokens = printed_tokens(&process.stdout);
        Server { process, address, tokens }
    }

    pub(crate) fn token(&self, role: &str) -> &str {
        assert!(self.tokens.len() <= 4, "name the realm");
        &self.tokens.iter().find(|(_, other, _)| other == role).expect("a token is printed").2
    }

    pub(crate) fn token_of(&self, realm: &str, role: &str) -> &str {
        let found = self.tokens.iter().find(|(name, other, _)| name == realm && other == role);
        &found.expect("a token is printed").2
    }

    /// Waits until it prints a line that begins like this.
    pub(crate) fn until_said(&mut self, beginning: &str) {
        self.process.until(beginning);
    }

    /// Stops it as a service manager does, and waits until it has ended well.
    pub(crate) fn stop(self) {
        self.end("-TERM");
    }

    /// Stops it as a person at a terminal does.
    pub(crate) fn interrupt(self) -> Said {
        self.end("-INT")
    }

    /// Tells it to stop as a service manager does.
    pub(crate) fn signal_stop(&self) {
        self.signal("-TERM");
    }

    /// Waits until it has ended well after it was told to stop.
    pub(crate) fn stopped(self) {
        self.ended();
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.child.id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(told.success(), "it had ended by itself");
    }

    fn end(self, signal: &str) -> Said {
        self.signal(signal);
        self.ended()
    }

    fn ended(self) -> Said {
        let said = self.process.ended();
        assert!(said.status.success(), "{said:?}");
        said
    }

    /// `kill -9`: nothing is written any more.
    pub(crate) fn crash(mut self) {
        let status = self.process.kill();
        assert!(!status.success(), "it had ended by itself");
    }
}

fn printed_tokens(text: &str) -> Vec<(String, String, String)> {
    let mut realm = "";
    let mut tokens = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("realm ") {
            realm = rest.split(';').next().expect("split has a first part");
        } else if let [role @ ("game_server" | "player" | "dashboard" | "designer"), _subject, token] =
            line.split_whitespace().collect::<Vec<_>>()[..]
        {
            tokens.push((realm.to_owned(), role.to_owned(), token.to_owned()));
        }
    }
    tokens
}

/// The folder in which `./test` has put what a test needs that is no part of the system, of which this file is one.
pub(crate) fn installed(name: &str, file: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let folder = target.join(name);
    let hint = "`./test` installs it, and so does `./test --test binary`";
    assert!(folder.join(file).is_file(), "there is no {file} in {}; {hint}", folder.display());
    folder
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
