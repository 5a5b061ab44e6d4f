//! What the laws that walk the contract stand on: for each operation a path with rows in it, a good body, and a call.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract::{Operation, contract, fields};
use super::{Actor, Answer, PASSWORD};

/// A new row of this actor's, for a path parameter or body field of this name: a new kind of row needs a line.
pub fn row(actor: &Actor<'_>, name: &str) -> Value {
    match name {
        "owner_id" | "co_owner_ids" => json!(actor.owner("Ann")),
        "dog_id" => json!(actor.dog("Rex", actor.owner("Ann"))),
        "task_id" => json!(actor.task("Walk")),
        "session_id" => json!(actor.once_more().session()),
        "username" => actor.get("/me").expect(200).json["username"].clone(),
        "problem" => json!("not-found"),
        "asset" => contract().document["components"]["parameters"]["AssetName"]["example"].clone(),
        other => panic!("how to make a row for {other:?} must be said here"),
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

/// The fields of the operation's body that name a row (`_id`) or several (`_ids`).
pub fn id_fields(operation: &Operation) -> Vec<String> {
    let Some(schema) = operation.body_schema() else { return Vec::new() };
    let schema = contract().at(&schema).1;
    let named = fields(&schema["properties"])
        .filter(|(name, _)| name.ends_with("_id") || name.ends_with("_ids"))
        .filter(|(_, field)| contract().resolve(field)["readOnly"] != true);
    named.map(|(name, _)| name.clone()).collect()
}

/// A good body, if the operation takes one: the contract's first example, about rows that `id` gives. A password stays
/// the one that everybody has.
pub fn body(operation: &Operation, id: impl Fn(&str) -> Value) -> Option<Value> {
    operation.body_schema()?;
    let mut body = operation.body_examples().into_iter().next().expect("an example of the body");
    for name in id_fields(operation) {
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
