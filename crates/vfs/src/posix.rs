//! The rules of POSIX mode bits, one function for each operation: who may do it, and what it
//! does to the attributes. Pure: they see attributes and the caller, never a file system.
//!
//! Errors come in the order in which Linux finds them, so that conformance suites agree.
//! Owners may always read and write their files: NFSv3 has no open, so the server cannot know
//! that a descriptor was opened before the mode was taken away (RFC 1813, 4.4).

use crate::{
    Attributes, Caller, CreateMode, ErrorKind, FileTime, FileType, SetAttributes, SetTime,
    VfsError, VfsResult,
};

/// Access bit: read, or list a directory.
pub const READ: u32 = 4;
/// Access bit: write, or change the names in a directory.
pub const WRITE: u32 = 2;
/// Access bit: execute, or search a directory.
pub const EXECUTE: u32 = 1;

/// Mode bit: run as the owner.
pub const SET_UID: u32 = 0o4000;
/// Mode bit: run as the group; on a directory: what is made in it gets its group.
pub const SET_GID: u32 = 0o2000;
/// Mode bit of directories: only owners remove and rename.
pub const STICKY: u32 = 0o1000;
/// All mode bits there are.
pub const MODE_BITS: u32 = 0o7777;
/// Largest file: offsets are signed 64-bit numbers in clients.
pub const FILE_SIZE_MAX: u64 = i64::MAX.unsigned_abs();

const GROUP_EXECUTE: u32 = 0o010;

/// Refuses with [`ErrorKind::AccessDenied`] unless the mode gives `caller` all of `bits`.
///
/// # Errors
/// [`ErrorKind::AccessDenied`].
pub fn require(caller: &Caller, of: &Attributes, bits: u32) -> VfsResult<()> {
    if caller.allowed_bits(of) & bits == bits {
        return Ok(());
    }
    Err(VfsError::new(
        ErrorKind::AccessDenied,
        format!(
            "mode {:o} of inode {} does not let user {} do this",
            of.mode, of.inode.0, caller.uid
        ),
    ))
}

/// Refuses what is not a directory.
///
/// # Errors
/// [`ErrorKind::NotDirectory`].
pub fn require_directory(of: &Attributes) -> VfsResult<()> {
    match of.file_type {
        FileType::Directory => Ok(()),
        FileType::Regular | FileType::Symlink => Err(ErrorKind::NotDirectory.into()),
    }
}

/// Refuses what is not a regular file.
///
/// # Errors
/// [`ErrorKind::IsDirectory`] or, for a symbolic link, [`ErrorKind::Invalid`].
pub fn require_regular(of: &Attributes) -> VfsResult<()> {
    match of.file_type {
        FileType::Regular => Ok(()),
        FileType::Directory => Err(ErrorKind::IsDirectory.into()),
        FileType::Symlink => Err(ErrorKind::Invalid.into()),
    }
}

/// May the caller find a name in this directory?
///
/// # Errors
/// [`ErrorKind::NotDirectory`], [`ErrorKind::AccessDenied`].
pub fn may_lookup(caller: &Caller, dir: &Attributes) -> VfsResult<()> {
    require_directory(dir)?;
    require(caller, dir, EXECUTE)
}

/// May the caller list this directory?
///
/// # Errors
/// [`ErrorKind::NotDirectory`], [`ErrorKind::AccessDenied`].
pub fn may_list(caller: &Caller, dir: &Attributes) -> VfsResult<()> {
    require_directory(dir)?;
    require(caller, dir, READ)
}

/// May the caller read this file? Who may execute it may read it too: that is how a client's
/// kernel runs a program.
///
/// # Errors
/// [`ErrorKind::IsDirectory`], [`ErrorKind::Invalid`], [`ErrorKind::AccessDenied`].
pub fn may_read(caller: &Caller, file: &Attributes) -> VfsResult<()> {
    require_regular(file)?;
    if caller.uid == file.uid || caller.allowed_bits(file) & EXECUTE != 0 {
        return Ok(());
    }
    require(caller, file, READ)
}

/// May the caller write to this file, or cut it?
///
/// # Errors
/// [`ErrorKind::IsDirectory`], [`ErrorKind::Invalid`], [`ErrorKind::AccessDenied`].
pub fn may_write(caller: &Caller, file: &Attributes) -> VfsResult<()> {
    require_regular(file)?;
    if caller.uid == file.uid {
        return Ok(());
    }
    require(caller, file, WRITE)
}

/// The end of a write of `len` bytes at `offset`.
///
/// # Errors
/// [`ErrorKind::TooBig`] beyond [`FILE_SIZE_MAX`].
pub fn end_of_write(offset: u64, len: u64) -> VfsResult<u64> {
    match offset.checked_add(len) {
        Some(end) if end <= FILE_SIZE_MAX => Ok(end),
        Some(_) | None => Err(ErrorKind::TooBig.into()),
    }
}

/// May the caller add a name to this directory? Ask it before asking whether the name is
/// taken only where an existing name is not an answer by itself: `mkdir` of an existing name
/// in a read-only directory is [`ErrorKind::Exists`].
///
/// # Errors
/// [`ErrorKind::NotDirectory`], [`ErrorKind::AccessDenied`].
pub fn may_create(caller: &Caller, dir: &Attributes) -> VfsResult<()> {
    require_directory(dir)?;
    require(caller, dir, WRITE | EXECUTE)
}

/// Is it fine for a create that its name is taken already? `created_with` is the verifier of
/// the exclusive create that made the file, if one did. What the caller may do to the file
/// then, [`apply_set`] says: of the wished attributes only the size counts.
///
/// # Errors
/// [`ErrorKind::Exists`], [`ErrorKind::IsDirectory`].
pub fn check_existing(
    mode: CreateMode,
    existing: &Attributes,
    created_with: Option<u64>,
) -> VfsResult<()> {
    match (mode, existing.file_type) {
        (CreateMode::Unchecked, FileType::Regular) => Ok(()),
        (CreateMode::Unchecked, FileType::Directory) => Err(ErrorKind::IsDirectory.into()),
        (CreateMode::Exclusive(verifier), FileType::Regular) if created_with == Some(verifier) => {
            Ok(())
        }
        (CreateMode::Unchecked | CreateMode::Guarded | CreateMode::Exclusive(_), _) => {
            Err(ErrorKind::Exists.into())
        }
    }
}

/// May the caller take the name of `victim` out of `dir`? (Not its kind: see
/// [`may_remove_file`] and [`may_remove_dir`].)
fn may_unname(caller: &Caller, dir: &Attributes, victim: &Attributes) -> VfsResult<()> {
    may_create(caller, dir)?;
    let is_free = dir.mode & STICKY == 0;
    if is_free || caller.uid == 0 || caller.uid == victim.uid || caller.uid == dir.uid {
        return Ok(());
    }
    let message = format!(
        "inode {} is in a sticky directory and not owned by user {}",
        victim.inode.0, caller.uid
    );
    Err(VfsError::new(ErrorKind::NotPermitted, message))
}

/// May the caller remove the file or symbolic link `victim` from `dir`?
///
/// # Errors
/// [`ErrorKind::NotDirectory`], [`ErrorKind::AccessDenied`], [`ErrorKind::NotPermitted`]
/// (sticky), [`ErrorKind::IsDirectory`].
pub fn may_remove_file(caller: &Caller, dir: &Attributes, victim: &Attributes) -> VfsResult<()> {
    may_unname(caller, dir, victim)?;
    match victim.file_type {
        FileType::Directory => Err(ErrorKind::IsDirectory.into()),
        FileType::Regular | FileType::Symlink => Ok(()),
    }
}

/// May the caller remove the directory `victim` from `dir`? (Whether it is empty, the engine
/// knows.)
///
/// # Errors
/// [`ErrorKind::NotDirectory`], [`ErrorKind::AccessDenied`], [`ErrorKind::NotPermitted`]
/// (sticky).
pub fn may_remove_dir(caller: &Caller, dir: &Attributes, victim: &Attributes) -> VfsResult<()> {
    may_unname(caller, dir, victim)?;
    require_directory(victim)
}

/// What a rename touches.
#[derive(Clone, Copy, Debug)]
pub struct RenameSubjects<'a> {
    /// Directory it leaves.
    pub from_dir: &'a Attributes,
    /// What moves.
    pub source: &'a Attributes,
    /// Directory it goes to.
    pub to_dir: &'a Attributes,
    /// What has the new name now.
    pub target: Option<&'a Attributes>,
}

/// May the caller rename? The engine still refuses a directory that would be its own ancestor
/// ([`ErrorKind::Invalid`]) and a target directory with entries ([`ErrorKind::NotEmpty`]); a
/// target that is the source is a success that changes nothing.
///
/// # Errors
/// [`ErrorKind::NotDirectory`], [`ErrorKind::AccessDenied`], [`ErrorKind::NotPermitted`]
/// (sticky), [`ErrorKind::IsDirectory`].
pub fn may_rename(caller: &Caller, subjects: RenameSubjects<'_>) -> VfsResult<()> {
    let RenameSubjects {
        from_dir,
        source,
        to_dir,
        target,
    } = subjects;
    may_unname(caller, from_dir, source)?;
    may_create(caller, to_dir)?;
    let source_is_dir = source.file_type == FileType::Directory;
    if let Some(target) = target {
        may_unname(caller, to_dir, target)?;
        match (source_is_dir, target.file_type == FileType::Directory) {
            (true, false) => return Err(ErrorKind::NotDirectory.into()),
            (false, true) => return Err(ErrorKind::IsDirectory.into()),
            (true, true) | (false, false) => {}
        }
    }
    if source_is_dir && from_dir.inode != to_dir.inode {
        // Its `..` changes, so it must be writable itself.
        require(caller, source, WRITE)?;
    }
    Ok(())
}

/// Owner, group and mode of something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Owner, group and mode of what `caller` makes in `dir` (after [`may_create`]). A set-gid
/// directory hands its group down, and the bit to directories. An owner asked for by anybody
/// but the superuser is passed over, as Linux servers do: some clients always send one.
#[must_use]
pub fn ownership_of_new(
    caller: &Caller,
    dir: &Attributes,
    file_type: FileType,
    set: &SetAttributes,
) -> Ownership {
    let inherits = dir.mode & SET_GID != 0;
    let own_gid = if inherits { dir.gid } else { caller.gid };
    let (uid, gid) = if caller.uid == 0 {
        (set.uid.unwrap_or(0), set.gid.unwrap_or(own_gid))
    } else {
        (caller.uid, own_gid)
    };
    let default_mode = match file_type {
        FileType::Regular => 0o644,
        FileType::Directory => 0o755,
        FileType::Symlink => 0o777,
    };
    let mut mode = match file_type {
        // A link's own mode is never looked at; all systems show it so.
        FileType::Symlink => default_mode,
        FileType::Regular | FileType::Directory => set.mode.unwrap_or(default_mode) & MODE_BITS,
    };
    if file_type == FileType::Directory {
        mode |= if inherits { SET_GID } else { 0 };
    } else if caller.uid != 0 && !caller.is_in_group(gid) {
        mode &= !SET_GID;
    }
    Ownership { mode, uid, gid }
}

/// The times of something new: now, or what the caller asks for.
#[must_use]
pub fn time_of_new(set: SetTime, now: FileTime) -> FileTime {
    match set {
        SetTime::Keep | SetTime::Now => now,
        SetTime::To(time) => time,
    }
}

/// The ctime after a change at `now`: it always moves forward, even if the clock does not,
/// because clients take an equal ctime for "nothing changed".
#[must_use]
pub fn next_ctime(previous: FileTime, now: FileTime) -> FileTime {
    if now > previous {
        return now;
    }
    if previous.nanos < 999_999_999 {
        FileTime {
            seconds: previous.seconds,
            nanos: previous.nanos.saturating_add(1),
        }
    } else {
        FileTime {
            seconds: previous.seconds.saturating_add(1),
            nanos: 0,
        }
    }
}

/// The guard of a change of attributes (RFC 1813, 3.3.2).
///
/// # Errors
/// [`ErrorKind::NotSync`] if ctime is not the guard.
pub fn check_guard(current: &Attributes, guard: Option<FileTime>) -> VfsResult<()> {
    match guard {
        Some(ctime) if ctime != current.ctime => Err(ErrorKind::NotSync.into()),
        Some(_) | None => Ok(()),
    }
}

/// The attributes after `set`, if the caller may do all of it; the engine cuts or extends the
/// data to the new size.
///
/// # Errors
/// [`ErrorKind::NotPermitted`] (not the owner), [`ErrorKind::AccessDenied`] (mode bits),
/// [`ErrorKind::IsDirectory`], [`ErrorKind::Invalid`], [`ErrorKind::TooBig`].
pub fn apply_set(
    caller: &Caller,
    current: &Attributes,
    set: &SetAttributes,
    now: FileTime,
) -> VfsResult<Attributes> {
    let mut next = *current;
    change_owner(caller, current, set, &mut next)?;
    change_mode(caller, current, set, &mut next)?;
    change_times(caller, current, set, now, &mut next)?;
    change_size(caller, current, set, now, &mut next)?;
    next.ctime = next_ctime(current.ctime, now);
    Ok(next)
}

/// The mode after a write by `caller`: who may write to a program does not thereby get its
/// owner's rights, so set-uid and set-gid go.
#[must_use]
pub fn mode_after_write(caller: &Caller, file: &Attributes) -> u32 {
    if caller.uid == 0 {
        file.mode
    } else {
        without_set_id(file.mode)
    }
}

/// Set-gid without group execute is no right to run but (historically) mandatory locking; it
/// stays, as in Linux.
const fn without_set_id(mode: u32) -> u32 {
    let mode = mode & !SET_UID;
    if mode & GROUP_EXECUTE == 0 {
        mode
    } else {
        mode & !SET_GID
    }
}

fn not_owner(caller: &Caller, of: &Attributes) -> VfsError {
    let message = format!("user {} does not own inode {}", caller.uid, of.inode.0);
    VfsError::new(ErrorKind::NotPermitted, message)
}

fn change_owner(
    caller: &Caller,
    current: &Attributes,
    set: &SetAttributes,
    next: &mut Attributes,
) -> VfsResult<()> {
    if set.uid.is_none() && set.gid.is_none() {
        return Ok(());
    }
    let uid = set.uid.unwrap_or(current.uid);
    let gid = set.gid.unwrap_or(current.gid);
    let owner_may = caller.uid == current.uid
        && uid == current.uid
        && (gid == current.gid || caller.is_in_group(gid));
    if caller.uid != 0 && !owner_may {
        return Err(not_owner(caller, current));
    }
    next.uid = uid;
    next.gid = gid;
    if current.file_type != FileType::Directory {
        next.mode = without_set_id(current.mode);
    }
    Ok(())
}

fn change_mode(
    caller: &Caller,
    current: &Attributes,
    set: &SetAttributes,
    next: &mut Attributes,
) -> VfsResult<()> {
    let Some(mode) = set.mode else {
        return Ok(());
    };
    if caller.uid != 0 && caller.uid != current.uid {
        return Err(not_owner(caller, current));
    }
    next.mode = mode & MODE_BITS;
    if caller.uid != 0 && !caller.is_in_group(next.gid) {
        next.mode &= !SET_GID;
    }
    Ok(())
}

fn change_times(
    caller: &Caller,
    current: &Attributes,
    set: &SetAttributes,
    now: FileTime,
    next: &mut Attributes,
) -> VfsResult<()> {
    let is_owner = caller.uid == 0 || caller.uid == current.uid;
    for wish in [set.atime, set.mtime] {
        match wish {
            SetTime::Keep => {}
            SetTime::Now if is_owner => {}
            SetTime::Now => require(caller, current, WRITE)?,
            SetTime::To(time) if time.nanos >= 1_000_000_000 => {
                return Err(ErrorKind::Invalid.into());
            }
            SetTime::To(_) if is_owner => {}
            SetTime::To(_) => return Err(not_owner(caller, current)),
        }
    }
    let after = |wish, before| match wish {
        SetTime::Keep => before,
        SetTime::Now => now,
        SetTime::To(time) => time,
    };
    next.atime = after(set.atime, current.atime);
    next.mtime = after(set.mtime, current.mtime);
    Ok(())
}

fn change_size(
    caller: &Caller,
    current: &Attributes,
    set: &SetAttributes,
    now: FileTime,
    next: &mut Attributes,
) -> VfsResult<()> {
    let Some(size) = set.size else {
        return Ok(());
    };
    may_write(caller, current)?;
    next.size = end_of_write(0, size)?;
    if set.mtime == SetTime::Keep {
        next.mtime = now;
    }
    if set.mode.is_none() {
        next.mode = mode_after_write(caller, next);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
