//! The table of variables, as `.env.example`, `docs/configuration.md` and `--help` have it.

/// An environment variable of the configuration, as the documentation and `--help` list it.
pub struct Variable {
    /// The name, such as `DATABASE_URL`.
    pub name: &'static str,
    /// The default value, as one would write it; empty where there is none, or where it depends on the machine.
    pub default: &'static str,
    /// The meaning and the accepted values, in a sentence for people.
    pub meaning: &'static str,
}

/// Every environment variable of the configuration, the source of `--help`; a test compares `.env.example` and
/// `docs/configuration.md` with it.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    variable("DATABASE_URL", "sqlite://kennel.db", "Where the data lives: sqlite://PATH, or postgres://…"),
    variable("DATABASE_URL_FILE", "", "A file that holds DATABASE_URL, instead of the variable"),
    variable("DATABASE_POOL_SIZE", "", "How many connections PostgreSQL is used with, 1 to 1000 (default: 4 for each core); a quarter of them is for reads alone"),
    variable("HOST", "127.0.0.1", "The address to listen on; 0.0.0.0 for all"),
    variable("PORT", "8000", "The port to listen on; 0 takes a free one"),
    variable("METRICS_ADDR", "", "An address and a port of its own at which the server shows its metrics for Prometheus, as /metrics: 127.0.0.1:9464. Whoever reaches it reads them, so leave it on this machine or a private network (default: nowhere)"),
    variable("WORKERS", "", "How many threads serve requests, 1 to 512 (default: one for each core)"),
    variable("BACKUP_DIR", "", "A folder in which a server on SQLite makes and verifies backups by itself, as `kennel backup --verify` does (default: none are made). Not for PostgreSQL"),
    variable("BACKUP_EVERY", "24h", "How old the newest backup in BACKUP_DIR is when the next is made: 1m to 31d"),
    variable("BACKUP_KEEP", "7", "How many backups are kept in BACKUP_DIR, 1 to 10000"),
    variable("JWT_SECRET", "", "What all tokens are signed with: at least 32 random bytes in base64, base64url or hexadecimal digits. With SQLite one is made beside the database file; PostgreSQL demands it"),
    variable("JWT_SECRET_FILE", "", "A file that holds JWT_SECRET, instead of the variable"),
    variable("JWT_PREVIOUS_SECRETS", "", "Earlier values of JWT_SECRET, separated by commas: what they signed stays good"),
    variable("JWT_PREVIOUS_SECRETS_FILE", "", "A file that holds JWT_PREVIOUS_SECRETS, instead of the variable"),
    variable("ACCESS_TOKEN_TTL", "15m", "How long an access token lives: 1s to 1h"),
    variable("REFRESH_IDLE_TTL", "14d", "How long a login lasts that is not refreshed: 1s to 90d"),
    variable("REFRESH_TTL", "30d", "How long a login lasts however often it is refreshed: 1s to 365d"),
    variable("SIGNUP", "open", "open, or closed: then accounts are made with `kennel user create`"),
    variable("PASSWORD_MIN_LENGTH", "8", "The fewest characters of a new password, 8 to 64; 15 is the advice where a password is all there is"),
    variable("CORS_ORIGINS", "", "The origins whose pages may call from a browser, separated by commas: https://app.example.com,http://localhost:5173"),
    variable("CORS_HEADERS", "", "The request headers that those pages may send beside the usual ones, separated by commas: X-Tenant"),
    variable("TRUSTED_PROXIES", "", "The proxies whose X-Forwarded-For and X-Forwarded-Proto count, separated by commas: 10.0.0.0/8,::1"),
    variable("LOGIN_RATE", "10/1m", "Logins of one IP address: how many at once, and the time in which they come back; or off"),
    variable("SIGNUP_RATE", "5/25m", "Sign-ups of one IP address, and other names and addresses that one user asks for, likewise"),
    variable("USER_RATE", "100/2s", "Requests of one signed-in user, likewise"),
    variable("IP_RATE", "60/2s", "Requests of one IP address without a login, likewise"),
    variable("MOST_OWNERS", "10000", "How many owners a user's book may have, 1 to 1000000000; or off"),
    variable("MOST_DOGS", "10000", "How many dogs, likewise"),
    variable("MOST_TASKS", "50000", "How many tasks, likewise"),
    variable("IP_CONNECTIONS", "1024", "How many connections one IP address may have at once, of the 4,096 that there are: 1 to 4096, or off; those of TRUSTED_PROXIES are not counted"),
    variable("HEADER_TIMEOUT", "5s", "How long the line and the headers of a request may take to arrive: 1s to 60s"),
    variable("KEEP_ALIVE", "15s", "How long a connection is kept on which no request comes: 1s to 10m"),
    variable("WRITE_TIMEOUT", "15s", "How long a client may take to read 32 KiB of an answer: 1s to 10m"),
    variable("MAIL_URL", "file:outbox", "How mail is sent: smtps://user:password@host, smtp://host:port (with ?tls=required after it, STARTTLS), or file:DIR, a file for each"),
    variable("MAIL_URL_FILE", "", "A file that holds MAIL_URL, instead of the variable"),
    variable("MAIL_FROM", "kennel@localhost", "Whom mail comes from"),
    variable("PUBLIC_URL", "", "Where people reach this server, as its mails say: https://kennel.example.com, without a path (default: the address in use)"),
    variable("APP_URL", "", "The page of your application that mails lead to, which gets what to do and the token behind a #: https://app.example.com/account (default: the console, /app below PUBLIC_URL)"),
    variable("LOG", "info", "What is logged: error, warn, info, debug, trace, off, or a filter such as kennel=debug,info"),
    variable("LOG_FORMAT", "text", "text, or json for one object a line"),
    variable("LOG_FILE", "", "The file that a server appends its log to, which SIGHUP opens again (default: standard error)"),
    variable("CHANGES_KEPT", "30d", "How long changes to a book are kept, for its history, undo and followers, and the newest 10,000 of them at most: 1d to 365d"),
    variable("EXPORT_TIMEOUT", "5m", "How long an export (GET /me/export) may take, with the time that its reader takes: 1s to 1h"),
    variable("DEV", "false", "true for work on one's own machine, as `kennel --dev`: pages of localhost may call, whatever their port, and quotas are generous. Refused where others can reach the server or its database"),
    variable("DRAIN_DELAY", "0s", "How long a server that is told to stop serves as usual, while it says that it is not ready and closes each connection after its next answer: 0s to 9m, and less than SHUTDOWN_TIMEOUT, of which it is a part"),
    variable("SHUTDOWN_TIMEOUT", "25s", "How long the server may take to stop: 1s to 10m; then it ends, whatever hangs. Requests in flight are cut off a second before (below 5s, a fifth), so that the database can be closed"),
];

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}
