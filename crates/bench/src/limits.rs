//! What a process of a run may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::BenchError;

/// Files beside the clients: the event loop, pipes, console, collector, pairs, and room.
const OTHER_FILES: u64 = 400;

/// Lets this process and its children open as many files as they may.
pub(crate) fn raise_open_files() -> Result<(), BenchError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|e| BenchError::io("raise the limit of open files")(e.into()))
}

/// Clients that one process can have.
pub(crate) fn clients_of_a_process() -> Result<u32, BenchError> {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let clients = files.saturating_sub(OTHER_FILES);
    if clients == 0 {
        let text = format!("a process may open {files} files only: raise it with ulimit -n");
        return Err(BenchError::Usage(text));
    }
    Ok(u32::try_from(clients).unwrap_or(u32::MAX))
}
