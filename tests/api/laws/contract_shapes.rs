//! The shapes that the contract keeps to, so that programs made from it by others' tools work on the first try. Each
//! is a thing that OpenAPI allows and that some generator, importer or console makes something wrong of.

use serde_json::Value;

use crate::support::contract::{contract, escape, fields};
use crate::support::{Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_schema_is_an_object_that_says_what_there_is,
        no_field_of_a_request_has_a_default,
        no_optional_parameter_has_a_value_to_be_sent,
        no_link_has_a_body,
        no_name_is_one_of_a_programming_language,
        a_list_is_no_set,
        a_union_is_of_named_schemas_and_nothing_else,
        no_property_is_enumerated_twice,
        every_answer_with_fields_has_a_named_schema,
        the_first_server_is_where_one_listens_that_was_just_started,
        every_body_has_an_example_with_all_that_it_needs,
    ]
}

/// Where schemas have schemas inside them: by themselves, in lists, and by name.
const INSIDE: [&str; 9] = [
    "not",
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedProperties",
];
const LISTED: [&str; 4] = ["allOf", "oneOf", "anyOf", "prefixItems"];
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "dependentSchemas"];

/// Every schema of the document with where it stands, however deep it is.
fn schemas() -> Vec<(String, &'static Value)> {
    let mut found = Vec::new();
    for (name, schema) in fields(&contract().document["components"]["schemas"]) {
        collect(format!("/components/schemas/{name}"), schema, &mut found);
    }
    walk("", &contract().document, &mut |pointer, value| {
        if let Some(schema) = value.get("schema").filter(|_| !pointer.starts_with("/components/schemas")) {
            collect(format!("{pointer}/schema"), schema, &mut found);
        }
    });
    assert!(found.len() > 300, "only {} schemas were found", found.len());
    found
}

/// This schema, and all in it.
fn collect<'a>(pointer: String, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    for name in INSIDE {
        if let Some(inner) = schema.get(name).filter(|inner| name != "additionalProperties" || !inner.is_boolean()) {
            collect(format!("{pointer}/{name}"), inner, found);
        }
    }
    for name in LISTED {
        for (index, inner) in schema[name].as_array().into_iter().flatten().enumerate() {
            collect(format!("{pointer}/{name}/{index}"), inner, found);
        }
    }
    for name in NAMED {
        for (key, inner) in fields(&schema[name]) {
            collect(format!("{pointer}/{name}/{}", escape(key)), inner, found);
        }
    }
    found.push((pointer, schema));
}

/// Everything in a document, but for what is in its examples.
fn walk<'a>(pointer: &str, value: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(pointer, value);
    for (key, child) in fields(value).filter(|(key, _)| !["example", "examples"].contains(&key.as_str())) {
        walk(&format!("{pointer}/{}", escape(key)), child, visit);
    }
    for (index, child) in value.as_array().into_iter().flatten().enumerate() {
        walk(&format!("{pointer}/{index}"), child, visit);
    }
}

/// What a schema refers to, in one step or in several, and all that is in that.
fn with_what_it_refers_to(schema: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    collect(String::new(), schema, &mut found);
    let mut all: Vec<_> = found.into_iter().map(|(_, schema)| schema).collect();
    let mut seen = 0;
    while seen < all.len() {
        if all[seen].get("$ref").is_some() {
            let target = contract().resolve(all[seen]);
            if !all.iter().any(|known| std::ptr::eq(*known, target)) {
                let mut inner = Vec::new();
                collect(String::new(), target, &mut inner);
                all.extend(inner.into_iter().map(|(_, schema)| schema));
            }
        }
        seen += 1;
    }
    all
}

/// Many programs read `true` and `false` where a schema is due as an error of the document; and of "not this" none
/// makes anything.
fn every_schema_is_an_object_that_says_what_there_is(_: &Repository) {
    for (pointer, schema) in schemas() {
        assert!(schema.is_object(), "{pointer} is {schema}");
        assert!(schema.get("not").is_none() && schema.get("if").is_none(), "{pointer} says what there is not");
    }
}

/// A field with a default is one that is always there, for those who make types of it; so it would have to be sent.
fn no_field_of_a_request_has_a_default(_: &Repository) {
    let mut checked = 0;
    for operation in &contract().operations {
        let Some(pointer) = operation.body_schema() else { continue };
        for schema in with_what_it_refers_to(contract().at(&pointer).1) {
            assert!(schema.get("default").is_none(), "{}: {schema}", operation.id);
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} schemas");
}

/// Consoles fill in what they find there, and send it: somebody's cursor, one `Idempotency-Key` for all.
fn no_optional_parameter_has_a_value_to_be_sent(_: &Repository) {
    let mut checked = 0;
    for operation in &contract().operations {
        for parameter in operation.definition["parameters"].as_array().into_iter().flatten() {
            if parameter["required"] == true {
                continue;
            }
            checked += 1;
            let parts = with_what_it_refers_to(&parameter["schema"]);
            for part in parts.into_iter().chain([parameter]) {
                let value = part.get("example").or_else(|| part.get("examples"));
                assert!(value.is_none(), "{} of {}: {part}", parameter["name"], operation.id);
            }
        }
    }
    assert!(checked > 50, "only {checked} parameters");
}

/// Some programs take it for the schema of a body, and others refuse the document.
fn no_link_has_a_body(_: &Repository) {
    let links = &contract().document["components"]["links"];
    assert!(fields(links).count() > 10, "there are links");
    walk("", &contract().document, &mut |pointer, value| {
        for (name, link) in fields(&value["links"]).filter(|_| !pointer.contains("/schema")) {
            assert!(link.get("requestBody").is_none(), "{pointer}/links/{name}");
        }
    });
}

/// What JavaScript, TypeScript, Python and Java have already, by these names and in scope everywhere.
const BUILT_IN: &str = "
    AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError
    Event File FileList FinalizationRegistry Float32Array Float64Array FormData Function Headers History Image
    Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Location Map Math NaN Navigator Node Notification
    Number Object Option Promise Proxy RangeError Range ReferenceError Reflect RegExp Request Response Selection Set
    SharedArrayBuffer Storage String Symbol SyntaxError Text TypeError URIError URL URLSearchParams Uint16Array
    Uint32Array Uint8Array WeakMap WeakRef WeakSet Window Worker Blob Body Cache Client Comment Document Element Lock
    Awaited Capitalize ConstructorParameters Exclude Extract InstanceType Lowercase NonNullable Omit Parameters Partial
    Pick Readonly Record Required ReturnType ThisType Uncapitalize Uppercase any bigint boolean never null number object
    string symbol undefined unknown void
    ArithmeticError AssertionError AttributeError BaseException BufferError BytesWarning ConnectionError Ellipsis
    EOFError Exception False FileExistsError GeneratorExit IOError ImportError IndexError KeyError KeyboardInterrupt
    LookupError MemoryError NameError None NotImplemented NotImplementedError OSError OverflowError PermissionError
    RuntimeError StopIteration SystemError SystemExit TimeoutError True UnicodeError ValueError Warning
    ZeroDivisionError abs all bool bytearray bytes callable chr classmethod complex dict dir enumerate eval filter float
    format frozenset getattr hash help hex id input int iter len list map max min next oct open ord pow print property
    range repr reversed round self set slice sorted str sum super tuple type vars zip date datetime time timedelta
    decimal List Dict Tuple Union Optional Type Literal Generic Callable Self Field BaseModel
    Byte Character CharSequence Class ClassLoader Cloneable Comparable Compiler Deprecated Double Enum Float
    FunctionalInterface Integer InterruptedException Iterable Long Module Override Package Process ProcessBuilder
    Runnable Runtime SecurityException Short StackTraceElement StrictMath StringBuffer StringBuilder System Thread
    ThreadGroup ThreadLocal Throwable Void Collection Collections Arrays Objects UUID BigDecimal OffsetDateTime
    LocalDate Currency Locale Scanner Timer
    and as assert async await break case catch class const continue def default del delete do elif else enum except
    export extends final finally for from function global goto if implements import in instanceof interface is lambda
    let native new nonlocal not or package pass private protected public raise return static switch
    synchronized this throw throws transient try typeof var volatile while with yield";

/// A program with a class `Date` of its own has no other, in all of its files.
fn no_name_is_one_of_a_programming_language(_: &Repository) {
    let is_built_in = |name: &str| BUILT_IN.split_whitespace().any(|built_in| built_in == name);
    for (name, _) in fields(&contract().document["components"]["schemas"]) {
        assert!(!is_built_in(name), "the schema {name}");
    }
    for operation in &contract().operations {
        assert!(!is_built_in(&operation.id), "the operation {}", operation.id);
    }
}

/// With unique items it becomes a set: some of those have no order, and some programs leave out one that is null.
fn a_list_is_no_set(_: &Repository) {
    for (pointer, schema) in schemas() {
        assert!(schema.get("uniqueItems").is_none(), "{pointer}");
    }
}

/// What stands beside `oneOf`, an enumeration as well as a field, is lost to many programs; and what stands in it
/// without a name gets one that nobody can guess. Where objects are the choice, one of their fields tells which.
fn a_union_is_of_named_schemas_and_nothing_else(_: &Repository) {
    let mut checked = 0;
    for (pointer, schema) in schemas() {
        assert!(schema.get("anyOf").is_none(), "{pointer}: one of several is oneOf");
        let Some(members) = schema["oneOf"].as_array() else { continue };
        checked += 1;
        for (beside, _) in fields(schema) {
            assert!(["oneOf", "description", "discriminator"].contains(&beside.as_str()), "{pointer}: {beside}");
        }
        let named: Vec<_> = members.iter().filter_map(|member| member["$ref"].as_str()).collect();
        let nulls = members.iter().filter(|member| **member == serde_json::json!({"type": "null"})).count();
        assert_eq!(named.len() + nulls, members.len(), "{pointer}: {schema}");
        if named.len() > 1 {
            let told_by = schema["discriminator"]["propertyName"].as_str().unwrap_or_else(|| panic!("{pointer}"));
            let mapped: Vec<_> = fields(&schema["discriminator"]["mapping"]).collect();
            assert_eq!(mapped.len(), named.len(), "{pointer}");
            for (value, target) in mapped {
                let target = target.as_str().filter(|target| named.contains(target)).expect("one of them");
                let parts = with_what_it_refers_to(contract().at(target.trim_start_matches('#')).1);
                let is_said =
                    parts.iter().any(|part| part["properties"][told_by]["enum"] == serde_json::json!([value]));
                assert!(is_said, "{target} does not say that its {told_by} is {value}");
            }
        }
    }
    assert!(checked > 10, "only {checked} unions");
}

/// Of `allOf` most programs make one class with the fields of all parts: a field that two of them enumerate is in
/// the way of itself.
fn no_property_is_enumerated_twice(_: &Repository) {
    let mut checked = 0;
    for (pointer, schema) in schemas() {
        let Some(parts) = schema["allOf"].as_array() else { continue };
        let mut enumerated: Vec<_> = parts
            .iter()
            .flat_map(|part| fields(&contract().resolve(part)["properties"]))
            .filter(|(_, field)| field.get("enum").is_some() || field.get("const").is_some())
            .map(|(name, _)| name)
            .collect();
        checked += enumerated.len();
        enumerated.sort();
        let all = enumerated.len();
        enumerated.dedup();
        assert_eq!(enumerated.len(), all, "{pointer}");
        let nothing_beside = fields(schema).all(|(name, _)| ["allOf", "description"].contains(&name.as_str()));
        assert!(nothing_beside, "{pointer}: {schema}");
    }
    assert!(checked > 30, "only {checked} fields");
}

/// A schema without a name gets the name of one operation and one status, in as many copies as there are.
fn every_answer_with_fields_has_a_named_schema(_: &Repository) {
    let mut checked = 0;
    walk("", &contract().document, &mut |pointer, value| {
        if !(pointer.contains("/content/application~1") && pointer.ends_with("json") && value.get("schema").is_some()) {
            return;
        }
        checked += 1;
        let schema = &value["schema"];
        let is_list = schema["type"] == "array" && schema["items"].get("$ref").is_some();
        let is_union = schema.get("oneOf").is_some();
        assert!(schema.get("$ref").is_some() || is_list || is_union, "{pointer}: {schema}");
    });
    assert!(checked > 50, "only {checked} bodies");
}

/// Programs that read the contract from a file know no other.
fn the_first_server_is_where_one_listens_that_was_just_started(_: &Repository) {
    let default =
        |name: &str| kennel::config::VARIABLES.iter().find(|variable| variable.name == name).map(|v| v.default);
    let address = format!("http://{}:{}", default("HOST").expect("HOST"), default("PORT").expect("PORT"));
    assert_eq!(contract().document["servers"][0]["url"], address.as_str());
}

/// Importers make up what is not there, from the patterns, of letters that nobody can read.
fn every_body_has_an_example_with_all_that_it_needs(_: &Repository) {
    let mut checked = 0;
    for operation in &contract().operations {
        let Some(body) = operation.definition.get("requestBody") else { continue };
        for (kind, media) in fields(&contract().resolve(body)["content"]) {
            let named = fields(&media["examples"]).map(|(_, example)| &contract().resolve(example)["value"]);
            let examples: Vec<_> = named.collect();
            assert!(!examples.is_empty(), "{} {kind}", operation.id);
            let required = &contract().resolve(&media["schema"])["required"];
            for field in required.as_array().into_iter().flatten().filter_map(Value::as_str) {
                assert!(
                    examples.iter().all(|example| example.get(field).is_some()),
                    "{} {kind}: {field}",
                    operation.id
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} bodies");
}
