//! How PostgreSQL is reached: in a session of our own, or through a pooler that lends one for each transaction, as
//! PgBouncer does. What is set in a lent session, or prepared there by name, stays with it and meets somebody else;
//! so which of the two it is has to be known, and is found out when a connection is made.

use std::time::Duration;

use diesel::{
    connection::CacheSize,
    dsl::sql,
    prelude::*,
    result::{DatabaseErrorKind, Error},
    sql_types::Text,
};

use super::{Conn, execute};

/// libpq's parameters: how long to wait for a server, and when to give a silent one up.
const PARAMETERS: &[(&str, &str)] = &[
    ("application_name", "kennel"),
    ("connect_timeout", "3"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];
/// How long a lock is waited for, and how long a statement may take; `OPTIONS` and `BEGIN_LENT` say so to PostgreSQL.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// What a session of our own is asked for as it begins, so that no statement, lock or forgotten transaction lasts;
/// and a mark that nothing but such a session knows. Poolers refuse it, or drop it and the mark with it.
const OPTIONS: &str = "-c%20statement_timeout%3D5s%20-c%20lock_timeout%3D2s\
    %20-c%20idle_in_transaction_session_timeout%3D10s%20-c%20kennel.session%3Down";
const ASK_FOR_THE_MARK: &str = "SHOW kennel.session";
/// The same for a transaction in a session that is lent.
pub const BEGIN_LENT: &str = "BEGIN; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '2s'; \
    SET LOCAL idle_in_transaction_session_timeout = '10s'";
/// What poolers say of options: PgBouncer, and RDS Proxy.
const REFUSALS: &[&str] = &["unsupported startup parameter", "command-line options"];

/// A connection, and whether its sessions are lent.
pub fn connect(url: &str) -> ConnectionResult<(PgConnection, bool)> {
    let url = with_parameters(url);
    let (mut conn, is_refused) = match PgConnection::establish(&with_options(&url)) {
        Err(ConnectionError::BadConnection(said)) if REFUSALS.iter().any(|refusal| said.contains(refusal)) => {
            (PgConnection::establish(&url)?, true)
        }
        outcome => (outcome?, false),
    };
    let is_lent = is_refused || !has_the_mark(&mut conn).map_err(ConnectionError::CouldntSetupConfiguration)?;
    if is_lent {
        // Statements without a name are parsed and run in one message, which no pooler takes apart.
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    }
    Ok((conn, is_lent))
}

fn has_the_mark(conn: &mut PgConnection) -> Result<bool, Error> {
    match execute(conn, ASK_FOR_THE_MARK) {
        Ok(()) => Ok(true),
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, _)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The URL with our parameters, where it does not have its own.
fn with_parameters(url: &str) -> String {
    let missing = PARAMETERS.iter().filter(|(name, _)| !url.contains(&format!("{name}=")));
    missing.fold(url.to_owned(), |url, (name, value)| {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}{name}={value}")
    })
}

/// The URL with our options before its own, which win.
fn with_options(url: &str) -> String {
    for own in ["?options=", "&options="] {
        if url.contains(own) {
            return url.replacen(own, &format!("{own}{OPTIONS}%20"), 1);
        }
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options={OPTIONS}")
}

/// Says what is missing where sessions are lent: a statement by itself, as most that read are, is bounded by what the
/// role has, and by nothing else.
pub fn warn_of_no_timeout(conn: &mut Conn) {
    let timeout = diesel::select(sql::<Text>("current_setting('statement_timeout')"));
    if conn.one(timeout).is_ok_and(|timeout: String| timeout == "0") {
        tracing::warn!("DATABASE_URL leads to a pooler; ALTER ROLE … SET statement_timeout = '5s' bounds what is read");
    }
}
