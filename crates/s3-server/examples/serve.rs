//! Serves a directory as S3: `serve DIRECTORY ADDRESS_FILE`, with key `id` and secret `secret`.
//! The address it listens on goes into the file. The tests kill it.

use std::path::PathBuf;

use clock::Clock;
use model::Secret;
use s3_server::{S3Server, S3ServerConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(directory), Some(address_file)) = (args.next(), args.next()) else {
        return Err("usage: serve DIRECTORY ADDRESS_FILE".into());
    };
    let config = S3ServerConfig {
        address: "127.0.0.1:0".parse()?,
        directory,
        buckets: vec!["bucket".into()],
        access_key_id: "id".into(),
        secret: Secret::new("secret"),
    };
    let server = S3Server::start(config, Clock::system()).await?;
    let unfinished = address_file.with_extension("new");
    std::fs::write(&unfinished, server.address().to_string())?;
    std::fs::rename(unfinished, address_file)?;
    std::future::pending().await
}
