//! A Linux kernel apart, as NFS client or to open a million sockets in: Debian's User-Mode Linux, an ordinary process that boots in
//! seconds. Its network card is a tap device in one of the lab's namespaces.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{Lab, Place, Process, eventually, run, run_ok};

/// The guest's side of the tap device.
const ADDRESS: &str = "10.77.0.2/24";
/// Our side: servers in the namespace are reached here.
const ROUTER: &str = "10.77.0.1";
const TAP: &str = "tap0";
/// Enough for a client of file systems.
const MEMORY_MIB: u32 = 512;

/// The unpacked guest.
#[derive(Debug)]
pub struct Guest {
    folder: PathBuf,
    memory_mib: u32,
}

impl Guest {
    /// Where servers of the namespace are, as seen from the guest.
    pub const HOST: &str = ROUTER;

    /// Unpacks kernel and user space, once; later calls find them.
    ///
    /// # Errors
    /// The packages cannot be had.
    pub fn unpacked() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = here.join("../../target/testbed/guest");
        run_ok(Command::new(here.join("guest/build.sh")).arg(&folder))?;
        Ok(Self {
            folder: folder.canonicalize()?,
            memory_mib: MEMORY_MIB,
        })
    }

    /// The library that lets the guest's kernel run on processors it does not know in full.
    #[must_use]
    pub fn preloaded(&self) -> PathBuf {
        self.folder.join("xstate.so")
    }

    /// With so much memory, which it takes from this machine as it is used.
    #[must_use]
    pub fn with_memory_mib(self, memory_mib: u32) -> Self {
        Self { memory_mib, ..self }
    }

    /// Boots, runs the shell script `script` as root with `job` at `/job`, and gives what it
    /// printed.
    ///
    /// # Errors
    /// The script failed, or `limit` passed.
    pub fn run(&self, lab: &Lab, job: &Path, script: &str, limit: Duration) -> Result<String> {
        let kernel = self.start(lab, job, script)?;
        self.finish(kernel, job, limit)
    }

    /// Boots and begins to run a script, as [`Guest::run`] does.
    ///
    /// # Errors
    /// The guest cannot be started.
    pub fn start(&self, lab: &Lab, job: &Path, script: &str) -> Result<Process> {
        self.tap(lab)?;
        let status = job.join("status");
        if status.try_exists()? {
            fs::remove_file(&status)?;
        }
        fs::write(job.join("run.sh"), format!("set -eu\n{script}"))?;
        self.boot(lab, job)
    }

    /// Waits for the end of a script, and gives what it printed.
    ///
    /// # Errors
    /// The script failed, or `limit` passed.
    pub fn finish(&self, mut kernel: Process, job: &Path, limit: Duration) -> Result<String> {
        let console = || fs::read_to_string(job.join("console")).unwrap_or_default();
        eventually("the guest's job", limit, || {
            Ok((!kernel.is_running()?).then_some(()))
        })
        .with_context(console)?;
        let printed = fs::read_to_string(job.join("output")).unwrap_or_default();
        let status = fs::read_to_string(job.join("status")).with_context(console)?;
        ensure!(
            status.trim() == "0",
            "the guest's job ended with {}: {printed}",
            status.trim()
        );
        Ok(printed)
    }

    fn boot(&self, lab: &Lab, job: &Path) -> Result<Process> {
        let modules = fs::read_dir(self.folder.join("kernel/usr/lib/uml/modules"))?;
        let modules = modules.flatten().next().context("the kernel has modules")?;
        let parameters = [
            format!("umid=cw{}", std::process::id()),
            format!("mem={}M root=/dev/root", self.memory_mib),
            "rootfstype=hostfs ro init=/guest-init".into(),
            format!("rootflags={}", self.folder.join("root").display()),
            "con=null con0=fd:0,fd:1 ssl=null quiet loglevel=4 panic=-1 console=tty0".into(),
            format!("vec0:transport=tap,ifname={TAP},depth=128,gro=1"),
            format!("address={ADDRESS} router={ROUTER} job={}", job.display()),
            format!(
                "modules={}",
                modules.path().parent().context("a folder")?.display()
            ),
        ];
        let mut command = lab.command(Place::Site, self.folder.join("kernel/usr/bin/linux.uml"));
        command.args(parameters.iter().flat_map(|words| words.split(' ')));
        command.env("LD_PRELOAD", self.preloaded());
        Process::start(&mut command, &job.join("console"))
    }

    #[expect(clippy::unused_self, reason = "reads as a part of booting")]
    fn tap(&self, lab: &Lab) -> Result<()> {
        let site = lab.namespace(Place::Site);
        let ip = |words: &str| {
            let mut command = Command::new("ip");
            command.args(["-n", &site]).args(words.split(' '));
            command
        };
        if run(&mut ip(&format!("link show {TAP}")))?.status.success() {
            return Ok(());
        }
        run_ok(&mut ip(&format!("tuntap add {TAP} mode tap")))?;
        run_ok(&mut ip(&format!("addr add {ROUTER}/24 dev {TAP}")))?;
        run_ok(&mut ip(&format!("link set {TAP} up")))?;
        Ok(())
    }
}
