//! Writes the OpenAPI document: `cargo run -p forebay-api --example openapi > api/openapi.json`

fn main() {
    print!("{}", forebay_api::openapi_json());
}
