//! The proof that a backup can be served: the app is started on a copy of it, in this process and without a listener,
//! and read through its routes by some of its users. A copy, since an app that starts brings its database up to date,
//! and sessions begin in it.

use std::{fmt, path::Path, thread};

use actix_http::Request;
use actix_service::{Service, ServiceFactory, map_config};
use actix_web::{
    Error,
    body::{BoxBody, to_bytes},
    dev::{AppConfig, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderValue},
        uri::InvalidUri,
    },
    rt::System,
    web::Bytes,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use tracing::dispatcher::{Dispatch, set_default};

use crate::{
    app::{AppState, app},
    config::Config,
    crypto::keys::Secret,
    db::{
        Conn, DatabaseUrl,
        archive::{self, ArchiveError, PrivateCopy, SampledUser, Step, Watch},
    },
    limits::{Rate, Rates},
    problem::Problem,
    sessions::{ClientInfo, Sessions},
};

/// The outcome of a verification that found nothing wrong.
pub struct Verified {
    /// The number of users whose books were read.
    pub users: usize,
    /// The number of rows in those books.
    pub rows: i64,
}

/// The part of an export whose rows are counted.
#[derive(Deserialize)]
struct ExportedRows {
    owners: Vec<IgnoredAny>,
    dogs: Vec<IgnoredAny>,
    tasks: Vec<IgnoredAny>,
    api_keys: Vec<IgnoredAny>,
    profile: Option<IgnoredAny>,
}

/// The part of a public page that is compared.
#[derive(Deserialize)]
struct PublicPage {
    dogs_count: i64,
}

/// Checks a backup as `kennel check` does, then starts the app on a private copy beside it and reads that through its
/// routes. The copy is gone afterwards; no mail is sent, and nothing is written to the backup or to what it was made of.
///
/// # Errors
/// A check finds something, the copy cannot be made or served, or what is served is not what is stored.
pub fn verify(backup: &Path, config: &Config, watch: Watch<'_>) -> Result<Verified, ArchiveError> {
    let findings = archive::check(&DatabaseUrl::Sqlite(backup.to_owned()), watch)?;
    for finding in &findings.findings {
        if let Some(wrong) = finding.wrong.first() {
            return Err(ArchiveError::new(format_args!("it is not so that {}: {wrong}", finding.what)));
        }
    }
    watch(Step::Begins("starting the app on a copy", 0));
    let copy = PrivateCopy::of(backup)?;
    // A thread of its own: the connection that it reads with is its thread's, and is to be closed with it.
    thread::scope(|scope| {
        let serving = thread::Builder::new().name("verify".to_owned());
        let serving = serving.spawn_scoped(scope, || serve(copy.path(), config))?;
        serving.join().unwrap_or_else(|_| Err(ArchiveError::new("the app panicked")))
    })
}

/// Starts the app on the database at this path, reads it, and closes it.
fn serve(database: &Path, config: &Config) -> Result<Verified, ArchiveError> {
    // These requests are nobody's, so they have no lines in the log.
    let _quiet = set_default(&Dispatch::none());
    let config = Config {
        database_url: DatabaseUrl::Sqlite(database.to_owned()),
        // Tokens are good for as long as this takes.
        jwt_secret: Some(Secret::random()?),
        jwt_previous_secrets: Vec::new(),
        rates: Rates { user: Rate::Off, ip: Rate::Off, login: Rate::Off, signup: Rate::Off },
        metrics_addr: None,
        ..config.clone()
    };
    let state = AppState::open(&config).map_err(ArchiveError::new)?;
    let outcome = System::new().block_on(read(&state, database));
    state.hasher.close();
    state.db.close();
    outcome
}

/// Reads what some users have, and what everybody sees of them, and compares it with what the database says.
async fn read(state: &AppState, database: &Path) -> Result<Verified, ArchiveError> {
    let app = map_config(app(state, |_| {}), |()| AppConfig::default());
    let app = app.new_service(()).await.map_err(|()| ArchiveError::new("the app cannot be put together"))?;
    let client = InnerClient { app, state };
    let _body = client.get("/health/ready", None).await?;
    let _body = client.get("/dogs", None).await?;
    let users = archive::sample(database)?;
    for user in &users {
        client.read_book(user).await?;
    }
    Ok(Verified { users: users.len(), rows: users.iter().map(SampledUser::rows).sum() })
}

/// A client of the app that needs no connection.
struct InnerClient<'a, S> {
    app: S,
    state: &'a AppState,
}

impl<S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>> InnerClient<'_, S> {
    /// Reads the book of a user, as a list at a time and as a whole, and the public page, if there is one.
    async fn read_book(&self, user: &SampledUser) -> Result<(), ArchiveError> {
        let token = self.log_in(user).await?;
        for (list, stored) in [("owners", user.owners), ("dogs", user.dogs), ("tasks", user.tasks)] {
            let path = format!("/dogowner/{list}?count=true&limit=1");
            let (headers, _) = self.get(&path, Some(&token)).await?;
            let total = headers.get("x-total-count").and_then(|total| total.to_str().ok()?.parse().ok());
            compare(user, list, total.unwrap_or_default(), stored)?;
        }
        let exported: ExportedRows = json(&self.get("/me/export", Some(&token)).await?.1)?;
        for (what, rows, stored) in [
            ("exported owners", exported.owners.len(), user.owners),
            ("exported dogs", exported.dogs.len(), user.dogs),
            ("exported tasks", exported.tasks.len(), user.tasks),
            ("exported API keys", exported.api_keys.len(), user.api_keys),
            ("exported profiles", exported.profile.iter().len(), i64::from(user.is_public)),
        ] {
            compare(user, what, i64::try_from(rows).unwrap_or(i64::MAX), stored)?;
        }
        if user.is_public {
            let page: PublicPage = json(&self.get(&format!("/users/{}", user.username), None).await?.1)?;
            compare(user, "public dogs", page.dogs_count, user.dogs)?;
        }
        Ok(())
    }

    /// The access token of a session that begins for a user, without a password.
    async fn log_in(&self, user: &SampledUser) -> Result<String, ArchiveError> {
        let (id, lives) = (user.id, self.state.issuer.lives);
        let begin = move |conn: &mut Conn| {
            let client = ClientInfo { user_agent: None, source: [0; 16] };
            Sessions::of(id).create(conn, lives, &client)
        };
        let failed = |problem: Problem| ArchiveError::new(problem.cause_in_words());
        let session = self.state.db.write(begin).await.map_err(failed)?;
        self.state.issuer.access.issue(session.subject()).map_err(failed)
    }

    /// The headers and the body of a response that is 200.
    async fn get(&self, path: &str, token: Option<&str>) -> Result<(HeaderMap, Bytes), ArchiveError> {
        let failed = |why: &dyn fmt::Display| ArchiveError::new(format_args!("GET {path} of the app on a copy: {why}"));
        let mut request = Request::new();
        *request.uri_mut() = path.parse().map_err(|error: InvalidUri| failed(&error))?;
        if let Some(token) = token {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| failed(&error))?;
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        let response = self.app.call(request).await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
            return Err(failed(&problem.map_or_else(|| response.status().to_string(), Problem::cause_in_words)));
        }
        let headers = response.headers().clone();
        Ok((headers, to_bytes(response.into_body()).await.map_err(|error| failed(&error))?))
    }
}

fn compare(user: &SampledUser, what: &str, served: i64, stored: i64) -> Result<(), ArchiveError> {
    if served == stored {
        return Ok(());
    }
    let id = user.id;
    Err(ArchiveError::new(format_args!(
        "the app on a copy serves {served} {what} of user {id}, where {stored} are stored"
    )))
}

fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, ArchiveError> {
    serde_json::from_slice(body).map_err(ArchiveError::new)
}
