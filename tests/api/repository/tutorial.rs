//! The tutorial works as printed: each chapter's commands are run in a shell of its own against a real server, and what
//! they print is compared with what the tutorial says they print.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::{App, Database, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        each_chapter_works_as_printed_again_and_beside_the_rows_of_others,
        a_slow_reader_gets_the_same_answers,
        a_chapter_leaves_no_account_behind,
        the_usual_quotas_are_enough_for_each_chapter,
        the_readme_leads_to_a_dog,
    ]
}

/// A block of a chapter and what it prints, if the tutorial says so.
struct Step {
    commands: String,
    prints: Option<(String, String)>,
}

fn each_chapter_works_as_printed_again_and_beside_the_rows_of_others(app: &App) {
    let others = app.sign_in("others");
    let owner = others.owner("Ann");
    others.dog("Rex", owner);
    for _ in 0..2 {
        for chapter in chapters() {
            walk(app, &chapter, || {});
        }
    }
}

fn a_slow_reader_gets_the_same_answers(app: &App) {
    let [first, second, third] = chapters().try_into().ok().expect("three chapters");
    for chapter in [first, second] {
        // The access token has expired by the next block, and so nobody is logged in.
        walk(app, &chapter, || {
            app.database.execute("DELETE FROM sessions").expect("it can be said");
        });
    }
    walk(app, &third, || {
        for column in ["created_at", "last_seen_at", "rotated_at", "expires_at"] {
            app.database.put_back(column, "sessions", 20 * 60);
        }
    });
}

fn a_chapter_leaves_no_account_behind(app: &App) {
    for chapter in chapters() {
        walk(app, &chapter, || {});
        assert_eq!(app.database.count("users"), 0);
        assert!(chapter.last().is_some_and(|step| step.commands.contains("unset PASSWORD")));
        // What a command line says, every user of the machine can read.
        for step in &chapter {
            let said = step.commands.lines().filter(|line| line.contains("curl") || line.contains("kennel "));
            assert!(!said.clone().any(|line| line.contains("$PASSWORD")), "{}", step.commands);
            let calls = step.commands.lines().filter(|line| !line.contains("local status="));
            let hidden = calls.filter(|line| line.contains("-o /dev/null")).count();
            assert_eq!(hidden, 0, "a failure would not be seen: {}", step.commands);
        }
    }
}

fn the_usual_quotas_are_enough_for_each_chapter(scene: &Database) {
    let usual = ["LOGIN_RATE", "SIGNUP_RATE", "USER_RATE", "IP_RATE"].map(|name| (name, ""));
    let app = App::with(Database::fresh(scene.engine), &usual);
    for chapter in chapters() {
        walk(&app, &chapter, || {});
    }
    assert_eq!(app.database.count("users"), 0);
}

fn the_readme_leads_to_a_dog(app: &App) {
    let readme = blocks(&Repository::here().read("README.md"));
    let [(_, commands)] = readme.iter().filter(|(kind, _)| kind == "sh").collect::<Vec<_>>()[..] else {
        panic!("the README has one block for a shell");
    };
    let printed = Shell::in_the_folder_of(app).run(&commands.replace("127.0.0.1:8000", &app.address.to_string()));
    let list = printed.rsplit_once("[{").map(|(_, list)| format!("[{{{list}")).expect("a list at the end");
    let dogs: Value = serde_json::from_str(&list).unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert_eq!(dogs[0]["name"], "Rex", "{printed}");
}

/// Runs a chapter, block by block; `meanwhile` is what happens before the reader comes to the next one.
fn walk(app: &App, steps: &[Step], meanwhile: impl Fn()) {
    let mut shell = Shell::in_the_folder_of(app);
    for step in steps {
        let printed = shell.run(&step.commands.replace("127.0.0.1:8000", &app.address.to_string()));
        if let Some((kind, expected)) = &step.prints {
            let context = format!("after\n{}\nthis was printed:\n{printed}", step.commands);
            assert_eq!(shape(kind, &printed), shape(kind, expected), "{context}");
        }
        meanwhile();
    }
}

/// The chapters: of each the `sh` blocks between its markers, with the `json` or `text` block that follows.
fn chapters() -> Vec<Vec<Step>> {
    let tutorial = Repository::here().read("docs/tutorial.md");
    let parts = tutorial.split("<!-- session -->").skip(1);
    parts.map(|part| steps(part.split("<!-- /session -->").next().unwrap_or_default())).collect()
}

fn steps(chapter: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (kind, text) in blocks(chapter) {
        match (kind.as_str(), steps.last_mut()) {
            ("sh", _) => steps.push(Step { commands: text, prints: None }),
            ("json" | "text", Some(step)) if step.prints.is_none() => step.prints = Some((kind, text)),
            _ => {}
        }
    }
    steps
}

/// A shell that somebody types into.
struct Shell {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    fn in_the_folder_of(app: &App) -> Self {
        let mut process = Command::new("bash")
            .args(["-uo", "pipefail", "-s"])
            .current_dir(app.database.directory())
            .env("no_proxy", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, stdout }
    }

    /// What a block prints.
    fn run(&mut self, commands: &str) -> String {
        const MARK: &str = "=====the=next=block=====";
        let stdin = self.process.stdin.as_mut().expect("a pipe");
        // In braces it is read whole before it runs, as a terminal's paste is, and no command reads the next one.
        writeln!(stdin, "{{\n{commands}\n}} </dev/null; echo; echo {MARK}").expect("the shell reads");
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            if self.stdout.read_line(&mut line).expect("a line") == 0 {
                let mut said = String::new();
                let _nobody_else_reads = self.process.stderr.take().expect("a pipe").read_to_string(&mut said);
                panic!("the session ends after\n{commands}\n{printed}\n{said}");
            }
            if line.trim_end() == MARK {
                return printed;
            }
            printed.push_str(&line);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _it_may_have_ended = self.process.wait();
    }
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
        Value::Array(items) => items.iter().map(|item| json_shape(name, item)).collect(),
        Value::Number(_) if name == "id" || name.ends_with("_id") || name.ends_with("_ids") => "an id".into(),
        Value::String(_) if name == "request_id" => "a request id".into(),
        Value::String(_) if name == "refresh_token" => "a refresh token".into(),
        Value::String(text) => text_shape(text).into(),
        other => other.clone(),
    }
}

fn text_shape(word: &str) -> String {
    // Names have a number, and ids are in paths.
    let word = &as_first(word);
    let is_time = word.len() == 24 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    if is_time {
        "a time".to_owned()
    } else if word.starts_with("eyJ") {
        "a token".to_owned()
    } else {
        word.to_owned()
    }
}

/// A name such as `alice-1795683000-4711`, a path such as `/dogowner/dogs/7`, or a problem, without what is this run's.
fn as_first(word: &str) -> String {
    let plain = word.split(['"', '@']).map(|part| match part {
        _ if part.starts_with('/') => {
            let is_id = |segment: &&str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            part.split('/').map(|segment| if is_id(&segment) { "id" } else { segment }).collect::<Vec<_>>().join("/")
        }
        _ if part.starts_with("alice-") || part.starts_with("bob-") => {
            part.split('-').next().unwrap_or_default().to_owned()
        }
        _ => part.to_owned(),
    });
    plain.collect::<Vec<_>>().join("\"")
}
