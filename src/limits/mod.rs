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

/// The units that a request which sets a new password takes of its caller's quota, where most take one: checking the
/// present password, judging the new one and hashing it take up to a seventh of a second.
pub const NEW_PASSWORD: u32 = 50;

/// The configured rate limits, from which all quotas ([`Limits`]) are made.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The rate of one signed-in user's requests: `USER_RATE`.
    pub user: Rate,
    /// The rate of one address's requests without a login: `IP_RATE`.
    pub ip: Rate,
    /// The rate of one address's logins: `LOGIN_RATE`.
    pub login: Rate,
    /// The rate of one address's new accounts: `SIGNUP_RATE`.
    pub signup: Rate,
}

/// All quotas of this process, in memory: a restart forgets them, and other instances have their own. A request takes
/// units of the quota of its caller, a user or an address ([`Source`]); without any left it is refused with
/// `too-many-requests`.
pub struct Limits {
    /// The proxies whose headers about the source of a request are believed.
    pub proxies: Proxies,
    /// The quota of a signed-in user's requests (`USER_RATE`), by the user's id.
    pub user: Bucket<i64>,
    /// The quota of a user's refreshes of tokens, by the user's id: ten times `USER_RATE`.
    pub refresh: Bucket<i64>,
    /// The quota of an address's requests without a login (`IP_RATE`).
    pub ip: Bucket<Source>,
    /// The quota of an address's logins (`LOGIN_RATE`).
    pub login: Bucket<Source>,
    /// The quota of an address's requests for a mail about a forgotten password (`LOGIN_RATE`, counted apart from
    /// logins).
    pub forgot: Bucket<Source>,
    /// The quota of an address's new accounts (`SIGNUP_RATE`).
    pub signup: Bucket<Source>,
    /// The quota of the usernames and e-mail addresses that a signed-in user tries to take, and so learns whether they
    /// are taken (`SIGNUP_RATE`, counted apart from new accounts); by the user's id.
    pub names: Bucket<i64>,
    /// The quota of the passwords for new accounts that are judged for an address, accepted or not: ten times
    /// `SIGNUP_RATE`.
    pub password: Bucket<Source>,
}

impl Limits {
    /// The quotas of a server with these rates, none of which is used up yet, behind `proxies`.
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

    /// The quotas in the app data of a request's app.
    ///
    /// # Errors
    /// `internal-error`, when the app was put together without them.
    pub fn of(request: &HttpRequest) -> Result<&Self, Problem> {
        let limits = request.app_data::<Data<Self>>().ok_or_else(|| Problem::internal("no limits in the app"))?;
        Ok(limits.get_ref())
    }

    /// Takes one unit of the quota of its address for a request without a login.
    ///
    /// # Errors
    /// `too-many-requests`, with `Retry-After`, when none is left.
    pub fn count_anonymous(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.ip.count(request, self.proxies.source(request))
    }

    /// Takes `units`, beside those that the request has taken already, for one that is more work than most, of the
    /// quota of its user or else of its address ([`Flow::current`]); work of the service itself is not counted.
    ///
    /// # Errors
    /// `too-many-requests`, with `Retry-After`, when so many are not left; then none of `units` is taken.
    pub fn weigh(&self, request: &HttpRequest, units: u32) -> Result<(), Problem> {
        match Flow::current() {
            Flow::User(user) => self.user.weigh(request, user, units),
            Flow::Address(_) => self.ip.weigh(request, self.proxies.source(request), units),
            Flow::Service => Ok(()),
        }
    }

    /// Never returns: forgets every second callers that have their whole quota again, so that memory stays bounded and
    /// no quota comes back early. Run it in a task of its own.
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

/// Middleware around the routes that need no login: takes a unit of the quota of the request's address, or responds
/// with `too-many-requests`.
///
/// # Errors
/// The errors of the handler behind it; a refusal is a finished response, and so `Ok`.
pub async fn count_by_ip(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let counted = Limits::of(request.request()).and_then(|limits| limits.count_anonymous(request.request()));
    match counted {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// Middleware around a route that is more work than most: takes `units` of the caller's quota beside the one that every
/// request takes, or responds with `too-many-requests`.
///
/// # Errors
/// The errors of the handler behind it; a refusal is a finished response, and so `Ok`.
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
