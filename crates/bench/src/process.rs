//! Processes of a run, and what the kernel says about them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, IsTerminal as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::Pid;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::BenchError;

/// How often it is looked whether a process is at rest, and how often at most.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 250;
/// CPU time in between of a process that is.
const AT_REST_NS: u64 = 1_000_000;

/// The lowest priority that there is (`setpriority(2)`).
const LEAST_URGENT: i32 = 19;

/// How to start this program again, as another part of the run.
#[derive(Clone, Debug)]
pub struct SelfExec {
    /// The executable.
    pub program: PathBuf,
    /// What stands before `part` on its command line.
    pub prefix: Vec<String>,
}

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    /// Closing it ends those processes that are ours.
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn part(exec: &SelfExec, words: &[&str]) -> Result<Self, BenchError> {
        let mut command = Command::new(&exec.program);
        command.args(&exec.prefix).arg("part").args(words);
        Self::start(words.first().copied().unwrap_or("part"), command)
    }

    pub(crate) fn start(name: &str, mut command: Command) -> Result<Self, BenchError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(BenchError::io("start a process of the run"))?;
        Ok(Self {
            name: name.to_owned(),
            input: child.stdin.take(),
            output: child.stdout.take().map(BufReader::new),
            child,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets all others have the processor first, as if it were on a machine of its own.
    pub(crate) fn stand_back(&self) -> Result<(), BenchError> {
        let pid = Pid::from_child(&self.child);
        rustix::process::setpriority_process(Some(pid), LEAST_URGENT)
            .map_err(|e| BenchError::io("lower the priority of a process of the run")(e.into()))
    }

    /// Has the processor before all others, as if it were on a machine of its own: by `chrt(1)`,
    /// which needs root; without, its own waiting is measured, too.
    pub(crate) fn come_first(&self) {
        let mut chrt = Command::new("chrt");
        chrt.args(["--fifo", "--pid", "1", &self.id().to_string()]);
        chrt.stdout(Stdio::null()).stderr(Stdio::null());
        chrt.status().ok();
    }

    pub(crate) fn tell(&mut self, what: &impl Serialize) -> Result<(), BenchError> {
        let mut line = serde_json::to_vec(what).map_err(BenchError::Line)?;
        line.push(b'\n');
        let input = self.input.as_mut();
        let told = input.is_some_and(|input| input.write_all(&line).is_ok());
        told.then_some(()).ok_or_else(|| self.ended())
    }

    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, BenchError> {
        let mut line = String::new();
        let output = self.output.as_mut();
        let heard = output.is_some_and(|output| output.read_line(&mut line).is_ok_and(|n| n > 0));
        if !heard {
            return Err(self.ended());
        }
        serde_json::from_str(&line).map_err(BenchError::Line)
    }

    fn ended(&self) -> BenchError {
        BenchError::Ended(self.name.clone())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // Brokers of others do not read their standard input.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// CPU time that a process has used, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// Of each thread that there is.
    threads_ns: BTreeMap<OsString, u64>,
}

impl CpuTime {
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let mut threads_ns = BTreeMap::new();
        for task in tasks.flatten() {
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
                let whole = cpu_ns_by_ticks(pid)?;
                threads_ns = BTreeMap::from([(OsString::new(), whole)]);
                break;
            };
            let ran = text.split_whitespace().next()?.parse().ok()?;
            threads_ns.insert(task.file_name(), ran);
        }
        Some(Self { threads_ns })
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let used = self.threads_ns.iter().map(|(thread, ns)| {
            let before = before.threads_ns.get(thread).copied().unwrap_or(0);
            (thread.clone(), ns.saturating_sub(before))
        });
        used.collect()
    }

    /// Together with what was used at another time.
    pub(crate) fn add(&mut self, other: &Self) {
        for (thread, ns) in &other.threads_ns {
            *self.threads_ns.entry(thread.clone()).or_default() += ns;
        }
    }

    pub(crate) fn total_ns(&self) -> u64 {
        self.threads_ns.values().sum()
    }

    pub(crate) fn busiest_ns(&self) -> u64 {
        self.threads_ns.values().copied().max().unwrap_or(0)
    }
}

impl FromIterator<(OsString, u64)> for CpuTime {
    fn from_iter<I: IntoIterator<Item = (OsString, u64)>>(threads_ns: I) -> Self {
        Self {
            threads_ns: threads_ns.into_iter().collect(),
        }
    }
}

/// The same once the process has little more to do: whoever answers first and works later is not
/// to seem cheaper.
pub(crate) fn cpu_at_rest(pid: u32) -> Option<CpuTime> {
    let mut used = CpuTime::of(pid)?;
    for _ in 0..LOOKS_MAX {
        thread::park_timeout(LOOK_EVERY);
        let now = CpuTime::of(pid)?;
        let more = now.since(&used).total_ns();
        used = now;
        if more < AT_REST_NS {
            break;
        }
    }
    Some(used)
}

/// The same from `stat`, in steps of 10 ms: of threads that have ended too, and on kernels without
/// `schedstat`.
pub(crate) fn cpu_ns_by_ticks(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold spaces; user and system time are the 12th and 13th after.
    let (_, after) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let per_second = rustix::param::clock_ticks_per_second();
    let ticks = ticks(11)?.saturating_add(ticks(12)?);
    Some(ticks.saturating_mul(1_000_000_000) / per_second.max(1))
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}

/// For people who wait.
pub(crate) fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        // Who does not see it misses nothing of the result.
        writeln!(err, "{text}").ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 100_000);
        let mut used = 0;
        // A kernel that counts in ticks says 0 for a while.
        while used == 0 {
            used = CpuTime::of(pid).unwrap().total_ns();
        }
        assert!(cpu_ns_by_ticks(pid).is_some());
        assert_eq!(CpuTime::of(u32::MAX), None);
    }
}
