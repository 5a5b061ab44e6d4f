//! `DEV`: settings that make work on one's own machine easy, and where they are refused.

use super::{Config, ConfigError};
use crate::{db::DatabaseUrl, urls::origin::is_loopback};

/// The rate limit that `DEV` puts in the place of the default of the variable `name`, such as `USER_RATE`: too generous
/// to run into while working on a page, which still sees what is left. `None` for any other variable.
pub fn rate(name: &str) -> Option<&'static str> {
    match name {
        "LOGIN_RATE" | "SIGNUP_RATE" => Some("1000/1m"),
        "USER_RATE" | "IP_RATE" => Some("10000/2s"),
        _ => None,
    }
}

/// Checks a configuration with `DEV`: neither the server nor its database may be reached from another machine, since
/// every page of `localhost` may call then, and nothing slows guesses down. `lookup` reads the variables of libpq.
///
/// # Errors
/// A [`ConfigError`] for `DEV`, when the server or a proxy listens for other machines, or the database is on one.
pub fn check(config: &Config, lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
    let remedy = if !is_loopback(&config.host) {
        "other machines can reach this server; leave HOST at 127.0.0.1, or DEV away"
    } else if config.public_url.as_ref().is_some_and(|url| !is_loopback(url.host())) {
        "PUBLIC_URL says that others reach this server; leave it away, or DEV"
    } else if !config.trusted_proxies.is_empty() {
        "others reach this server through TRUSTED_PROXIES; leave them away, or DEV"
    } else if is_elsewhere(config, lookup) {
        "the database is on another machine, or may be; name one of this machine, or leave DEV away"
    } else {
        return Ok(());
    };
    Err(ConfigError { variable: "DEV", remedy: remedy.to_owned() })
}

/// Whether the database may be on another machine: by the URL, by the variables that libpq reads beside it, or by a
/// service file, which may name any host.
fn is_elsewhere(config: &Config, lookup: &dyn Fn(&str) -> Option<String>) -> bool {
    let DatabaseUrl::Postgres(url) = &config.database_url else { return false };
    let has_service = lookup("PGSERVICE").is_some() || url.contains("service=");
    let address = lookup("PGHOSTADDR").unwrap_or_default();
    let is_near = address.split(',').filter(|address| !address.is_empty()).all(is_loopback);
    has_service || !is_near || !config.database_url.is_of_this_machine(lookup("PGHOST").as_deref())
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn work_on_ones_own_machine_is_for_ones_own_machine() {
        let dev = |host: &'static str, database: &'static str, pghost: Option<&'static str>| {
            Config::from_lookup(move |name| match name {
                "DEV" => Some("true".to_owned()),
                "HOST" => Some(host.to_owned()),
                "DATABASE_URL" => Some(database.to_owned()),
                "PGHOST" => pghost.map(str::to_owned),
                _ => None,
            })
        };
        let (here, file) = ("127.0.0.1", "kennel.db");
        for host in [here, "localhost", "::1", "[::1]", "127.0.0.2"] {
            assert!(dev(host, file, None).is_ok(), "{host}");
        }
        for host in ["0.0.0.0", "::", "[::]", "192.168.1.7", "kennel.example", "127.example.com"] {
            assert_eq!(dev(host, file, None).expect_err(host).variable, "DEV");
        }
        for database in [
            "postgres:///kennel",
            "postgres://kennel:secret@localhost/kennel",
            "postgres://127.0.0.1:5433/kennel",
            "postgres://[::1]:5432/kennel",
            "postgres://localhost,127.0.0.1:5433/kennel",
            "postgres://kennel@%2Fvar%2Frun%2Fpostgresql/kennel",
            "postgres:///kennel?host=/var/run/postgresql",
            "postgres:///kennel?host=localhost&port=5433",
        ] {
            assert!(dev(here, database, None).is_ok(), "{database}");
        }
        for database in [
            "postgres://kennel:secret@db.example.com/kennel",
            "postgres://10.0.0.7:5432/kennel",
            "postgres://localhost,db2/kennel",
            "postgres://[2001:db8::1]/kennel",
            "postgres:///kennel?host=db.example.com",
            "postgres://localhost/kennel?hostaddr=10.0.0.7",
            "postgresql://db/kennel",
        ] {
            assert_eq!(dev(here, database, None).expect_err(database).variable, "DEV");
        }
        assert!(dev(here, "postgres:///kennel", Some("db.example.com")).is_err());
        assert!(dev(here, "postgres://localhost/kennel", Some("db.example.com")).is_ok());
        let with = |name: &'static str, value: &'static str| {
            Config::from_lookup(move |asked| match asked {
                "DEV" => Some("true".to_owned()),
                "DATABASE_URL" => Some("postgres:///kennel".to_owned()),
                _ => (asked == name).then(|| value.to_owned()),
            })
        };
        for (name, value) in [
            ("PGHOSTADDR", "10.0.0.7"),
            ("PGSERVICE", "far"),
            ("DATABASE_URL_FILE", ""),
            ("PUBLIC_URL", "https://kennel.example.com"),
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ] {
            assert_eq!(with(name, value).is_ok(), value.is_empty(), "{name}");
        }
        assert!(with("PGHOSTADDR", "127.0.0.1").is_ok() && with("PUBLIC_URL", "http://localhost:8000").is_ok());
        assert!(dev(here, "postgres:///?service=far", None).is_err());
        let rates = dev(here, file, None).expect("a configuration");
        assert_eq!(Ok(rates.rates.login), "1000/1m".parse());
    }
}
