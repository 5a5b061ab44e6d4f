//! The folder that mails are put into where no mail server is configured.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::client::{Client, PATIENCE};
use super::letter::{Envelope, Letter, Purpose, Sealed};

pub struct Outbox {
    directory: PathBuf,
}

impl Outbox {
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The files in it, by their names: the oldest first.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        files
    }

    /// The token of the first mail to this address for this purpose; waits for it while the server is busy with
    /// something else.
    #[track_caller]
    pub fn token(&self, address: &str, purpose: Purpose, server: &Client) -> String {
        self.next(address, purpose, server).token().to_owned()
    }

    #[track_caller]
    pub fn next(&self, address: &str, purpose: Purpose, server: &Client) -> Letter {
        let began = Instant::now();
        loop {
            server.anon().get("/health/live").expect(200);
            let fits = |letter: &Letter| letter.is_to(address) && letter.purpose() == purpose;
            if let Some(letter) = self.letters().into_iter().find(fits) {
                return letter;
            }
            assert!(began.elapsed() < PATIENCE, "no {purpose:?} for {address} in {}", self.directory.display());
        }
    }

    /// Waits until so many mails have come.
    pub fn until_there_are(&self, count: usize, server: &Client) -> Vec<Letter> {
        let began = Instant::now();
        loop {
            server.anon().get("/health/live").expect(200);
            let letters = self.letters();
            if letters.len() >= count {
                return letters;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {count} mails in {}", letters.len(), self.directory.display());
        }
    }

    /// The mails in it; what begins with a dot is none yet.
    fn letters(&self) -> Vec<Letter> {
        let is_mail = |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
        let read = |path| fs::read_to_string(path).expect("a mail can be read");
        let mails = self.files().into_iter().filter(is_mail);
        mails.map(|path| Letter::open(Sealed { envelope: Envelope::default(), text: read(path) })).collect()
    }

    pub fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
