//! What tests need: Debian packages (real clients, real servers, a browser, a guest kernel), and
//! suites that cargo installs.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::shell;

const PACKAGES: &[&str] = &[
    "busybox-static",
    "chromium",
    "curl",
    "iproute2",
    "iputils-ping",
    "kmod",
    "libnfs-utils",
    "mmdebstrap",
    "mosquitto",
    "mosquitto-clients",
    "nftables",
    "procps",
    "python3",
    "python3-venv",
    "strace",
];

/// Suites for file systems, from crates.io; tests find them in `target/tools/bin`.
const TOOLS: &[(&str, &str)] = &[("pjdfstest", "0.2.2"), ("fsx", "0.3.2")];

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    install_packages()?;
    unpack_guest()?;
    install_tools()
}

/// The kernel that tests boot, of Debian's packages.
fn unpack_guest() -> Result<()> {
    shell::run("crates/testkit/guest/build.sh", &["target/testbed/guest"])
}

/// As soon as can be built: they wait for the file system they test.
fn install_tools() -> Result<()> {
    let folder = shell::root().join("target/tools");
    let bin = folder.join("bin");
    let is_missing = |name: &str| !bin.join(name).try_exists().unwrap_or(false);
    let missing: Vec<String> = TOOLS
        .iter()
        .filter(|(name, _)| is_missing(name))
        .map(|(name, version)| format!("{name}@{version}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (folder, build) = (folder.display().to_string(), folder.join("build"));
    let build = build.display().to_string();
    let mut args = vec!["install", "--quiet", "--debug", "--locked"];
    args.extend(["--config", "profile.dev.debug=false", "--root", &folder]);
    args.extend(["--target-dir", &build]);
    args.extend(missing.iter().map(String::as_str));
    shell::run("cargo", &args)?;
    // Disks of test machines are small.
    Ok(std::fs::remove_dir_all(build)?)
}

/// Needs root for that, and only for that.
fn install_packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    let as_root = Command::new("id")
        .arg("-u")
        .stderr(Stdio::null())
        .output()?
        .stdout
        == b"0\n";
    let apt = |args: &[&str]| {
        let mut all = vec![
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-qq",
            "-y",
        ];
        all.extend(args);
        if as_root {
            shell::run("env", &all[1..])
        } else {
            shell::run("sudo", &all)
        }
    };
    apt(&["update"])?;
    let mut args = vec!["install", "--no-install-recommends"];
    args.extend(missing);
    apt(&args)
}

fn is_installed(package: &str) -> bool {
    let status = Command::new("dpkg-query")
        .args(["-W", "-f=${Status}", package])
        .output();
    status.is_ok_and(|s| s.stdout == b"install ok installed")
}
