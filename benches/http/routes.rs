//! What is asked: three accounts, so that what one reads does not grow with what another writes, and the requests of
//! each route, made once.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::client::{Connection, Result, request, request_with};

const OWNERS: usize = 20;
const DOGS: usize = 50;
const PASSWORD: &str = "three wet dogs on one sofa";

/// A route, and requests of it that take turns.
#[derive(Clone)]
pub struct Route {
    pub key: &'static str,
    pub title: &'static str,
    /// The status of each answer.
    pub status: u16,
    pub requests: Vec<Vec<u8>>,
}

/// The route with this key.
pub fn find<'a>(routes: &'a [Route], key: &str) -> Option<&'a Route> {
    routes.iter().find(|route| route.key == key)
}

/// Fills a fresh database over HTTP: one account with 20 owners and 50 dogs that are public, one to write with, one
/// to log in with.
pub fn seed(address: SocketAddr) -> Result<Vec<Route>> {
    let mut server = Connection::open(address)?;
    let reader = sign_up(&mut server, "reader")?;
    let writer = sign_up(&mut server, "writer")?;
    let _token = sign_up(&mut server, "sleeper")?;

    let owners = (0..OWNERS).map(|number| create_owner(&mut server, &reader, number)).collect::<Result<Vec<_>>>()?;
    let profile = json!({"description": "Dogs of all sizes."});
    server.send(&request("PUT", "/me/profile", Some(&reader), Some(&profile)))?;
    let mut dogs = Vec::new();
    for number in 0..DOGS {
        let dog = dog(owners[number % OWNERS], number);
        dogs.push(id_of(&server.ask(&request("POST", "/dogowner/dogs", Some(&reader), Some(&dog)), 201)?)?);
    }
    let employer = create_owner(&mut server, &writer, OWNERS)?;
    routes(&mut server, &reader, &writer, &dogs, employer)
}

/// A new account's access token.
pub fn sign_up(server: &mut Connection, name: &str) -> Result<String> {
    let account = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    server.ask(&request("POST", "/auth/signup", None, Some(&account)), 201)?;
    let answer = server.ask(&log_in(name), 200)?;
    Ok(answer["access_token"].as_str().ok_or("a login gives a token")?.to_owned())
}

fn log_in(name: &str) -> Vec<u8> {
    request("POST", "/auth/login", None, Some(&json!({"username": name, "password": PASSWORD})))
}

fn create_owner(server: &mut Connection, token: &str, number: usize) -> Result<i64> {
    id_of(&server.ask(&request("POST", "/dogowner/owners", Some(token), Some(&owner(number))), 201)?)
}

/// Ordinary names, some of them with letters that take two bytes.
fn owner(number: usize) -> Value {
    json!({"name": format!("{} Müller {number}", ["Ann", "Björn", "Charlotte"][number % 3])})
}

fn dog(owner: i64, number: usize) -> Value {
    let name = format!("{} {number}", ["Rex", "Bella", "Señor Wuff", "Mademoiselle Fifi"][number % 4]);
    json!({"name": name, "owner_id": owner, "born_on": format!("20{:02}-05-01", 10 + number % 16)})
}

fn id_of(body: &Value) -> Result<i64> {
    Ok(body["id"].as_i64().ok_or("a row has an id")?)
}

fn routes(server: &mut Connection, reader: &str, writer: &str, dogs: &[i64], employer: i64) -> Result<Vec<Route>> {
    let get = |path: &str| request("GET", path, Some(reader), None);
    let post = |path: &str, body: &Value| request("POST", path, Some(writer), Some(body));
    let by_name = get("/dogowner/dogs?sort=name&limit=20");
    let answer = server.send(&by_name)?;
    let key = json!({"name": "A program", "scope": "read"});
    let key = server.ask(&request("POST", "/me/keys", Some(reader), Some(&key)), 201)?;
    let key = key["key"].as_str().ok_or("a new key shows itself")?;
    let by_key = request("GET", "/dogowner/owners", Some(key), None);
    let link = answer.header("Link").ok_or("50 dogs are more than a page of 20")?;
    let next = link.split(['<', '>']).nth(1).ok_or("a link has its target in <>")?;
    let book = server.send(&get("/dogowner/book"))?;
    let known = [("If-None-Match", book.header("ETag").ok_or("a book has an ETag")?)];
    let poll = request_with("GET", "/dogowner/book", Some(reader), &known, None);
    let rename = |name: &str| {
        let body = json!({ "name": name });
        request("PATCH", &format!("/dogowner/owners/{employer}"), Some(writer), Some(&body))
    };
    let route = |key, title, status, requests| Route { key, title, status, requests };
    Ok(vec![
        route("me", "GET /me (the gate and little else)", 200, vec![get("/me")]),
        route("poll_book", "GET /dogowner/book, of which nothing is new", 304, vec![poll]),
        route("owners", "GET /dogowner/owners (20 rows)", 200, vec![get("/dogowner/owners")]),
        route("owners_by_key", "GET /dogowner/owners (20 rows), by an API key", 200, vec![by_key]),
        route("dogs", "GET /dogowner/dog (50 rows)", 200, vec![get("/dogowner/dog")]),
        route("dogs_by_name", "GET /dogowner/dogs?sort=name&limit=20 (of 50)", 200, vec![by_name]),
        route("next_dogs_by_name", "the next 20, by cursor", 200, vec![get(next)]),
        route(
            "show_dog",
            "GET /dogowner/dogs/{id}",
            200,
            dogs.iter().map(|id| get(&format!("/dogowner/dogs/{id}"))).collect(),
        ),
        route("public_dogs", "GET /dogs (public, 50 rows)", 200, vec![request("GET", "/dogs", None, None)]),
        route("create_owner", "POST /dogowner/owner", 201, vec![post("/dogowner/owner", &owner(7))]),
        route("create_dog", "POST /dogowner/dog", 201, vec![post("/dogowner/dog", &dog(employer, 7))]),
        route("update_owner", "PATCH /dogowner/owners/{id}", 200, ["Ann", "Anna"].map(rename).to_vec()),
        route("login", "POST /auth/login (one account)", 200, vec![log_in("sleeper")]),
    ])
}
