//! Rate limits: how much one caller may ask for in a while. They are in this process's memory only; the count of failed
//! logins, which must outlast a restart, is in `auth::throttle`. Start with `bucket`; the address of a caller is in
//! `source`.

mod bucket;
mod rate;
mod source;

use std::time::Duration;

use actix_web::{
    Error, HttpRequest,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};

pub use self::{
    bucket::{Bucket, Counted},
    rate::Rate,
    source::{Proxies, Source, TrustedProxy},
};
use crate::{problem::Problem, workers::Flow};

/// The interval at which callers that need not be remembered are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The refreshes that count as one request: a browser refreshes in every tab at once.
const REFRESHES_A_REQUEST: u32 = 10;

/// The new passwords that may be judged for each sign-up of the quota: judging one is work, too.
const PASSWORDS_A_SIGNUP: u32 = 10;

/// The weight of a new password, in units of a quota: judging it, checking the present one and hashing the new one take
/// up to a seventh of a second, three thousand times as long as a row.
pub const NEW_PASSWORD: u32 = 50;

/// The configured rates, from which all quotas are made.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The rate of a signed-in user's requests.
    pub user: Rate,
    /// The rate of an address's requests without a login.
    pub ip: Rate,
    /// The rate of an address's logins.
    pub login: Rate,
    /// The rate of an address's new accounts.
    pub signup: Rate,
}

/// All quotas of this process, in memory: a restart forgets them, and other instances have their own.
pub struct Limits {
    /// The proxies whose word about the source of a request is believed.
    pub proxies: Proxies,
    /// A signed-in user's requests, by the user's id.
    pub user: Bucket<i64>,
    /// A user's refreshes, by the user's id; ten times as many as requests.
    pub refresh: Bucket<i64>,
    /// An address's requests without a login.
    pub ip: Bucket<Source>,
    /// An address's logins.
    pub login: Bucket<Source>,
    /// An address's requests for a mail about a forgotten password.
    pub forgot: Bucket<Source>,
    /// An address's new accounts.
    pub signup: Bucket<Source>,
    /// The usernames and e-mail addresses that a signed-in user tries to take, and so learns whether they are taken; by
    /// the user's id.
    pub names: Bucket<i64>,
    /// The passwords of new accounts that are judged for an address.
    pub password: Bucket<Source>,
}

impl Limits {
    /// Makes the quotas of a server with `rates`, behind `proxies`.
    #[must_use]
    pub fn new(rates: Rates, proxies: Proxies) -> Self {
        let Rates { user, ip, login, signup } = rates;
        Self {
            proxies,
            user: Bucket::new("user", user),
            refresh: Bucket::new("refresh", user.times(REFRESHES_A_REQUEST)),
            ip: Bucket::new("ip", ip),
            login: Bucket::new("login", login),
            forgot: Bucket::new("forgot", login),
            signup: Bucket::new("signup", signup),
            names: Bucket::new("names", signup),
            password: Bucket::new("password", signup.times(PASSWORDS_A_SIGNUP)),
        }
    }

    /// The app's quotas, as a request finds them.
    ///
    /// # Errors
    /// `internal-error`, when the app was put together without them.
    pub fn of(request: &HttpRequest) -> Result<&Self, Problem> {
        let limits = request.app_data::<Data<Self>>().ok_or_else(|| Problem::internal("no limits in the app"))?;
        Ok(limits.get_ref())
    }

    /// Takes a unit for a request without a login, of the quota of its address.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_anonymous(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.ip.count(request, self.proxies.source(request))
    }

    /// Takes `units` more for a request, of the quota of its user or else of its address, as [`Flow::current`] says;
    /// work of the service itself is not counted.
    ///
    /// # Errors
    /// `too-many-requests`; then none of `units` is taken.
    pub fn weigh(&self, request: &HttpRequest, units: u32) -> Result<(), Problem> {
        match Flow::current() {
            Flow::User(user) => self.user.weigh(request, user, units),
            Flow::Address(_) => self.ip.weigh(request, self.proxies.source(request), units),
            Flow::Service => Ok(()),
        }
    }

    /// Forgets callers that have their whole quota again, every second, for ever: memory stays bounded, and no quota
    /// comes back early.
    pub async fn sweep(&self) {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            let _now = interval.tick().await;
            self.user.sweep();
            self.refresh.sweep();
            self.names.sweep();
            for bucket in [&self.ip, &self.login, &self.forgot, &self.signup, &self.password] {
                bucket.sweep();
            }
        }
    }
}

/// Middleware: counts requests that need no login, by address.
///
/// # Errors
/// The handler's errors; a refusal for too many requests is a finished response.
pub async fn count_by_ip(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let counted = Limits::of(request.request()).and_then(|limits| limits.count_anonymous(request.request()));
    match counted {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// Middleware around a route whose work is heavy: counts `units` beside the one that every request is.
///
/// # Errors
/// The handler's errors; a refusal for too many requests is a finished response.
pub async fn weigh(
    units: u32,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let weighed = Limits::of(request.request()).and_then(|limits| limits.weigh(request.request(), units));
    match weighed {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}
