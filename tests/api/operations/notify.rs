//! A supervisor that gave the server a socket (`NOTIFY_SOCKET`, as systemd does) is told when it is ready, and when it
//! begins to stop.

use std::net::{SocketAddr as Address, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::support::client::{Client, PATIENCE};
use crate::support::process::Program;
use crate::support::{Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_supervisor_hears_that_it_is_ready_when_it_answers_and_that_it_stops,
        a_supervisor_hears_nothing_of_a_server_that_does_not_start,
        a_supervisor_that_is_gone_changes_nothing,
    ]
}

fn hears(supervisor: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let count = supervisor.recv(&mut bytes).expect("it is told in time");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// A socket for each way in which it can be named, with that name.
fn supervisors(database: &Database) -> [(UnixDatagram, String); 2] {
    let path = database.directory().join("notify");
    let name = format!("kennel-{}", path.display());
    let abstract_name = SocketAddr::from_abstract_name(&name).expect("a name");
    let sockets = [
        (UnixDatagram::bind(&path).expect("a socket"), path.display().to_string()),
        (UnixDatagram::bind_addr(&abstract_name).expect("a socket"), format!("@{name}")),
    ];
    for (socket, _) in &sockets {
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    }
    sockets
}

fn a_supervisor_hears_that_it_is_ready_when_it_answers_and_that_it_stops(database: &Database) {
    for (supervisor, name) in supervisors(database) {
        let address: Address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let program = Program::on(database).set("PORT", &address.port().to_string()).set("NOTIFY_SOCKET", &name);
        let starting = program.spawn();
        assert_eq!(hears(&supervisor), "READY=1", "{name}");
        Client::new(address, database.engine).anon().get("/health/ready").expect(200);
        let server = starting.wait_until_it_listens();
        server.hang_up();
        // A request that is under way keeps it from ending at once.
        let request = TcpStream::connect(address).expect("it listens");
        server.signal("TERM");
        assert_eq!(hears(&supervisor), "STOPPING=1", "{name}");
        drop(request);
        assert_eq!(server.ended().code, Some(0));
        supervisor.set_nonblocking(true).expect("it need not wait");
        assert!(supervisor.recv(&mut [0]).is_err(), "that is all");
    }
}

fn a_supervisor_hears_nothing_of_a_server_that_does_not_start(database: &Database) {
    let [(supervisor, name), _] = supervisors(database);
    supervisor.set_nonblocking(true).expect("it need not wait");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let program = |args: &[&str]| Program::on(database).set("NOTIFY_SOCKET", &name).set("PORT", &port).args(args);
    assert_eq!(program(&[]).run().code, Some(1));
    assert_eq!(program(&["migrate", "run"]).run().code, Some(0), "and nothing of a command");
    if database.engine == Engine::Postgres {
        // A database that says nothing: the server is about to start all the time.
        let url = format!("postgres://kennel@{}/kennel", taken.local_addr().expect("an address"));
        let starting = program(&[]).set("DATABASE_URL", &url).set("PORT", "0").spawn();
        let (_connection, _) = taken.accept().expect("it asks for its database");
        assert_eq!(starting.stop("TERM").code, Some(0));
    }
    assert!(supervisor.recv(&mut [0]).is_err(), "it hears nothing");
}

fn a_supervisor_that_is_gone_changes_nothing(database: &Database) {
    let server = Program::on(database).set("LOG", "warn").set("NOTIFY_SOCKET", "/nowhere/notify").serve();
    server.anon().get("/health/ready").expect(200);
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr.matches("cannot be told through NOTIFY_SOCKET").count(), 2, "{ended:?}");
}
