//! A look at the ports before anything starts: one that is taken is named, with whoever has
//! it and the flag that chooses another, and nothing has been half started by then.

mod owner;

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use thiserror::Error;

/// A port that a role is about to listen on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// For what, in the words of an operator.
    pub(crate) what: &'static str,
    pub(crate) address: SocketAddr,
    /// The flag that changes it, without dashes.
    pub(crate) flag: &'static str,
}

/// Why a port cannot be used.
#[derive(Debug, Error)]
pub(crate) enum PortError {
    #[error(
        "cannot listen on {} ({}): the port is taken by {owner}. Stop that, or choose another \
         port with --{} {}:PORT (port 0 picks a free one)",
        port.address, port.what, port.flag, port.address.ip()
    )]
    Taken { port: Port, owner: String },
    #[error(
        "cannot listen on {} ({}): ports below 1024 need root or CAP_NET_BIND_SERVICE; choose \
         another with --{} {}:PORT",
        port.address, port.what, port.flag, port.address.ip()
    )]
    Forbidden { port: Port },
    #[error(
        "cannot listen on {} ({}): this host has no such address; choose another with --{} \
         HOST:PORT",
        port.address, port.what, port.flag
    )]
    NoSuchAddress { port: Port },
    #[error("`--{first}` and `--{second}` are both {address}; choose another port for one of them")]
    Twice {
        first: &'static str,
        second: &'static str,
        address: SocketAddr,
    },
    #[error("cannot listen on {} ({})", port.address, port.what)]
    Other {
        port: Port,
        #[source]
        source: io::Error,
    },
}

/// Whether all of them can be listened on now.
pub(crate) fn check_free(ports: &[Port]) -> Result<(), PortError> {
    for (index, port) in ports.iter().enumerate() {
        let same = |other: &&Port| other.address == port.address && port.address.port() != 0;
        if let Some(first) = ports.iter().take(index).find(same) {
            return Err(PortError::Twice {
                first: first.flag,
                second: port.flag,
                address: port.address,
            });
        }
        check(*port)?;
    }
    Ok(())
}

fn check(port: Port) -> Result<(), PortError> {
    let Err(source) = TcpListener::bind(port.address) else {
        return Ok(());
    };
    Err(match source.kind() {
        io::ErrorKind::AddrInUse => PortError::Taken {
            port,
            owner: owner::describe(port.address.port()),
        },
        io::ErrorKind::PermissionDenied => PortError::Forbidden { port },
        io::ErrorKind::AddrNotAvailable => PortError::NoSuchAddress { port },
        _ => PortError::Other { port, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(address: SocketAddr) -> Port {
        Port {
            what: "NFS server",
            address,
            flag: "nfs-address",
        }
    }

    #[test]
    fn a_taken_port_is_named_with_its_owner_and_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let said = check_free(&[port(address)]).unwrap_err().to_string();
        let pid = format!("(pid {})", std::process::id());
        for part in [
            &address.to_string(),
            "NFS server",
            "--nfs-address 127.0.0.1:PORT",
            &pid,
        ] {
            assert!(said.contains(part), "{said}");
        }
        drop(taken);
        check_free(&[port(address)]).unwrap();
    }

    #[test]
    fn two_flags_with_one_port_are_refused() {
        let address = "127.0.0.1:65001".parse().unwrap();
        let other = Port {
            flag: "s3-address",
            ..port(address)
        };
        let said = check_free(&[port(address), other]).unwrap_err().to_string();
        assert!(
            said.contains("nfs-address") && said.contains("s3-address"),
            "{said}"
        );
        let any = port("127.0.0.1:0".parse().unwrap());
        check_free(&[any, any]).unwrap();
    }

    #[test]
    fn an_address_of_another_host_is_refused() {
        let said = check_free(&[port("192.0.2.1:0".parse().unwrap())]).unwrap_err();
        assert!(said.to_string().contains("no such address"), "{said}");
    }
}
