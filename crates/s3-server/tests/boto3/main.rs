//! Amazon's own Python client against this server: `features.py` says what is tried.
//!
//! It is installed by pip into a virtual environment under `target` at the first run.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests, and not what helps them"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clock::Clock;
use model::Secret;
use s3_server::{S3Server, S3ServerConfig};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_finds_the_s3_that_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let config = S3ServerConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        directory: dir.path().to_owned(),
        buckets: vec![],
        access_key_id: "id".into(),
        secret: Secret::new("secret"),
    };
    let server = S3Server::start(config, Clock::system()).await.unwrap();
    let endpoint = format!("http://{}", server.address());
    let ran = tokio::task::spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boto3/features.py");
        run(Command::new(python())
            .arg(script)
            .args([&endpoint, "id", "secret"]))
    });
    let output = ran.await.unwrap();
    assert!(output.contains("features ok"), "{output}");
    server.shutdown().await;
}

/// A Python that has boto3.
fn python() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boto3");
    let (python, done) = (dir.join("bin/python"), dir.join("installed-with-crt"));
    if !done.try_exists().unwrap() {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&dir));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "boto3[crt]"]));
        std::fs::write(done, "").unwrap();
    }
    python
}

fn run(command: &mut Command) -> String {
    let output = command.env("AWS_EC2_METADATA_DISABLED", "true").output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?} failed:\n{out}\n{err}");
    out.into_owned()
}
