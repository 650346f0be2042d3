//! Writes the description of the HTTP API:
//! `cargo run -q -p console --example openapi > docs/openapi.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(console::openapi_json().as_bytes())
}
