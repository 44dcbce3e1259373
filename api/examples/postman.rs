//! Writes the files for Postman: `cargo run -p forebay-api --example postman`

fn main() -> std::io::Result<()> {
    for (name, text) in forebay_api::postman() {
        std::fs::write(format!("{}/postman/{name}", env!("CARGO_MANIFEST_DIR")), text)?;
    }
    Ok(())
}
