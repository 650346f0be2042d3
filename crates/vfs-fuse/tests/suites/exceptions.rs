//! What of pjdfstest may fail, and with which words: what decision 0005 names, and nothing else.

/// Something that the engine does not offer.
struct Missing {
    /// Whether a test needs it.
    is_needed: fn(&str) -> bool,
    /// What the test then says.
    says: &'static [&'static str],
}

const MISSING: &[Missing] = &[
    Missing {
        is_needed: needs_special_files,
        says: &[
            "EOPNOTSUPP",
            "assertion failed: mknod(",
            "assertion failed: f(",
        ],
    },
    Missing {
        is_needed: needs_hard_links,
        says: &["EPERM", "EOPNOTSUPP", "assertion failed: link("],
    },
    Missing {
        is_needed: needs_long_paths,
        says: &["File name too long"],
    },
];

/// Whether a test that failed with these words is about something that is not offered.
pub(crate) fn is_named(test: &str, words: &str) -> bool {
    let explains = |missing: &Missing| {
        (missing.is_needed)(test) && missing.says.iter().any(|said| words.contains(said))
    };
    MISSING.iter().any(explains)
}

/// FIFOs, sockets and devices have no bytes that an object could hold.
fn needs_special_files(test: &str) -> bool {
    let kind = test.rsplit("::").next().unwrap_or_default();
    let is_about = ["mkfifo::", "mknod::"]
        .iter()
        .any(|of| test.starts_with(of));
    is_about
        || matches!(kind, "fifo" | "char" | "block" | "socket")
        || matches!(kind, "fifo_nonblock_wronly" | "socket_error")
}

/// An object has one key.
fn needs_hard_links(test: &str) -> bool {
    test.starts_with("link::")
        || matches!(
            test,
            "rename::preserve_metadata::regular"
                | "rename::to_multiply_linked::regular"
                | "unlink::unchanged_ctime_failed::regular"
                | "unlink::update_ctime_success::regular"
        )
}

/// A key has at most 1,023 bytes; these tests go to the kernel's 4,096.
fn needs_long_paths(test: &str) -> bool {
    test.ends_with("::enametoolong_path")
}
