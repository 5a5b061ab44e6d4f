//! The types that the route table is written in: areas with their gate and cache policy, resources with their paths,
//! verbs with their handler, limit and weight. From a table come the actix resources ([`mount`]), what is known of a
//! path before actix has found its route ([`KnownRoutes`]), and the list that is compared with the contract
//! ([`all_routes`]).

mod known;

use actix_web::{
    HttpRequest, HttpResponse, Route,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    guard,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    middleware::{Next, from_fn},
    web::{self, ServiceConfig},
};

pub use self::known::{CacheControl, KnownRoutes, RouteInfo};
use crate::{
    auth::gate::{Permission, gate, permit},
    body::{ACCEPT_PATCH, PATCH_TYPES},
    current_user::CurrentUser,
    limits::{count_by_ip, weigh},
    lists::CanonicalPath,
    problem::{Kind, Problem},
    wire::{Names, TEXT_EVENT_STREAM, etag_from_body, prefers, unknown_parameter},
};

/// The media type of nearly every body: JSON.
pub const APPLICATION_JSON: &str = "application/json";
/// The media type of the OpenAPI contract as YAML.
pub const APPLICATION_YAML: &str = "application/yaml";
/// The media type of pages for people.
pub const TEXT_HTML: &str = "text/html";
/// The wildcard for a route whose responses have the media type of the file that they send.
pub const ANY_TYPE: &str = "*/*";
const ACCEPT: HeaderValue = HeaderValue::from_static("accept");

/// Every method and path of a table, as the contract spells them (`/dogowner/dogs/{dog_id}`).
#[must_use]
pub fn all_routes(table: Vec<Area>) -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for area in table {
        for resource in area.resources {
            for pattern in resource.patterns {
                let methods = resource.verbs.iter().map(|verb| verb.method.clone());
                routes.extend(methods.map(|method| (method, format!("{}{pattern}", area.prefix))));
            }
        }
    }
    routes
}

/// Adds every route of a table to an actix app, each with the middleware that its area and verb ask for (gate, quota,
/// checks of the query and of `Accept`).
pub fn mount(table: Vec<Area>, config: &mut ServiceConfig) {
    for Area { prefix, access, resources, .. } in table {
        let resources: Vec<_> = resources.iter().flat_map(|resource| resource.to_actix(prefix, access)).collect();
        if prefix.is_empty() {
            for resource in resources {
                config.service(resource);
            }
            continue;
        }
        let scope = resources.into_iter().fold(web::scope(prefix), actix_web::Scope::service);
        let scope = scope.default_service(web::to(not_found));
        match access {
            Access::Open => config.service(scope),
            Access::Gated => config.service(scope.wrap(from_fn(gate))),
            Access::Public => config.service(scope.wrap(from_fn(etag_from_body))),
        };
    }
}

/// The handler of paths without a route.
///
/// # Errors
/// `not-found`, always.
pub async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Kind::NotFound.into())
}

/// A part of the route table: resources below one path prefix that admit the same callers and have one cache policy.
/// Made by [`open`], [`gated`] or [`public`].
pub struct Area {
    prefix: &'static str,
    access: Access,
    cache_control: CacheControl,
    resources: Vec<Resource>,
}

/// The callers that an area admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// All callers; each address has its quota.
    Open,
    /// Callers with a session, and where the verb takes keys those with one.
    Gated,
    /// All callers, with conditional requests for an earlier response.
    Public,
}

/// An area that all callers may use, without a login: requests count against the quota of their address. `prefix` is
/// the beginning of its paths, such as `/auth`, or empty for paths without a common one.
#[must_use]
pub fn open(prefix: &'static str, resources: Vec<Resource>) -> Area {
    Area::new(prefix, Access::Open, resources)
}

/// An area for logged-in callers, behind the [`gate`], whose paths begin with `prefix`, such as `/me`; requests count
/// against the quota of their user. API keys open only the verbs that say so ([`Verb::taking_keys`]).
#[must_use]
pub fn gated(prefix: &'static str, resources: Vec<Resource>) -> Area {
    Area::new(prefix, Access::Gated, resources)
}

/// An area that all callers may read, caches among them, and whose paths begin with `prefix`, such as `/dogs`:
/// responses have an `ETag` made of their bytes. Requests count against the quota of their address.
#[must_use]
pub fn public(prefix: &'static str, resources: Vec<Resource>) -> Area {
    Area::new(prefix, Access::Public, resources)
}

impl Area {
    /// An area whose responses no cache keeps, until [`Area::kept`] says which one does.
    fn new(prefix: &'static str, access: Access, resources: Vec<Resource>) -> Self {
        Self { prefix, access, cache_control: CacheControl::NoStore, resources }
    }

    /// Lets API keys open every verb of the area, as [`Verb::taking_keys`] does for one.
    #[must_use]
    pub fn taking_keys(mut self) -> Self {
        for verb in self.resources.iter_mut().flat_map(|resource| &mut resource.verbs) {
            verb.takes_keys = true;
        }
        self
    }

    /// Sets the cache policy of the area's responses; without it no cache keeps them.
    #[must_use]
    pub fn kept(mut self, cache_control: CacheControl) -> Self {
        self.cache_control = cache_control;
        self
    }
}

/// A resource of the route table: one path, or several that mean the same, with a handler for each method. Made by
/// [`at`].
pub struct Resource {
    patterns: &'static [&'static str],
    verbs: Vec<Verb>,
}

/// A resource under one path, or under several that mean the same, of which the first is canonical: cursors and
/// idempotency keys are good for all of them. `patterns` are actix's, after the area's prefix: `/{dog_id}`, or empty
/// for the prefix itself.
#[must_use]
pub fn at(patterns: &'static [&'static str], verbs: Vec<Verb>) -> Resource {
    Resource { patterns, verbs }
}

impl Resource {
    /// The actix resources, one for each pattern: actix finds several together with a regular expression, one without
    /// parameters by comparing.
    fn to_actix(&self, prefix: &str, access: Access) -> impl Iterator<Item = actix_web::Resource> {
        let canonical = self.patterns.first().map(|canonical| CanonicalPath(format!("{prefix}{canonical}")));
        let canonical = canonical.filter(|_| self.patterns.len() > 1);
        self.patterns.iter().map(move |pattern| {
            let mut resource = web::resource(*pattern);
            if let Some(canonical) = &canonical {
                resource = resource.app_data(canonical.clone());
            }
            let routes = self.verbs.iter().flat_map(|verb| verb.routes(access));
            let resource = routes.fold(resource, actix_web::Resource::route);
            let (allow, takes_patches) = (self.allow(), self.has(&Method::PATCH));
            resource.default_service(web::to(move |request: HttpRequest| {
                let answer = other_methods(&request, &allow, takes_patches);
                async move { answer }
            }))
        })
    }

    fn has(&self, method: &Method) -> bool {
        self.verbs.iter().any(|verb| verb.method == *method)
    }

    fn allow(&self) -> String {
        let mut methods: Vec<_> = self.verbs.iter().map(|verb| verb.method.as_str()).collect();
        methods.extend(self.has(&Method::GET).then_some("HEAD"));
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

/// The route of a handler for who prefers `media_type` to JSON.
fn preferring<F, Args>(media_type: &'static str, handler: F) -> Box<dyn Fn() -> Route>
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    let is_preferred =
        move |context: &guard::GuardContext<'_>| prefers(context.head().headers(), media_type, APPLICATION_JSON);
    Box::new(move || {
        let is_read = guard::Any(guard::Get()).or(guard::Head());
        web::route().guard(is_read).guard(guard::fn_guard(is_preferred)).to(handler.clone())
    })
}

/// A method of a resource, its handler, and what the route table says of it: quota, API keys, media type, query. Made
/// by `get`, `post` and the like from a handler.
pub struct Verb {
    method: Method,
    handled: Box<dyn Fn() -> Route>,
    /// The handler for callers that prefer another media type to JSON: HTML, or a stream of events.
    preferred: Option<Box<dyn Fn() -> Route>>,
    /// The media type of a success; `None` if it has no body, which every caller accepts.
    answers: Option<&'static str>,
    queried: bool,
    is_unlimited: bool,
    takes_keys: bool,
    weight: u32,
}

impl Verb {
    /// Leaves requests uncounted in an area without a login, where otherwise they take a unit of the quota of their
    /// address. Behind the [`gate`] that counts all the same, by user.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.is_unlimited = true;
        self
    }

    /// Makes a request take `weight` units of its caller's quota in all, where others take one (and so do 0 and 1),
    /// because it is that much more work. Work that depends on the query is counted where that is read
    /// ([`Query::add_weight`](crate::wire::Query::add_weight)).
    #[must_use]
    pub fn weighing(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Lets API keys open the verb: GET those of either scope, other methods those of the scope `write`. Other verbs
    /// behind the [`gate`] refuse them (`insufficient-scope`).
    #[must_use]
    pub fn taking_keys(mut self) -> Self {
        self.takes_keys = true;
        self
    }

    /// Sets the media type of a success, which `Accept` is compared with; JSON without it.
    #[must_use]
    pub fn answering(mut self, media_type: &'static str) -> Self {
        self.answers = Some(media_type);
        self
    }

    /// Says that a success has no body (202 or 204), so that `Accept` does not matter; that of DELETE never has.
    #[must_use]
    pub fn without_a_body(mut self) -> Self {
        self.answers = None;
        self
    }

    /// Allows a query, for handlers that take a `ListRequest` or a `ValidQuery`; without it every parameter is refused
    /// (`validation-failed`).
    #[must_use]
    pub fn with_query(mut self) -> Self {
        self.queried = true;
        self
    }

    /// Adds a handler that responds with a page for people: it is called for GET requests that prefer HTML to JSON, as
    /// browsers do (RFC 9110 §12.5.1).
    #[must_use]
    pub fn with_page<F, Args>(mut self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.preferred = Some(preferring(TEXT_HTML, handler));
        self
    }

    /// Adds a handler for who prefers `text/event-stream` to JSON: the same resource as a stream of events.
    #[must_use]
    pub fn with_stream<F, Args>(mut self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.preferred = Some(preferring(TEXT_EVENT_STREAM, handler));
        self
    }

    /// The verb's routes, the first of which that fits is taken.
    fn routes(&self, access: Access) -> Vec<Route> {
        let Some(preferred) = &self.preferred else { return vec![self.guarded((self.handled)(), access)] };
        let both = [preferred(), (self.handled)()];
        both.map(|route| self.guarded(route.wrap(from_fn(vary_by_accept)), access)).into()
    }

    fn guarded(&self, route: Route, access: Access) -> Route {
        let more = self.weight.saturating_sub(1);
        let route =
            if more == 0 { route } else { route.wrap(from_fn(move |request, next| weigh(more, request, next))) };
        let route = if self.queried { route } else { route.wrap(from_fn(refuse_any_query)) };
        match (access, self.permission()) {
            (Access::Gated, Some(permission)) => {
                route.wrap(from_fn(move |request, next| permit(permission, request, next)))
            }
            (Access::Open | Access::Public, _) if !self.is_unlimited => route.wrap(from_fn(count_by_ip)),
            _ => route,
        }
    }

    /// The check of the credentials that come here; `None` where every one opens the verb.
    fn permission(&self) -> Option<Permission> {
        match (self.takes_keys, &self.method) {
            (false, _) => Some(|me| me.require_login().map(drop)),
            (true, &Method::GET) => None,
            (true, _) => Some(CurrentUser::require_write),
        }
    }
}

macro_rules! verbs {
    ($($name:ident $method:ident $answers:expr, $guard:expr;)*) => {$(
        #[doc = concat!("The method ", stringify!($method), " of a resource, with its actix handler: a line of the route table.")]
        ///
        /// Until a method of [`Verb`] says otherwise, a request takes one unit of its caller's quota, API keys and every
        /// query are refused, and a success is JSON (of `delete`: without a body).
        pub fn $name<F, Args>(handler: F) -> Verb
        where
            F: actix_web::Handler<Args>,
            Args: actix_web::FromRequest + 'static,
            F::Output: actix_web::Responder + 'static,
        {
            let handled = Box::new(move || web::route().guard($guard).to(handler.clone()));
            Verb {
                method: Method::$method,
                handled,
                preferred: None,
                answers: $answers,
                queried: false,
                is_unlimited: false,
                takes_keys: false,
                weight: 1,
            }
        }
    )*};
}

verbs! {
    get GET Some(APPLICATION_JSON), guard::Any(guard::Get()).or(guard::Head());
    post POST Some(APPLICATION_JSON), guard::Post();
    put PUT Some(APPLICATION_JSON), guard::Put();
    patch PATCH Some(APPLICATION_JSON), guard::Patch();
    delete DELETE None, guard::Delete();
}

/// The response to OPTIONS, with the methods and the media types of PATCH; any other method is not allowed.
fn other_methods(request: &HttpRequest, allow: &str, takes_patches: bool) -> Result<HttpResponse, Problem> {
    let allow = HeaderValue::from_str(allow).map_err(Problem::internal)?;
    if request.method() == Method::OPTIONS {
        let mut answer = HttpResponse::NoContent();
        if takes_patches {
            answer.insert_header((ACCEPT_PATCH, PATCH_TYPES));
        }
        return Ok(answer.insert_header((header::ALLOW, allow)).finish());
    }
    Err(Problem::new(Kind::MethodNotAllowed).with_header(header::ALLOW, allow))
}

/// Middleware: says of a success that another `Accept` may get another response, so that a cache does not mix the two.
async fn vary_by_accept(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    if response.response().error().is_none() {
        response.headers_mut().append(header::VARY, ACCEPT);
    }
    Ok(response)
}

/// Middleware: refuses every query parameter, where none is known: unknown ones are never ignored.
async fn refuse_any_query(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let names = form_urlencoded::parse(request.query_string().as_bytes());
    let errors: Vec<_> = names.map(|(name, _)| unknown_parameter(&name, &Names::default())).collect();
    if errors.is_empty() {
        return next.call(request).await;
    }
    Ok(request.error_response(Problem::validation(errors)))
}
