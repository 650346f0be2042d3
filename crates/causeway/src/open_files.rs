//! The limit of open files: each connection of a client is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a broker has open besides clients: listeners, its store, traces, consoles, libraries.
const RESERVE: u64 = 256;

/// How many clients this process can hold after its soft limit was raised to the hard one.
pub(crate) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files to its hard limit");
            limit.current
        }
    };
    clients(now)
}

/// No limit is one as well.
fn clients(files: Option<u64>) -> usize {
    files.map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(RESERVE)).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_not_for_clients() {
        assert_eq!(clients(Some(1_024)), 768);
        assert_eq!(clients(Some(100)), 0);
        assert_eq!(clients(None), usize::MAX);
    }

    #[test]
    fn the_soft_limit_is_the_hard_one_afterwards() {
        raise();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
