//! A small server of the same contract as Kennel's owners and dogs, to measure Kennel on PostgreSQL against: axum 0.8,
//! sqlx 0.9, HS256 bearer tokens, argon2id. One pool, whose connections keep their prepared statements.

use std::{env, net::SocketAddr, sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, Version};
use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use chrono::{DateTime, SubsecRound, Utc};
use jsonwebtoken::{Algorithm as JwtAlg, DecodingKey, EncodingKey, Validation};
use serde::Serialize;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Semaphore;

mod accounts;
mod rows;

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKEN_LIFETIME: chrono::TimeDelta = chrono::TimeDelta::hours(12);

const SCHEMA: &str = r#"
CREATE TABLE IF NOT EXISTS users (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  username TEXT COLLATE "C" NOT NULL UNIQUE,
  email TEXT COLLATE "C" NOT NULL UNIQUE,
  password TEXT COLLATE "C" NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS owners (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id),
  name TEXT COLLATE "C" NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  UNIQUE (user_id, id)
);
CREATE TABLE IF NOT EXISTS dogs (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id),
  owner_id BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  UNIQUE (user_id, id),
  FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id)
);
CREATE INDEX IF NOT EXISTS dogs_owner ON dogs (user_id, owner_id);
"#;

struct Inner {
    pool: PgPool,
    enc: EncodingKey,
    dec: DecodingKey,
    validation: Validation,
    argon: Argon2<'static>,
    hash_slots: Semaphore,
}
type App = Arc<Inner>;

enum Fail {
    Status(StatusCode, &'static str),
    Db(sqlx::Error),
}
impl From<sqlx::Error> for Fail {
    fn from(e: sqlx::Error) -> Self {
        Fail::Db(e)
    }
}
#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
}
impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let (code, error) = match self {
            Fail::Status(code, error) => (code, error),
            Fail::Db(sqlx::Error::Database(e)) if e.is_unique_violation() => (StatusCode::CONFLICT, "already taken"),
            Fail::Db(e) => {
                eprintln!("database error: {e}");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        };
        (code, Json(ErrorBody { error })).into_response()
    }
}

/// As precise as the database keeps it.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

fn env_num(name: &str, default: u32) -> u32 {
    env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(env_num("WORKERS", 2) as usize)
        .enable_all()
        .build()?
        .block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let port = env_num("PORT", 8080) as u16;
    let options: PgConnectOptions = env::var("DATABASE_URL")?.parse()?;
    let secret = env::var("JWT_SECRET")?;
    let connections = env_num("DATABASE_POOL_SIZE", 8);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(30))
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(options.statement_cache_capacity(100))
        .await?;
    sqlx::raw_sql(SCHEMA).execute(&pool).await?;

    let mut validation = Validation::new(JwtAlg::HS256);
    validation.set_required_spec_claims(&["exp"]);
    let app: App = Arc::new(Inner {
        pool,
        enc: EncodingKey::from_secret(secret.as_bytes()),
        dec: DecodingKey::from_secret(secret.as_bytes()),
        validation,
        argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, None).expect("params")),
        hash_slots: Semaphore::new(2),
    });
    let router = Router::new()
        .route("/auth/signup", post(accounts::signup))
        .route("/auth/login", post(accounts::login))
        .route("/dogowner/owners", get(rows::owners))
        .route("/dogowner/owner", post(rows::create_owner))
        .route("/dogowner/dog", get(rows::dogs).post(rows::create_dog))
        .with_state(app);
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = tokio::net::TcpListener::bind(addr).await?.tap_io(|tcp| {
        let _ = tcp.set_nodelay(true);
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            let mut term =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signal handler");
            term.recv().await;
        })
        .await?;
    Ok(())
}
