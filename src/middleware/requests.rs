//! The counts of requests, for `metrics`: how long they took, by route, method and status; how many are being served;
//! and the problems that were sent. Every count has its place from the start, so that a request costs a few atomic
//! additions, and no request, whatever its path or method, makes another.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use actix_web::{
    http::{Method, StatusCode},
    web::Data,
};

use crate::{
    histogram::{DURATIONS, DurationHistogram},
    problem::Kind,
    routes::KNOWN,
};

/// The methods that are told apart, and OpenTelemetry's name for every other.
const METHODS: [&str; 8] = ["_OTHER", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The statuses of responses that are no problem.
const SUCCESSES: [u16; 4] = [200, 201, 204, 304];
/// The status, in the labels, of a response that has none of the known ones.
const OTHER_STATUS: &str = "_OTHER";

/// The counts of a server's requests. Those of [`RequestCounts::default`] count none.
#[derive(Default)]
pub struct RequestCounts {
    /// The durations by route, method and status, in this order; empty where none are counted.
    durations: Box<[DurationHistogram]>,
    /// The known statuses, in order.
    statuses: Vec<u16>,
    active: [AtomicU64; METHODS.len()],
    /// The problems by the place of their kind in [`Kind::ALL`]; empty where none are counted.
    problems: Box<[AtomicU64]>,
}

/// The durations of the requests that have the same labels.
pub struct RequestSeries<'a> {
    /// The method, as OpenTelemetry has it: `_OTHER` for one that is not known, or was not read.
    pub method: &'static str,
    /// The pattern of the route; empty where there was none.
    pub route: &'static str,
    /// The status of the response, in digits.
    pub status: String,
    /// The durations in nanoseconds, from the head of the request to that of the response.
    pub durations: &'a DurationHistogram,
}

/// A request that is being served, and counts as such until it is dropped.
pub struct ActiveRequest {
    counts: Data<RequestCounts>,
    method: usize,
}

impl RequestCounts {
    /// Counts of requests to the routes of the table, all of them 0. They take about a megabyte.
    #[must_use]
    pub fn of_routes() -> Self {
        let problems = Kind::ALL.iter().map(|kind| kind.status().as_u16());
        let mut statuses: Vec<_> = SUCCESSES.into_iter().chain(problems).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let count = KNOWN.patterns().count() * METHODS.len() * (statuses.len() + 1);
        Self {
            durations: (0..count).map(|_| DurationHistogram::default()).collect(),
            statuses,
            active: Default::default(),
            problems: Kind::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts bytes that could not be read as a request, and were refused with this problem. They had no route, no
    /// method that is known for sure, and took no time.
    pub fn count_refused(&self, problem: Kind) {
        self.count(0, 0, problem.status(), Duration::ZERO);
        self.count_problem(problem);
    }

    /// Counts a problem that was sent.
    pub fn count_problem(&self, kind: Kind) {
        if let Some(count) = self.problems.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(&self, route: usize, method: usize, status: StatusCode, took: Duration) {
        let status = self.statuses.binary_search(&status.as_u16()).unwrap_or(self.statuses.len());
        let place = (route * METHODS.len() + method) * (self.statuses.len() + 1) + status;
        if let Some(durations) = self.durations.get(place) {
            durations.record(&DURATIONS, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// The durations for each route, method and status that there were requests with.
    pub fn series(&self) -> impl Iterator<Item = RequestSeries<'_>> {
        let statuses = || self.statuses.iter().map(u16::to_string).chain([OTHER_STATUS.to_owned()]);
        let labels = KNOWN.patterns().flat_map(move |route| {
            METHODS.into_iter().flat_map(move |method| statuses().map(move |status| (route, method, status)))
        });
        let all = labels.zip(&self.durations);
        let all = all.map(|((route, method, status), durations)| RequestSeries { method, route, status, durations });
        all.filter(|series| series.durations.buckets().iter().any(|count| *count > 0))
    }

    /// The methods, and how many requests with each are being served.
    pub fn active(&self) -> impl Iterator<Item = (&'static str, u64)> {
        METHODS.into_iter().zip(self.active.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// The kinds of problems, and how many of each were sent.
    pub fn problems(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.iter().copied().zip(self.problems.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

impl ActiveRequest {
    /// Counts a request with this method as being served.
    #[must_use]
    pub fn begin(counts: &Data<RequestCounts>, method: &Method) -> Self {
        let method = match *method {
            Method::GET => 1,
            Method::HEAD => 2,
            Method::POST => 3,
            Method::PUT => 4,
            Method::PATCH => 5,
            Method::DELETE => 6,
            Method::OPTIONS => 7,
            _ => 0,
        };
        if let Some(active) = counts.active.get(method) {
            active.fetch_add(1, Ordering::Relaxed);
        }
        Self { counts: Data::clone(counts), method }
    }

    /// Counts the response, which `took` so long. `route` is the number of the route's pattern
    /// ([`RouteInfo::number`](crate::routing::RouteInfo::number)).
    pub fn count_response(&self, route: usize, status: StatusCode, took: Duration) {
        self.counts.count(route, self.method, status, took);
    }

    /// Counts the problem that is sent.
    pub fn count_problem(&self, kind: Kind) {
        self.counts.count_problem(kind);
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        if let Some(active) = self.counts.active.get(self.method) {
            active.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::{
        http::{Method, StatusCode},
        web::Data,
    };

    use super::{ActiveRequest, METHODS, RequestCounts};
    use crate::{problem::Kind, routes::KNOWN};

    fn counted(counts: &RequestCounts) -> Vec<(&'static str, &'static str, String, u64)> {
        let total = |buckets: [u64; 18]| buckets.iter().sum();
        counts.series().map(|one| (one.method, one.route, one.status, total(one.durations.buckets()))).collect()
    }

    #[test]
    fn each_request_is_counted_in_its_own_place() {
        let counts = Data::new(RequestCounts::of_routes());
        for (method, path, status) in [
            ("GET", "/", 200),
            ("GET", "/dogowner/owners/7", 200),
            ("GET", "/dogowner/owners/8", 200),
            ("DELETE", "/dogowner/owners/7", 503),
            ("GET", "/a-secret", 404),
            ("GET", "/me/a-secret", 404),
            ("BREW", "/me", 405),
            ("PUT", "/me", 599),
        ] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let request = ActiveRequest::begin(&counts, &method);
            let status = StatusCode::from_u16(status).expect("a status");
            request.count_response(KNOWN.info(path).number, status, Duration::from_millis(1));
        }
        counts.count_refused(Kind::MalformedRequest);
        let owner = "/dogowner/owners/{owner_id}";
        let expected = [
            ("_OTHER", "", "400", 1),
            ("GET", "", "404", 2),
            ("GET", "/", "200", 1),
            ("_OTHER", "/me", "405", 1),
            ("PUT", "/me", "_OTHER", 1),
            ("GET", owner, "200", 2),
            ("DELETE", owner, "503", 1),
        ];
        let counted = counted(&counts);
        let counted: Vec<_> =
            counted.iter().map(|(method, route, status, n)| (*method, *route, &**status, *n)).collect();
        assert_eq!(counted, expected);
        assert!(counts.active().all(|(_, active)| active == 0));
        let problems: Vec<_> = counts.problems().filter(|(_, count)| *count > 0).collect();
        assert_eq!(problems, [(Kind::MalformedRequest, 1)]);
    }

    #[test]
    fn every_method_that_is_told_apart_has_its_name() {
        let counts = Data::new(RequestCounts::default());
        for name in METHODS {
            let method = Method::from_bytes(name.as_bytes()).expect("a method");
            let request = ActiveRequest::begin(&counts, &method);
            assert!(counts.active().all(|(method, active)| (active == 1) == (method == name)), "{name}");
            request.count_response(0, StatusCode::OK, Duration::ZERO);
        }
        assert_eq!(counted(&counts), []);
    }

    #[test]
    fn a_kind_of_problem_is_counted_at_its_place_in_the_table() {
        assert!(Kind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }
}
