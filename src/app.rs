//! The app put together: the state that handlers share, the route table, and the middleware around every request. The
//! server that runs it is in `server`; the completion of responses, in `middleware::response`.

use std::{fmt, io, path::PathBuf};

use actix_web::{
    App, Error,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    web::{self, Data, PathConfig, ServiceConfig},
};

use crate::{
    auth::{
        passwords::hasher::Hasher,
        tokens::{access::AccessTokens, issuer::Issuer, verified::VerifiedTokenCache},
    },
    book_limits::BookLimits,
    config::{Config, ConfigError},
    cors::Cors,
    credentials::KeyUses,
    crypto::keys::{Keys, Secret},
    db::{DatabaseId, DatabaseUrl, Db, OpenError},
    export::ExportTimeout,
    import::Importer,
    limits::{Limits, Proxies},
    mail::MailSignal,
    me::EraseSignal,
    middleware::{requests::RequestCounts, response},
    problem::{Kind, Problem},
    routes, routing,
    sessions::SessionLifetimes,
    system::{Contract, Draining, Pulse},
    users::SignupPolicy,
};

/// The reason why `kennel` (the server or one of its commands) does not start. Its `Display` is one line for people
/// that says what went wrong and what to do.
#[derive(Debug)]
pub enum StartError {
    /// An environment variable that is missing or cannot be used.
    Config(ConfigError),
    /// A database that cannot be reached, opened or migrated.
    Database(OpenError),
    /// The file with the secret, beside the SQLite file, that cannot be read or made: its path, and the system's error.
    Key(PathBuf, io::Error),
    /// The address, as `host:port`, that the server cannot listen on, and the system's error.
    Listen(String, io::Error),
    /// Any other failure, at the start or while running, in words for people.
    Run(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Database(error) => error.fmt(f),
            Self::Key(path, error) => {
                write!(f, "cannot use the key {}: {error}. Make it readable, or set JWT_SECRET", path.display())
            }
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "cannot listen on {address}: the port is taken. Stop the other program, or set PORT (0 takes a free one)"
                )
            }
            Self::Listen(address, error) => {
                write!(f, "cannot listen on {address}: {error}. Set HOST and PORT to an address of this machine")
            }
            Self::Run(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The state that handlers share, one for all threads that serve requests. [`AppState::put_into`] gives it to an actix
/// app, from which a handler extracts any field by its type (`db: Data<Db>`). A clone shares everything.
#[derive(Clone)]
pub struct AppState {
    /// The only way to the database.
    pub db: Data<Db>,
    /// The keys derived from the server's secret, which sign cursors and the tokens in mails.
    pub keys: Data<Keys>,
    /// The maker of access and refresh tokens.
    pub issuer: Data<Issuer>,
    /// The threads that hash passwords.
    pub hasher: Data<Hasher>,
    /// The rate limits of this process.
    pub limits: Data<Limits>,
    /// The limits on how many owners, dogs and tasks a user may have.
    pub book: Data<BookLimits>,
    /// The rules for pages of other origins.
    pub cors: Data<Cors>,
    /// The rule of who may make an account by `POST /auth/signup`: all callers, or none.
    pub signup: Data<SignupPolicy>,
    /// The longest time of `GET /me/export`.
    pub export_timeout: Data<ExportTimeout>,
    /// The thread that reads imported documents.
    pub importer: Data<Importer>,
    /// The signal that wakes the worker that sends mails.
    pub mail_signal: Data<MailSignal>,
    /// The signal that the rows of an account were deleted.
    pub erase_signal: Data<EraseSignal>,
    /// The flag that the server is about to stop.
    pub draining: Data<Draining>,
    /// The API keys seen in use, until the [`sweeper`](crate::sweeper) stores the day.
    pub key_uses: Data<KeyUses>,
    /// The last answer to whether the server is well.
    pub pulse: Data<Pulse>,
    /// The counts of requests, which count none unless there are metrics to show them.
    pub requests: Data<RequestCounts>,
    /// The OpenAPI contract as it is served, with this server's URL in it.
    pub contract: Data<Contract>,
}

impl AppState {
    /// Opens the database, brings its schema up to date, makes the state of a server with this configuration, and
    /// starts the threads of the database and of password hashing. Blocks: up to 30 seconds for a PostgreSQL server
    /// that is not up yet.
    ///
    /// # Errors
    /// [`StartError::Database`], when the database cannot be opened; [`StartError::Key`], when the secret's file cannot
    /// be read or made; [`StartError::Config`], when PostgreSQL is used without a secret; [`StartError::Run`], when the
    /// system has no more threads.
    pub fn open(config: &Config) -> Result<Self, StartError> {
        let failed = |error: &dyn fmt::Display| StartError::Run(error.to_string());
        // The secret that PostgreSQL demands is checked before the database is waited for; the one beside a SQLite file
        // is made after the file.
        if matches!(config.database_url, DatabaseUrl::Postgres(_)) {
            drop(secret(config)?);
        }
        let db = Db::open(&config.database_url, config.database_pool_size).map_err(StartError::Database)?;
        let keys = derive(&secret(config)?, config, db.id())?;
        let access = AccessTokens::new(&keys, config.access_token_ttl).map_err(|error| failed(&error))?;
        let keys = Data::new(keys);
        let lives = SessionLifetimes { idle: config.refresh_idle_ttl, absolute: config.refresh_ttl };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hasher = Hasher::start(cores, config.password_min_length).map_err(|error| failed(&error))?;
        Ok(Self {
            db: Data::new(db),
            issuer: Data::new(Issuer { access, keys: Data::clone(&keys), lives }),
            keys,
            hasher: Data::new(hasher),
            limits: Data::new(Limits::new(config.rates, Proxies::new(config.trusted_proxies.clone()))),
            book: Data::new(BookLimits::new(config.most_owners, config.most_dogs, config.most_tasks)),
            cors: Data::new(Cors::new(config.cors.clone(), config.public_url.as_ref())),
            signup: Data::new(config.signup),
            export_timeout: Data::new(ExportTimeout(config.export_timeout)),
            importer: Data::new(Importer::start().map_err(|error| failed(&error))?),
            mail_signal: Data::default(),
            erase_signal: Data::default(),
            draining: Data::default(),
            key_uses: Data::default(),
            pulse: Data::default(),
            requests: Data::new(
                config.metrics_addr.map_or_else(RequestCounts::default, |_| RequestCounts::of_routes()),
            ),
            contract: Data::default(),
        })
    }

    /// Adds each field to the app data of an actix app, with a fresh [`VerifiedTokenCache`] for the calling thread, so
    /// that handlers can extract them.
    pub fn put_into(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::clone(&self.db))
            .app_data(Data::clone(&self.keys))
            .app_data(Data::clone(&self.issuer))
            .app_data(Data::clone(&self.hasher))
            .app_data(Data::clone(&self.limits))
            .app_data(Data::clone(&self.book))
            .app_data(Data::clone(&self.cors))
            .app_data(Data::clone(&self.signup))
            .app_data(Data::clone(&self.export_timeout))
            .app_data(Data::clone(&self.importer))
            .app_data(Data::clone(&self.mail_signal))
            .app_data(Data::clone(&self.erase_signal))
            .app_data(Data::clone(&self.draining))
            .app_data(Data::clone(&self.key_uses))
            .app_data(Data::clone(&self.pulse))
            .app_data(Data::clone(&self.requests))
            .app_data(Data::clone(&self.contract))
            // Each thread has its own.
            .app_data(VerifiedTokenCache::default())
            // An id that is not valid names no row.
            .app_data(PathConfig::default().error_handler(|_, _| Problem::new(Kind::NotFound).into()));
    }
}

/// Derives the keys ([`Keys`]) that a server with this configuration uses on this database, for commands that sign or
/// verify what the server does. Unlike [`AppState::open`] it makes no secret where there is none.
///
/// # Errors
/// [`StartError::Key`], when the secret's file is absent or cannot be used; [`StartError::Config`], when PostgreSQL is
/// used without a secret.
pub fn keys(config: &Config, database: &DatabaseId) -> Result<Keys, StartError> {
    let secret = match (&config.jwt_secret, &config.database_url) {
        (None, DatabaseUrl::Sqlite(path)) => {
            let key = Secret::path_beside(path);
            Secret::read(&key).map_err(|error| StartError::Key(key, error))?
        }
        _ => secret(config)?,
    };
    derive(&secret, config, database)
}

fn derive(secret: &Secret, config: &Config, database: &DatabaseId) -> Result<Keys, StartError> {
    let keys = Keys::derive(secret, &config.jwt_previous_secrets, database);
    keys.map_err(|error| StartError::Run(error.to_string()))
}

/// The configured secret, or the one beside the SQLite file, which is made at the first start.
fn secret(config: &Config) -> Result<Secret, StartError> {
    match (&config.jwt_secret, &config.database_url) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, DatabaseUrl::Sqlite(path)) => {
            let key = Secret::path_beside(path);
            let (secret, made) = Secret::kept_in(&key).map_err(|error| StartError::Key(key.clone(), error))?;
            if made {
                tracing::info!(path = %key.display(), "made a key to sign access tokens with");
            }
            Ok(secret)
        }
        (None, DatabaseUrl::Postgres(_)) => Err(StartError::Config(ConfigError::secret_demanded())),
    }
}

/// The actix app of one serving thread: the state, the routes of the table ([`routes`]), the routes that `more` adds
/// (for tests), 404 for the rest, and around all the completion of responses ([`response::complete`]).
pub fn app(
    state: &AppState,
    more: fn(&mut ServiceConfig),
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    App::new()
        .configure(|config| state.put_into(config))
        .configure(routes::mount)
        .configure(more)
        .default_service(web::to(routing::not_found))
        .wrap(from_fn(response::complete))
}
