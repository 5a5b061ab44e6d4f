//! The route table: every path, verb, handler, gate and cache policy. `openapi.yaml` says what each of them promises,
//! and a test walks both.

mod surface;

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

pub use self::surface::{CacheControl, RouteInfo, route_info, success_type};
use crate::{
    auth::{self, gate::gate},
    co_owners, dogs,
    limits::{NEW_PASSWORD, count_by_ip, weigh},
    owners,
    problem::{self, Kind, Problem},
    profiles, public, sessions, system, tasks, users,
    wire::{ACCEPT_PATCH, CanonicalPath, Names, PATCH_TYPES, etag_from_body, unknown_parameter},
};

/// The media type of nearly every body.
pub const APPLICATION_JSON: &str = "application/json";
const APPLICATION_YAML: &str = "application/yaml";

/// The whole surface. A plural path and the tutorial's singular one are one resource; the first is canonical.
#[rustfmt::skip]
fn table() -> Vec<Area> {
    vec![
        open("", vec![
            at(&["/"], vec![get(system::show)]),
            at(&["/health/live"], vec![get(system::show_liveness)]),
            at(&["/health/ready"], vec![get(system::show_readiness)]),
            at(&["/openapi.yaml"], vec![get(system::show_contract).answering(APPLICATION_YAML).rate_limited()]),
            at(&["/openapi.json"], vec![get(system::show_contract_json).rate_limited()]),
        ]).kept(CacheControl::Revalidated),
        public("/problems", vec![
            at(&[""], vec![get(problem::handlers::list).rate_limited()]),
            at(&["/{problem}"], vec![get(problem::handlers::show).rate_limited()]),
        ]).kept(CacheControl::Public),
        open("/auth", vec![
            at(&["/signup"], vec![post(auth::handlers::signup).rate_limited()]),
            at(&["/login"], vec![post(auth::login::login).rate_limited()]),
            at(&["/logout"], vec![post(auth::renewal::logout).rate_limited()]),
            // Counts by itself: by user, if the token is right.
            at(&["/refresh"], vec![post(auth::renewal::refresh)]),
            at(&["/password/forgot"], vec![post(auth::recovery::forgot_password).without_a_body().rate_limited()]),
            at(&["/password/reset"], vec![post(auth::recovery::reset_password).without_a_body().rate_limited()]),
            at(&["/email/verify"], vec![post(auth::recovery::verify_email).without_a_body().rate_limited()]),
            at(&["/email/cancel"], vec![post(auth::recovery::cancel_email).without_a_body().rate_limited()]),
        ]),
        gated("/me", vec![
            at(&[""], vec![
                get(users::handlers::show),
                patch(users::handlers::update),
                delete(users::handlers::delete).weighing(50),
            ]),
            at(&["/export"], vec![get(users::handlers::show_export).weighing(50)]),
            at(&["/password"], vec![put(auth::handlers::replace_password).without_a_body().weighing(NEW_PASSWORD)]),
            at(&["/profile"], vec![
                get(profiles::handlers::show),
                put(profiles::handlers::replace),
                delete(profiles::handlers::delete),
            ]),
            at(&["/sessions"], vec![
                get(sessions::handlers::list).with_query(),
                delete(sessions::handlers::delete_others),
            ]),
            at(&["/sessions/{session_id}"], vec![delete(sessions::handlers::delete)]),
        ]),
        gated("/dogowner", vec![
            at(&["/owners", "/owner"], vec![get(owners::handlers::list).with_query(), post(owners::handlers::create)]),
            at(&["/owners/{owner_id}"], vec![
                get(owners::handlers::show),
                put(owners::handlers::replace),
                patch(owners::handlers::update),
                delete(owners::handlers::delete).with_query(),
            ]),
            at(&["/owners/{owner_id}/dogs"], vec![get(dogs::handlers::list_of_owner).with_query()]),
            at(&["/dogs", "/dog"], vec![get(dogs::handlers::list).with_query(), post(dogs::handlers::create)]),
            at(&["/dogs/{dog_id}"], vec![
                get(dogs::handlers::show).with_query(),
                put(dogs::handlers::replace),
                patch(dogs::handlers::update),
                delete(dogs::handlers::delete),
            ]),
            at(&["/dogs/{dog_id}/co-owners"], vec![get(co_owners::handlers::list).with_query()]),
            at(&["/dogs/{dog_id}/co-owners/{owner_id}"], vec![
                put(co_owners::handlers::create).without_a_body(),
                delete(co_owners::handlers::delete),
            ]),
            at(&["/tasks"], vec![get(tasks::handlers::list).with_query(), post(tasks::handlers::create)]),
            at(&["/tasks/{task_id}"], vec![
                get(tasks::handlers::show),
                put(tasks::handlers::replace),
                patch(tasks::handlers::update),
                delete(tasks::handlers::delete),
            ]),
        ]).kept(CacheControl::Private),
        public("/users", vec![
            at(&["/{username}"], vec![get(public::handlers::show_user).rate_limited()]),
            at(&["/{username}/dogs"], vec![get(public::handlers::list_dogs_of_user).with_query().rate_limited()]),
        ]).kept(CacheControl::Public),
        public("/dogs", vec![
            at(&[""], vec![get(public::handlers::list_dogs).with_query().rate_limited()]),
            at(&["/{dog_id}"], vec![get(public::handlers::show_dog).rate_limited()]),
        ]).kept(CacheControl::Public),
    ]
}

/// Every method and path, as the contract spells them. Wherever there is GET there is HEAD, and OPTIONS is
/// everywhere.
#[must_use]
pub fn surface() -> Vec<(Method, String)> {
    let mut surface = Vec::new();
    for area in table() {
        for resource in area.resources {
            for pattern in resource.patterns {
                let methods = resource.verbs.iter().map(|verb| verb.method.clone());
                surface.extend(methods.map(|method| (method, format!("{}{pattern}", area.prefix))));
            }
        }
    }
    surface
}

/// Puts the table into an app.
pub fn mount(config: &mut ServiceConfig) {
    for Area { prefix, access, resources, .. } in table() {
        let resources: Vec<_> = resources.iter().flat_map(|resource| resource.to_actix(prefix)).collect();
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

/// What no route takes.
pub async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Kind::NotFound.into())
}

/// Resources below one prefix, and for whom they are.
struct Area {
    prefix: &'static str,
    access: Access,
    cache_control: CacheControl,
    resources: Vec<Resource>,
}

/// Who may call.
enum Access {
    /// Anybody.
    Open,
    /// Whoever has a session.
    Gated,
    /// Anybody, who may ask whether an answer from before is still good.
    Public,
}

fn open(prefix: &'static str, resources: Vec<Resource>) -> Area {
    Area::new(prefix, Access::Open, resources)
}

fn gated(prefix: &'static str, resources: Vec<Resource>) -> Area {
    Area::new(prefix, Access::Gated, resources)
}

fn public(prefix: &'static str, resources: Vec<Resource>) -> Area {
    Area::new(prefix, Access::Public, resources)
}

impl Area {
    /// An area whose answers no cache keeps, unless the table says which one does.
    fn new(prefix: &'static str, access: Access, resources: Vec<Resource>) -> Self {
        Self { prefix, access, cache_control: CacheControl::NoStore, resources }
    }

    /// The same area with answers that may be kept.
    fn kept(mut self, cache_control: CacheControl) -> Self {
        self.cache_control = cache_control;
        self
    }
}

/// One thing, under one path or several, and what can be done with it.
struct Resource {
    patterns: &'static [&'static str],
    verbs: Vec<Verb>,
}

fn at(patterns: &'static [&'static str], verbs: Vec<Verb>) -> Resource {
    Resource { patterns, verbs }
}

impl Resource {
    /// One for each pattern: actix finds several together with a regular expression, one without parameters by
    /// comparing.
    fn to_actix(&self, prefix: &str) -> impl Iterator<Item = actix_web::Resource> {
        let canonical = self.patterns.first().map(|canonical| CanonicalPath(format!("{prefix}{canonical}")));
        let canonical = canonical.filter(|_| self.patterns.len() > 1);
        self.patterns.iter().map(move |pattern| {
            let mut resource = web::resource(*pattern);
            if let Some(canonical) = &canonical {
                resource = resource.app_data(canonical.clone());
            }
            let resource = self.verbs.iter().map(Verb::route).fold(resource, actix_web::Resource::route);
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

/// A method and its handler.
struct Verb {
    method: Method,
    handled: Box<dyn Fn() -> Route>,
    /// The media type of its body if it succeeds; none, if it has no body then, which every caller accepts.
    answers: Option<&'static str>,
    queried: bool,
    counted: bool,
    weight: u32,
}

impl Verb {
    /// Counts against the quota of the address that it comes from, since it needs no login.
    fn rate_limited(mut self) -> Self {
        self.counted = true;
        self
    }

    /// Takes so many units of the quota, where others take one: it is that much more work. What depends on the query is
    /// weighed where that is read.
    fn weighing(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Succeeds with a body of this media type.
    fn answering(mut self, media_type: &'static str) -> Self {
        self.answers = Some(media_type);
        self
    }

    /// Succeeds with 202 or 204; DELETE always does.
    fn without_a_body(mut self) -> Self {
        self.answers = None;
        self
    }

    /// Its handler takes a `ListRequest` or `ValidQuery`, which reads the query; elsewhere there is none to read.
    fn with_query(mut self) -> Self {
        self.queried = true;
        self
    }

    fn route(&self) -> Route {
        let route = (self.handled)();
        let more = self.weight.saturating_sub(1);
        let route =
            if more == 0 { route } else { route.wrap(from_fn(move |request, next| weigh(more, request, next))) };
        let route = if self.queried { route } else { route.wrap(from_fn(refuse_any_query)) };
        if self.counted { route.wrap(from_fn(count_by_ip)) } else { route }
    }
}

macro_rules! verbs {
    ($($name:ident $method:ident $answers:expr, $guard:expr;)*) => {$(
        fn $name<F, Args>(handler: F) -> Verb
        where
            F: actix_web::Handler<Args>,
            Args: actix_web::FromRequest + 'static,
            F::Output: actix_web::Responder + 'static,
        {
            let handled = Box::new(move || web::route().guard($guard).to(handler.clone()));
            Verb { method: Method::$method, handled, answers: $answers, queried: false, counted: false, weight: 1 }
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

/// OPTIONS tells the methods, and what PATCH takes; any other is not one of them.
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

/// Unknown parameters are refused, never ignored, and where no query is read all are unknown.
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
