//! The route table as it is known before actix has found the route, and when there is none: which cache may keep a
//! response, and by which name a path is logged.

use actix_web::http::{Method, StatusCode};

use super::{Area, Verb};

/// The policy of a route's responses towards caches (`Cache-Control`, RFC 9111).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheControl {
    /// No cache may keep a response: tokens and accounts, and every area that sets no other policy.
    #[default]
    NoStore,
    /// Only the reader's own cache may keep a response, and asks again before each use (304): what is one user's.
    Private,
    /// Every cache may keep a response, and asks again before each use (304). Errors are not kept.
    Revalidated,
    /// Every cache may keep a response, and asks again after a minute: public pages. Errors are not kept.
    Public,
    /// Every cache may keep a response for a year without asking: files whose content never changes under their name.
    /// Errors are not kept.
    Immutable,
}

impl CacheControl {
    /// The value of `Cache-Control` for a response with this status: an error (4xx or 5xx) is not kept (`no-store`),
    /// whatever the policy, except that [`CacheControl::Private`] stays as it is. `has_version` says whether the
    /// response has an `ETag`; with the policies of rows that are written, `Private` and `NoStore`, the value then
    /// forbids proxies to compress the response: that would make the tag a weak one, which no `If-Match` matches (RFC
    /// 9110 §8.8.3.3, `no-transform` in RFC 9111 §5.2.2.6).
    #[must_use]
    pub fn value(self, status: StatusCode, has_version: bool) -> &'static str {
        let is_error = status.is_client_error() || status.is_server_error();
        match self {
            Self::Private if has_version => "private, no-cache, no-transform",
            Self::NoStore if has_version => "no-store, no-transform",
            Self::Private => "private, no-cache",
            Self::Revalidated if !is_error => "no-cache",
            Self::Public if !is_error => "public, max-age=60",
            Self::Immutable if !is_error => "public, max-age=31536000, immutable",
            Self::Revalidated | Self::Public | Self::Immutable | Self::NoStore => "no-store",
        }
    }
}

/// The route table's entry for a path, for the log and for caches. The default is that of a path outside of every area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteInfo {
    /// The path's pattern, such as `/dogowner/dogs/{dog_id}`, or the prefix of its area if that has no such path; never
    /// the path as the caller wrote it, which may be a secret in the wrong place.
    pub name: &'static str,
    /// The number of the path's pattern, its place in [`KnownRoutes::patterns`]; 0 if there is no such path.
    pub number: usize,
    /// The policy of the path's responses towards caches.
    pub cache_control: CacheControl,
}

/// An area of the table: its prefix, and the patterns of its resources.
struct KnownArea {
    prefix: &'static str,
    cache_control: CacheControl,
    patterns: Vec<KnownPattern>,
}

/// A pattern, and the methods that it takes, each with the media type of its success.
struct KnownPattern {
    whole: &'static str,
    /// The place of the pattern among all of the table, from 1.
    number: usize,
    /// Whether the pattern has parameters; one without is compared as a whole, and most have none.
    has_parameters: bool,
    methods: Vec<(Method, Option<&'static str>)>,
}

/// A route table that is looked up by path, for middleware, which runs before actix has found the route.
pub struct KnownRoutes(Vec<KnownArea>);

impl KnownRoutes {
    /// Makes the lookup of a table. The names of its areas and patterns are kept for as long as the process runs.
    #[must_use]
    pub fn of(table: Vec<Area>) -> Self {
        let mut numbers = 1..;
        let known = |area: Area| {
            let method = |verb: &Verb| (verb.method.clone(), verb.answers);
            let mut patterns = Vec::new();
            for resource in &area.resources {
                for pattern in resource.patterns {
                    let whole = format!("{}{pattern}", area.prefix).leak();
                    let methods = resource.verbs.iter().map(method).collect();
                    let (number, has_parameters) = (numbers.next().unwrap_or_default(), pattern.contains('{'));
                    patterns.push(KnownPattern { whole, number, has_parameters, methods });
                }
            }
            KnownArea { prefix: area.prefix, cache_control: area.cache_control, patterns }
        };
        Self(table.into_iter().map(known).collect())
    }

    /// The patterns of the table, such as `/dogowner/dogs/{dog_id}`, by their numbers ([`RouteInfo::number`]): first,
    /// for paths without one, an empty text.
    pub fn patterns(&self) -> impl Iterator<Item = &'static str> {
        let patterns = self.0.iter().flat_map(|area| &area.patterns).map(|pattern| pattern.whole);
        [""].into_iter().chain(patterns)
    }

    /// The table's entry for `path`, which is percent-decoded and begins with `/`; the default outside of every area.
    #[must_use]
    pub fn info(&self, path: &str) -> RouteInfo {
        self.find(path).map_or_else(RouteInfo::default, |(area, pattern)| RouteInfo {
            name: pattern.map_or(area.prefix, |pattern| pattern.whole),
            number: pattern.map_or(0, |pattern| pattern.number),
            cache_control: area.cache_control,
        })
    }

    /// The media type of a successful response to `method` at a percent-decoded path; `None` where that has no body, or
    /// where there is no such method.
    #[must_use]
    pub fn success_type(&self, method: &Method, path: &str) -> Option<&'static str> {
        let (_, pattern) = self.find(path)?;
        pattern?.methods.iter().find(|(known, _)| known == method)?.1
    }

    /// The area that a path is in, and the first pattern in it that fits. Routes are found as actix finds them: the
    /// first that fits in the first area that its prefix fits. An area without a prefix has its resources and nothing
    /// around them.
    fn find(&self, path: &str) -> Option<(&KnownArea, Option<&KnownPattern>)> {
        let areas = self.0.iter().filter(|area| has_prefix(path, area.prefix));
        let mut found = areas.map(|area| (area, area.patterns.iter().find(|pattern| pattern.fits(path))));
        found.find(|(area, pattern)| pattern.is_some() || !area.prefix.is_empty())
    }
}

/// Whether a path is that of an area or below it.
fn has_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

impl KnownPattern {
    fn fits(&self, path: &str) -> bool {
        if !self.has_parameters {
            return self.whole == path;
        }
        let (mut parts, mut given) = (self.whole.split('/'), path.split('/'));
        loop {
            match (parts.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(given)) if part == given || part.starts_with('{') && !given.is_empty() => {}
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::{CacheControl, RouteInfo};
    use crate::{
        routes::KNOWN,
        routing::{Access, Area},
    };

    #[test]
    fn a_path_is_known_by_its_pattern_or_by_its_area() {
        for (path, name, cache_control) in [
            ("/", "/", CacheControl::Revalidated),
            ("/health/ready", "/health/ready", CacheControl::Revalidated),
            ("/me", "/me", CacheControl::NoStore),
            ("/me/sessions/7", "/me/sessions/{session_id}", CacheControl::NoStore),
            ("/dogowner/owner", "/dogowner/owner", CacheControl::Private),
            ("/dogowner/dogs/a-secret", "/dogowner/dogs/{dog_id}", CacheControl::Private),
            ("/dogowner/a-secret", "/dogowner", CacheControl::Private),
            ("/dogowner/dogs/", "/dogowner", CacheControl::Private),
            ("/auth/password/reset/a-secret", "/auth", CacheControl::NoStore),
            ("/users/ann@example.com/dogs", "/users/{username}/dogs", CacheControl::Public),
            ("/dogs", "/dogs", CacheControl::Public),
            ("/docs", "/docs", CacheControl::Revalidated),
            ("/assets/docs.js", "/assets/{asset}", CacheControl::Immutable),
            ("/app", "/app", CacheControl::Revalidated),
            ("/app/0/main.js", "/app/{version}/{file}", CacheControl::Immutable),
        ] {
            let info = KNOWN.info(path);
            assert_eq!((info.name, info.cache_control), (name, cache_control), "{path}");
            let is_pattern = KNOWN.patterns().nth(info.number) == Some(name);
            assert_eq!(is_pattern, info.number > 0, "{path}");
        }
        for outside in ["/a-secret", "/health", "/health/a-secret", "/dogownera", "//me", "", "me"] {
            assert_eq!(KNOWN.info(outside), RouteInfo::default(), "{outside}");
        }
    }

    #[test]
    fn what_succeeds_without_a_body_has_no_media_type() {
        for (method, path, made) in [
            (Method::POST, "/dogowner/dog", Some("application/json")),
            (Method::PATCH, "/dogowner/dogs/1", Some("application/json")),
            (Method::PUT, "/me/profile", Some("application/json")),
            (Method::PUT, "/me/password", None),
            (Method::DELETE, "/dogowner/dogs/1", None),
            (Method::POST, "/auth/password/forgot", None),
            (Method::POST, "/dogowner/dogs/1", None),
            (Method::POST, "/nowhere", None),
        ] {
            assert_eq!(KNOWN.success_type(&method, path), made, "{method} {path}");
        }
    }

    #[test]
    fn nobody_keeps_the_answers_of_an_area_that_does_not_say_who_does() {
        for access in [Access::Open, Access::Gated, Access::Public] {
            assert_eq!(Area::new("/new", access, Vec::new()).cache_control, CacheControl::NoStore);
        }
        assert_eq!(RouteInfo::default().cache_control, CacheControl::NoStore);
    }
}
