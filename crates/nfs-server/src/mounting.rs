//! The procedures of MOUNT.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use tracing::info;

use crate::{
    access::caller_of,
    file_handle::HandleTarget,
    limits::MOUNT_WAIT_MAX,
    mount3::{Args, MountEntry, MountStatus, Results},
    rpc::Credential,
    service::Service,
};

pub(crate) async fn answer(
    service: &Arc<Service>,
    client: IpAddr,
    credential: &Credential,
    args: Args,
) -> Results {
    let entry = |path: &Bytes| MountEntry {
        host: client.to_string(),
        path: String::from_utf8_lossy(path).into_owned(),
    };
    match args {
        Args::Null => Results::Void,
        Args::Mount(path) => {
            let outcome = mount(service, client, credential, &path).await;
            info!(
                client = %client,
                export.path = %path.escape_ascii(),
                refused = ?outcome.as_ref().err(),
                "mount"
            );
            if outcome.is_ok() {
                service.mounts.add(entry(&path));
            }
            Results::Mounted(outcome)
        }
        Args::Dump => Results::Mounts(service.mounts.all()),
        Args::Unmount(path) => {
            service.mounts.remove(&entry(&path));
            Results::Void
        }
        Args::UnmountAll => {
            service.mounts.remove_host(&client.to_string());
            Results::Void
        }
        Args::Export => {
            let exports = service.exports.all();
            let row = |e: &Arc<crate::exports::Export>| (e.path.clone(), e.groups.clone());
            Results::Exports(exports.iter().map(row).collect())
        }
    }
}

/// The handle of an export, or of a directory in it.
async fn mount(
    service: &Arc<Service>,
    client: IpAddr,
    credential: &Credential,
    path: &[u8],
) -> Result<Bytes, MountStatus> {
    let path = std::str::from_utf8(path).map_err(|_not_text| MountStatus::NoEnt)?;
    let trimmed = path.trim_end_matches('/');
    tokio::select! {
        () = service.exports.settled(trimmed) => {}
        () = service.clock.sleep(MOUNT_WAIT_MAX) => {}
    }
    let (export, below) = service.exports.by_path(trimmed).ok_or(MountStatus::NoEnt)?;
    if export.access.access_of(client).is_none() {
        return Err(MountStatus::Acces);
    }
    let caller = caller_of(credential, export.squash);
    let mut inode = export.fs.root();
    for part in below.split('/').filter(|part| !part.is_empty()) {
        if matches!(part, "." | "..") {
            return Err(MountStatus::Inval);
        }
        let found = export.fs.lookup(&caller, inode, part).await;
        let found = found.map_err(|e| MountStatus::from(e.kind()))?;
        if found.file_type != vfs::FileType::Directory {
            return Err(MountStatus::NotDir);
        }
        inode = found.inode;
    }
    Ok(service.handles.seal(HandleTarget {
        fs_id: export.fs_id,
        inode,
    }))
}
