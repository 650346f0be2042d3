//! `causeway decrypt`: an object of a share, read without gateway and console.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use object_cipher::{DecryptError, KeyError, ShareKey, decrypt};
use thiserror::Error;

use crate::ctl::{CtlError, SecretInput};

const EXAMPLES: &str = "\
Examples:
  causeway ctl share export-key london projects --file projects.key
  causeway decrypt --key-file projects.key roof.dwg.object roof.dwg
  aws s3 cp s3://acme/projects/roof.dwg - | causeway decrypt --key-file projects.key >roof.dwg

What has been written when it fails is right as far as it goes: everything is authenticated
before it is written. A file that is not whole is removed again.";

/// `causeway decrypt`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DecryptArgs {
    /// File with the exported key of the share; `-` is standard input
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The object; `-` is standard input
    #[arg(default_value = "-")]
    object: PathBuf,
    /// The file to be written, which must not be there; `-` is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
}

/// Why an object was not decrypted.
#[derive(Debug, Error)]
pub(crate) enum DecryptFailure {
    #[error(transparent)]
    Input(#[from] CtlError),
    #[error("cannot use the key in {}", path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
}

/// Reads and writes as it goes: an object may be larger than memory.
pub(crate) fn run(args: &DecryptArgs) -> Result<(), DecryptFailure> {
    let key = read_key(&args.key_file)?;
    let object: Box<dyn Read> = if is_standard(&args.object) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(opened(
            &args.object,
            File::open(&args.object),
        )?))
    };
    if is_standard(&args.file) {
        decrypt(&key, object, io::stdout().lock())?;
        return Ok(());
    }
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    let file = opened(&args.file, options.open(&args.file))?;
    let done = decrypt(&key, object, BufWriter::new(&file))
        .and_then(|_len| file.sync_all().map_err(DecryptError::Write));
    if done.is_err()
        && let Err(error) = fs::remove_file(&args.file)
    {
        tracing::warn!(%error, path = %args.file.display(), "a file that is not whole stays");
    }
    Ok(done?)
}

fn read_key(path: &Path) -> Result<ShareKey, DecryptFailure> {
    let input = SecretInput {
        what: "The key of the share",
        file: Some(path),
        flag: "--key-file",
        variable: ("", None),
    };
    ShareKey::parse(&input.read()?).map_err(|source| DecryptFailure::Key {
        path: path.to_owned(),
        source,
    })
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

fn opened<T>(path: &Path, done: io::Result<T>) -> Result<T, DecryptFailure> {
    done.map_err(|source| DecryptFailure::Open {
        path: path.to_owned(),
        source,
    })
}
