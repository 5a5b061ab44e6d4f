//! `openapi.yaml` as the judge: every answer that any test receives is looked up in it and must be as it says,
//! and what was seen is remembered, so that a full run can tell what the contract promises and nothing produced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::{Answer, Engine, Repository, manners};

/// The paths under this are the tests' own; the contract knows nothing of them.
pub const TEST_ROUTES: &str = "/test/";

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);
static SEEN: Mutex<BTreeSet<(Engine, String, String)>> = Mutex::new(BTreeSet::new());
static VALIDATORS: LazyLock<Mutex<BTreeMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

pub struct Contract {
    pub document: Value,
    pub operations: Vec<Operation>,
}

/// One path and method of the contract.
#[derive(Clone)]
pub struct Operation {
    pub id: String,
    /// In capitals.
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
    /// Where it is in the document.
    pointer: String,
    pub definition: Value,
}

/// The contract, read once.
pub fn contract() -> &'static Contract {
    &CONTRACT
}

/// Holds an answer to the contract: fails the test that received it unless it is as promised.
#[track_caller]
pub fn hold(engine: Engine, answer: &Answer) {
    if let Err(broken) = manners::check(answer).and_then(|()| contract().check(engine, answer)) {
        panic!("{broken}, but here is {answer}");
    }
}

/// The answers (operation and status) that the contract promises by name and that nothing has produced.
pub fn unproduced(engine: Engine) -> Vec<String> {
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let promised = contract()
        .operations
        .iter()
        .flat_map(|operation| operation.statuses().into_iter().map(|status| (engine, operation.id.clone(), status)));
    let missing = promised.filter(|pair| pair.2 != "default" && !seen.contains(pair));
    missing.map(|(_, operation, status)| format!("{operation} {status}")).collect()
}

impl Contract {
    fn read() -> Self {
        let text = Repository::here().read("openapi.yaml");
        let document: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("openapi.yaml: {error}"));
        let mut contract = Self { document, operations: Vec::new() };
        contract.operations = contract.find_operations();
        contract
    }

    fn find_operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in fields(&self.document["paths"]) {
            for (method, definition) in fields(item).filter(|(name, _)| METHODS.contains(&name.as_str())) {
                let mut definition = definition.clone();
                let shared = item["parameters"].as_array().cloned().unwrap_or_default();
                let own = definition["parameters"].as_array().cloned().unwrap_or_default();
                let parameters: Vec<_> = shared.iter().chain(&own).map(|item| self.resolve(item).clone()).collect();
                definition["parameters"] = Value::Array(parameters);
                operations.push(Operation {
                    id: definition["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path}: no id")).into(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    pointer: format!("/paths/{}/{method}", escape(path)),
                    definition,
                });
            }
        }
        operations
    }

    pub fn operation(&self, id: &str) -> &Operation {
        let found = self.operations.iter().find(|operation| operation.id == id);
        found.unwrap_or_else(|| panic!("openapi.yaml has no operation {id}"))
    }

    /// What those operations promise for `Cache-Control` when they succeed, with a version or without.
    pub fn cache_controls(&self, of: impl Fn(&Operation) -> bool) -> BTreeSet<&str> {
        let succeeding = self.operations.iter().filter(|operation| of(operation)).flat_map(|operation| {
            let statuses = operation.statuses().into_iter().filter(|status| status.starts_with('2'));
            statuses.map(|status| format!("{}/responses/{status}", operation.pointer))
        });
        let value = |pointer: String| {
            let (_, response) = self.at(&pointer);
            let kept = self.resolve(&response["headers"]["Cache-Control"])["schema"]["const"].as_str()?;
            Some(kept.trim_end_matches(", no-transform"))
        };
        succeeding.filter_map(value).collect()
    }

    /// The operations that show lists of rows, but for the aliases.
    pub fn lists(&self) -> impl Iterator<Item = &Operation> {
        let in_pages = self.operations.iter().filter(|operation| operation.parameters("query").contains(&"cursor"));
        in_pages.filter(|operation| !operation.id.ends_with("_singular"))
    }

    /// The operations that change or delete single rows, as those who have seen a version of it may ask for.
    pub fn edits(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.knows_header("If-Match"))
    }

    /// The operations that make rows of a book, but for the aliases.
    pub fn creations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|one| one.creates() && !one.id.ends_with("_singular"))
    }

    /// The operation that a method and a path mean; HEAD means GET. A path without a parameter wins.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let method = if method == "HEAD" { "GET" } else { method };
        let fitting = self.operations.iter().filter(|operation| operation.method == method && operation.fits(path));
        fitting.min_by_key(|operation| operation.path.matches('{').count())
    }

    fn check(&self, engine: Engine, answer: &Answer) -> Result<(), String> {
        let Some(operation) = self.find(&answer.method, &answer.meant_path()) else {
            return self.check_unknown(answer);
        };
        let status = answer.status.to_string();
        let known = [status.as_str(), "default"].into_iter().find(|key| operation.statuses().iter().any(|s| s == key));
        let key = known.ok_or_else(|| format!("{} documents {status}", operation.id))?;
        let pointer = format!("{}/responses/{key}", operation.pointer);
        self.check_against(&pointer, answer).map_err(|broken| format!("{} {key}: {broken}", operation.id))?;
        if answer.method == operation.method {
            let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert((engine, operation.id.clone(), key.to_owned()));
        }
        Ok(())
    }

    /// What the contract does not list is OPTIONS, an error, or a route of the test.
    fn check_unknown(&self, answer: &Answer) -> Result<(), String> {
        if answer.asked_path().starts_with(TEST_ROUTES) {
            Ok(())
        } else if answer.method == "OPTIONS" && answer.status == 204 {
            let allow = ["allow", "access-control-allow-methods"].map(|name| answer.header_if_any(name));
            if allow.iter().any(Option::is_some) { Ok(()) } else { Err("OPTIONS answers Allow".to_owned()) }
        } else if answer.status < 400 {
            Err("only what is in the contract succeeds".to_owned())
        } else if answer.method == "HEAD" {
            Ok(())
        } else {
            self.validate("/components/schemas/Problem", &answer.json)
        }
    }

    fn check_against(&self, pointer: &str, answer: &Answer) -> Result<(), String> {
        let (pointer, response) = self.at(pointer);
        for (name, _) in fields(&response["headers"]) {
            self.check_header(&format!("{pointer}/headers/{}", escape(name)), name, answer)?;
        }
        if answer.method == "HEAD" {
            return Ok(());
        }
        let Some((promised, _)) = fields(&response["content"]).next() else {
            return if answer.body.is_empty() { Ok(()) } else { Err("there is no body".to_owned()) };
        };
        let content_type = answer.header_if_any("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if response["content"].get(media_type).is_none() {
            return Err(format!("the body is {promised}"));
        }
        if media_type.ends_with("json") {
            self.validate(&format!("{pointer}/content/{}/schema", escape(media_type)), &answer.json)?;
        }
        Ok(())
    }

    fn check_header(&self, pointer: &str, name: &str, answer: &Answer) -> Result<(), String> {
        let (pointer, header) = self.at(pointer);
        let Some(value) = answer.header_if_any(name) else {
            return if header["required"] == true { Err(format!("{name} is there")) } else { Ok(()) };
        };
        let schema = format!("{pointer}/schema");
        let as_text = json!(value);
        let as_number = value.parse::<i64>().map_or_else(|_| as_text.clone(), |number| json!(number));
        self.validate(&schema, &as_number).or_else(|_| self.validate(&schema, &as_text))
    }

    /// Whether a value is as the schema at this place of the document says; if not, why.
    pub fn validate(&self, pointer: &str, value: &Value) -> Result<(), String> {
        let errors: Vec<_> = self
            .validator(pointer)
            .iter_errors(value)
            .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn validator(&self, pointer: &str) -> &'static Validator {
        let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
        validators.entry(pointer.to_owned()).or_insert_with(|| {
            let mut schema = self.document.clone();
            schema["$ref"] = json!(format!("#{pointer}"));
            let validator = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            let validator = validator.build(&schema).unwrap_or_else(|error| panic!("openapi.yaml#{pointer}: {error}"));
            // One for each schema of the contract, kept until the process ends.
            Box::leak(Box::new(validator))
        })
    }

    /// What is at a place of the document, and where it really is if that is a reference.
    pub fn at(&self, pointer: &str) -> (String, &Value) {
        let value = self.document.pointer(pointer).unwrap_or_else(|| panic!("openapi.yaml has nothing at {pointer}"));
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(target) => self.at(target),
            None => (pointer.to_owned(), value),
        }
    }

    /// A value of the document, or what it refers to.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(target) => self.at(target).1,
            None => value,
        }
    }
}

impl Operation {
    pub fn fits(&self, path: &str) -> bool {
        let (mut pattern, mut path) = (self.path.split('/'), path.split('/'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return true,
                (Some(part), Some(given)) if part == given || part.starts_with('{') && !given.is_empty() => {}
                _ => return false,
            }
        }
    }

    /// Whether it makes rows of a book, be it by an alias.
    pub fn creates(&self) -> bool {
        self.method == "POST" && self.path.starts_with("/dogowner/") && self.body_schema().is_some()
    }

    /// The most bytes that its body may have.
    pub fn body_limit(&self) -> usize {
        let limit = self.definition["x-body-limit"].as_u64().unwrap_or(65_536);
        usize::try_from(limit).expect("a length")
    }

    pub fn statuses(&self) -> Vec<String> {
        fields(&self.definition["responses"]).map(|(status, _)| status.clone()).collect()
    }

    /// The media types of the bodies that it answers when it succeeds; none, if it succeeds without one.
    pub fn media_types(&self) -> Vec<String> {
        let mut media_types = Vec::new();
        for status in self.statuses().into_iter().filter(|status| status.starts_with('2')) {
            let (_, response) = contract().at(&format!("{}/responses/{status}", self.pointer));
            media_types.extend(fields(&response["content"]).map(|(media_type, _)| media_type.clone()));
        }
        media_types
    }

    /// The names of the path's parameters.
    pub fn path_parameters(&self) -> Vec<&str> {
        self.path.split(['{', '}']).skip(1).step_by(2).collect()
    }

    /// The names of the parameters that stand in this part of the request: `query`, `header`.
    pub fn parameters(&self, place: &str) -> Vec<&str> {
        let all = self.definition["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place).filter_map(|parameter| parameter["name"].as_str()).collect()
    }

    /// Queries with each flag that makes a write do more than it usually does.
    pub fn switches(&self) -> Vec<String> {
        let all = self.parameters("query").into_iter().filter(|_| self.method != "GET");
        let flags = all.filter(|name| self.query_schema(name)["type"] == "boolean");
        flags.map(|name| format!("?{name}=true")).collect()
    }

    /// What the schema says of a query parameter.
    pub fn query_schema(&self, name: &str) -> &Value {
        let mut all = self.definition["parameters"].as_array().into_iter().flatten();
        let parameter = all.find(|parameter| parameter["in"] == "query" && parameter["name"] == name);
        contract().resolve(&parameter.unwrap_or_else(|| panic!("{} knows no {name}", self.id))["schema"])
    }

    /// What a list can be sorted by.
    pub fn sort_keys(&self) -> Vec<&str> {
        let mut all = self.definition["parameters"].as_array().into_iter().flatten();
        let keys = all.find(|parameter| parameter["name"] == "sort").map(|sort| &sort["schema"]["items"]["enum"]);
        let keys = keys.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        keys.filter(|key| !key.starts_with('-')).collect()
    }

    /// Whether it reads a header of this name.
    pub fn knows_header(&self, name: &str) -> bool {
        self.parameters("header").iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Where the schema of the JSON body is, if it takes one.
    pub fn body_schema(&self) -> Option<String> {
        self.definition.get("requestBody")?;
        let (pointer, body) = contract().at(&format!("{}/requestBody", self.pointer));
        body.pointer("/content/application~1json/schema")?;
        Some(format!("{pointer}/content/application~1json/schema"))
    }

    /// What the schema says of a field of the body.
    pub fn field(&self, name: &str) -> &'static Value {
        let schema = self.body_schema().unwrap_or_else(|| panic!("{} has no body", self.id));
        contract().resolve(&contract().at(&schema).1["properties"][name])
    }

    /// Whether the contract has this value for a field of the body.
    pub fn takes(&self, field: &str, value: &Value) -> bool {
        let schema = self.body_schema().unwrap_or_else(|| panic!("{} has no body", self.id));
        contract().validate(&format!("{}/properties/{field}", contract().at(&schema).0), value).is_ok()
    }

    /// Whether a body without this field is refused.
    pub fn requires(&self, field: &str) -> bool {
        let schema = self.body_schema().map(|schema| &contract().at(&schema).1["required"]);
        schema.and_then(Value::as_array).is_some_and(|required| required.iter().any(|name| name == field))
    }

    /// The fields of the body that are not read-only.
    pub fn writable(&self) -> Vec<String> {
        let Some(schema) = self.body_schema() else { return Vec::new() };
        let all = fields(&contract().at(&schema).1["properties"]);
        all.filter(|(_, field)| contract().resolve(field)["readOnly"] != true).map(|(name, _)| name.clone()).collect()
    }

    /// The fields of the body that name a row (`_id`) or several (`_ids`).
    pub fn id_fields(&self) -> Vec<String> {
        self.writable().into_iter().filter(|name| name.ends_with("_id") || name.ends_with("_ids")).collect()
    }

    /// The query parameters that choose among the rows of a list.
    pub fn filters(&self) -> Vec<&str> {
        let all = self.parameters("query").into_iter();
        all.filter(|name| !["sort", "limit", "cursor", "count", "expand"].contains(name)).collect()
    }

    /// Whether no body is as good as one.
    pub fn may_have_no_body(&self) -> bool {
        contract().resolve(&self.definition["requestBody"])["required"] != true
    }

    /// The example of the JSON body with the most fields that are not null; the first of several.
    pub fn telling_example(&self) -> Value {
        let fields_of = |example: &Value| fields(example).filter(|(_, value)| !value.is_null()).count();
        let examples = self.body_examples().into_iter();
        let most = examples.reduce(|most, next| if fields_of(&next) > fields_of(&most) { next } else { most });
        most.unwrap_or_else(|| panic!("{} has an example of its body", self.id))
    }

    /// The examples of the JSON body.
    pub fn body_examples(&self) -> Vec<Value> {
        let Some(body) = self.definition.get("requestBody") else { return Vec::new() };
        let media = &contract().resolve(body)["content"]["application/json"];
        let schema = contract().resolve(&media["schema"]);
        let named = fields(&media["examples"]).map(|(_, example)| contract().resolve(example)["value"].clone());
        let single = media.get("example").into_iter().chain(schema["examples"].as_array().into_iter().flatten());
        named.chain(single.cloned()).collect()
    }
}

/// The entries of an object; none if it is not one.
pub fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A key as a part of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
