//! What tells about the service itself: what it is, whether it is well, and its contract.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{
    HttpResponse,
    web::{Data, Json},
};
use serde::Serialize;

use crate::{
    db::Db,
    problem::{Kind, Problem},
};

/// The contract, as it is served and as the tests read it.
pub const CONTRACT: &str = include_str!("../openapi.yaml");

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

#[derive(Serialize)]
pub struct HealthOut {
    status: &'static str,
}

/// Whether the server has been told to stop.
#[derive(Default)]
pub struct Draining(AtomicBool);

impl Draining {
    /// From now on the server is not ready.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `GET /`
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

/// `GET /health/ready`: so does the database, and nobody has told the server to stop.
pub async fn show_readiness(draining: Data<Draining>, db: Data<Db>) -> Result<Json<HealthOut>, Problem> {
    let unavailable = || Problem::new(Kind::Unavailable);
    if draining.0.load(Ordering::Relaxed) {
        return Err(unavailable().caused_by("the server is stopping"));
    }
    db.ping().await.map_err(|problem| unavailable().caused_by(problem.cause_in_words()))?;
    Ok(Json(HealthOut { status: "ready" }))
}

/// `GET /openapi.yaml`
pub async fn show_contract() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(CONTRACT)
}
