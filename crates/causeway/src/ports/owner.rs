//! Who listens on a port of this host, as far as `/proc` tells.

use std::{fs, path::Path};

/// `LISTEN` in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// For an error message: the process by name and number, or a guess by the port.
pub(super) fn describe(port: u16) -> String {
    let guess = usual_owner(port);
    match listening_inode(port).as_deref() {
        // Sockets of the kernel itself belong to no process.
        Some("0") => format!("the kernel{}", guess.unwrap_or_default()),
        Some(inode) => match process_with(inode) {
            Some((name, pid)) => format!("`{name}` (pid {pid})"),
            None => format!("a process of another user{}", guess.unwrap_or_default()),
        },
        None => format!("another process{}", guess.unwrap_or_default()),
    }
}

fn usual_owner(port: u16) -> Option<&'static str> {
    match port {
        1883 | 8883 => Some(", perhaps another MQTT broker such as mosquitto"),
        2049 => Some(", perhaps the NFS server of the kernel (nfs-kernel-server)"),
        8080 => Some(", perhaps another web server"),
        9000 => Some(", perhaps another object store such as MinIO"),
        _ => None,
    }
}

fn listening_inode(port: u16) -> Option<String> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| table.lines().skip(1).find_map(|line| inode_of(line, port)))
}

/// Columns, by the manual page `proc_pid_net`: number, local address, remote address, state, queues, timer,
/// retransmissions, user, time-out, inode.
fn inode_of(line: &str, port: u16) -> Option<String> {
    let mut columns = line.split_ascii_whitespace();
    let (_, local_port) = columns.nth(1)?.rsplit_once(':')?;
    let state = columns.nth(1)?;
    let inode = columns.nth(5)?;
    let ours = u16::from_str_radix(local_port, 16) == Ok(port) && state == LISTEN;
    ours.then(|| inode.to_owned())
}

fn process_with(inode: &str) -> Option<(String, u32)> {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    for process in processes.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if holds(&process.path().join("fd"), &wanted) {
            let name = fs::read_to_string(process.path().join("comm")).ok()?;
            return Some((name.trim().to_owned(), pid));
        }
    }
    None
}

fn holds(descriptors: &Path, wanted: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(descriptors) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.as_os_str() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listening_socket_of_the_port_counts() {
        let line = |state: &str| {
            format!(
                "  0: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 31337 1"
            )
        };
        assert_eq!(inode_of(&line("0A"), 8080).as_deref(), Some("31337"));
        assert_eq!(inode_of(&line("01"), 8080), None);
        assert_eq!(inode_of(&line("0A"), 8081), None);
        assert_eq!(inode_of("cut short", 8080), None);
    }
}
