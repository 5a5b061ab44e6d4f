//! The project's own files, for the sentences that compare one of them with another.

use std::fs;
use std::path::{Path, PathBuf};

use super::Engine;
use super::sentence::{Scene, Told};

pub struct Repository {
    root: PathBuf,
}

impl Scene for Repository {
    const TOLD: Told = Told::Once;

    fn set(_: Engine) -> Self {
        Self::here()
    }
}

impl Repository {
    pub fn here() -> Self {
        Self { root: PathBuf::from(env!("CARGO_MANIFEST_DIR")) }
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The Rust files under `src/`: their paths from there, and their text.
    pub fn sources(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect(&self.root.join("src"), &mut found);
        let named = found.into_iter().map(|path| {
            let name = path.strip_prefix(self.root.join("src")).expect("it is in src").display().to_string();
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, text)
        });
        named.collect()
    }

    /// The names in a directory, sorted.
    pub fn names_in(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("a directory can be listed").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory can be listed") {
        let path = entry.expect("a directory can be listed").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
