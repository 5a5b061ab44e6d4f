//! Metrics for Prometheus: `GET /metrics` on a listener of their own (`METRICS_ADDR`), which shows what the others have
//! counted. What is shown, and under which names, is in `exposition`.
//!
//! Nothing here is asked by a request: whoever counts owns atomics with a fixed place for each label
//! ([`RequestCounts`], [`histogram`](crate::histogram)), and a scrape reads them. Only the mails that wait are asked of
//! the database, with a time-out, so that a scrape has an answer, and says so, while the database has none.

mod exposition;
mod process;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App, Error, HttpResponse,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::{self, HeaderValue},
    web::{self, Data},
};
use prometheus_client::{encoding::prometheus_text, registry::Registry};
use tokio::time::timeout;

use self::exposition::Scrape;
use crate::{
    auth::passwords::hasher::Hasher,
    connection::{Admission, Listeners, ServingThreads, Shared, Times},
    db::{Db, archive::BackupCounts},
    limits::Proxies,
    mail,
    middleware::requests::RequestCounts,
    problem::Problem,
    sweeper::SweepCounts,
};

/// The most connections: one Prometheus keeps one, and somebody may look beside it. With more, the one that has kept
/// the server waiting longest makes room.
const CONNECTIONS: u32 = 8;
/// The longest wait for the database in a scrape; Prometheus itself waits for 10 seconds unless it is told otherwise.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places where a server's metrics are counted.
pub struct Metrics {
    /// The database's connections and queues.
    pub db: Data<Db>,
    /// The threads that hash passwords.
    pub hasher: Data<Hasher>,
    /// The requests.
    pub requests: Data<RequestCounts>,
    /// The connections.
    pub admission: Arc<Admission>,
    /// The rounds of the sweeper.
    pub sweeps: Arc<SweepCounts>,
    /// The backups that the server makes by itself; `None`, where it makes none.
    pub backups: Option<Arc<BackupCounts>>,
}

/// The running listener of the metrics, with two threads of its own: it answers while those that serve requests have
/// too much to do.
pub struct MetricsServer {
    http: ServingThreads,
    addr: SocketAddr,
}

impl MetricsServer {
    /// Listens on `address`, and serves `metrics` there, in the time that connections have for requests, too.
    ///
    /// # Errors
    /// The address cannot be listened on.
    ///
    /// # Panics
    /// There is no actix system.
    pub fn start(address: SocketAddr, metrics: Metrics, times: Times) -> io::Result<Self> {
        let (listeners, addr) = Listeners::bind(&address.ip().to_string(), address.port())?;
        let admission = Arc::new(Admission::new(CONNECTIONS as usize, None, Proxies::new(Vec::new())));
        let shared = Arc::new(Shared { times, admission, requests: Data::default() });
        let metrics = Data::new(metrics);
        let http = ServingThreads::start(listeners, (1, 2 * CONNECTIONS), &shared, &move || app(&metrics));
        Ok(Self { http, addr })
    }

    /// The address in use.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends the listener, with its connections. Blocks until it has ended.
    pub fn end(self) {
        self.http.end();
    }
}

fn app(
    metrics: &Data<Metrics>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    let resource = web::resource("/metrics").route(web::get().to(show)).route(web::head().to(show));
    let refused = async || HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish();
    App::new().app_data(Data::clone(metrics)).service(resource.default_service(web::to(refused)))
}

/// `GET /metrics`: every metric in Prometheus' text format, version 0.0.4.
///
/// # Errors
/// `internal-error`, when a metric cannot be written.
async fn show(metrics: Data<Metrics>) -> Result<HttpResponse, Problem> {
    let mails = timeout(PATIENCE, metrics.db.read(mail::count_waiting)).await;
    let mails_waiting = mails.ok().and_then(Result::ok);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { metrics, mails_waiting }));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).map_err(Problem::internal)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(prometheus_text::CONTENT_TYPE)));
    Ok(response.insert_header((header::CACHE_CONTROL, "no-store")).body(text))
}
