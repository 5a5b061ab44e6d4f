//! The console, the front end for people at `/app`: a page, and the files that it loads. They are hand-written, lie in
//! `console/` as browsers run them, and use nothing but what the contract says. `build.rs` has listed and compressed
//! them.

use std::sync::LazyLock;

use super::assets::File;
use crate::wire::Precompressed;

/// The digest of all that the console is made of, in the paths of its files. Modules import each other by name alone,
/// so one digest names all of them, and a browser never mixes the files of two versions.
const VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/console/version"));

const PAGE: File = File {
    name: "index.html",
    media_type: "text/html; charset=utf-8",
    plain: include_bytes!(concat!(env!("OUT_DIR"), "/console/index.html")),
    packed: include_bytes!(concat!(env!("OUT_DIR"), "/console/index.html.gz")),
};

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/console/files.rs"));

/// The page of the console, which loads the files of its version.
pub fn page() -> &'static Precompressed {
    static MADE: LazyLock<Precompressed> = LazyLock::new(|| PAGE.precompressed());
    &MADE
}

/// The file `name` of a version of the console; `None` if there is none, or the version is another one. A file of
/// another version is not here under any name, and the present one in its place could be kept for a year, or run beside
/// those that it does not fit. Whoever opens the console gets the page of the present version: browsers ask for that
/// each time.
pub fn find(version: &str, name: &str) -> Option<&'static Precompressed> {
    static MADE: LazyLock<Vec<(&str, Precompressed)>> =
        LazyLock::new(|| FILES.iter().map(|file| (file.name, file.precompressed())).collect());
    let named = MADE.iter().find(|(known, _)| *known == name).map(|(_, file)| file);
    named.filter(|_| version == VERSION)
}
