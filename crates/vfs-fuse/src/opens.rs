//! Open files. The port knows none, as NFS 3 knows none; so what a client of NFS does is done
//! here: a file that is removed while it is open gets another name until it is closed.

use std::collections::HashMap;

use parking_lot::Mutex;
use vfs::{Attributes, Inode, Name};

/// Prefix of the names of files that are removed and still open.
const HIDDEN_PREFIX: &str = ".fuse_hidden";

/// Who is open, and who of them has no name for others any more.
#[derive(Debug, Default)]
pub(crate) struct Opens(Mutex<HashMap<Inode, Open>>);

#[derive(Debug, Default)]
struct Open {
    handles: u64,
    hidden: Option<Hidden>,
}

/// Where a removed file waits for its last close.
#[derive(Clone, Debug)]
pub(crate) struct Hidden {
    pub(crate) dir: Inode,
    pub(crate) name: Name,
}

impl Opens {
    pub(crate) fn open(&self, inode: Inode) {
        self.0.lock().entry(inode).or_default().handles += 1;
    }

    /// After the last close of a removed file: what is to be removed now.
    pub(crate) fn close(&self, inode: Inode) -> Option<Hidden> {
        let mut opens = self.0.lock();
        let open = opens.get_mut(&inode)?;
        open.handles = open.handles.saturating_sub(1);
        if open.handles > 0 {
            return None;
        }
        opens.remove(&inode)?.hidden
    }

    pub(crate) fn is_open(&self, inode: Inode) -> bool {
        self.0.lock().contains_key(&inode)
    }

    /// Notes that a file has this name from now on, for us only.
    pub(crate) fn hide(&self, inode: Inode, hidden: Hidden) {
        self.0.lock().entry(inode).or_default().hidden = Some(hidden);
    }

    pub(crate) fn hidden_name(inode: Inode) -> String {
        format!("{HIDDEN_PREFIX}{:016x}", inode.0)
    }

    pub(crate) fn is_hidden_name(name: &str) -> bool {
        name.starts_with(HIDDEN_PREFIX)
    }

    /// Attributes as its holders see them: a removed file has no links.
    pub(crate) fn adjust(&self, mut attributes: Attributes) -> Attributes {
        let opens = self.0.lock();
        if let Some(open) = opens.get(&attributes.inode)
            && open.hidden.is_some()
        {
            attributes.link_count = 0;
        }
        attributes
    }
}
