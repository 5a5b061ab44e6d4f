//! What is asked of a database that was seeded: each route by one user in the middle of the tables, and by many that
//! are spread over them, whose tokens take turns.

use std::time::Duration;

use kennel::app;
use kennel::auth::tokens::access::AccessTokens;
use kennel::config::Config;
use kennel::current_user::TokenSubject;
use kennel::db::{self, DatabaseId, DatabaseUrl};
use kennel::ids::SessionId;
use kennel::ids::UserId;
use serde_json::{Value, json};

use super::seed::{Person, Seed};
use crate::client::{Connection, Result, request};
use crate::routes::Route;
use crate::settings::SECRET;

/// How many they are, where the tables have so many. Each connection sends its requests as one after the other.
const MANY: u64 = 200;

/// A route, as one user or as many ask for it.
pub struct Case {
    pub route: Route,
    /// How many users take turns; none where nobody is logged in.
    pub users: usize,
    /// Whether its answers leave the tables as they are.
    pub is_read: bool,
    /// How many rows an answer has.
    rows: Option<usize>,
}

impl Case {
    pub fn is_crowd(&self) -> bool {
        self.users > 1
    }

    /// Sends each request once, and looks whether its rows came.
    pub fn check(&self, server: &mut Connection) -> Result<()> {
        for request in self.route.requests.iter().filter(|_| self.is_read) {
            let body = server.ask(request, self.route.status)?;
            let rows = body.as_array().map(Vec::len);
            if rows != self.rows {
                return Err(format!("{}: {rows:?} rows came instead of {:?}", self.route.title, self.rows).into());
            }
        }
        Ok(())
    }
}

/// All of them, with tokens as the server would sign them, on sessions that the seed wrote.
pub fn cases(seed: Seed, database: &str) -> Result<Vec<Case>> {
    let signer = signer(database)?;
    let pairs = seed.pairs(MANY);
    let pairs = pairs.iter().map(|[reader, writer]| {
        Ok((
            Caller { token: token(&signer, *reader)?, owner: 0 },
            Caller { token: token(&signer, *writer)?, owner: writer.owner },
        ))
    });
    let (readers, writers): (Vec<_>, Vec<_>) = pairs.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let middle = readers.len() / 2..=readers.len() / 2;
    let mut cases = Vec::new();
    for asked in ASKED {
        let callers = if asked.body.is_some() { &writers } else { &readers };
        if asked.is_public {
            cases.push(Case { users: 0, ..asked.by(&callers[middle.clone()]) });
            continue;
        }
        cases.push(asked.by(&callers[middle.clone()]));
        if callers.len() > 1 {
            cases.push(asked.by(callers));
        }
    }
    Ok(cases)
}

/// Somebody with a token, and an owner for new dogs.
struct Caller {
    token: String,
    owner: u64,
}

struct Asked {
    key: &'static str,
    title: &'static str,
    method: &'static str,
    path: &'static str,
    is_public: bool,
    rows: Option<usize>,
    body: Option<fn(&Caller) -> Value>,
}

impl Asked {
    fn by(&self, callers: &[Caller]) -> Case {
        let requests = callers.iter().map(|caller| {
            let token = (!self.is_public).then_some(caller.token.as_str());
            request(self.method, self.path, token, self.body.map(|body| body(caller)).as_ref())
        });
        let status = if self.body.is_some() { 201 } else { 200 };
        let route = Route { key: self.key, title: self.title, status, requests: requests.collect() };
        Case { route, users: callers.len(), is_read: self.body.is_none(), rows: self.rows }
    }
}

const fn get(key: &'static str, title: &'static str, path: &'static str, rows: Option<usize>) -> Asked {
    Asked { key, title, method: "GET", path, is_public: false, rows, body: None }
}

const fn post(key: &'static str, title: &'static str, path: &'static str, body: fn(&Caller) -> Value) -> Asked {
    Asked { key, title, method: "POST", path, is_public: false, rows: None, body: Some(body) }
}

const ASKED: [Asked; 7] = [
    get("me", "GET /me", "/me", None),
    get("owners", "GET /dogowner/owners (20)", "/dogowner/owners", Some(20)),
    get("dogs", "GET /dogowner/dog (50)", "/dogowner/dog", Some(50)),
    get("dogs_by_name", "GET /dogowner/dogs by name (20)", "/dogowner/dogs?sort=name&limit=20", Some(20)),
    Asked { is_public: true, ..get("public_dogs", "GET /dogs (public, 50)", "/dogs", Some(50)) },
    post("create_owner", "POST /dogowner/owner", "/dogowner/owner", |_| json!({"name": "Ann Müller 7"})),
    post(
        "create_dog",
        "POST /dogowner/dog",
        "/dogowner/dog",
        |caller| json!({"name": "Bella 7", "owner_id": caller.owner, "born_on": "2017-05-01"}),
    ),
];

fn signer(database: &str) -> Result<AccessTokens> {
    let mut conn = db::connect(&database.parse::<DatabaseUrl>()?)?;
    let database = DatabaseId::of(&mut conn)?;
    let config = Config::from_lookup(|name| (name == "JWT_SECRET").then(|| SECRET.to_owned()));
    let config = config.map_err(|error| error.to_string())?;
    let keys = app::keys(&config, &database).map_err(|error| error.to_string())?;
    Ok(AccessTokens::new(&keys, Duration::from_secs(3600))?)
}

fn token(signer: &AccessTokens, person: Person) -> Result<String> {
    let ids = UserId::new(person.user.try_into()?).zip(SessionId::new(person.session.try_into()?));
    let (user, session) = ids.ok_or("an id is positive")?;
    let bearer = TokenSubject { user, session, auth_time: 0 };
    signer.issue(bearer).map_err(|_| "no token was signed".into())
}
