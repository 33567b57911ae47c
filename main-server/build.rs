//! Makes sure that the folder the pages are embedded from exists, so that the crate builds without Node: it then
//! serves one page that says how to build them.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../web/dist");
    fs::create_dir_all(&dist)?;
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
