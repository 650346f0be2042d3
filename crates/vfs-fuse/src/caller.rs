//! Who asks. The kernel names user and group; further groups are those of the thread.

use fuser::Request;
use vfs::Caller;

pub(crate) fn of(request: &Request) -> Caller {
    let uid = request.uid();
    Caller {
        uid,
        gid: request.gid(),
        groups: if uid == 0 {
            Vec::new()
        } else {
            groups_of(request.pid())
        },
    }
}

fn groups_of(thread: u32) -> Vec<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let groups = status.lines().find_map(|line| line.strip_prefix("Groups:"));
    let numbers = groups.unwrap_or_default().split_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}
