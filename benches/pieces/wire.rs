//! What arrives and what leaves: tokens, cursors, JSON.

use actix_web::FromRequest;
use actix_web::dev::Payload;
use actix_web::http::header::LINK;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use divan::{Bencher, black_box};
use kennel::app;
use kennel::current_user::CurrentUser;
use kennel::db::Db;
use kennel::dogs::{self, DogOut, Dogs};
use kennel::lists::{List, ListRequest};
use kennel::problem::{FieldError, Problem};

use super::app::TestApp;
use super::fixture::{Engine, Fixture, list_query};

#[divan::bench]
fn issue_token(bencher: Bencher<'_, '_>) {
    let fixture = Fixture::on(Engine::Sqlite);
    let tokens = fixture.tokens();
    bencher.bench_local(|| tokens.issue(black_box(fixture.bearer)).expect("a token"));
}

#[divan::bench]
fn verify_token(bencher: Bencher<'_, '_>) {
    let fixture = Fixture::on(Engine::Sqlite);
    let tokens = fixture.tokens();
    let token = tokens.issue(fixture.bearer).expect("a token");
    bencher.bench_local(|| tokens.verify(black_box(&token)).expect("a bearer"));
}

/// A list's query with nothing in it, to be compared with the one that has a cursor.
#[divan::bench]
fn read_query(bencher: Bencher<'_, '_>) {
    bench_page(bencher, dogs::handlers::list, |_| "/dogowner/dogs?sort=name&limit=20".to_owned());
}

#[divan::bench]
fn read_query_with_cursor(bencher: Bencher<'_, '_>) {
    bench_page(bencher, dogs::handlers::list, |app| {
        let answer = app.get("/dogowner/dogs?sort=name&limit=20");
        let link = answer.headers().get(LINK).expect("another page").to_str().expect("text");
        link.split(['<', '>']).nth(1).expect("a target").to_owned()
    });
}

/// `_handler` only says which list it is.
fn bench_page<L: List, F>(
    bencher: Bencher<'_, '_>,
    _handler: impl Fn(CurrentUser, ListRequest<L>, Data<Db>) -> F,
    uri: impl Fn(&TestApp) -> String,
) {
    let fixture = Fixture::on(Engine::Sqlite);
    let keys = Data::new(app::keys(&fixture.config, &fixture.database).expect("keys"));
    let request = TestRequest::with_uri(&uri(&TestApp::of(&fixture))).app_data(keys).to_http_request();
    bencher.bench_local(|| {
        let page = ListRequest::<L>::from_request(black_box(&request), &mut Payload::None).into_inner();
        assert!(page.is_ok());
    });
}

#[divan::bench]
fn json_of_50_dogs(bencher: Bencher<'_, '_>) {
    let mut fixture = Fixture::on(Engine::Sqlite);
    let found = Dogs::of(fixture.user).list(&mut fixture.conn, &list_query(false)).expect("a page");
    let dogs: Vec<_> = found.rows.into_iter().map(DogOut::from).collect();
    bencher.bench_local(|| serde_json::to_vec(black_box(&dogs)).expect("JSON"));
}

#[divan::bench]
fn problem_document() -> String {
    let error = FieldError::body("/name", "required", "A dog has a name.");
    let problem = Problem::validation(vec![error]);
    problem.body(black_box(Some("/dogowner/dogs")), black_box("0123456789abcdef0000000001"))
}
