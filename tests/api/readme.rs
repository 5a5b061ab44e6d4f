//! The README's session works as printed: its commands are run in one shell against a real server, and what
//! they print is compared with what the README says they print.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::support::{App, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![the_session_works_as_printed]
}

/// A block of the session and what it prints, if the README says so.
struct Step {
    commands: String,
    prints: Option<(String, String)>,
}

fn the_session_works_as_printed(app: &App) {
    let readme = Repository::here().read("README.md");
    let steps = session(&readme);
    assert!(!steps.is_empty(), "the README has a session between <!-- session --> and <!-- /session -->");
    let printed = run(app, &steps);
    for (step, printed) in steps.iter().zip(&printed) {
        let Some((kind, expected)) = &step.prints else { continue };
        assert_eq!(
            shape(kind, printed),
            shape(kind, expected),
            "after\n{}\nthis was printed:\n{printed}",
            step.commands
        );
    }
}

/// The `sh` blocks between the markers, each with the `json` or `text` block that follows it.
fn session(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for part in readme.split("<!-- session -->").skip(1) {
        let part = part.split("<!-- /session -->").next().unwrap_or_default();
        for (kind, text) in blocks(part) {
            match (kind.as_str(), steps.last_mut()) {
                ("sh", _) => steps.push(Step { commands: text, prints: None }),
                ("json" | "text", Some(step)) if step.prints.is_none() => step.prints = Some((kind, text)),
                _ => {}
            }
        }
    }
    steps
}

/// The fenced blocks: their kind and text.
fn blocks(markdown: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in markdown.lines() {
        match (line.trim().strip_prefix("```"), open.as_mut()) {
            (Some(kind), None) => open = Some((kind.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Runs the commands in one shell; what each block printed.
fn run(app: &App, steps: &[Step]) -> Vec<String> {
    const MARK: &str = "=====the=next=block=====";
    let script: Vec<_> = steps.iter().map(|step| format!("{}\necho '{MARK}'\n", step.commands)).collect();
    let script = script.concat().replace("127.0.0.1:8000", &app.address.to_string());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(app.database.directory())
        .env("no_proxy", "*")
        .output()
        .expect("bash runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "the session stops after\n{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    stdout.split(&format!("{MARK}\n")).map(str::to_owned).collect()
}

/// The text with what differs from run to run by its shape: times, tokens, request ids.
fn shape(kind: &str, text: &str) -> String {
    if kind == "json" {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON, {error}: {text}"));
        return format!("{:#}", json_shape("", &value));
    }
    let lines = text.lines().map(|line| {
        let line = line.trim_end();
        match line.split_once(": ") {
            Some((name, _))
                if ["date", "x-request-id", "content-length"].contains(&name.to_ascii_lowercase().as_str()) =>
            {
                format!("{}: …", name.to_ascii_lowercase())
            }
            _ => line.split(' ').map(text_shape).collect::<Vec<_>>().join(" "),
        }
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn json_shape(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let fields: BTreeMap<_, _> = object.iter().map(|(name, value)| (name, json_shape(name, value))).collect();
            fields.into_iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(|item| json_shape("", item)).collect(),
        Value::Number(_) if name == "id" || name.ends_with("_id") => "an id".into(),
        Value::String(_) if name == "request_id" => "a request id".into(),
        Value::String(_) if name == "refresh_token" => "a refresh token".into(),
        Value::String(text) => text_shape(text).into(),
        other => other.clone(),
    }
}

fn text_shape(word: &str) -> String {
    let is_time = word.len() == 24 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    if is_time {
        "a time".to_owned()
    } else if word.starts_with("eyJ") {
        "a token".to_owned()
    } else {
        word.to_owned()
    }
}
