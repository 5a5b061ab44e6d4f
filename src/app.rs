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
    book::Book,
    config::{Config, ConfigError},
    cors::Cors,
    credentials::KeyUses,
    crypto::keys::{Keys, Secret},
    db::{DatabaseId, DatabaseUrl, Db, OpenError},
    export::ExportTimeout,
    limits::{Limits, Proxies},
    mail::MailSignal,
    middleware::response,
    problem::{Kind, Problem},
    routes, routing,
    sessions::SessionLifetimes,
    system::{Contract, Draining, Pulse},
    users::SignupPolicy,
};

/// The reason why the server does not start. Its text is one line that says what to do.
#[derive(Debug)]
pub enum StartError {
    Config(ConfigError),
    Database(OpenError),
    /// The key beside the SQLite file cannot be read or made.
    Key(PathBuf, io::Error),
    /// The address cannot be listened on.
    Listen(String, io::Error),
    /// The system refused something, or the server stopped with a failure.
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

/// The state that handlers share, one for all threads.
#[derive(Clone)]
pub struct AppState {
    pub db: Data<Db>,
    pub keys: Data<Keys>,
    pub issuer: Data<Issuer>,
    pub hasher: Data<Hasher>,
    pub limits: Data<Limits>,
    pub book: Data<Book>,
    pub cors: Data<Cors>,
    pub signup: Data<SignupPolicy>,
    pub export_timeout: Data<ExportTimeout>,
    pub post: Data<MailSignal>,
    pub draining: Data<Draining>,
    pub key_uses: Data<KeyUses>,
    pub pulse: Data<Pulse>,
    pub contract: Data<Contract>,
}

impl AppState {
    /// Opens the database and starts the threads. Blocks.
    ///
    /// # Errors
    /// The database cannot be opened, or the secret cannot be read or made.
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
            book: Data::new(Book::new(config.most_owners, config.most_dogs, config.most_tasks)),
            cors: Data::new(Cors::new(config.cors.clone(), config.public_url.as_ref())),
            signup: Data::new(config.signup),
            export_timeout: Data::new(ExportTimeout(config.export_timeout)),
            post: Data::default(),
            draining: Data::default(),
            key_uses: Data::default(),
            pulse: Data::default(),
            contract: Data::default(),
        })
    }

    /// Makes the state known to the handlers of an app.
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
            .app_data(Data::clone(&self.post))
            .app_data(Data::clone(&self.draining))
            .app_data(Data::clone(&self.key_uses))
            .app_data(Data::clone(&self.pulse))
            .app_data(Data::clone(&self.contract))
            // Each thread has its own.
            .app_data(VerifiedTokenCache::default())
            // An id that is not valid names no row.
            .app_data(PathConfig::default().error_handler(|_, _| Problem::new(Kind::NotFound).into()));
    }
}

/// The keys of a server with this configuration and database; no secret is made.
///
/// # Errors
/// The secret is absent, or cannot be used.
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

/// The app of one serving thread, with `more` routes beside those of the table.
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
