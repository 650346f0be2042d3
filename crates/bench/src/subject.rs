//! What is measured: our broker, Debian's Mosquitto, the floor, or a broker somewhere.

use std::{
    fmt, fs,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _},
    path::Path,
    process::Command,
    str::FromStr,
    time::Duration,
};

use clock::Clock;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    error::BenchError,
    identity,
    orders::Target,
    packet::Proof,
    process::{Process, SelfExec},
};

/// How long a broker may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Causeway,
    Mosquitto,
    Floor,
    At(String),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "causeway" => Ok(Self::Causeway),
            "mosquitto" => Ok(Self::Mosquitto),
            "floor" => Ok(Self::Floor),
            _ if text.contains(':') => Ok(Self::At(text.to_owned())),
            _ => Err("expected causeway, mosquitto, floor or HOST:PORT".into()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Causeway => "causeway",
            Self::Mosquitto => "mosquitto",
            Self::Floor => "floor",
            Self::At(address) => address,
        })
    }
}

/// What a part of this program says when it serves.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
}

/// A subject that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) target: Target,
    /// Nothing for a broker that was there before: its CPU time is not ours to see.
    pub(crate) process: Option<Process>,
    _dir: TempDir,
}

/// How a subject is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Devices that our broker knows.
    pub(crate) clients: u32,
    /// Client processes.
    pub(crate) processes: u32,
    /// Event loops of our broker.
    pub(crate) threads: usize,
    /// Whether clients come with TLS.
    pub(crate) tls: bool,
    /// Whether the kernel makes the records of our broker.
    pub(crate) kernel_tls: bool,
}

impl Running {
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}

impl Subject {
    /// Starts it.
    pub(crate) fn start(
        &self,
        exec: &SelfExec,
        setting: Setting,
        clock: &Clock,
    ) -> Result<Running, BenchError> {
        let dir = tempfile::tempdir().map_err(BenchError::io("make a directory"))?;
        let tls = setting.tls.then(|| dir.path());
        if let Some(dir) = tls {
            identity::make(dir)?;
        }
        let certificate = tls.map(identity::certificate_file);
        let (address, proof, process) = match self {
            Self::Causeway => own(exec, setting, dir.path())?,
            Self::Floor if setting.tls => {
                let text = "the floor has no TLS: leave it out of --subjects";
                return Err(BenchError::Usage(text.into()));
            }
            Self::Floor => part(exec, &["floor"], Proof::Anonymous)?,
            Self::Mosquitto => mosquitto(dir.path(), tls, clock)?,
            Self::At(_) if setting.tls => {
                let text = "--tls is for brokers that this program starts";
                return Err(BenchError::Usage(text.into()));
            }
            Self::At(address) => (resolve(address)?, Proof::Anonymous, None),
        };
        Ok(Running {
            target: Target {
                address,
                proof,
                p2p_by_subscription: proof == Proof::Anonymous,
                certificate,
            },
            process,
            _dir: dir,
        })
    }
}

/// Where it is, whom it lets in, and its process.
type Started = (SocketAddr, Proof, Option<Process>);

fn resolve(address: &str) -> Result<SocketAddr, BenchError> {
    let found = address.to_socket_addrs();
    let mut found = found.map_err(BenchError::io("find the broker's address"))?;
    let none = || BenchError::Usage(format!("{address} has no address"));
    found.next().ok_or_else(none)
}

fn own(exec: &SelfExec, setting: Setting, dir: &Path) -> Result<Started, BenchError> {
    let Setting {
        clients,
        processes,
        threads,
        tls,
        kernel_tls,
    } = setting;
    let numbers = [
        clients.to_string(),
        processes.to_string(),
        threads.to_string(),
    ];
    let dir = dir.display().to_string();
    let mut words = vec!["broker"];
    words.extend(numbers.iter().map(String::as_str));
    words.push(&dir);
    if tls {
        words.push("--tls");
    }
    if kernel_tls {
        words.push("--kernel-tls");
    }
    part(exec, &words, Proof::Credential)
}

fn part(exec: &SelfExec, words: &[&str], proof: Proof) -> Result<Started, BenchError> {
    let mut process = Process::part(exec, words)?;
    let Serving { address } = process.hear()?;
    Ok((address, proof, Some(process)))
}

/// With the settings of the measurements that the figures are compared with.
fn mosquitto(dir: &Path, tls: Option<&Path>, clock: &Clock) -> Result<Started, BenchError> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let address = free.map_err(BenchError::io("find a free port"))?;
    let tls = tls.map_or_else(String::new, |dir| {
        format!(
            "certfile {}\nkeyfile {}\n",
            identity::certificate_file(dir).display(),
            identity::key_file(dir).display()
        )
    });
    let settings = format!(
        "listener {} 127.0.0.1\n{tls}allow_anonymous true\npersistence false\nlog_dest none\n\
         set_tcp_nodelay true\nmax_connections -1\nmax_inflight_messages 0\n\
         max_queued_messages 100000\nsys_interval 0\nuser root\nallow_duplicate_messages true\n",
        address.port()
    );
    let file = dir.join("mosquitto.conf");
    fs::write(&file, settings).map_err(BenchError::io("write mosquitto's settings"))?;
    let mut command = Command::new("mosquitto");
    command
        .arg("-c")
        .arg(&file)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let process = Process::start("mosquitto", command)?;
    let start = clock.now();
    while TcpStream::connect(address).is_err() {
        if clock.now().saturating_duration_since(start) > START_PATIENCE {
            return Err(BenchError::Ended("mosquitto".into()));
        }
        std::thread::yield_now();
    }
    Ok((address, Proof::Anonymous, Some(process)))
}
