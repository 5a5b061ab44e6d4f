//! A server that is told to stop finishes what it has begun, and says meanwhile that it is not ready.

use std::io::Write;
use std::net::TcpStream;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use kennel::db::Db;
use kennel::problem::Problem;

use crate::support::park::{Keeper, Park};
use crate::support::process::Program;
use crate::support::wire::Wire;
use crate::support::{App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_request_in_flight_is_finished,
        a_server_that_stops_is_never_ready,
        a_database_that_hangs_does_not_keep_the_process,
    ]
}

fn routes(config: &mut ServiceConfig) {
    config.route("/test/park/{park}", web::get().to(park_and_write));
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
