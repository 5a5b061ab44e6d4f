//! Quotas: how much one caller may ask for in a while. They live in this process and its memory only; what must
//! outlast a restart, failed logins, is in `auth::throttle`. Start with `bucket`; who a caller is, `source` says.

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

/// How often what need not be remembered any more is forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Refreshing is what a browser does with every tab at once: a token counts a tenth of a request.
const REFRESHES_A_REQUEST: u32 = 10;

/// Judging a new password is work, too: so many may be refused for each sign-up that there may be.
const PASSWORDS_A_SIGNUP: u32 = 10;

/// What a new password weighs: judging it, checking the present one and hashing the new one take up to a seventh of a
/// second, three thousand times what a row takes.
pub const NEW_PASSWORD: u32 = 50;

/// How often callers may do what they do most: the configured rates, of which all quotas are made.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// A signed-in user's requests.
    pub user: Rate,
    /// An address's requests without a login.
    pub ip: Rate,
    /// An address's logins.
    pub login: Rate,
    /// An address's new accounts.
    pub signup: Rate,
}

/// All quotas of this process.
pub struct Limits {
    pub proxies: Proxies,
    /// A signed-in user's requests.
    pub user: Bucket<i64>,
    /// A signed-in user's refreshes.
    pub refresh: Bucket<i64>,
    /// An address's requests without a login.
    pub ip: Bucket<Source>,
    /// An address's logins.
    pub login: Bucket<Source>,
    /// An address's requests for a new password.
    pub forgot: Bucket<Source>,
    /// An address's new accounts.
    pub signup: Bucket<Source>,
    /// The usernames and addresses of others that a signed-in user asks about, by wanting them.
    pub names: Bucket<i64>,
    /// The passwords of new accounts that an address wants to have judged.
    pub password: Bucket<Source>,
}

impl Limits {
    /// The quotas of a server with these rates, behind these proxies.
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

    /// Those of the app.
    ///
    /// # Errors
    /// `internal-error` when the app was put together without them.
    pub fn of(request: &HttpRequest) -> Result<&Self, Problem> {
        let limits = request.app_data::<Data<Self>>().ok_or_else(|| Problem::internal("no limits in the app"))?;
        Ok(limits.get_ref())
    }

    /// Counts a request from this address without a login.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_anonymous(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.ip.count(request, self.proxies.source(request))
    }

    /// Counts so many units more for a request that was counted already, as its user's or its address's.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn weigh(&self, request: &HttpRequest, units: u32) -> Result<(), Problem> {
        match Flow::current() {
            Flow::User(user) => self.user.weigh(request, user, units),
            Flow::Address(_) => self.ip.weigh(request, self.proxies.source(request), units),
            Flow::Service => Ok(()),
        }
    }

    /// Forgets who has its whole quota again, from time to time, for ever: memory stays bounded, and nobody gets
    /// anything back early.
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
/// Those of the handler; its own are finished answers.
pub async fn count_by_ip(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let counted = Limits::of(request.request()).and_then(|limits| limits.count_anonymous(request.request()));
    match counted {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// Middleware around a route whose work is heavy: counts so many units beside the one that every request is.
///
/// # Errors
/// Those of the handler; its own are finished answers.
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
