//! What is made before the server is: the contract as JSON, and all that never changes in its compressed form, the files
//! of the pages and of the console among it. Those that are others' come out of a crate. And the migrations are
//! embedded, of which cargo does not see a new one by itself.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher},
    io::Read,
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as SWAGGER_UI;
use zopfli::{Format, Options};

/// The contract as a collection for Postman, made by `.ci/postman`.
const COLLECTION: &str = "docs/postman/kennel.postman_collection.json";
/// The files of the pages that are ours.
const OURS: &str = "src/pages/files";
/// The files of Swagger UI, as its archive spells them, and what they are called here.
const THEIRS: [(&str, &str); 3] = [
    ("/dist/swagger-ui-bundle.js", "swagger-ui.js"),
    ("/dist/swagger-ui.css", "swagger-ui.css"),
    ("/LICENSE", "swagger-ui-license.txt"),
];

/// The console: its page, and the files that the page loads.
const CONSOLE: &str = "console";
const CONSOLE_PAGE: &str = "index.html";
/// The client that the console imports, and that is served beside its files.
const CLIENT: &str = "clients/javascript/kennel.js";
/// The one file of the console that is not served.
const FOR_THE_TYPES: &str = "tsconfig.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=openapi.yaml");
    println!("cargo:rerun-if-changed={COLLECTION}");
    println!("cargo:rerun-if-changed={OURS}");
    println!("cargo:rerun-if-changed={CONSOLE}");
    println!("cargo:rerun-if-changed={CLIENT}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let yaml = fs::read("openapi.yaml")?;
    // In the order in which it was written (serde_json's `preserve_order`): tools show it so.
    let json = serde_saphyr::from_slice::<serde_json::Value>(&yaml)?.to_string().into_bytes();
    write_packed(&out, "openapi.yaml", &yaml)?;
    write_packed(&out, "openapi.json", &json)?;
    fs::write(out.join("openapi.json"), json)?;
    write_packed(&out, "postman.json", &fs::read(COLLECTION)?)?;
    for file in fs::read_dir(OURS)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a file's name is no text")?;
        write_packed(&out, name, &fs::read(&path)?)?;
    }
    for (entry, name) in THEIRS {
        let packed = gzip_of_entry(SWAGGER_UI, entry).ok_or_else(|| format!("Swagger UI has no {entry}"))?;
        let mut plain = Vec::new();
        // Which checks length and sum, too.
        GzDecoder::new(&*packed).read_to_end(&mut plain)?;
        fs::write(out.join(name), plain)?;
        fs::write(out.join(format!("{name}.gz")), packed)?;
    }
    make_console(&out.join(CONSOLE))
}

/// Makes the console in a folder of its own: its files compressed, a list of them for `src/pages/console.rs`, and its
/// page with their version, a digest of all that it is made of.
fn make_console(out: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    let mut paths = vec![PathBuf::from(CLIENT)];
    for file in fs::read_dir(CONSOLE)? {
        paths.push(file?.path());
    }
    paths.retain(|path| !path.ends_with(FOR_THE_TYPES));
    // A folder has no order by itself.
    paths.sort();
    // Nobody makes these files to deceive anybody, so 64 bits of any good hash will do.
    let (mut digest, mut list) = (DefaultHasher::new(), String::new());
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a file's name is no text")?;
        let plain = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        digest.write(name.as_bytes());
        digest.write(&plain);
        if name == CONSOLE_PAGE {
            continue;
        }
        write_packed(out, name, &plain)?;
        let (media_type, path) = (media_type(&path)?, path.display());
        writeln!(list, "File {{ name: {name:?}, media_type: {media_type:?},")?;
        writeln!(list, "plain: include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{path}\")),")?;
        writeln!(list, "packed: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{CONSOLE}/{name}.gz\")) }},")?;
    }
    fs::write(out.join("files.rs"), format!("&[\n{list}]\n"))?;
    let version = format!("{:016x}", digest.finish());
    let page = fs::read_to_string(Path::new(CONSOLE).join(CONSOLE_PAGE))?.replace("{{version}}", &version);
    fs::write(out.join("version"), version)?;
    write_packed(out, CONSOLE_PAGE, page.as_bytes())?;
    Ok(fs::write(out.join(CONSOLE_PAGE), page)?)
}

/// The media type of a file of the console; an error if there is none for it.
fn media_type(path: &Path) -> Result<&'static str, String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("svg") => Ok("image/svg+xml"),
        _ => Err(format!(
            "{} cannot be served: {CONSOLE} has {CONSOLE_PAGE}, .css, .js, .svg and {FOR_THE_TYPES}, or build.rs is to \
             learn the media type of another file",
            path.display()
        )),
    }
}

/// Writes the gzip form of a file. One iteration leaves what fifteen would make smaller by two in a thousand.
fn write_packed(out: &Path, name: &str, plain: &[u8]) -> Result<(), Box<dyn Error>> {
    let options = Options { iteration_count: NonZeroU64::MIN, ..Options::default() };
    let mut packed = Vec::new();
    zopfli::compress(options, Format::Gzip, plain, &mut packed)?;
    Ok(fs::write(out.join(format!("{name}.gz")), packed)?)
}

/// An entry of a zip archive, named by the end of its path, as a gzip file. Both hold the same compressed stream with
/// the same sum and length, so nothing is compressed anew.
fn gzip_of_entry(zip: &[u8], path: &str) -> Option<Vec<u8>> {
    const DEFLATED: u16 = 8;
    // APPNOTE.TXT §4.3.16: the end of the central directory, behind which there is a comment only, says where it begins.
    let end = zip.get(zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06")?..)?;
    let mut directory = zip.get(size_at(end, 16)?..)?;
    // §4.3.12: one header for each file.
    while directory.starts_with(b"PK\x01\x02") {
        let name_length = usize::from(u16_at(directory, 28)?);
        let more = usize::from(u16_at(directory, 30)?) + usize::from(u16_at(directory, 32)?);
        let name = directory.get(46..46 + name_length)?;
        // Below the one folder that all are in.
        let is_it = name.strip_suffix(path.as_bytes()).is_some_and(|folder| !folder.contains(&b'/'));
        if is_it && u16_at(directory, 10)? == DEFLATED {
            let (sum, packed, length) = (directory.get(16..20)?, size_at(directory, 20)?, directory.get(24..28)?);
            // §4.3.7: the file's own header, whose name and extra field have lengths of their own.
            let file = zip.get(size_at(directory, 42)?..)?;
            let begin = 30 + usize::from(u16_at(file, 26)?) + usize::from(u16_at(file, 28)?);
            let stream = file.get(begin..begin + packed)?;
            // RFC 1952 §2.3: no name, no time, best compression, any system.
            return Some([&b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"[..], stream, sum, length].concat());
        }
        directory = directory.get(46 + name_length + more..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    let size = bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)?;
    usize::try_from(size).ok()
}
