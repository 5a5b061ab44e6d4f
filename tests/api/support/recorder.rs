//! What the server asks the database: the text of each query that its threads run on a database that a test
//! watches. Diesel tells it to whoever was made when the connection was, so the watching begins before the server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use super::{Answer, Database};

type Queries = Arc<Mutex<Vec<String>>>;
type OnCommit = Arc<dyn Fn() + Send + Sync>;

/// A database that is watched.
#[derive(Clone, Default)]
struct Watch {
    queries: Queries,
    /// What is done on the server's thread after each commit.
    on_commit: Option<OnCommit>,
}

/// By a part of the database's address that no other has.
static WATCHED: Mutex<BTreeMap<String, Watch>> = Mutex::new(BTreeMap::new());

/// The queries on one database.
pub struct Recorder {
    queries: Queries,
}

impl Recorder {
    /// Begins to watch a database that no server has opened yet.
    pub fn on(database: &Database) -> Self {
        Self::watch(database, None)
    }

    /// The same, and `on_commit` is called after each transaction of the server's that changed something, before its
    /// callers are answered.
    pub fn with(database: &Database, on_commit: impl Fn() + Send + Sync + 'static) -> Self {
        Self::watch(database, Some(Arc::new(on_commit)))
    }

    fn watch(database: &Database, on_commit: Option<OnCommit>) -> Self {
        set_default_instrumentation(listener).expect("nobody failed while setting it");
        let watch = Watch { queries: Queries::default(), on_commit };
        let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        watched.insert(database.own_part_of_the_url(), watch.clone());
        Self { queries: watch.queries }
    }

    /// Asks for something that has passed the gate, which looked into `table`, and then waits for another write: that of
    /// `statement`, which is committed meanwhile.
    pub fn while_it_waits(
        &self,
        database: &Database,
        table: &str,
        statement: &str,
        ask: impl Fn() -> Answer + Sync,
    ) -> Answer {
        let _since_then = self.take();
        thread::scope(|scope| {
            let mut asking = None;
            database.execute_while(statement, || {
                asking = Some(scope.spawn(&ask));
                let began = Instant::now();
                while !self.take().iter().any(|query| query.contains("FROM") && query.contains(table)) {
                    assert!(began.elapsed() < Duration::from_secs(10), "the gate asks");
                }
            });
            asking.expect("it was asked").join().expect("an answer")
        })
    }

    /// How many queries it took to answer what was asked since the last time.
    pub fn count(&self) -> usize {
        self.statements().len()
    }

    /// The queries that it took. The mail goes out by itself, and who it is for is asked with the address that waits to
    /// be confirmed.
    pub fn statements(&self) -> Vec<String> {
        let asked = |query: &String| {
            ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| query.starts_with(verb))
        };
        self.take().into_iter().filter(|query| asked(query) && !is_of_the_mail(query)).collect()
    }

    /// The first word of each query since the last time, with those that begin and end transactions, but without
    /// the mail's.
    pub fn verbs(&self) -> Vec<String> {
        let queries = self.take().into_iter().filter(|query| !is_of_the_mail(query));
        queries.map(|query| query.split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    /// The queries since the last time, without what was bound to them.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.queries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_of_the_mail(query: &str) -> bool {
    query.contains("mails") || query.starts_with("SELECT") && query.contains("new_email")
}

/// A thread makes its connection when it needs it first, whichever request that is.
fn is_of_a_new_connection(query: &str) -> bool {
    query.starts_with("PRAGMA") || query.contains("pragma_")
}

/// One for each connection of the process; it listens where somebody watches.
#[expect(clippy::unnecessary_wraps, reason = "Diesel takes a function of this type")]
fn listener() -> Option<Box<dyn Instrumentation>> {
    let mut watch = None;
    Some(Box::new(move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::StartEstablishConnection { url, .. } => watch = watched(url),
        InstrumentationEvent::StartQuery { query, .. } if is_the_servers() => {
            if let Some(Watch { queries, .. }) = &watch {
                let text = query.to_string();
                let text = text.split(" -- binds: ").next().unwrap_or_default().to_owned();
                if !is_of_a_new_connection(&text) {
                    queries.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                }
            }
        }
        InstrumentationEvent::FinishQuery { query, error: None, .. } if is_the_servers() => {
            if let Some(Watch { on_commit: Some(on_commit), .. }) = &watch
                && query.to_string().starts_with("COMMIT")
            {
                on_commit();
            }
        }
        _ => {}
    }))
}

fn watched(url: &str) -> Option<Watch> {
    let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    url.split(['/', '?']).find_map(|part| watched.get(part).cloned())
}

/// The tests' own connections are used by threads of other names.
fn is_the_servers() -> bool {
    let thread = thread::current();
    thread.name().is_some_and(|name| ["sqlite-", "postgres", "actix-"].iter().any(|of| name.starts_with(of)))
}
