//! Writes `docs/configuration.md` anew: `cargo run -p forebay-cli --example configuration`.

fn main() -> std::io::Result<()> {
    std::fs::write(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"),
        forebay_cli::reference::page(),
    )
}
