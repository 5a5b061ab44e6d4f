//! The explanation of failed connections to PostgreSQL, and their remedies. libpq speaks English here and quotes what
//! it cannot read, perhaps with a password; PostgreSQL speaks the language of its server.

use diesel::ConnectionError;

/// The reason why a connection to PostgreSQL was refused, in words for people that hold no secret.
pub struct RefusedConnection {
    /// The error, as libpq or PostgreSQL words it, or in words of our own where it might quote a secret.
    pub said: String,
    /// The advice what to do, as a sentence without its full stop.
    pub remedy: String,
    /// Whether to wait and try again: the server is on its way up, or the error is not known to be lasting.
    pub may_pass: bool,
}

/// The beginnings of libpq's errors about a server that it tried to reach.
const ABOUT_THE_SERVER: [&str; 2] = ["connection to server", "could not translate host name"];

/// The errors of a server that is still on its way up.
const NOT_YET: &[&str] = &[
    "Connection refused",
    "No such file or directory",
    "could not translate host name",
    "timeout expired",
    "the database system is",
    "too many clients already",
    // PgBouncer, before its server is there.
    "cannot connect to server",
    "server login has been failing",
    // A standby, before it is promoted.
    "session is read-only",
];

/// The errors that no waiting mends. A server that says them in another language is waited for all the same.
const LASTING: &[&str] = &[
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "is not permitted to log in",
    "is not currently accepting connections",
    "no such database",
    "no such user",
    "invalid",
    "not supported",
    "unsupported",
    "channel binding required",
    "server is not in hot standby mode",
];

/// The variables that libpq reads beside the URL, and the parameters that its errors name for them.
const VARIABLES: &[(&str, &str)] = &[
    ("PGSSLMODE", "sslmode"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGREQUIREAUTH", "require_auth"),
];

const NO_SERVICE: &str =
    "Name a service that pg_service.conf has, or leave it out and write the host into DATABASE_URL";

/// Parameters of other programs' URLs, and what to write instead.
const FOREIGN: &[(&str, &str)] = &[
    ("schema", "Write options=-csearch_path%3DNAME instead"),
    ("search_path", "Write options=-csearch_path%3DNAME instead"),
    ("pgbouncer", "Leave it out: a pooler is noticed without it"),
    ("connection_limit", "Leave it out, and set DATABASE_POOL_SIZE"),
    ("pool_size", "Leave it out, and set DATABASE_POOL_SIZE"),
    ("pool_timeout", "Leave it out"),
    ("socket_timeout", "Leave it out"),
    ("statement_cache_size", "Leave it out"),
    ("ssl", "Write sslmode=require instead"),
    ("currentSchema", "Write options=-csearch_path%3DNAME instead"),
    ("statement_timeout", "Leave it out: each statement has 2.5 seconds"),
    ("sslaccept", "Write sslmode=verify-full or sslmode=require instead"),
];

impl RefusedConnection {
    /// Explains an error of libpq; `url` is the one that was connected to, which is not shown.
    pub fn of(error: &ConnectionError, url: &str) -> Self {
        let said = match error {
            ConnectionError::BadConnection(said) => said.split_whitespace().collect::<Vec<_>>().join(" "),
            error => error.to_string(),
        };
        if let Some((name, remedy)) = parameter(&said, url) {
            let said = format!("DATABASE_URL has a parameter that cannot be used, {name}");
            return Self { said, remedy, may_pass: false };
        }
        if let Some((name, remedy)) = variable(&said) {
            let said = format!("the environment has a value for PostgreSQL that cannot be used, {name}");
            return Self { said, remedy, may_pass: false };
        }
        if !ABOUT_THE_SERVER.iter().any(|beginning| said.starts_with(beginning)) {
            let said = "DATABASE_URL cannot be understood".to_owned();
            let remedy = "Write postgres://user:password@host:port/database".to_owned();
            return Self { said, remedy, may_pass: false };
        }
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let may_pass = has(NOT_YET) || !has(LASTING);
        let remedy = if may_pass {
            "Start PostgreSQL, or correct DATABASE_URL"
        } else {
            "Correct DATABASE_URL, or create what it names"
        };
        Self { said, remedy: remedy.to_owned(), may_pass }
    }
}

/// The parameter in the URL's query that libpq does not take as it is, and the remedy.
fn parameter<'a>(said: &str, url: &'a str) -> Option<(&'a str, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|parameter| parameter.split('=').next().unwrap_or_default());
    // libpq reads `ssl=true` as `sslmode`.
    if said.contains("sslmode") && query.split('&').any(|parameter| parameter == "ssl=true") {
        return Some(("ssl", remedy(said, "sslmode")));
    }
    if said.contains("service") && query.split('&').any(|parameter| parameter.starts_with("service=")) {
        return Some(("service", NO_SERVICE.to_owned()));
    }
    let is_meant = |name: &&str| {
        !name.is_empty()
            && [format!("\"{name}\""), format!("invalid {name} value"), format!("{name} value \"")]
                .iter()
                .any(|words| said.contains(words.as_str()))
    };
    let name = names.into_iter().find(is_meant)?;
    Some((name, remedy(said, name)))
}

/// The variable of libpq's environment that it does not take as it is, and the remedy.
fn variable(said: &str) -> Option<(&'static str, String)> {
    if said.contains("service") && !ABOUT_THE_SERVER.iter().any(|beginning| said.starts_with(beginning)) {
        return Some(("PGSERVICE", NO_SERVICE.to_owned()));
    }
    let (name, parameter) = VARIABLES.iter().find(|(_, parameter)| {
        said.contains(&format!("invalid {parameter} value")) || said.contains(&format!("{parameter} value \""))
    })?;
    Some((name, remedy(said, parameter).replace(&format!("Give {parameter}"), &format!("Give {name}"))))
}

fn remedy(said: &str, name: &str) -> String {
    if said.contains("not compiled in") && name == "gssencmode" {
        return "This program was built without GSSAPI; leave it out, or give it the value disable".to_owned();
    }
    if said.contains("not compiled in") {
        return "This program was built without TLS; build it with --features postgres-tls".to_owned();
    }
    match FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        Some((_, remedy)) => (*remedy).to_owned(),
        None if said.contains("query parameter") => {
            format!("Leave {name} out, or write a connection parameter of PostgreSQL as name=value")
        }
        None => format!("Give {name} a value that PostgreSQL's connection parameters take"),
    }
}

#[cfg(test)]
mod tests {
    use diesel::{Connection, ConnectionError, PgConnection};

    use super::RefusedConnection;

    /// The refusal of a URL. Nothing listens on port 1, and libpq refuses what it cannot read before it connects.
    fn refusal(url: &str) -> RefusedConnection {
        match PgConnection::establish(url) {
            Ok(_) => panic!("{url} leads somewhere"),
            Err(error) => RefusedConnection::of(&error, url),
        }
    }

    #[test]
    fn a_parameter_that_libpq_refuses_is_named_with_its_remedy() {
        for (parameter, name, remedy) in [
            ("schema=kennel", "schema", "search_path"),
            ("pgbouncer=true", "pgbouncer", "Leave it out"),
            ("connection_limit=5", "connection_limit", "DATABASE_POOL_SIZE"),
            ("breed=dachshund", "breed", "Leave breed out"),
            ("sslmode=foo", "sslmode", ""),
            ("target_session_attrs=foo", "target_session_attrs", "Give target_session_attrs"),
            ("connect_timeout=soon", "connect_timeout", "Give connect_timeout"),
            ("sslmode", "sslmode", ""),
            ("service=nope", "service", "pg_service.conf"),
            ("currentSchema=kennel", "currentSchema", "search_path"),
        ] {
            for url in [
                format!("postgres://kennel:s3cret@127.0.0.1:1/kennel?{parameter}"),
                format!("postgres://kennel:s3cret@127.0.0.1:1/kennel?application_name=x&{parameter}"),
            ] {
                let refusal = refusal(&url);
                assert!(refusal.said.ends_with(&format!(", {name}")), "{parameter}: {}", refusal.said);
                assert!(refusal.remedy.contains(remedy), "{parameter}: {}", refusal.remedy);
                assert!(!refusal.may_pass, "{parameter}");
                assert!(!format!("{}{}", refusal.said, refusal.remedy).contains("s3cret"));
            }
        }
    }

    #[cfg(not(feature = "postgres-tls"))]
    #[test]
    fn tls_that_was_not_built_in_is_asked_for_by_name() {
        for demand in ["sslmode=require", "sslmode=verify-full", "sslnegotiation=direct", "ssl=true"] {
            let refusal = refusal(&format!("postgres://kennel:s3cret@127.0.0.1:1/kennel?{demand}"));
            assert!(!refusal.may_pass, "{demand}: {}", refusal.said);
            assert!(refusal.remedy.contains("--features postgres-tls"), "{demand}: {}", refusal.remedy);
        }
    }

    #[test]
    fn a_value_of_the_environment_is_named_as_such() {
        for (said, name, remedy) in [
            ("invalid sslmode value: \"bogus\"", "PGSSLMODE", "Give PGSSLMODE"),
            ("invalid target_session_attrs value: \"x\"", "PGTARGETSESSIONATTRS", "Give PGTARGETSESSIONATTRS"),
            ("gssencmode value \"require\" invalid when GSSAPI support is not compiled in", "PGGSSENCMODE", "GSSAPI"),
            ("sslmode value \"require\" invalid when SSL support is not compiled in", "PGSSLMODE", "postgres-tls"),
            ("definition of service \"nope\" not found", "PGSERVICE", "pg_service.conf"),
        ] {
            let error = ConnectionError::BadConnection(said.to_owned());
            let refusal = RefusedConnection::of(&error, "postgres://kennel@127.0.0.1/kennel");
            assert!(refusal.said.ends_with(&format!(", {name}")), "{said}: {}", refusal.said);
            assert!(refusal.remedy.contains(remedy) && !refusal.may_pass, "{said}: {}", refusal.remedy);
        }
    }

    #[test]
    fn a_server_that_is_not_there_may_come() {
        let refusal = refusal("postgres://kennel:s3cret@127.0.0.1:1/kennel");
        assert!(refusal.may_pass, "{}", refusal.said);
        assert!(refusal.said.contains("Connection refused"), "{}", refusal.said);
    }

    #[test]
    fn a_refusal_in_any_language_may_pass_unless_it_is_known_to_last() {
        let said = |words: &str| {
            let error = format!("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  {words}");
            RefusedConnection::of(&ConnectionError::BadConnection(error), "postgres://kennel@127.0.0.1/kennel").may_pass
        };
        assert!(said("the database system is starting up"));
        assert!(said("das Datenbanksystem startet"));
        assert!(!said("database \"kennel\" does not exist"));
        assert!(!said("password authentication failed for user \"kennel\""));
    }
}
