//! s3s-fs: an S3 server that keeps objects as files and checks signatures.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Child;

use anyhow::{Context, Result};

use super::place::{ACCESS_KEY, BUCKET, SECRET_KEY};
use super::{Place, Service};
use crate::process;
use crate::repository::Repository;

/// The newest that compiles with the Rust version this workspace asks for.
const VERSION: &str = "0.14.1";

/// Starts a server; a bucket is a folder of its data.
pub fn launch(place: &Place) -> Result<Child> {
    let data = place.folder_of(Service::S3).join("data");
    fs::create_dir_all(data.join(BUCKET)).with_context(|| format!("making {}", data.display()))?;
    let mut server = place.command(Service::S3, place.s3_server())?;
    server.args(["--host", "127.0.0.1", "--port", &place.ports().s3.to_string()]);
    server.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]).arg(data);
    process::spawn(&mut server)
}

/// Whether it listens.
pub fn is_ready(place: &Place) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, place.ports().s3)).is_ok()
}

/// The server's program, built once into `.forebay/tools`.
pub fn server(repository: &Repository) -> Result<PathBuf> {
    let tools = repository.data()?.join("tools");
    let server = tools.join("bin/s3s-fs");
    // Cargo's own record of what it installed whole.
    let record = fs::read_to_string(tools.join(".crates.toml")).unwrap_or_default();
    if !(server.is_file() && record.contains(&format!("s3s-fs {VERSION} "))) {
        eprintln!("building the S3 server s3s-fs {VERSION}, once (about two minutes) …");
        let mut cargo = repository.cargo();
        cargo.args(["install", "s3s-fs", "--version", VERSION, "--locked", "--features", "binary", "--root"]);
        process::openly(cargo.arg(&tools).arg("--force"), &repository.interrupt)
            .context("building s3s-fs: it comes from the crate registry; is that reachable?")?;
    }
    Ok(server)
}
