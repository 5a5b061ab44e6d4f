//! Requests through the whole app, without a socket.

use std::rc::Rc;

use actix_web::body::to_bytes;
use actix_web::dev::Service;
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::from_fn;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse};
use divan::Bencher;
use kennel::{middleware::response, routes};

use super::fixture::{Engine, Fixture, engines};

type Served = std::pin::Pin<Box<dyn Future<Output = HttpResponse>>>;

/// The app, and a user's token.
pub struct TestApp {
    system: SystemRunner,
    token: String,
    serve: Box<dyn Fn(TestRequest) -> Served>,
}

impl TestApp {
    pub fn of(fixture: &Fixture) -> Self {
        let system = System::new();
        let app = App::new()
            .configure(|config| fixture.put_into(config))
            .configure(routes::mount)
            .wrap(from_fn(response::complete));
        let app = Rc::new(system.block_on(init_service(app)));
        let serve = move |request: TestRequest| -> Served {
            let app = Rc::clone(&app);
            Box::pin(async move {
                let response = app.call(request.to_request()).await.expect("an answer");
                response.into_parts().1.map_into_boxed_body()
            })
        };
        let token = fixture.tokens().issue(fixture.bearer).expect("a token");
        Self { system, token, serve: Box::new(serve) }
    }

    pub fn get(&self, uri: &str) -> HttpResponse {
        let request = TestRequest::with_uri(uri).peer_addr(([127, 0, 0, 1], 4000).into());
        let request = request.insert_header((AUTHORIZATION, format!("Bearer {}", self.token)));
        self.system.block_on((self.serve)(request))
    }

    /// The bytes of an answer that must be well.
    fn bytes(&self, uri: &str) -> usize {
        let answer = self.get(uri);
        assert!(answer.status().is_success(), "{uri}: {}", answer.status());
        let body = self.system.block_on(to_bytes(answer.into_body()));
        body.expect("a body").len()
    }
}

fn bench(bencher: Bencher<'_, '_>, engine: Engine, uri: &str) {
    let fixture = Fixture::on(engine);
    let app = TestApp::of(&fixture);
    bencher.bench_local(|| app.bytes(uri));
}

/// Next to nothing but what wraps every request.
#[divan::bench]
fn live(bencher: Bencher<'_, '_>) {
    bench(bencher, Engine::Sqlite, "/health/live");
}

#[divan::bench(args = engines())]
fn me(bencher: Bencher<'_, '_>, engine: Engine) {
    bench(bencher, engine, "/me");
}

#[divan::bench(args = engines())]
fn owners_20(bencher: Bencher<'_, '_>, engine: Engine) {
    bench(bencher, engine, "/dogowner/owners");
}

#[divan::bench(args = engines())]
fn dogs_50(bencher: Bencher<'_, '_>, engine: Engine) {
    bench(bencher, engine, "/dogowner/dogs");
}

#[divan::bench(args = engines())]
fn public_dogs(bencher: Bencher<'_, '_>, engine: Engine) {
    bench(bencher, engine, "/dogs");
}
