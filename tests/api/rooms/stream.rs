//! The stream of changes: each once and in order, from where the reader was, as long as the reader may read.

use std::thread;

use serde_json::json;

use crate::support::events::EventStream;
use crate::support::forge::Forge;
use crate::support::process::Program;
use crate::support::{Actor, App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_stream_tells_of_each_change_once_and_in_order,
        a_stream_begins_where_its_reader_was_or_now,
        a_stream_is_not_kept_and_not_gathered,
        what_cannot_be_streamed_is_refused,
        nobody_is_told_of_the_changes_of_others,
        a_stream_ends_with_its_session,
        a_stream_ends_when_its_token_does,
        a_stream_of_another_instance_tells_the_same_and_ends_with_its_session,
        a_stream_ends_with_its_account,
        a_stream_ends_when_its_place_is_forgotten,
        every_stream_ends_when_the_server_is_told_to_stop,
        five_hundred_streams_end_with_their_process,
        a_user_has_ten_streams_at_a_time,
        a_reader_that_never_reads_keeps_nobody_waiting,
        a_stream_that_is_cut_anywhere_and_resumed_loses_nothing_and_tells_nothing_twice,
        who_asks_for_json_gets_a_list,
    ]
}

const CHANGES: &str = "/dogowner/changes";
const EVENTS: (&str, &str) = ("Accept", "text/event-stream");

fn a_stream_tells_of_each_change_once_and_in_order(app: &App) {
    let alice = app.sign_in("alice");
    let mut stream = EventStream::open(app, &alice, "", &[]);
    let owner = alice.owner("Ann");
    let first = stream.next().expect("a change");
    let listed = alice.get(CHANGES).expect(200);
    assert_eq!((first.id, first.kind.as_str(), &first.data), (Some(1), "change", &listed.rows()[0]));
    // More than are read at a time, while they are read.
    let dogs: Vec<_> = (1..=250).map(|id| json!({"id": id, "name": "Rex", "owner_id": 1})).collect();
    let document = json!({"kennel": 1, "owners": [{"id": 1, "name": "Bob"}], "dogs": dogs});
    alice.post("/me/import", &document).expect(201);
    alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": "Anna"})).expect(200);
    assert_eq!(stream.seqs(252), (2..=253).collect::<Vec<_>>());
    for number in 0..20 {
        alice.owner(&format!("Ann {number}"));
        assert_eq!(stream.seqs(1), [254 + number]);
    }
}

fn a_stream_begins_where_its_reader_was_or_now(app: &App) {
    let alice = app.sign_in("alice");
    for _ in 0..3 {
        alice.owner("Ann");
    }
    let mut now = EventStream::open(app, &alice, "", &[]);
    let mut from_the_beginning = EventStream::open(app, &alice, "?after=0", &[]);
    let mut resumed = EventStream::open(app, &alice, "?after=0", &["Last-Event-ID: 2"]);
    let mut empty = EventStream::open(app, &alice, "?after=1", &["Last-Event-ID: "]);
    assert_eq!(from_the_beginning.seqs(3), [1, 2, 3]);
    assert_eq!(resumed.seqs(1), [3]);
    assert_eq!(empty.seqs(2), [2, 3]);
    alice.owner("Bob");
    for stream in [&mut now, &mut from_the_beginning, &mut resumed, &mut empty] {
        assert_eq!(stream.seqs(1), [4]);
    }
}

fn a_stream_is_not_kept_and_not_gathered(app: &App) {
    let alice = app.sign_in("alice");
    let stream = EventStream::open(app, &alice, "", &[]);
    for line in [
        "http/1.1 200 ok",
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "vary: accept",
        "transfer-encoding: chunked",
    ] {
        assert!(stream.head.iter().any(|given| given == line), "{line}: {:?}", stream.head);
    }
    let head = alice.send("HEAD", CHANGES, &[EVENTS], None).expect(200);
    assert_eq!((head.header("content-type"), head.body.len()), ("text/event-stream", 0));
}

fn what_cannot_be_streamed_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for _ in 0..2 {
        alice.owner("Ann");
    }
    let ask = |query: &str, last: Option<&str>| {
        let headers: Vec<_> = [EVENTS].into_iter().chain(last.map(|last| ("Last-Event-ID", last))).collect();
        alice.send("GET", &format!("{CHANGES}{query}"), &headers, None)
    };
    for wrong in ["-1", "+1", "one", "1.0", "9223372036854775808", "1, 2"] {
        ask("", Some(wrong)).problem("malformed-request");
    }
    ask("?after=3", None).parameter_error("after", "out_of_range");
    let refused = ask("", Some("3")).problem("changes-expired");
    assert!(refused.text("detail").starts_with("There is no change 3"), "{}", refused.json);
    for parameter in ["before=3", "resource=dog", "sort=-seq", "sort=seq", "limit=5", "cursor=x"] {
        ask(&format!("?{parameter}"), None)
            .parameter_error(parameter.split('=').next().unwrap_or_default(), "unknown_parameter");
    }
    alice.delete(CHANGES).expect(204);
    ask("", Some("1")).problem("changes-expired");
    ask("?after=0", None).problem("changes-expired");
    app.anon().send("GET", CHANGES, &[EVENTS], None).problem("missing-token");
}

fn nobody_is_told_of_the_changes_of_others(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let mut stream = EventStream::open(app, &alice, "", &[]);
    bob.owner("Bea");
    let owner = alice.owner("Ann");
    assert_eq!(stream.next().expect("a change").data["id"], owner);
}

fn a_stream_ends_with_its_session(app: &App) {
    let alice = app.sign_in("alice");
    let other = alice.once_more();
    let stream = EventStream::open(app, &other, "", &[]);
    let key = alice.with_key("read");
    let by_key = EventStream::open(app, &key, "", &[]);
    other.send("POST", "/auth/logout", &[], None).expect(200);
    let keys = alice.get("/me/keys").expect(200).ids();
    alice.delete(&format!("/me/keys/{}", keys[0])).expect(204);
    // What is written from then on is not told any more.
    alice.owner("Ann");
    assert_eq!(stream.end(), "revoked-token");
    assert_eq!(by_key.end(), "revoked-api-key");
}

fn a_stream_ends_when_its_token_does(app: &App) {
    let alice = app.sign_in("alice");
    let real = Forge::of(alice.token());
    let age = real.claims["exp"].as_i64().expect("a time") - real.claims["iat"].as_i64().expect("a time") - 1;
    let stream = EventStream::open(app, &alice.with_token(&real.aged(age).signed()), "", &[]);
    assert_eq!(stream.end(), "expired-token");
}

fn a_stream_of_another_instance_tells_the_same_and_ends_with_its_session(app: &App) {
    if app.database.engine == Engine::Sqlite {
        return;
    }
    let other = Program::on(&app.database).serve();
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let still_there = alice.once_more();
    let mut hers = EventStream::open(&other, &alice, "", &[]);
    let his = EventStream::open(&other, &bob, "", &[]);
    for seq in 1..4 {
        alice.owner("Ann");
        assert_eq!(hers.seqs(1), [seq]);
    }
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    still_there.owner("Ann");
    assert_eq!(hers.end(), "revoked-token");
    // Nobody wakes this one, but its own heartbeat.
    bob.send("POST", "/auth/logout", &[], None).expect(200);
    assert_eq!(his.end(), "revoked-token");
}

fn a_stream_ends_with_its_account(app: &App) {
    let alice = app.sign_in("alice");
    let stream = EventStream::open(app, &alice, "", &[]);
    alice.delete("/me").expect(204);
    assert_eq!(stream.end(), "account-deleted");
}

fn a_stream_ends_when_its_place_is_forgotten(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let mut stream = EventStream::open(app, &alice, "?after=0", &[]);
    assert_eq!(stream.seqs(1), [1]);
    // What it has read may be forgotten.
    alice.delete(CHANGES).expect(204);
    alice.owner("Bob");
    assert_eq!(stream.seqs(1), [2]);
}

fn every_stream_ends_when_the_server_is_told_to_stop(app: &App) {
    let people: Vec<Actor<'_>> = ["alice", "bob"].map(|name| app.sign_in(name)).into();
    let streams: Vec<_> = (0..16).map(|number| EventStream::open(app, &people[number % 2], "", &[])).collect();
    app.begin_stop();
    for stream in streams {
        assert_eq!(stream.end(), "draining");
    }
}

fn five_hundred_streams_end_with_their_process(database: &Database) {
    let server = Program::on(database).serve();
    let people: Vec<Actor<'_>> = (0..50).map(|number| server.sign_in(&format!("alice{number}"))).collect();
    let streams: Vec<_> = (0..500).map(|number| EventStream::open(&server, &people[number % 50], "", &[])).collect();
    assert!(streams.iter().all(|stream| stream.head[0].contains("200")));
    drop(people);
    server.signal("TERM");
    for stream in streams {
        assert_eq!(stream.end(), "draining");
    }
    assert_eq!(server.ended().code, Some(0));
}

fn a_user_has_ten_streams_at_a_time(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let streams: Vec<_> = (0..10).map(|_| EventStream::open(app, &alice, "", &[])).collect();
    alice.send("GET", CHANGES, &[EVENTS], None).problem("too-many-streams");
    alice.get(CHANGES).expect(200);
    let _his = EventStream::open(app, &bob, "", &[]);
    drop(streams);
    let opened = (0..10_000).any(|_| EventStream::open(app, &alice, "", &[]).head[0].contains("200"));
    assert!(opened, "there is room as soon as clients have hung up");
}

fn who_asks_for_json_gets_a_list(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    for accept in ["*/*", "application/json", "application/json, text/event-stream", "text/event-stream;q=0.5, */*"] {
        let list = alice.send("GET", CHANGES, &[("Accept", accept)], None).expect(200);
        assert_eq!((list.header("content-type"), list.header("vary")), ("application/json", "accept"), "{accept}");
    }
    alice.send("GET", CHANGES, &[("Accept", "text/html")], None).problem("not-acceptable");
}

fn a_reader_that_never_reads_keeps_nobody_waiting(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    // More than all that lies between a server and a client can hold.
    let tasks: Vec<_> = (0..2000).map(|_| json!({"name": "W".repeat(120)})).collect();
    let document = json!({"kennel": 1, "tasks": tasks});
    (0..5).for_each(|_| {
        alice.post("/me/import", &document).expect(201);
    });
    let deaf = EventStream::open(app, &alice, "?after=0", &[]);
    let mut others: Vec<_> = (0..8).map(|_| EventStream::open(app, &alice, "", &[])).collect();
    for (seq, name) in (10_002..).zip(["Anna", "Hannah"]) {
        alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": name})).expect(200);
        assert!(others.iter_mut().all(|stream| stream.seqs(1) == [seq]));
    }
    drop(deaf);
}

/// The number of times that a connection is cut.
const CUTS: usize = 200;
/// The number of changes between two cuts.
const CHANGES_EACH: i64 = 4;

/// One server on SQLite, and two on PostgreSQL that take turns. Now and then the other one writes, which a reader hears
/// of within a second.
fn a_stream_that_is_cut_anywhere_and_resumed_loses_nothing_and_tells_nothing_twice(database: &Database) {
    let start = || Program::on(database).serve();
    let mut servers = vec![start()];
    servers.extend((database.engine == Engine::Postgres).then(start));
    let token = servers[0].sign_in("alice").token().to_owned();
    let mut seen = Vec::new();
    for cut in 0..CUTS {
        let is_kill = cut % 20 == 7;
        servers.rotate_left(1);
        let reader = &servers[0];
        let writer = if cut % 10 == 7 { servers.last().expect("one at least") } else { reader };
        let resume = format!("Last-Event-ID: {}", seen.last().unwrap_or(&0));

        let stream = EventStream::open(reader, &reader.anon().with_token(&token), "", &[&resume]);
        let last = CHANGES_EACH * (i64::try_from(cut).expect("not that many") + 1);
        thread::scope(|scope| {
            scope.spawn(|| {
                let alice = writer.anon().with_token(&token);
                (0..CHANGES_EACH).for_each(|_| {
                    alice.owner("Ann");
                });
                if is_kill {
                    reader.kill();
                }
            });
            seen.extend(stream.cut_after(cut * 7919 % 4001, last));
        });
        if is_kill {
            servers[0] = start();
        }
    }
    let resume = format!("Last-Event-ID: {}", seen.last().unwrap_or(&0));
    let all = CHANGES_EACH * i64::try_from(CUTS).expect("not that many");
    let mut rest = EventStream::open(&servers[0], &servers[0].anon().with_token(&token), "", &[&resume]);
    let count = usize::try_from(all).expect("some") - seen.len();
    seen.extend(rest.seqs(count));
    assert_eq!(seen, (1..=all).collect::<Vec<_>>());
}
