//! The server: how it starts, waits and stops. The app that it serves is in `app`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::web::{Data, ServiceConfig};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    app::{AppState, StartError, app},
    backups::BackupThread,
    changes,
    config::{Config, ConfigError},
    connection::{Admission, Listeners, ServingThreads, Shared},
    db::Hub,
    mail::{Destination, Transport, Worker},
    metrics::{Metrics, MetricsServer},
    sweeper::{self, SweepCounts},
    system::Draining,
    urls::AppUrl,
};

/// The most connections at a time, if there may be as many open files.
const CONNECTIONS: u32 = 4_096;
/// The longest time for the database to close, after the last request.
const TO_CLOSE: Duration = Duration::from_secs(1);
/// The longest time for mails that are being sent when the server stops.
const LAST_POST: Duration = Duration::from_secs(5);
/// The open files of connections: one for each, and one more, since those that make room for others are open for a
/// moment more.
const CONNECTION_FILES: u64 = 2 * CONNECTIONS as u64;
/// The open files that are not connections.
const OTHER_FILES: u64 = 64;

/// A running server.
pub struct Server {
    http: ServingThreads,
    addr: SocketAddr,
    state: AppState,
    mail: Worker,
    sweeps: Arc<SweepCounts>,
    backups: Option<BackupThread>,
    metrics: Option<MetricsServer>,
    stop: StopHandle,
    changes_kept: Duration,
    drain_delay: Duration,
    shutdown_timeout: Duration,
}

/// A handle that stops a server from anywhere.
#[derive(Clone)]
pub struct StopHandle {
    draining: Data<Draining>,
    connections: Arc<Shared>,
    hub: Arc<Hub>,
    drain_delay: Duration,
    told: Arc<Notify>,
}

impl StopHandle {
    /// Makes the server not ready, and tells it to finish what is in flight and end. Returns at once;
    /// [`Server::wait`] returns when it has ended.
    pub fn stop(&self) {
        self.draining.begin();
        self.hub.end();
        self.connections.admission.drain(self.drain_delay);
        self.told.notify_one();
    }
}

impl Server {
    /// Opens the database, brings its schema up to date, and begins to serve. Must run on an actix system;
    /// blocks it until the database is open.
    ///
    /// # Errors
    /// The configuration, the database, the key or the address cannot be used: in one line that says what to do.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with_routes(config, |_| {}).await
    }

    /// Starts a server as [`Server::start`] does, with `more` routes beside those of the table.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with_routes(config: Config, more: fn(&mut ServiceConfig)) -> Result<Self, StartError> {
        let most = open_files(config.database_pool_size);
        let state = AppState::open(&config)?;
        let transport = Transport::open(&config.mail_url, config.public_url.as_ref())
            .map_err(|error| StartError::Run(format!("MAIL_URL: {error}")))?;
        let (listeners, addr) = Listeners::bind(&config.host, config.port)
            .map_err(|error| StartError::Listen(format!("{}:{}", config.host, config.port), error))?;
        tracing::info!(to = ?config.mail_url, "mail goes");
        state.contract.is_at(&reached_at(&config, addr));
        let mail = mail_worker(&state, &config, transport, addr);
        let proxies = state.limits.proxies.clone();
        let admission = Arc::new(Admission::new(most as usize, config.ip_connections.0, proxies));
        let sweeps = Arc::<SweepCounts>::default();
        let backups = config.backups.as_ref().map(|schedule| BackupThread::start(&config, schedule)).transpose();
        let backups = backups.map_err(|error| StartError::Run(format!("cannot make backups: {error}")))?;
        let metrics = Metrics {
            db: Data::clone(&state.db),
            hasher: Data::clone(&state.hasher),
            requests: Data::clone(&state.requests),
            admission: Arc::clone(&admission),
            sweeps: Arc::clone(&sweeps),
            backups: backups.as_ref().map(BackupThread::counts),
        };
        let metrics = config.metrics_addr.map(|address| {
            let started = MetricsServer::start(address, metrics, config.times);
            started.map_err(|error| StartError::Config(ConfigError::no_metrics_at(address, &error)))
        });
        let metrics = metrics.transpose()?;
        let requests = Data::clone(&state.requests);
        let connections = Arc::new(Shared { times: config.times, admission, requests });
        let shared = state.clone();
        // Connections that are about to close have a place, too.
        let threads = (config.workers, 2 * most);
        let http = ServingThreads::start(listeners, threads, &connections, &move || app(&shared, more));
        let Config { changes_kept, drain_delay, shutdown_timeout, .. } = config;
        let draining = Data::clone(&state.draining);
        let hub = Arc::clone(state.db.hub());
        // A stream holds its connection.
        hub.limit(most as usize / 2);
        let stop = StopHandle { draining, connections, hub, drain_delay, told: Arc::default() };
        Ok(Self {
            http,
            addr,
            state,
            mail,
            sweeps,
            backups,
            metrics,
            stop,
            changes_kept,
            drain_delay,
            shutdown_timeout,
        })
    }

    /// The address in use.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address at which the metrics are served; `None` for nowhere.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsServer::addr)
    }

    /// A handle that can stop the server.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Serves until it is told to stop, then finishes what is in flight and closes the database.
    ///
    /// # Errors
    /// Requests took longer than `SHUTDOWN_TIMEOUT`, and were cut off.
    pub async fn wait(self) -> Result<(), StartError> {
        let (db, limits) = (Data::clone(&self.state.db), Data::clone(&self.state.limits));
        let (uses, erase) = (Data::clone(&self.state.key_uses), Data::clone(&self.state.erase_signal));
        let (sweeps, changes_kept) = (self.sweeps, self.changes_kept);
        let followed = Data::clone(&self.state.db);
        let background = [
            actix_web::rt::spawn(async move { changes::watch_others(&followed).await }),
            actix_web::rt::spawn(async move { sweeper::run(&db, &uses, &erase, changes_kept, &sweeps).await }),
            actix_web::rt::spawn(async move { limits.sweep().await }),
        ];
        let mut mail = actix_web::rt::spawn(self.mail.run());
        self.stop.told.notified().await;
        // None begins any more; one that is being made is not waited for.
        drop(self.backups);
        let end = Instant::now() + self.shutdown_timeout - TO_CLOSE.min(self.shutdown_timeout / 5);
        sleep(self.drain_delay).await;
        self.http.close_listeners().await;
        let finished = timeout_at(end, self.http.until_idle()).await;
        for task in background {
            task.abort();
        }
        // A mail that is cut short is sent again later, perhaps for the second time.
        self.state.mail_signal.close();
        drop(timeout_at(end.min(Instant::now() + LAST_POST), &mut mail).await);
        mail.abort();
        self.http.end();
        if let Some(metrics) = self.metrics {
            metrics.end();
        }
        self.state.hasher.close();
        sweeper::note_uses(&self.state.db, &self.state.key_uses).await;
        self.state.db.close();
        let cut_off = "stopped with requests in flight: they took longer than SHUTDOWN_TIMEOUT";
        finished.map_err(|_| StartError::Run(cut_off.to_owned()))
    }
}

/// Raises the limit on open files, which is usually far below [`CONNECTIONS`], and returns how many connections there
/// may be beside the files of the database.
fn open_files(database: usize) -> u32 {
    let others = OTHER_FILES + u64::try_from(database).unwrap_or(u64::MAX);
    let asked = CONNECTION_FILES + others;
    let limit = rlimit::increase_nofile_limit(asked).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit on open files cannot be raised");
        asked
    });
    let most = u32::try_from(limit.saturating_sub(others) / 2).unwrap_or(CONNECTIONS).clamp(1, CONNECTIONS);
    if most < CONNECTIONS {
        tracing::warn!(open_files = limit, connections = most, "the limit on open files leaves few connections");
    }
    most
}

/// The worker that sends the mails of a server that listens on `addr`.
fn mail_worker(state: &AppState, config: &Config, transport: Transport, addr: SocketAddr) -> Worker {
    let server = reached_at(config, addr);
    let app = config.app_url.clone().unwrap_or_else(|| AppUrl::console_of(&server));
    Worker {
        db: Data::clone(&state.db),
        keys: Data::clone(&state.keys),
        mail_signal: Data::clone(&state.mail_signal),
        transport,
        from: config.mail_from.clone(),
        destination: Destination { server, app },
    }
}

/// The URL where people reach the server: the configured one, or else the address in use.
fn reached_at(config: &Config, addr: SocketAddr) -> String {
    config.public_url.as_ref().map_or_else(|| format!("http://{addr}"), ToString::to_string)
}
