//! The image, the composition and the unit: what they set is read, and what they name is there.

use std::collections::BTreeMap;

use kennel::config::VARIABLES;
use serde_json::Value;

use crate::support::{Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        what_the_image_sets_is_read,
        what_the_composition_sets_is_read_and_its_secrets_are_given,
        what_the_unit_sets_is_read_and_its_credentials_are_loaded,
        whatever_stops_the_server_gives_it_the_time_that_it_may_take,
        what_the_image_is_built_of_goes_to_the_builder,
    ]
}

const UNITS: [&str; 2] = ["contrib/systemd/kennel.service", "contrib/systemd/kennel.service.d/postgresql.conf"];

/// Fails unless each of these is the name of a variable.
#[track_caller]
fn read<'a>(names: impl IntoIterator<Item = &'a str>) {
    let names: Vec<_> = names.into_iter().collect();
    assert!(!names.is_empty(), "something is set");
    let unread = names.iter().filter(|name| VARIABLES.iter().all(|variable| variable.name != **name));
    assert_eq!(unread.collect::<Vec<_>>(), [&""; 0], "these are not read");
}

/// `NAME` of each `NAME=value` of a line.
fn names_in(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace().filter_map(|setting| Some(setting.split_once('=')?.0))
}

/// The values of a directive, of all lines that begin with it.
fn directives<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.strip_prefix(name)).map(str::trim)
}

fn composition(repository: &Repository) -> Value {
    serde_saphyr::from_str(&repository.read("compose.yaml")).expect("compose.yaml is YAML")
}

fn what_the_image_sets_is_read(repository: &Repository) {
    let text = repository.read("Dockerfile");
    read(directives(&text, "ENV ").flat_map(names_in));
}

fn what_the_composition_sets_is_read_and_its_secrets_are_given(repository: &Repository) {
    let composition = composition(repository);
    let kennel = &composition["services"]["kennel"];
    let environment: BTreeMap<String, String> =
        serde_json::from_value(kennel["environment"].clone()).expect("names and values");
    read(environment.keys().map(String::as_str));
    for service in ["kennel", "database"] {
        let service = &composition["services"][service];
        let given: Vec<_> = service["secrets"].as_array().expect("secrets").iter().filter_map(Value::as_str).collect();
        let settings = service["environment"].as_object().expect("an environment").values().filter_map(Value::as_str);
        let asked: Vec<_> = settings.filter_map(|value| value.strip_prefix("/run/secrets/")).collect();
        assert_eq!(asked, given);
        assert!(given.iter().all(|name| composition["secrets"][name].is_object()), "{given:?}");
    }
    // What is believed is the proxy, and nothing else.
    let proxy = &composition["services"]["proxy"]["networks"]["front"]["ipv4_address"];
    assert_eq!(proxy.as_str(), environment.get("TRUSTED_PROXIES").map(String::as_str));
}

fn what_the_unit_sets_is_read_and_its_credentials_are_loaded(repository: &Repository) {
    for path in UNITS {
        let text = repository.read(path);
        let settings: Vec<_> = directives(&text, "Environment=").collect();
        read(settings.iter().flat_map(|line| names_in(line)));
        read(directives(&text, "UnsetEnvironment=").flat_map(str::split_whitespace).chain(["PORT"]));
        let loaded: Vec<_> = directives(&text, "LoadCredential=").filter_map(|line| line.split(':').next()).collect();
        let asked = settings.iter().flat_map(|line| line.split_whitespace());
        let asked: Vec<_> = asked.filter_map(|setting| Some(setting.split_once("=%d/")?.1)).collect();
        assert_eq!(asked, loaded, "{path}");
    }
}

fn whatever_stops_the_server_gives_it_the_time_that_it_may_take(repository: &Repository) {
    let default = VARIABLES.iter().find(|variable| variable.name == "SHUTDOWN_TIMEOUT").expect("a variable").default;
    let seconds = |text: &str| text.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok());
    let longest = seconds(default).expect("seconds");
    let unit = repository.read(UNITS[0]);
    let of_systemd = directives(&unit, "TimeoutStopSec=").next().and_then(seconds).expect("seconds");
    let composition = composition(repository);
    let of_compose =
        composition["services"]["kennel"]["stop_grace_period"].as_str().and_then(seconds).expect("seconds");
    assert!(of_systemd > longest && of_compose > longest, "{of_systemd} and {of_compose} for {longest}");
}

/// All but what `.dockerignore` names is kept from the builder, so that no secret and no data gets there.
fn what_the_image_is_built_of_goes_to_the_builder(repository: &Repository) {
    let ignored = repository.read(".dockerignore");
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let named: Vec<_> = lines.filter_map(|line| line.strip_prefix('!')).collect();
    let root = repository.names_in(".");
    for name in &named {
        assert!(root.iter().any(|there| there == name.split('/').next().unwrap_or_default()), "{name} is not there");
    }
    for name in [
        ".cargo",
        "Cargo.lock",
        "Cargo.toml",
        "build.rs",
        "clients/javascript",
        "console",
        "docs/postman",
        "migrations",
        "openapi.yaml",
        "src",
    ] {
        assert!(named.contains(&name), "the program is built of {name}");
    }
}
