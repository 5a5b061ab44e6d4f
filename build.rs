//! What is made before the server is: the contract as JSON, and all that never changes in its compressed form, the files
//! of the pages among it. Those that are others' come out of a crate. And the migrations are embedded, of which cargo
//! does not see a new one by itself.

use std::{
    env,
    error::Error,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as SWAGGER_UI;

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

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=openapi.yaml");
    println!("cargo:rerun-if-changed={COLLECTION}");
    println!("cargo:rerun-if-changed={OURS}");
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
    Ok(())
}

fn write_packed(out: &Path, name: &str, plain: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain)?;
    Ok(fs::write(out.join(format!("{name}.gz")), packed.finish()?)?)
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
