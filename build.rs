//! What is made before the server is: the contract as JSON, and both in their compressed forms. And the migrations are
//! embedded, of which cargo does not see a new one by itself.

use std::{env, error::Error, fs, io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=openapi.yaml");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let yaml = fs::read_to_string("openapi.yaml")?;
    // In the order in which it was written (serde_json's `preserve_order`): tools show it so.
    let json = serde_saphyr::from_str::<serde_json::Value>(&yaml)?.to_string();
    fs::write(out.join("openapi.yaml.gz"), packed(&yaml)?)?;
    fs::write(out.join("openapi.json.gz"), packed(&json)?)?;
    fs::write(out.join("openapi.json"), json)?;
    Ok(())
}

fn packed(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(text.as_bytes())?;
    Ok(packed.finish()?)
}
