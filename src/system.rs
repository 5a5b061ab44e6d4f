//! The routes about the service itself: its name and version, its health, and its contract.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::HeaderValue,
    web::{Bytes, Data, Json},
};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::{
    db::Db,
    problem::{Kind, Problem},
    wire::Precompressed,
};

/// The first server of the contract as it is written: one with the default configuration.
const USUAL_SERVER: &str = "http://127.0.0.1:8000";

/// The contract as it is served: its first server is this one, so that generated clients call no other. So is the
/// `baseUrl` of the collection for Postman that is made of it (`.ci/postman`).
#[derive(Default)]
pub struct Contract {
    server: OnceLock<String>,
    yaml: OnceLock<Precompressed>,
    json: OnceLock<Precompressed>,
    postman: OnceLock<Precompressed>,
}

impl Contract {
    /// Sets the URL where the server is reached, without a slash at its end, which the contract names as its first
    /// server; without a call that is `http://127.0.0.1:8000`. Call it before the contract is first sent; a second call
    /// changes nothing.
    pub fn is_at(&self, server: &str) {
        if self.server.set(server.to_owned()).is_err() {
            tracing::debug!("the contract says already where its server is");
        }
    }

    fn yaml(&self) -> &Precompressed {
        let packed = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.yaml.gz"));
        self.yaml.get_or_init(|| self.form("application/yaml", include_str!("../openapi.yaml"), packed))
    }

    fn json(&self) -> &Precompressed {
        let plain = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
        let packed = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz"));
        self.json.get_or_init(|| self.form("application/json", plain, packed))
    }

    fn postman(&self) -> &Precompressed {
        let plain = include_str!("../docs/postman/kennel.postman_collection.json");
        let packed = include_bytes!(concat!(env!("OUT_DIR"), "/postman.json.gz"));
        self.postman.get_or_init(|| self.form("application/json", plain, packed))
    }

    /// The contract as `build.rs` has compressed it; that of another server is compressed at its first request.
    fn form(&self, media_type: &'static str, plain: &'static str, packed: &'static [u8]) -> Precompressed {
        let media_type = HeaderValue::from_static(media_type);
        let server = self.server.get().map_or(USUAL_SERVER, String::as_str);
        let other = (server != USUAL_SERVER).then(|| compressed(&plain.replacen(USUAL_SERVER, server, 1)));
        let (plain, packed) = match other {
            Some(Ok(both)) => both,
            _ => (Bytes::from_static(plain.as_bytes()), Bytes::from_static(packed)),
        };
        Precompressed::new(media_type, plain, packed)
    }
}

fn compressed(text: &str) -> io::Result<(Bytes, Bytes)> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes())?;
    Ok((text.to_owned().into(), packed.finish()?.into()))
}

/// The service's name, version and links, as `/` shows them.
#[derive(Serialize)]
pub struct ServiceOut {
    name: &'static str,
    version: &'static str,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    contract: &'static str,
    signup: &'static str,
    login: &'static str,
    owners: &'static str,
    dogs: &'static str,
    tasks: &'static str,
    public_dogs: &'static str,
    health: &'static str,
}

/// The state of the service in a word: `ok` or `ready`.
#[derive(Serialize)]
pub struct HealthOut {
    status: &'static str,
}

/// Whether the server has been told to stop.
#[derive(Default)]
pub struct Draining(AtomicBool);

impl Draining {
    /// Makes the server not ready from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The health of the database, queried once for all checks at the same time: frequent checks make the database no work,
/// and none needs to be refused.
#[derive(Default)]
pub struct Pulse(Mutex<Option<Beat>>);

/// The database's last response to a ping, and when it was sent.
struct Beat {
    asked: Instant,
    answer: Result<(), String>,
}

impl Pulse {
    /// Checks the database by a ping that was not sent before this call.
    ///
    /// # Errors
    /// The reason why the database does not respond, in words.
    async fn check(&self, ping: impl AsyncFnOnce() -> Result<(), String>) -> Result<(), String> {
        let called = Instant::now();
        let mut last = self.0.lock().await;
        match &*last {
            Some(beat) if beat.asked >= called => beat.answer.clone(),
            _ => {
                let asked = Instant::now();
                let answer = ping().await;
                *last = Some(Beat { asked, answer: answer.clone() });
                answer
            }
        }
    }
}

/// `GET /`: shows the service's name, version and links.
pub async fn show() -> Json<ServiceOut> {
    Json(ServiceOut {
        name: "Kennel",
        version: env!("CARGO_PKG_VERSION"),
        links: Links {
            contract: "/openapi.yaml",
            signup: "/auth/signup",
            login: "/auth/login",
            owners: "/dogowner/owners",
            dogs: "/dogowner/dogs",
            tasks: "/dogowner/tasks",
            public_dogs: "/dogs",
            health: "/health/ready",
        },
    })
}

/// `GET /health/live`: the process serves.
pub async fn show_liveness() -> Json<HealthOut> {
    Json(HealthOut { status: "ok" })
}

/// `GET /health/ready`: the database responds, and the server is not stopping.
///
/// # Errors
/// `unavailable`, when one of the two is not so.
pub async fn show_readiness(
    draining: Data<Draining>,
    pulse: Data<Pulse>,
    db: Data<Db>,
) -> Result<Json<HealthOut>, Problem> {
    check_readiness(&draining, &pulse, &db).await?;
    Ok(Json(HealthOut { status: "ready" }))
}

/// Whether requests can be served now: the database answers, and the server was not told to stop ([`Draining::begin`]).
///
/// # Errors
/// `unavailable`, when the database does not answer or the server is stopping.
pub async fn check_readiness(draining: &Draining, pulse: &Pulse, db: &Db) -> Result<(), Problem> {
    let unavailable = || Problem::new(Kind::Unavailable);
    if draining.0.load(Ordering::Relaxed) {
        return Err(unavailable().caused_by("the server is stopping"));
    }
    let ping = async || db.ping().await.map_err(|problem| problem.cause_in_words());
    pulse.check(ping).await.map_err(|cause| unavailable().caused_by(cause))
}

/// `GET /openapi.yaml`: the contract as YAML.
pub async fn show_contract(request: HttpRequest, contract: Data<Contract>) -> HttpResponse {
    contract.yaml().answer(&request)
}

/// `GET /openapi.json`: the contract as JSON.
pub async fn show_contract_json(request: HttpRequest, contract: Data<Contract>) -> HttpResponse {
    contract.json().answer(&request)
}

/// `GET /postman.json`: the contract as a collection for Postman, with a tutorial.
pub async fn show_postman_collection(request: HttpRequest, contract: Data<Contract>) -> HttpResponse {
    contract.postman().answer(&request)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use actix_web::rt::{self, System};

    use super::Pulse;

    #[test]
    fn however_many_ask_at_once_the_database_is_asked_twice_at_most() {
        System::new().block_on(async {
            let (pulse, pings) = (Rc::new(Pulse::default()), Rc::new(Cell::new(0)));
            let ask = || {
                let (pulse, pings) = (Rc::clone(&pulse), Rc::clone(&pings));
                rt::spawn(async move {
                    let ping = async || {
                        pings.set(pings.get() + 1);
                        rt::task::yield_now().await;
                        if pings.get() > 1 { Err("it was stopped meanwhile".to_owned()) } else { Ok(()) }
                    };
                    pulse.check(ping).await
                })
            };
            let mut answers = Vec::new();
            for asked in (0..20).map(|_| ask()).collect::<Vec<_>>() {
                answers.push(asked.await.expect("it ends").is_ok());
            }
            // The first ping was over before the others called.
            assert_eq!(pings.get(), 2);
            assert!(answers.iter().enumerate().all(|(number, is_ok)| *is_ok == (number == 0)), "{answers:?}");
        });
    }
}
