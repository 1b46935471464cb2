//! Which views go to which database, and how often.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use worldflow_schemas::catalog::{Catalog, ViewId, is_name, view};
use worldflow_schemas::definitions::{OneOrMany, SinkDef};

use super::error::SqlError;

/// Where the tables are. Printing it shows no password.
#[derive(Clone, Debug)]
pub enum Target {
    /// An SQLite file; it is made when it is missing.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresAddress),
}

/// The address of a PostgreSQL database. Printing it shows no password.
#[derive(Clone)]
pub struct PostgresAddress {
    pub(super) options: Box<PgConnectOptions>,
}

impl PostgresAddress {
    /// Reads `postgres://user:password@host:port/database?sslmode=...`. Off this machine TLS is
    /// needed, unless the address says `sslmode=disable`: what PostgreSQL calls `prefer`, the default,
    /// lets whoever is in between decide.
    ///
    /// # Errors
    /// When it is not such an address, or leaves TLS to chance; the error does not repeat it.
    pub fn parse(sink: &str, url: &str) -> Result<PostgresAddress, SqlError> {
        let address = |reason: String| SqlError::Address { sink: sink.to_owned(), reason };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(address("it does not begin with postgres://".to_owned()));
        }
        let options = url.parse::<PgConnectOptions>().map_err(|error| address(error.to_string()))?;
        let chance = matches!(options.get_ssl_mode(), PgSslMode::Allow | PgSslMode::Prefer);
        if chance && !is_local(&options) {
            let host = options.get_host().to_owned();
            return Err(SqlError::PlainText { sink: sink.to_owned(), host });
        }
        Ok(PostgresAddress { options: Box::new(options) })
    }
}

/// Whether the database is on this machine: a Unix socket, or the loopback.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = ip.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || loopback
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        write!(f, "postgres://{host}:{port}/{}", self.options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Target::Postgres(address) => address.fmt(f),
        }
    }
}

/// Which views a sink holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SinkViews {
    /// Every deterministic view of the realm, those of designers among them.
    #[default]
    All,
    /// Those of these names. A designer's view may come later, and go.
    Named(Vec<String>),
}

impl SinkViews {
    /// Which they are, of a catalog.
    #[must_use]
    pub fn of(&self, catalog: &Catalog) -> Vec<ViewId> {
        match self {
            SinkViews::All => catalog.ids().filter(|view| view.def().deterministic).collect(),
            SinkViews::Named(names) => {
                catalog.ids().filter(|view| names.iter().any(|name| name == view.def().name)).collect()
            }
        }
    }

    fn parse(sink: &str, names: Option<&OneOrMany<String>>) -> Result<SinkViews, SqlError> {
        let Some(names) = names else { return Ok(SinkViews::All) };
        let names = names.as_slice();
        match names.iter().find(|name| view(name).is_none() && !is_name(name)) {
            Some(unknown) => Err(SqlError::UnknownView { sink: sink.to_owned(), view: unknown.clone() }),
            None => Ok(SinkViews::Named(names.to_vec())),
        }
    }
}

/// A sink of views in SQL tables.
#[derive(Clone, Debug)]
pub struct SqlSinkConfig {
    /// Its name in the world, in metrics and on the live page.
    pub name: String,
    /// The database.
    pub target: Target,
    /// The views; each becomes a table of its name.
    pub views: SinkViews,
    /// How often the tables are brought up to date, when something has changed.
    pub every: Duration,
}

impl SqlSinkConfig {
    /// A sink of a world. `folder` is what an SQLite path is relative to; references to the
    /// environment in `url` have been resolved by the caller.
    ///
    /// # Errors
    /// For what no view can be called, or a bad address.
    pub fn parse(name: &str, def: &SinkDef, folder: &Path) -> Result<SqlSinkConfig, SqlError> {
        let (target, views, every) = match def {
            SinkDef::Sqlite { path, views, every } => (Target::Sqlite(folder.join(path)), views, every),
            SinkDef::Postgres { url, views, every } => {
                (Target::Postgres(PostgresAddress::parse(name, url)?), views, every)
            }
        };
        let every = Duration::from_millis(every.ms);
        Ok(SqlSinkConfig {
            name: name.to_owned(),
            target,
            views: SinkViews::parse(name, views.as_ref())?,
            every,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_never_prints_its_password() {
        let address =
            PostgresAddress::parse("db", "postgres://me:s3cret@db.example:5433/world?sslmode=require")
                .expect("valid");
        let target = Target::Postgres(address);
        assert_eq!(target.to_string(), "postgres://db.example:5433/world");
        assert_eq!(format!("{target:?}"), "Postgres(postgres://db.example:5433/world)");
        for bad in ["mysql://me:s3cret@host/world", "postgres://me:s3cret@host:notaport/world"] {
            let error = PostgresAddress::parse("db", bad).expect_err("invalid");
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_database_elsewhere_is_spoken_to_with_tls_unless_plain_text_is_meant() {
        let parse = |rest: &str| PostgresAddress::parse("db", &format!("postgres://me:s3cret@{rest}"));
        for good in [
            "db.example/world?sslmode=require",
            "db.example/world?sslmode=verify-ca",
            "db.example/world?sslmode=verify-full&sslrootcert=ca.pem",
            "db.example/world?sslmode=disable",
            "localhost/world",
            "127.0.0.2/world",
            "[::1]/world",
            "localhost/world?host=/run/postgresql",
            "%2Frun%2Fpostgresql/world",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
        for bad in [
            "db.example/world",
            "db.example/world?sslmode=prefer",
            "db.example/world?sslmode=allow",
            "10.0.0.7/world",
            "[2001:db8::1]/world",
            "localhost/world?host=db.example",
            "localhost.example/world",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(matches!(error, SqlError::PlainText { .. }), "{bad}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }
}
