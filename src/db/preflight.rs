//! The checks of a PostgreSQL database at start, before anything is stored in it.

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{Bool, Text},
};

use super::{Conn, OpenError};

#[derive(QueryableByName)]
struct DatabaseFacts {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    encoding: String,
    /// Whether the connection leaves this machine without TLS.
    #[diesel(sql_type = Bool)]
    is_exposed: bool,
    /// Whether commits would not wait for the disk, had the connection not been told otherwise.
    #[diesel(sql_type = Bool)]
    is_hasty: bool,
    /// Whether the server itself does not wait for the disk.
    #[diesel(sql_type = Bool)]
    is_unsafe: bool,
}

/// The query for [`DatabaseFacts`]. Behind a pooler the addresses are those of the pooler's own connection; a
/// connection without addresses is a socket in the file system.
const QUERY: &str = "SELECT current_database()::text AS name, current_setting('server_encoding') AS encoding, \
    NOT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) \
    AND coalesce(host(inet_client_addr()) <> host(inet_server_addr()), false) AS is_exposed, \
    EXISTS (SELECT 1 FROM pg_settings WHERE name = 'synchronous_commit' AND reset_val = 'off') AS is_hasty, \
    'off' IN (current_setting('fsync'), current_setting('full_page_writes')) AS is_unsafe";

/// Checks a PostgreSQL database before anything is stored in it: refuses an encoding that cannot hold every text, and
/// warns in the log of a connection that can be eavesdropped on, and of settings with which a crash of the server loses
/// what was acknowledged. `is_here` says that the URL names this machine, which the address need not show (a container
/// with a published port).
///
/// # Errors
/// The encoding is not UTF-8, or cannot be queried.
pub fn check(conn: &mut Conn, is_here: bool) -> Result<(), OpenError> {
    let Conn::Postgres(conn) = conn else { return Ok(()) };
    let answer: DatabaseFacts = sql_query(QUERY)
        .get_result(conn)
        .map_err(|error| OpenError::new(format_args!("cannot open the database: {error}"), "Start it again"))?;
    if answer.encoding != "UTF8" {
        let what = format_args!("the database {} is encoded in {}, not in UTF-8", answer.name, answer.encoding);
        return Err(OpenError::new(what, "Create it with ENCODING 'UTF8' TEMPLATE template0"));
    }
    if answer.is_exposed && !is_here {
        tracing::warn!(
            "PostgreSQL is on another machine and the connection has no TLS: passwords and data can be read on the \
             way; build with --features postgres-tls and add sslmode=require to DATABASE_URL"
        );
    }
    if answer.is_hasty {
        tracing::warn!(
            "synchronous_commit is off for this role or database, and a crash of PostgreSQL would lose what was \
             acknowledged; Kennel turns it on for its own connections"
        );
    }
    if answer.is_unsafe {
        tracing::warn!(
            "PostgreSQL runs with fsync or full_page_writes off: a crash of its machine can lose everything; turn both \
             on, unless the data is for tests"
        );
    }
    Ok(())
}
