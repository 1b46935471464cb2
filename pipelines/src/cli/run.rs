//! `worldflow run`: serves worlds until told to stop.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use worldflow_schemas::Sym;
use worldflow_sources::tokens::{self, Claims, KeyError, Role, TokenKey};

use super::keys::KeysArgs;
use super::tiers::TierArgs;
use super::{limits, numbers};
use crate::secrets::resolve;
use crate::serve::{RealmChoice, ServeConfig, Serving};
use crate::tls;
use crate::world::{LoadedWorld, did_you_mean};

/// Serves one or more worlds until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  worldflow run worlds/greenvale
  worldflow run worlds/greenvale --realm eu=worlds/greenvale --realm us=worlds/greenvale
  worldflow run worlds/greenvale --postgres postgres://me@localhost/game
  worldflow run worlds/greenvale --watch
  worldflow run worlds/greenvale --gold http://127.0.0.1:8000 --silver http://127.0.0.1:8001
  worldflow run worlds/greenvale --manual-clock --development
      then: curl -X POST -H \"Authorization: Bearer $TOKEN\" -d '{\"ms\": 60000}' \\
            http://127.0.0.1:7777/v1/clock/advance

Started again on the same data folder, it goes on where it was.")]
pub(super) struct RunArgs {
    /// World folders; each is a realm of the world's own name.
    worlds: Vec<PathBuf>,
    /// A realm of another name: NAME=FOLDER. May be given several times.
    #[arg(long = "realm", value_name = "NAME=FOLDER")]
    realms: Vec<String>,
    #[command(flatten)]
    serve: ServeArgs,
    /// Time passes only by `POST /v1/clock/advance`; needs --development.
    #[arg(long, requires = "development")]
    manual_clock: bool,
    /// A token that stays good over restarts, from an environment variable:
    /// REALM/ROLE/SUBJECT=VARIABLE, for example greenvale/game_server/eu-1=EU_TOKEN. May be given
    /// several times; without it, development tokens are made and printed.
    #[arg(long = "token", value_name = "REALM/ROLE/SUBJECT=VARIABLE")]
    tokens: Vec<String>,
    /// Takes JWTs that are signed with the key in an environment variable: HS256=VARIABLE, a secret, or
    /// EdDSA=VARIABLE, a public key as PEM. They say `realm`, `role`, `sub` and `exp`. May be given several times.
    #[arg(long = "jwt", value_name = "ALGORITHM=VARIABLE")]
    jwt: Vec<String>,
    /// Edits a realm as the files of its world are saved; what has errors changes nothing.
    #[arg(long)]
    watch: bool,
    /// What your own archive calls the world folders, such as a git commit; it goes into the view `revisions`.
    #[arg(long, value_name = "NAME", default_value = "")]
    source_revision: String,
    /// Says that this is no live game: allows --manual-clock, and prints development tokens.
    #[arg(long)]
    development: bool,
}

/// Where a server listens and keeps its data.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 7777)]
    pub(super) port: u16,
    /// The address; one that others reach needs --tls-cert, --tls-key and real tokens.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(super) host: IpAddr,
    /// The certificate, with those that vouch for it behind it: a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Its private key: a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Listens where others reach it without TLS, or with development tokens: for a network that is yours.
    #[arg(long)]
    pub(super) insecure: bool,
    /// The data folder: journal, snapshots, SQLite files.
    #[arg(long, default_value = ".data")]
    pub(super) data: PathBuf,
    /// Also writes every view to this PostgreSQL, for example postgres://me@localhost/game; on
    /// another host it says how it is encrypted, for example ?sslmode=verify-full.
    #[arg(long, value_name = "URL")]
    pub(super) postgres: Option<String>,
    /// Timely workers a realm; as the world says, or one a core, when absent.
    #[arg(long, value_parser = numbers::workers())]
    pub(super) workers: Option<usize>,
    /// How much whoever connects may take: NAME=NUMBER, for example token_items_per_s=1000. May be given several
    /// times; docs/security.md lists the names.
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub(super) limits: Vec<String>,
    #[command(flatten)]
    pub(super) keys: KeysArgs,
    #[command(flatten)]
    pub(super) tiers: TierArgs,
}

impl ServeArgs {
    /// What is served, and who answers when NPCs are talked to.
    pub(super) fn config(
        self,
        realms: Vec<RealmChoice>,
        manual: bool,
    ) -> anyhow::Result<(ServeConfig, TierArgs)> {
        let files = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let tls = files.map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?;
        let config = ServeConfig {
            realms,
            data: self.data,
            listen: SocketAddr::new(self.host, self.port),
            postgres: self.postgres,
            workers: self.workers,
            manual,
            tls,
            insecure: self.insecure,
            limits: limits::limits(&self.limits)?,
            keys: self.keys.keys()?,
            quiet: false,
        };
        Ok((config, self.tiers))
    }
}

/// A realm's name is also the name of its folder.
fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    anyhow::ensure!(
        (1..=64).contains(&name.len()) && name.chars().all(plain),
        "realm `{name}`: not a name\nhint: use a to z, 0 to 9, - and _, at most 64 of them"
    );
    Ok(())
}

/// The realms that were asked for, each name once.
fn choices(args: &RunArgs) -> anyhow::Result<Vec<RealmChoice>> {
    let mut chosen: Vec<RealmChoice> = Vec::new();
    let named = args.realms.iter().map(|realm| {
        let (name, folder) = realm.split_once('=').ok_or_else(|| {
            anyhow::anyhow!("--realm {realm}: not NAME=FOLDER\nhint: for example --realm eu=worlds/greenvale")
        })?;
        anyhow::Ok((Some(name.to_owned()), PathBuf::from(folder)))
    });
    for choice in args.worlds.iter().map(|folder| Ok((None, folder.clone()))).chain(named) {
        let (name, folder) = choice?;
        let mut world = LoadedWorld::open(&folder)?;
        world.source_revision.clone_from(&args.source_revision);
        let name = name.unwrap_or_else(|| world.world.name.clone());
        check_name(&name)?;
        if chosen.iter().any(|other| other.name == name) {
            anyhow::bail!("realm `{name}` is given twice\nhint: name one with --realm NAME=FOLDER");
        }
        chosen.push(RealmChoice { name, world });
    }
    if chosen.is_empty() {
        anyhow::bail!("no world is given\nhint: `worldflow run worlds/greenvale`, or `worldflow demo`");
    }
    Ok(chosen)
}

/// A token given by reference, for one of these realms: what it says, and its value from the
/// environment.
fn given_token(given: &str, realms: &[RealmChoice]) -> anyhow::Result<(Claims, String)> {
    let parts = given.split_once('=').and_then(|(claims, variable)| {
        let (realm, rest) = claims.split_once('/')?;
        let (role, subject) = rest.split_once('/')?;
        Some((realm, role, subject, variable))
    });
    let Some((realm, role, subject, variable)) = parts else {
        anyhow::bail!(
            "--token {given}: not REALM/ROLE/SUBJECT=VARIABLE\nhint: for example greenvale/game_server/eu-1=EU_TOKEN"
        );
    };
    let realm = one_of("--token", "realm", realm, realms.iter().map(|realm| (realm.name.as_str(), realm)))?
        .name
        .as_str();
    let role = one_of("--token", "role", role, ROLES.map(|role| (role.name(), role)))?;
    let subject = tokens::subject(role, subject).map_err(|refusal| {
        anyhow::anyhow!("--token {given}: the subject {}\nhint: {}", refusal.reason, refusal.hint)
    })?;
    let token = resolve(&format!("${{{variable}}}"), "--token")?;
    anyhow::ensure!(
        token.len() >= LEAST_TOKEN_BYTES,
        "--token: the value of {variable} is shorter than {LEAST_TOKEN_BYTES} bytes\nhint: for example `openssl rand -hex 20`"
    );
    Ok((Claims { realm: Sym::new(realm), role, subject }, token))
}

/// A key that tokens are signed with, given by reference.
fn given_key(given: &str) -> anyhow::Result<TokenKey> {
    let Some((algorithm, variable)) = given.split_once('=') else {
        anyhow::bail!("--jwt {given}: not ALGORITHM=VARIABLE\nhint: for example EdDSA=JWT_PUBLIC_KEY");
    };
    let algorithms: [(&str, fn(&str) -> Result<TokenKey, KeyError>); 2] =
        [("HS256", TokenKey::hs256), ("EdDSA", TokenKey::eddsa)];
    let read = one_of("--jwt", "algorithm", algorithm, algorithms)?;
    let key = resolve(&format!("${{{variable}}}"), "--jwt")?;
    read(&key).map_err(|error| anyhow::anyhow!("--jwt: the value of {variable}: {error}"))
}

const ROLES: [Role; 4] = [Role::GameServer, Role::Player, Role::Dashboard, Role::Designer];

/// What is known by a name that was given in an option.
pub(super) fn one_of<'k, T>(
    option: &str,
    what: &str,
    given: &str,
    known: impl IntoIterator<Item = (&'k str, T)>,
) -> anyhow::Result<T> {
    let mut names = Vec::new();
    for (name, it) in known {
        if name == given {
            return Ok(it);
        }
        names.push(name);
    }
    let hint = match did_you_mean(given, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of {}", names.join(", ")),
    };
    anyhow::bail!("{option}: unknown {what} `{given}`\nhint: {hint}")
}

/// Tokens that are good until the server stops, and the text that says so.
pub(super) fn development_tokens<const COUNT: usize>(
    serving: &Serving,
    realm: &str,
    of: [(Role, &str); COUNT],
) -> std::io::Result<(String, [String; COUNT])> {
    let mut text = format!("\nrealm {realm}; development tokens, good until it stops:\n");
    let mut tokens = [const { String::new() }; COUNT];
    for (token, (role, subject)) in tokens.iter_mut().zip(of) {
        *token = serving.token(realm, role, subject)?;
        text.push_str(&format!("  {:<12} {subject:<12} {token}\n", role.name()));
    }
    Ok((text, tokens))
}

/// The shortest token that is taken.
const LEAST_TOKEN_BYTES: usize = 16;

pub(super) fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let choices = choices(&args)?;
    let given: Vec<(Claims, String)> =
        args.tokens.iter().map(|given| given_token(given, &choices)).collect::<Result<_, _>>()?;
    let keys: Vec<TokenKey> = args.jwt.iter().map(|given| given_key(given)).collect::<Result<_, _>>()?;
    let development = args.development || (given.is_empty() && keys.is_empty());
    anyhow::ensure!(
        args.serve.host.is_loopback() || args.serve.insecure || !development,
        "refusing to listen on {} with development tokens\nhint: give --token or --jwt, or say --insecure",
        args.serve.host
    );
    let manual = args.manual_clock;
    let (mut config, tiers) = args.serve.config(choices, manual)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let names: Vec<String> = config.realms.iter().map(|realm| realm.name.clone()).collect();
        let encrypted = config.tls.is_some();
        let served = tiers.serve(&mut config.realms).await?;
        let serving = Serving::open(config).await?;
        let encrypted = if encrypted { "s" } else { "" };
        let mut text = format!("worldflow listens on http{encrypted}://{}\n", serving.address);
        for name in names {
            if development {
                let of = [
                    (Role::GameServer, "game-server"),
                    (Role::Player, "player-1"),
                    (Role::Dashboard, "dashboard"),
                    (Role::Designer, "designer"),
                ];
                text.push_str(&development_tokens(&serving, &name, of)?.0);
            } else if keys.is_empty() && !given.iter().any(|(claims, _)| claims.realm.as_str() == name) {
                text.push_str(&format!("\nrealm {name}; nobody is let in: no --token is for it\n"));
            }
            text.push_str(served.words(&name));
        }
        for (claims, token) in given {
            serving.tokens.add(token, claims);
        }
        keys.into_iter().for_each(|key| serving.tokens.trust(key));
        let _watching = if args.watch { serving.watch(say) } else { Vec::new() };
        if args.watch {
            text.push_str("\nThe world folders are watched.\n");
        }
        text.push_str("\nCtrl-C stops it.\n");
        let stop = stop_signal()?;
        std::io::stdout().write_all(text.as_bytes())?;
        let failed = until_stopped(&serving, stop).await;
        let closed = serving.close().await;
        closed?;
        anyhow::ensure!(!failed, "a realm has stopped\nhint: the log says why");
        Ok(ExitCode::SUCCESS)
    })
}

/// Says something while it runs. Whoever has closed the output does not want to read it.
fn say(what: String) {
    let _closed = writeln!(std::io::stdout(), "{}", crate::terminal::shown(&what));
}

/// Waits for `stop`, or for a realm to stop by itself. Returns whether the last.
pub(super) async fn until_stopped(serving: &Serving, stop: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = stop => false,
        () = serving.failed() => true,
    }
}

/// Ctrl-C, or the signal that service managers send. Both are caught from this call on, so that who
/// has been told that it runs can stop it in order.
#[cfg(unix)]
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
