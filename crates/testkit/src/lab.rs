//! A private network behind NAT, made of network namespaces.
//!
//! ```text
//!  site 10.201.1.2 ── 10.201.1.1 nat 10.201.2.1 ── 10.201.2.2 cloud
//!  gateway, NFS clients   outbound only   console, broker, object store
//! ```
//! None of the namespaces has a way out of this machine.

use std::{
    ffi::OsStr,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::Result;

use crate::run_ok;

/// Labs of one process have names of their own.
static LABS: AtomicU32 = AtomicU32::new(0);

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The private network: gateway and NFS clients.
    Site,
    /// Between: masquerades outward, lets nothing in.
    Nat,
    /// Outside: console, broker, object store.
    Cloud,
}

/// The three namespaces. Dropping it removes them.
#[derive(Debug)]
pub struct Lab {
    prefix: String,
}

impl Lab {
    /// The gateway's address in its private network.
    pub const SITE: &str = "10.201.1.2";
    /// The address of console, broker and object store.
    pub const CLOUD: &str = "10.201.2.2";

    /// Makes the networks.
    ///
    /// # Errors
    /// A step failed; root rights are needed.
    pub fn up() -> Result<Self> {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let lab = Self {
            prefix: format!("cw{}x{number}", std::process::id()),
        };
        lab.remove();
        for place in [Place::Site, Place::Nat, Place::Cloud] {
            run_ok(Command::new("ip").args(["netns", "add", &lab.namespace(place)]))?;
            lab.ip(place, "link set lo up")?;
        }
        lab.link(Place::Site, "10.201.1.2", Place::Nat, "10.201.1.1", "site")?;
        lab.link(
            Place::Cloud,
            "10.201.2.2",
            Place::Nat,
            "10.201.2.1",
            "cloud",
        )?;
        lab.ip(Place::Site, "route add default via 10.201.1.1")?;
        run_ok(
            lab.command(Place::Nat, "sysctl")
                .args(["-qw", "net.ipv4.ip_forward=1"]),
        )?;
        lab.nft(
            "table ip lab {
               chain cut { }
               chain forward { type filter hook forward priority 0; policy drop;
                 jump cut
                 ct state established,related accept
                 iifname \"site\" oifname \"cloud\" accept
               }
               chain out { type nat hook postrouting priority 100; oifname \"cloud\" masquerade; }
             }",
        )?;
        Ok(lab)
    }

    /// A program that will run in one of the networks.
    #[must_use]
    pub fn command(&self, place: Place, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace(place)])
            .arg(program);
        command
    }

    /// Loses every packet between site and cloud, as a dead line does.
    ///
    /// # Errors
    /// The rule cannot be set.
    pub fn cut(&self) -> Result<()> {
        self.nft("add rule ip lab cut drop")
    }

    /// Restores the line.
    ///
    /// # Errors
    /// The rule cannot be removed.
    pub fn heal(&self) -> Result<()> {
        self.nft("flush chain ip lab cut")
    }

    /// The name of a namespace, for tools that take one.
    #[must_use]
    pub fn namespace(&self, place: Place) -> String {
        let suffix = match place {
            Place::Site => "site",
            Place::Nat => "nat",
            Place::Cloud => "cloud",
        };
        format!("{}-{suffix}", self.prefix)
    }

    fn ip(&self, place: Place, words: &str) -> Result<()> {
        let namespace = self.namespace(place);
        run_ok(
            Command::new("ip")
                .args(["-n", &namespace])
                .args(words.split(' ')),
        )
        .map(|_| ())
    }

    fn link(&self, a: Place, a_ip: &str, b: Place, b_ip: &str, name: &str) -> Result<()> {
        let peer = self.namespace(b);
        self.ip(
            a,
            &format!("link add up0 type veth peer name {name} netns {peer}"),
        )?;
        for (place, interface, address) in [(a, "up0", a_ip), (b, name, b_ip)] {
            self.ip(place, &format!("addr add {address}/24 dev {interface}"))?;
            self.ip(place, &format!("link set {interface} up"))?;
        }
        Ok(())
    }

    fn nft(&self, rules: &str) -> Result<()> {
        run_ok(self.command(Place::Nat, "nft").arg(rules)).map(|_| ())
    }

    fn remove(&self) {
        for place in [Place::Site, Place::Nat, Place::Cloud] {
            let namespace = self.namespace(place);
            if run_ok(Command::new("ip").args(["netns", "del", &namespace])).is_err() {
                // It was not there: nothing to remove.
            }
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.remove();
    }
}
