//! What can go wrong between a sink and its database.

use std::borrow::Cow;

/// Why a flush, or the opening of a sink, failed. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The address is not one.
    #[error("sinks.{sink}: not a PostgreSQL address: {reason}")]
    Address {
        /// The sink.
        sink: String,
        /// Why, without the address: it may hold a password.
        reason: String,
    },
    /// The address would send rows and password over a network as plain text.
    #[error("sinks.{sink}: refusing to speak to `{host}` without TLS")]
    PlainText {
        /// The sink.
        sink: String,
        /// The database's host.
        host: String,
    },
    /// A view in the configuration does not exist.
    #[error("sinks.{sink}: unknown view `{view}`")]
    UnknownView {
        /// The sink.
        sink: String,
        /// The name.
        view: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {target}: {source}")]
    Connect {
        /// The database, without its password.
        target: String,
        /// Why.
        source: sqlx::Error,
    },
    /// A table could not be made or changed.
    #[error("cannot make the table `{table}`: {source}")]
    Table {
        /// The table.
        table: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// A statement failed.
    #[error("{0}")]
    Statement(#[from] sqlx::Error),
    /// The database did not answer.
    #[error("no answer from {target} within {seconds} s")]
    Silent {
        /// The database.
        target: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The database is ahead of the realm: the realm is still catching up.
    #[error("the tables are at tick {stored} and the realm only at {tick}")]
    Behind {
        /// The tick of the tables.
        stored: u64,
        /// The tick of the realm.
        tick: u64,
    },
}

impl SqlError {
    pub(crate) fn table(table: &'static str, source: sqlx::Error) -> SqlError {
        SqlError::Table { table, source }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            SqlError::Address { .. } => "it looks like postgres://user:password@host:5432/database",
            SqlError::PlainText { .. } => {
                "add ?sslmode=verify-full (with &sslrootcert=ca.pem for an authority of your own), or require, \
                 which checks no certificate; sslmode=disable says that plain text is meant"
            }
            SqlError::UnknownView { .. } => "`worldflow views` lists them",
            SqlError::Connect { source, .. } => connect_hint(source),
            SqlError::Silent { .. } => NOT_THERE,
            SqlError::Table { .. } => {
                "worldflow changes no table that it did not make; give it a database or a schema of its own \
                 (?options[search_path]=worldflow), and drop what depends on the table"
            }
            SqlError::Statement(source) => statement_hint(source),
            SqlError::Behind { .. } => "it goes on when the realm is there",
        }
    }
}

/// What to do about a statement that the database has refused, by the code of its standard.
fn statement_hint(source: &sqlx::Error) -> &'static str {
    let code = source.as_database_error().and_then(|error| error.code().map(Cow::into_owned));
    match code.as_deref() {
        Some("25006") => {
            "the server takes no writes: it may be a standby, or fenced off; the sink tries again by itself, at the same address"
        }
        Some("55P03") => {
            "another session holds a lock on a table, pg_locks and pg_stat_activity say which; the sink tries again by itself"
        }
        Some("53100") => "the database's disk is full; the sink tries again by itself",
        Some("42501") => "the user of the address may not do this: grant it, or give another user",
        _ => "the sink tries again by itself",
    }
}

const NOT_THERE: &str = "the sink tries again by itself; is the database up, and its address right?";

/// What to do when there is no connection: a wrong certificate does not mend itself by waiting.
fn connect_hint(source: &sqlx::Error) -> &'static str {
    match source {
        sqlx::Error::Tls(_) => {
            "the address asks for TLS: turn it on in the server (`ssl = on`), give ?sslrootcert= a file of \
             certificates, or write sslmode=disable"
        }
        // A handshake that fails half-way is an error of the stream that it was made on.
        sqlx::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            "the server's certificate was refused: it must be valid for the host in the address, and signed by \
             an authority of this machine or of ?sslrootcert="
        }
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "a file that the address names is not there: sslrootcert, sslcert, sslkey or a socket"
        }
        _ => NOT_THERE,
    }
}
