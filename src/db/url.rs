//! The URL of the database, `DATABASE_URL`.

use std::{fmt, path::PathBuf, str::FromStr};

use percent_encoding::percent_decode_str;

use crate::urls::origin::is_loopback;

/// The database that `DATABASE_URL` names, parsed. `Display` and `Debug` show it without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file, by its path; a relative one begins at the working directory.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by its whole URL, which may hold a password.
    Postgres(String),
}

/// Reads `postgres://…`, `sqlite://PATH`, `sqlite:PATH` or a bare path. The error says what to write, and quotes
/// nothing of the URL.
impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) {
            // libpq would take a part of the password for something else, and quote it in its error.
            let address = rest.split('?').next().unwrap_or_default();
            let path = address.split_once('/').map_or("", |(_, path)| path);
            if path.contains('@') || address.matches('@').count() > 1 || !is_percent_encoded(rest) {
                return Err("an @, / or % in the password is written as %40, %2F or %25");
            }
            return Ok(Self::Postgres(url.to_owned()));
        }
        let path = match url.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some((scheme, _)) if !scheme.contains('/') => return Err("this kind of database is not supported"),
            _ => url,
        };
        // What has an equals sign is meant for libpq, and may hold a password.
        if path.is_empty() || path.contains('=') || path.contains(":memory:") || path.contains(['?', '\0']) {
            return Err("SQLite needs the path of a file");
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl DatabaseUrl {
    /// Whether the database is on this machine, as far as the URL says: a file, a socket, or a loopback address. If the
    /// URL names no host, that of `pghost` (the variable `PGHOST`) counts, or libpq's default, which is this machine.
    #[must_use]
    pub fn is_of_this_machine(&self, pghost: Option<&str>) -> bool {
        let Self::Postgres(url) = self else { return true };
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = address.split('/').next().unwrap_or_default();
        let hosts = authority.rsplit('@').next().unwrap_or_default();
        let given = form_urlencoded::parse(query.as_bytes());
        let given = given.filter(|(name, _)| matches!(&**name, "host" | "hostaddr")).map(|(_, value)| value);
        let mut named: Vec<_> = given.flat_map(|value| split_hosts(&value)).collect();
        named.extend(split_hosts(hosts));
        if named.is_empty() {
            named.extend(pghost.into_iter().flat_map(split_hosts));
        }
        named.iter().all(|host| is_loopback(host) || host.starts_with(['/', '@']))
    }

    /// The URL as `Display` shows it, but with a file's absolute path: for the message about a file that is not there,
    /// which may have been looked for in the wrong folder.
    #[must_use]
    pub fn in_full(&self) -> String {
        match self {
            Self::Sqlite(path) => match std::path::absolute(path) {
                Ok(path) => Self::Sqlite(path).to_string(),
                Err(_) => self.to_string(),
            },
            Self::Postgres(_) => self.to_string(),
        }
    }
}

/// The hosts of a list, without their ports; a socket's folder is written with its slashes encoded.
fn split_hosts(list: &str) -> Vec<String> {
    let hosts = list.split(',').map(|host| match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    });
    let decoded = hosts.map(|host| percent_decode_str(host).decode_utf8_lossy().into_owned());
    decoded.filter(|host| !host.is_empty()).collect()
}

/// Whether each `%` begins an escape (RFC 3986 §2.1).
fn is_percent_encoded(url: &str) -> bool {
    url.split('%').skip(1).all(|rest| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

/// Shows the database without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite, {}", path.display()),
            Self::Postgres(url) => {
                let address = url.split('?').next().unwrap_or_default();
                let place = address.rsplit('@').next().unwrap_or_default();
                write!(f, "PostgreSQL, {}", place.rsplit("://").next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
