//! System calls of a process, counted by strace, which makes it slower: no figure of time is of
//! any use meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStderr, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::error::BenchError;

/// Counting, until it is finished.
#[derive(Debug)]
pub(crate) struct Counting {
    strace: Child,
    /// Open to the end, as strace tells there of new threads.
    _said: BufReader<ChildStderr>,
    summary: NamedTempFile,
}

impl Counting {
    /// All threads of process `pid`, from now on.
    pub(crate) fn start(pid: u32) -> Result<Self, BenchError> {
        let summary = NamedTempFile::new().map_err(BenchError::io("make a file"))?;
        let mut strace = Command::new("strace")
            .args(["-f", "-c", "-U", "calls,name", "-p", &pid.to_string(), "-o"])
            .arg(summary.path())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(BenchError::io("start strace, which counts system calls"))?;
        let none = || BenchError::Ended("strace".into());
        let mut said = BufReader::new(strace.stderr.take().ok_or_else(none)?);
        let mut line = String::new();
        let read = said.read_line(&mut line);
        read.map_err(BenchError::io("hear of strace"))?;
        if !line.contains("attached") {
            strace.wait().ok();
            return Err(BenchError::Broken(format!("strace: {}", line.trim())));
        }
        Ok(Self {
            strace,
            _said: said,
            summary,
        })
    }

    /// How often each was called.
    pub(crate) fn finish(mut self) -> Result<BTreeMap<String, u64>, BenchError> {
        let pid = i32::try_from(self.strace.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| BenchError::Ended("strace".into()))?;
        kill_process(pid, Signal::INT).map_err(|e| BenchError::io("stop strace")(e.into()))?;
        self.strace
            .wait()
            .map_err(BenchError::io("wait for strace"))?;
        let text = fs::read_to_string(self.summary.path());
        Ok(parse(
            &text.map_err(BenchError::io("read strace's summary"))?,
        ))
    }
}

fn parse(summary: &str) -> BTreeMap<String, u64> {
    let calls = summary.lines().filter_map(|line| {
        let (count, name) = line.trim().split_once(' ')?;
        Some((name.trim().to_owned(), count.parse().ok()?))
    });
    calls.filter(|(name, _)| name != "total").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read() {
        let summary = "    calls syscall\n--------- ----------------\n       12 recvfrom\n        \
                       3 sendto\n--------- ----------------\n       15 total\n";
        let expected = [("recvfrom".to_owned(), 12), ("sendto".to_owned(), 3)];
        assert_eq!(parse(summary), expected.into());
    }
}
