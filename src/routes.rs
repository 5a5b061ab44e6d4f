//! The route table and nothing else: path, verb, handler, gate, API keys, cache policy, limit. Its types are in
//! `routing`; `openapi.yaml` says what each operation promises, and a test walks both.
//!
//! To add a resource, copy a line: `at` names a path, or several of which the first is canonical, and its verbs.

use std::sync::LazyLock;

use actix_web::{http::Method, web::ServiceConfig};

use crate::{
    api_keys, auth, changes, co_owners, dogs, export, import,
    limits::NEW_PASSWORD,
    me, owners, pages,
    problem::handlers as problems,
    profiles, public,
    routing::{
        self, ANY_TYPE, APPLICATION_YAML, Area, CacheControl, KnownRoutes, TEXT_HTML, at, delete, gated, get, open,
        patch, post, public as open_to_caches, put,
    },
    sessions, system, tasks,
};

/// The whole table. A plural path and the tutorial's singular one are one resource; the first is canonical.
#[rustfmt::skip]
fn table() -> Vec<Area> {
    vec![
        open("", vec![
            at(&["/"], vec![get(system::show).with_page(pages::handlers::show_home).unlimited()]),
            at(&["/health/live"], vec![get(system::show_liveness).unlimited()]),
            at(&["/health/ready"], vec![get(system::show_readiness).unlimited()]),
            at(&["/openapi.yaml"], vec![get(system::show_contract).answering(APPLICATION_YAML)]),
            at(&["/openapi.json"], vec![get(system::show_contract_json)]),
            at(&["/postman.json"], vec![get(system::show_postman_collection)]),
            at(&["/docs"], vec![get(pages::handlers::show_docs).answering(TEXT_HTML)]),
            at(&["/app"], vec![get(pages::handlers::show_console).answering(TEXT_HTML)]),
        ]).kept(CacheControl::Revalidated),
        open("/assets", vec![
            at(&["/{asset}"], vec![get(pages::handlers::show_asset).answering(ANY_TYPE)]),
        ]).kept(CacheControl::Immutable),
        // The page is broken without any one of these, and there are more of them than a household's quota is for.
        open("/app", vec![
            at(&["/{version}/{file}"], vec![get(pages::handlers::show_console_file).answering(ANY_TYPE).unlimited()]),
        ]).kept(CacheControl::Immutable),
        open_to_caches("/problems", vec![
            at(&[""], vec![get(problems::list).with_page(pages::handlers::list_problems)]),
            at(&["/{problem}"], vec![get(problems::show).with_page(pages::handlers::show_problem)]),
        ]).kept(CacheControl::Public),
        open("/auth", vec![
            at(&["/signup"], vec![post(auth::handlers::signup::signup)]),
            at(&["/login"], vec![post(auth::handlers::login::login)]),
            at(&["/logout"], vec![post(auth::handlers::logout::logout)]),
            // The handler counts by itself: by user, if the token is genuine.
            at(&["/refresh"], vec![post(auth::handlers::refresh::refresh).unlimited()]),
            at(&["/password/forgot"], vec![post(auth::handlers::recovery::forgot_password).without_a_body()]),
            at(&["/password/reset"], vec![post(auth::handlers::recovery::reset_password).without_a_body()]),
            at(&["/email/verify"], vec![post(auth::handlers::recovery::verify_email).without_a_body()]),
            at(&["/email/cancel"], vec![post(auth::handlers::recovery::cancel_email).without_a_body()]),
        ]),
        gated("/me", vec![
            at(&[""], vec![
                get(me::handlers::show).taking_keys(),
                patch(me::handlers::update),
                delete(me::handlers::delete).weighing(50),
            ]),
            at(&["/export"], vec![get(export::show_export).weighing(50).taking_keys()]),
            at(&["/import"], vec![post(import::import_book).with_query().weighing(50)]),
            at(&["/password"], vec![put(auth::handlers::password::replace_password).without_a_body().weighing(NEW_PASSWORD)]),
            at(&["/profile"], vec![
                get(profiles::handlers::show).taking_keys(),
                put(profiles::handlers::replace).taking_keys(),
                delete(profiles::handlers::delete).taking_keys(),
            ]),
            at(&["/sessions"], vec![
                get(sessions::handlers::list).with_query(),
                delete(sessions::handlers::delete_others),
            ]),
            at(&["/sessions/{session_id}"], vec![delete(sessions::handlers::delete)]),
            at(&["/keys"], vec![get(api_keys::handlers::list).with_query(), post(api_keys::handlers::create)]),
            at(&["/keys/{key_id}"], vec![delete(api_keys::handlers::delete)]),
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
            at(&["/book"], vec![get(changes::handlers::show_book)]),
            at(&["/changes"], vec![
                get(changes::handlers::list).with_stream(changes::handlers::follow).with_query(),
                delete(changes::handlers::forget),
            ]),
            at(&["/changes/{seq}/undo"], vec![post(changes::handlers::undo).weighing(20)]),
        ]).taking_keys().kept(CacheControl::Private),
        open_to_caches("/users", vec![
            at(&["/{username}"], vec![get(public::handlers::show_user)]),
            at(&["/{username}/dogs"], vec![get(public::handlers::list_dogs_of_user).with_query()]),
        ]).kept(CacheControl::Public),
        open_to_caches("/dogs", vec![
            at(&[""], vec![get(public::handlers::list_dogs).with_query()]),
            at(&["/{dog_id}"], vec![get(public::handlers::show_dog)]),
        ]).kept(CacheControl::Public),
    ]
}

/// The route table, looked up by path: a path's name for the log, its cache policy, and the media type of a success.
/// For middleware, which runs before actix has found the route. Made at the first use, kept until the process ends.
pub static KNOWN: LazyLock<KnownRoutes> = LazyLock::new(|| KnownRoutes::of(table()));

/// Adds every route of the table to an actix app, each behind the gate ([`gate`](crate::auth::gate::gate)), quota and
/// media type check that its line says.
pub fn mount(config: &mut ServiceConfig) {
    routing::mount(table(), config);
}

/// Every method and path of the table, as the contract spells them (`/dogowner/dogs/{dog_id}`), for the test that
/// compares both. HEAD and OPTIONS are not listed: HEAD is wherever there is GET, OPTIONS everywhere.
#[must_use]
pub fn all_routes() -> Vec<(Method, String)> {
    routing::all_routes(table())
}
