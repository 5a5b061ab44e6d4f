//! The files that pages load. `build.rs` has compressed them, and laid Swagger UI, which is others', beside ours.
//!
//! The name of each has a digest of what is in it, so that a browser keeps it for as long as it likes: what changes has
//! another name.

use std::sync::LazyLock;

use actix_web::{http::header::HeaderValue, web::Bytes};

use crate::wire::Precompressed;

/// Where the files are.
const FOLDER: &str = "/assets";
/// Letters of a digest that are in a name.
const DIGEST: usize = 16;

/// A file as it was built in.
pub struct File {
    /// The name, without a folder or a digest.
    pub name: &'static str,
    /// The media type, with the charset of a text.
    pub media_type: &'static str,
    /// The content.
    pub plain: &'static [u8],
    /// The content, compressed by gzip.
    pub packed: &'static [u8],
}

impl File {
    /// The file as it is sent.
    pub fn precompressed(&self) -> Precompressed {
        let media_type = HeaderValue::from_static(self.media_type);
        Precompressed::new(media_type, Bytes::from_static(self.plain), Bytes::from_static(self.packed))
    }
}

macro_rules! files {
    ($($whose:ident $name:literal $media_type:literal;)*) => {
        &[$(File {
            name: $name,
            media_type: $media_type,
            plain: include_bytes!(files!(@$whose $name)),
            packed: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
        },)*]
    };
    (@ours $name:literal) => { concat!(env!("CARGO_MANIFEST_DIR"), "/src/pages/files/", $name) };
    (@theirs $name:literal) => { concat!(env!("OUT_DIR"), "/", $name) };
}

const FILES: &[File] = files! {
    ours "page.css" "text/css; charset=utf-8";
    ours "docs.css" "text/css; charset=utf-8";
    ours "docs.js" "text/javascript; charset=utf-8";
    ours "icon.svg" "image/svg+xml";
    theirs "swagger-ui.css" "text/css; charset=utf-8";
    theirs "swagger-ui.js" "text/javascript; charset=utf-8";
    theirs "swagger-ui-license.txt" "text/plain; charset=utf-8";
};

/// A static file that pages load: a style, a script or an image, at a path with a digest of its content, so that
/// browsers may keep it for ever.
pub struct Asset {
    /// The name without the digest.
    plain_name: &'static str,
    name: String,
    /// The content, plain and compressed.
    pub file: Precompressed,
}

/// Made when a page is first opened.
static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| FILES.iter().map(Asset::of).collect());

impl Asset {
    fn of(file: &File) -> Self {
        let made = file.precompressed();
        let (stem, extension) = file.name.rsplit_once('.').unwrap_or((file.name, ""));
        let digest = made.tag().tag().get(..DIGEST).unwrap_or_default();
        Self { plain_name: file.name, name: format!("{stem}.{digest}.{extension}"), file: made }
    }
}

/// The file with this name, its digest included, as it stands after `/assets/`; `None` if there is none.
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The path at which a page loads the file `plain_name`, such as `page.css`: `/assets/` and the name with its digest.
pub fn path(plain_name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.plain_name == plain_name);
    debug_assert!(asset.is_some(), "there is no file {plain_name}");
    asset.map_or_else(String::new, |asset| format!("{FOLDER}/{}", asset.name))
}
