//! The way to PostgreSQL: in a session of the connection's own, or through a pooler that lends one for each
//! transaction, as PgBouncer does. A setting or a prepared statement stays in a lent session and meets its next
//! borrower; so each new connection finds out which of the two it is.

use std::time::Duration;

use diesel::{
    connection::CacheSize,
    connection::SimpleConnection,
    dsl::sql,
    prelude::*,
    result::{DatabaseErrorKind, Error},
    sql_types::Text,
};

use super::Conn;

/// The parameters for libpq: how long to wait for each server (2 seconds are its least), and when to give a silent one
/// up.
const PARAMETERS: &[(&str, &str)] = &[
    ("application_name", "kennel"),
    ("connect_timeout", "2"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];
/// The parameter that finds the one of several servers that takes writes. Not for one alone: PgBouncer may go on saying
/// of its server that it is a standby, long after that was promoted.
const OF_SEVERAL_HOSTS: (&str, &str) = ("target_session_attrs", "read-write");
/// The longest wait for a lock; `OPTIONS` and `BEGIN_LENT` tell PostgreSQL.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest time of a statement; `OPTIONS` and `BEGIN_LENT` tell PostgreSQL. Below the time after which a server is
/// taken for frozen.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The options of an own session, so that no statement, lock or forgotten transaction lasts; and a mark that only such
/// a session knows. Poolers refuse the options, or drop them and the mark with them.
const OPTIONS: &str = "-c%20statement_timeout%3D2500%20-c%20lock_timeout%3D2s\
    %20-c%20idle_in_transaction_session_timeout%3D10s%20-c%20kennel.session%3Down";
const ASK_FOR_THE_MARK: &str = "SHOW kennel.session";
/// The query that makes a commit wait for the disk, where it would not (`synchronous_commit=off` loses what was
/// acknowledged when the server crashes); a stricter value stays. In an own session it holds that value from then on,
/// whatever the server is told.
const WAIT_FOR_THE_DISK: &str = "SELECT set_config('synchronous_commit', \
    CASE WHEN now = 'off' THEN 'on' ELSE now END, false) FROM current_setting('synchronous_commit') AS now";
/// The `BEGIN` of a transaction in a lent session, with the settings of an own one.
pub const BEGIN_LENT: &str = "BEGIN; SET LOCAL statement_timeout = '2500ms'; SET LOCAL lock_timeout = '2s'; \
    SET LOCAL idle_in_transaction_session_timeout = '10s'; SELECT set_config('synchronous_commit', 'on', true) \
    WHERE current_setting('synchronous_commit') = 'off'";
/// The errors with which poolers refuse options: PgBouncer's and RDS Proxy's.
const REFUSALS: &[&str] = &["unsupported startup parameter", "command-line options"];

/// Opens a connection. Returns, too, whether a pooler lends it a session for each transaction.
///
/// # Errors
/// libpq's and PostgreSQL's; they may quote a password.
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
    } else {
        conn.batch_execute(WAIT_FOR_THE_DISK).map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok((conn, is_lent))
}

fn has_the_mark(conn: &mut PgConnection) -> Result<bool, Error> {
    match conn.batch_execute(ASK_FOR_THE_MARK) {
        Ok(()) => Ok(true),
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, _)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The URL with [`PARAMETERS`], and with [`OF_SEVERAL_HOSTS`] if it names several, where it does not have its own.
fn with_parameters(url: &str) -> String {
    let of_several = url.contains(',').then_some(&OF_SEVERAL_HOSTS);
    let missing = PARAMETERS.iter().chain(of_several).filter(|(name, _)| !url.contains(&format!("{name}=")));
    missing.fold(url.to_owned(), |url, (name, value)| {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}{name}={value}")
    })
}

/// The URL with [`OPTIONS`] before its own, which win.
fn with_options(url: &str) -> String {
    for own in ["?options=", "&options="] {
        if url.contains(own) {
            return url.replacen(own, &format!("{own}{OPTIONS}%20"), 1);
        }
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options={OPTIONS}")
}

/// Logs a warning if the database's role has no `statement_timeout`. For a connection that leads to a pooler, at start:
/// each transaction sets its own time-outs there, but a statement outside of one, as most reads are, has only the
/// role's.
pub fn warn_of_no_timeout(conn: &mut Conn) {
    let timeout = diesel::select(sql::<Text>("current_setting('statement_timeout')"));
    if conn.one(timeout).is_ok_and(|timeout: String| timeout == "0") {
        tracing::warn!(
            "DATABASE_URL leads to a pooler; ALTER ROLE … SET statement_timeout = '2500ms' bounds what is read"
        );
    }
}
