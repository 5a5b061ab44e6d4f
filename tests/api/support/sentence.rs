//! A sentence is a test named as the rule it states, told on a scene that is set for it alone.
//!
//! A scene is what the function asks for: `&App` (a running server, once on each database), `&Database`
//! (an empty database, no server), `&Repository` (the project's files, once). Who runs the trials is `main.rs`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use super::Engine;

/// How often a sentence is told.
#[derive(Clone, Copy)]
pub enum Told {
    /// Once on each database.
    OnEachDatabase,
    /// Once, with no database.
    Once,
}

/// What a sentence needs around it.
pub trait Scene {
    const TOLD: Told;

    fn set(engine: Engine) -> Self;
}

pub struct Sentence {
    /// Folder, file and function, so that a folder and a file are groups that can be told by themselves.
    name: String,
    told: Told,
    tell: Arc<dyn Fn(Engine) + Send + Sync>,
}

impl Sentence {
    pub fn new<S: Scene + 'static>(module: &str, name: &str, tell: fn(&S)) -> Self {
        let module = module.split_once("::").map_or("", |(_, inner)| inner);
        Self { name: format!("{module}::{name}"), told: S::TOLD, tell: Arc::new(move |engine| tell(&S::set(engine))) }
    }

    /// The trials that tell this sentence on the databases at hand.
    pub fn trials(&self, engines: &[Engine]) -> Vec<Trial> {
        match self.told {
            Told::Once => vec![self.trial(self.name.clone(), Engine::Sqlite)],
            Told::OnEachDatabase => {
                engines.iter().map(|engine| self.trial(format!("{}::{engine}", self.name), *engine)).collect()
            }
        }
    }

    fn trial(&self, name: String, engine: Engine) -> Trial {
        let tell = Arc::clone(&self.tell);
        Trial::test(name, move || play(|| tell(engine)))
    }
}

/// Lists the sentences of a file. A function that is not listed is never called, and the compiler says so.
macro_rules! sentences {
    ($($sentence:ident),+ $(,)?) => {
        vec![$($crate::support::Sentence::new(module_path!(), stringify!($sentence), $sentence)),+]
    };
}
pub(crate) use sentences;

/// Gathers the sentences of these modules: of the files in a folder, or of the folders. A module that is declared and
/// not gathered has sentences that are never told, and the compiler says so.
macro_rules! gather {
    ($($module:ident),+ $(,)?) => {
        pub fn sentences() -> Vec<$crate::support::Sentence> {
            [$($module::sentences()),+].into_iter().flatten().collect()
        }
    };
}
pub(crate) use gather;

/// What a panic that a test provokes in the server says, so that it is not printed as if it were news.
pub const ON_PURPOSE: &str = "a panic on purpose";

thread_local! {
    static IN_A_TRIAL: Cell<bool> = const { Cell::new(false) };
    static LAST_WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Lets a failed trial say where it failed, and keeps the panics that tests provoke in the server quiet.
pub fn keep_last_words() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if IN_A_TRIAL.get() {
            LAST_WORDS.set(Some(last_words(info)));
        } else if !words(info.payload()).contains(ON_PURPOSE) {
            print(info);
        }
    }));
}

fn play(tell: impl FnOnce()) -> Result<(), Failed> {
    IN_A_TRIAL.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(tell));
    IN_A_TRIAL.set(false);
    outcome.map_err(|payload| {
        let first = LAST_WORDS.take();
        Failed::from(first.unwrap_or_else(|| words(payload.as_ref()).to_owned()))
    })
}

fn last_words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(String::new, ToString::to_string);
    format!("{}\n  at {place}", words(info.payload()))
}

fn words(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(words) => words,
        None => payload.downcast_ref::<&str>().copied().unwrap_or("a panic without words"),
    }
}
