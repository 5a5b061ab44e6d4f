//! The app put together: state, limits, the route table and what wraps every request; and the server that
//! runs it. What every answer has is in `middleware::response`.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use actix_web::{
    App,
    dev::ServerHandle,
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
    connection::{self, Admission, Shared},
    crypto::keys::{Keys, Secret},
    db::{DatabaseId, DatabaseUrl, Db, OpenError},
    export::ExportTimeout,
    limits::{Limits, Proxies},
    mail::{Destination, MailSignal, Transport, Worker},
    middleware::{cors::Cors, response},
    problem::{Kind, Problem},
    routes, routing,
    sessions::SessionLifetimes,
    sweeper,
    system::{Contract, Draining, Pulse},
    users::SignupPolicy,
};

/// Connections at a time, if there may be as many open files.
const CONNECTIONS: usize = 4_096;
/// How long the mails may take that are on their way when the server stops.
const LAST_POST: Duration = Duration::from_secs(5);
/// Open files: a connection each, and the database's, and what is about to be closed.
const OPEN_FILES: u64 = 2 * CONNECTIONS as u64;
/// Of those, the ones that are no connections.
const OTHER_FILES: u64 = 64;

/// Why the server does not start. Its text is one line that says what to do.
#[derive(Debug)]
pub enum StartError {
    Config(ConfigError),
    Database(OpenError),
    /// The key beside the SQLite file cannot be read or made.
    Key(PathBuf, io::Error),
    /// The address cannot be listened on.
    Listen(String, io::Error),
    /// Something that the system refused, or that the server stopped with.
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

/// What the handlers share.
#[derive(Clone)]
struct AppState {
    db: Data<Db>,
    keys: Data<Keys>,
    issuer: Data<Issuer>,
    hasher: Data<Hasher>,
    limits: Data<Limits>,
    book: Data<Book>,
    cors: Data<Cors>,
    signup: Data<SignupPolicy>,
    export_timeout: Data<ExportTimeout>,
    post: Data<MailSignal>,
    draining: Data<Draining>,
    pulse: Data<Pulse>,
    contract: Data<Contract>,
}

impl AppState {
    /// Opens the database and starts the threads. Blocks.
    fn open(config: &Config) -> Result<Self, StartError> {
        let failed = |error: &dyn fmt::Display| StartError::Run(error.to_string());
        // A secret that PostgreSQL demands is missed before the database is waited for; the one beside a SQLite
        // file is made after the file.
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
            limits: Data::new(Limits::new(config)),
            book: Data::new(Book::new(config.most_owners, config.most_dogs, config.most_tasks)),
            cors: Data::new(Cors::new(config.cors.clone(), config.public_url.as_ref())),
            signup: Data::new(config.signup),
            export_timeout: Data::new(ExportTimeout(config.export_timeout)),
            post: Data::default(),
            draining: Data::default(),
            pulse: Data::default(),
            contract: Data::default(),
        })
    }

    fn put_into(&self, config: &mut ServiceConfig) {
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
            .app_data(Data::clone(&self.pulse))
            .app_data(Data::clone(&self.contract))
            // Of this thread alone.
            .app_data(VerifiedTokenCache::default())
            // An id that cannot be one names nothing.
            .app_data(PathConfig::default().error_handler(|_, _| Problem::new(Kind::NotFound).into()));
    }

    /// What sends the mails of a server that listens on `addr`.
    fn mail_worker(&self, config: &Config, transport: Transport, addr: SocketAddr) -> Worker {
        Worker {
            db: Data::clone(&self.db),
            keys: Data::clone(&self.keys),
            post: Data::clone(&self.post),
            transport,
            from: config.mail_from.clone(),
            destination: Destination { server: reached_at(config, addr), app: config.app_url.clone() },
        }
    }
}

/// Where people reach the server: as it is configured, or else at the address in use.
fn reached_at(config: &Config, addr: SocketAddr) -> String {
    config.public_url.as_ref().map_or_else(|| format!("http://{addr}"), ToString::to_string)
}

/// The keys that a server with this configuration and database has; no secret is made.
///
/// # Errors
/// There is no secret, or it cannot be used.
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

/// A server that runs.
pub struct Server {
    http: actix_web::dev::Server,
    addr: SocketAddr,
    state: AppState,
    mail: Worker,
    connections: Arc<Shared>,
}

/// Stops a server from anywhere.
#[derive(Clone)]
pub struct StopHandle {
    http: ServerHandle,
    draining: Arc<Draining>,
    connections: Arc<Shared>,
}

impl StopHandle {
    /// Tells the server to finish what is in flight and end. Returns at once; [`Server::wait`] returns when
    /// it has ended.
    pub fn stop(&self) {
        self.draining.begin();
        self.connections.admission.drain();
        // The command is sent when `stop` is called; what it returns only waits.
        drop(self.http.stop(true));
    }
}

/// The `extra` of a server that has no more routes than the table.
pub fn nothing_extra(_: &mut ServiceConfig) {}

impl Server {
    /// Opens the database, brings its schema up to date, and begins to serve. Must run on an actix system;
    /// blocks it until the database is open. `extra` adds routes to the table.
    ///
    /// # Errors
    /// Each says in one line what is wrong and what to do.
    pub async fn start(config: Config, extra: fn(&mut ServiceConfig)) -> Result<Self, StartError> {
        let most = open_files(config.database_pool_size);
        let state = AppState::open(&config)?;
        let transport = Transport::open(&config.mail_url, config.public_url.as_ref())
            .map_err(|error| StartError::Run(format!("MAIL_URL: {error}")))?;
        let shared = state.clone();
        let app = move || {
            App::new()
                .configure(|config| shared.put_into(config))
                .configure(routes::mount)
                .configure(extra)
                .default_service(web::to(routing::not_found))
                .wrap(from_fn(response::complete))
        };
        let proxies = Proxies::new(config.trusted_proxies.clone());
        let admission = Arc::new(Admission::new(most, config.ip_connections.most(), proxies));
        let connections = Arc::new(Shared { times: config.times, admission });
        let server = actix_server::Server::build()
            .workers(config.workers)
            // Those that are about to be closed among them.
            .max_concurrent_connections((2 * most / config.workers).max(1))
            .shutdown_timeout(config.shutdown_timeout.as_secs())
            .disable_signals();
        let (http, addr) = connection::listen((&config.host, config.port), server, &connections, app)
            .map_err(|error| StartError::Listen(format!("{}:{}", config.host, config.port), error))?;
        tracing::info!(to = ?config.mail_url, "mail goes");
        state.contract.is_at(&reached_at(&config, addr));
        let mail = state.mail_worker(&config, transport, addr);
        Ok(Self { http, addr, state, mail, connections })
    }

    /// The address in use.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle that can stop it.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle {
            http: self.http.handle(),
            draining: Data::clone(&self.state.draining).into_inner(),
            connections: Arc::clone(&self.connections),
        }
    }

    /// Serves until it is told to stop, then finishes what is in flight and closes the database.
    ///
    /// # Errors
    /// The server ended by itself.
    pub async fn wait(self) -> Result<(), StartError> {
        let (db, limits) = (Data::clone(&self.state.db), Data::clone(&self.state.limits));
        let background = [
            actix_web::rt::spawn(async move { sweeper::run(&db).await }),
            actix_web::rt::spawn(async move { limits.sweep().await }),
        ];
        let mut mail = actix_web::rt::spawn(self.mail.run());
        let outcome = self.http.await;
        for task in background {
            task.abort();
        }
        // One that is cut short is sent again later, perhaps for the second time.
        self.state.post.close();
        drop(tokio::time::timeout(LAST_POST, &mut mail).await);
        mail.abort();
        self.state.hasher.close();
        self.state.db.close();
        outcome.map_err(|error| StartError::Run(format!("the server ended: {error}")))
    }
}

/// A connection is an open file, and the usual limit is far below what we accept: raises it, and tells how many
/// connections there may be beside the files of the database.
fn open_files(database: usize) -> usize {
    let limit = rlimit::increase_nofile_limit(OPEN_FILES).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit on open files cannot be raised");
        OPEN_FILES
    });
    let others = OTHER_FILES + u64::try_from(database).unwrap_or(u64::MAX);
    // Those that make room for others are open for a moment more.
    let most = usize::try_from(limit.saturating_sub(others) / 2).unwrap_or(CONNECTIONS).clamp(1, CONNECTIONS);
    if most < CONNECTIONS {
        tracing::warn!(open_files = limit, connections = most, "the limit on open files leaves few connections");
    }
    most
}
