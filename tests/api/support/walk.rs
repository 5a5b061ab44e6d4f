//! What the laws that walk the contract stand on: for each operation a path with rows in it, a good body, and a call.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::{Operation, contract};
use super::{Actor, Answer, PASSWORD};

/// A new row of this actor's, for a path parameter or body field of this name.
pub fn row(actor: &Actor<'_>, name: &str) -> Value {
    match name {
        "session_id" => json!(actor.once_more().session()),
        "username" => actor.get("/me").expect(200).json["username"].clone(),
        "problem" => json!("not-found"),
        "seq" => {
            actor.owner("Ann");
            actor.get("/dogowner/book").expect(200).json["last"].clone()
        }
        "asset" => contract().document["components"]["parameters"]["AssetName"]["example"].clone(),
        "version" => {
            let page = String::from_utf8(actor.get("/app").expect(200).body).expect("UTF-8");
            json!(page.split("/app/").nth(1).and_then(|rest| rest.split('/').next()).expect("a version"))
        }
        "file" => contract().document["components"]["parameters"]["ConsoleFile"]["example"].clone(),
        _ => {
            let create = creation_of(name).unwrap_or_else(|| {
                panic!("openapi.yaml has no POST that makes what {name} means, and here is no way to")
            });
            let body = body(create, |name| row(actor, name));
            json!(call(actor, create, &create.path, body.as_ref()).expect(201).id())
        }
    }
}

/// What makes the rows that a name means: of `dog_id` the POST at the path to which `/{dog_id}` is added for one of them;
/// of `co_owner_ids` the same as of `owner_id`.
pub fn creation_of(name: &str) -> Option<&'static Operation> {
    let single = name.strip_suffix("_ids").map_or_else(|| name.to_owned(), |kind| format!("{kind}_id"));
    let private = contract().operations.iter().filter(|operation| is_private(operation));
    let mut collections = private.filter_map(|one| one.path.strip_suffix(&format!("/{{{single}}}")));
    let creation = collections.find_map(|collection| contract().find("POST", collection));
    match single.split_once('_') {
        Some((_, rest)) if creation.is_none() && rest.contains('_') => creation_of(rest),
        _ => creation,
    }
}

/// A row of this actor's for each name, made when it is first asked for.
pub fn rows<'a>(actor: &'a Actor<'a>) -> impl Fn(&str) -> Value + 'a {
    let made = RefCell::new(BTreeMap::new());
    move |name| made.borrow_mut().entry(name.to_owned()).or_insert_with(|| row(actor, name)).clone()
}

/// An id that no row has had.
pub const NEVER: i64 = 9_000_000_000_000_000_000;

/// The operation's path with an id for each of its parameters.
pub fn path(operation: &Operation, id: impl Fn(&str) -> Value) -> String {
    let fill = |path: String, name: &str| {
        let id = id(name);
        path.replace(&format!("{{{name}}}"), &id.as_str().map_or_else(|| id.to_string(), str::to_owned))
    };
    operation.path_parameters().into_iter().fold(operation.path.clone(), fill)
}

/// A good body, if the operation takes one: the example of the contract that says most, about rows that `id` gives. A
/// password stays the one that everybody has.
pub fn body(operation: &Operation, id: impl Fn(&str) -> Value) -> Option<Value> {
    operation.body_schema()?;
    let mut body = operation.telling_example();
    for name in operation.id_fields() {
        match &body[&name] {
            Value::Number(_) => body[&name] = id(&name),
            Value::Array(ids) if !ids.is_empty() => body[&name] = json!([id(&name)]),
            _ => {}
        }
    }
    for name in ["current_password", "new_password"] {
        if body.get(name).is_some() {
            body[name] = json!(PASSWORD);
        }
    }
    Some(body)
}

pub fn call(actor: &Actor<'_>, operation: &Operation, path: &str, body: Option<&Value>) -> Answer {
    match body {
        Some(body) => actor.send_json(&operation.method, path, body),
        None => actor.send(&operation.method, path, &[], None),
    }
}

pub fn is_private(operation: &Operation) -> bool {
    ["/me", "/dogowner"]
        .iter()
        .any(|area| operation.path.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Makes some of everything that can be made, each with a key.
pub fn make_everything(actor: &Actor<'_>) {
    let makes = |operation: &&Operation| is_private(operation) && ["POST", "PUT"].contains(&operation.method.as_str());
    for operation in contract().operations.iter().filter(makes) {
        let (path, body) = (path(operation, |name| row(actor, name)), body(operation, |name| row(actor, name)));
        let key = [("Idempotency-Key", operation.id.as_str())];
        let answer = actor.ask(&operation.method, &path, &key, body.as_ref());
        assert_eq!(answer.status / 100, 2, "{answer}");
    }
}
