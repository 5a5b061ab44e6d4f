//! A server that is told to stop finishes what it has begun, and says meanwhile that it is not ready.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use kennel::db::Db;
use kennel::problem::Problem;

use crate::support::client::PATIENCE;
use crate::support::park::{Keeper, Park};
use crate::support::process::{Program, Running};
use crate::support::wire::Wire;
use crate::support::{App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_request_in_flight_is_finished,
        a_server_that_stops_is_never_ready,
        a_database_that_hangs_does_not_keep_the_process,
        a_server_that_drains_serves_as_usual_and_closes_each_connection,
        clients_that_ask_all_the_time_see_no_reset,
        what_came_before_the_stop_is_answered,
    ]
}

fn routes(config: &mut ServiceConfig) {
    config.route("/test/park/{park}", web::get().to(park_and_write)).route("/test/block/{park}", web::get().to(block));
}

/// A request that keeps its whole thread.
async fn block(park: Path<String>) -> HttpResponse {
    Park::named(&park).wait();
    HttpResponse::NoContent().finish()
}

/// A request that takes as long as the test wants, and then still needs the database.
async fn park_and_write(park: Path<String>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    Park::named(&park).wait_aside().await;
    db.write(|_| Ok(())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A server with a request in flight: its park, and the connection that it came on.
fn in_flight(app: &App) -> (Keeper, Wire<'_>) {
    let name = format!("shutdown-{}", app.address.port());
    let park = Keeper(Park::named(&name));
    let mut wire = Wire::open(app);
    wire.send(format!("GET /test/park/{name} HTTP/1.1\r\nHost: kennel\r\n\r\n").as_bytes());
    park.0.until_came(1);
    (park, wire)
}

fn a_request_in_flight_is_finished(database: &Database) {
    let app = App::with_routes(Database::fresh(database.engine), &[], routes);
    let (park, mut wire) = in_flight(&app);
    app.begin_stop();
    drop(park);
    wire.answer().expect(204);
    drop(wire);
    assert_eq!(app.stopped(), Ok(()));
}

fn a_server_that_stops_is_never_ready(database: &Database) {
    let app = App::with_routes(Database::fresh(database.engine), &[], routes);
    let (park, mut wire) = in_flight(&app);
    app.begin_stop();
    wire.send(b"GET /health/ready HTTP/1.1\r\nHost: kennel\r\n\r\n");
    drop(park);
    wire.answer().expect(204);
    // Hanging up says it as well.
    if let Some(answer) = wire.try_answer() {
        answer.expect(503).problem("unavailable");
    }
}

fn a_database_that_hangs_does_not_keep_the_process(database: &Database) {
    let server = Program::on(database).set("SHUTDOWN_TIMEOUT", "1s").serve();
    let alice = server.sign_in("alice");
    let owner = alice.owner("Ann");
    let token = alice.token().to_owned();
    drop(alice);
    let body = r#"{"name":"Cleo"}"#;
    let request = format!(
        "PATCH /dogowner/owners/{owner} HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // Somebody else has the database to himself, for as long as he likes.
    database.execute_while(&format!("UPDATE owners SET name = 'Bea' WHERE id = {owner}"), || {
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let ended = server.stop("TERM");
        assert!(ended.code.is_some(), "it ends by itself: {ended:?}");
    });
}

const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n";

/// A server that is told to stop, and takes minutes for it.
fn drains(database: &Database) -> Running {
    Program::on(database).set("DRAIN_DELAY", "5m").set("SHUTDOWN_TIMEOUT", "10m").serve()
}

/// Tells it to stop, and returns when it has heard it.
fn begin_to_drain(server: &Running) {
    server.signal("TERM");
    let end = Instant::now() + PATIENCE;
    while server.anon().get("/health/ready").status != 503 {
        assert!(Instant::now() < end, "it is ready for ever");
    }
}

fn a_server_that_drains_serves_as_usual_and_closes_each_connection(database: &Database) {
    let server = drains(database);
    let [mut idle, mut begun] = [(); 2].map(|()| Wire::open(&server));
    idle.send(LIVE);
    assert_eq!(idle.answer().expect(200).header_if_any("connection"), None);
    begun.send(&LIVE[..30]);
    begin_to_drain(&server);

    let mut fresh = Wire::open(&server);
    fresh.send(LIVE);
    idle.send(LIVE);
    begun.send(&LIVE[30..]);
    for mut wire in [fresh, idle, begun] {
        assert_eq!(wire.answer().expect(200).header("connection"), "close");
        assert!(wire.is_over());
    }
    server.sign_in("alice").owner("Ann");
    assert_eq!(server.stop("TERM").code, Some(1), "a second signal ends it at once");
}

fn clients_that_ask_all_the_time_see_no_reset(database: &Database) {
    let server = drains(database);
    let under_way = Barrier::new(9);
    thread::scope(|scope| {
        let clients = [(); 8].map(|()| {
            scope.spawn(|| {
                let mut wire = Wire::open(&server);
                for number in 0.. {
                    if number == 10 {
                        under_way.wait();
                    }
                    wire.send(LIVE);
                    if wire.answer().expect(200).header_if_any("connection") == Some("close") {
                        break;
                    }
                }
            })
        });
        under_way.wait();
        server.signal("TERM");
        assert!(clients.into_iter().all(|client| client.join().is_ok()), "each is answered until it is told to go");
    });
    assert_eq!(server.stop("TERM").code, Some(1));
}

/// Every serving thread is busy, so nobody has looked at the requests that come then.
fn what_came_before_the_stop_is_answered(database: &Database) {
    let app = App::with_routes(Database::fresh(database.engine), &[], routes);
    let name = format!("block-{}", app.address.port());
    let park = Keeper(Park::named(&name));
    let [mut first, mut second] = [(); 2].map(|()| Wire::open(&app));
    for wire in [&mut first, &mut second] {
        wire.send(format!("GET /test/block/{name} HTTP/1.1\r\nHost: kennel\r\n\r\n").as_bytes());
    }
    park.0.until_came(2);
    let mut wires: Vec<_> = (0..16).map(|_| Wire::open(&app)).collect();
    for wire in &mut wires {
        wire.send(LIVE);
    }
    app.begin_stop();
    drop(park);
    for mut wire in [first, second] {
        wire.answer().expect(204);
    }
    for mut wire in wires {
        wire.answer().expect(200);
    }
    assert_eq!(app.stopped(), Ok(()));
}
