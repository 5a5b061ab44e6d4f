//! HTTP: connections, bodies, headers, paths, browsers, proxies and rate limits.

pub mod connections;
pub mod console;
pub mod cors;
pub mod csrf;
pub mod framing;
pub mod header_parsing;
pub mod pages;
pub mod paths;
pub mod problem_types;
pub mod rate_limit_weights;
pub mod rate_limits;
pub mod request_bodies;
pub mod response_headers;
pub mod slow_bodies;
pub mod trusted_proxies;

crate::support::gather![
    connections,
    console,
    cors,
    csrf,
    framing,
    header_parsing,
    pages,
    paths,
    problem_types,
    rate_limit_weights,
    rate_limits,
    request_bodies,
    response_headers,
    slow_bodies,
    trusted_proxies
];
