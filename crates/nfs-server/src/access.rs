//! Who may do what at an export: addresses by rules, users by squashing.

use std::net::IpAddr;

use model::{AccessRule, Squash, WriteAccess};
use thiserror::Error;
use vfs::Caller;

use crate::rpc::Credential;

/// User and group that squashed callers become.
pub(crate) const NOBODY: u32 = 65534;

/// An address range that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no address range; write 10.0.0.0/8, 2001:db8::/32 or one address")]
pub struct CidrError(String);

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cidr {
    network: IpAddr,
    prefix_len: u32,
}

impl Cidr {
    fn parse(text: &str) -> Result<Self, CidrError> {
        let error = || CidrError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_unsaid| error())?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix {
            Some(prefix) => prefix.parse().map_err(|_unsaid| error())?,
            None => width,
        };
        if prefix_len > width {
            return Err(error());
        }
        Ok(Self {
            network,
            prefix_len,
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix_len
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix_len
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Rules of one export: the first that holds the address decides; none means no.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessList(Vec<(Cidr, WriteAccess)>);

impl AccessList {
    pub(crate) fn parse(rules: &[AccessRule]) -> Result<Self, CidrError> {
        let parse = |rule: &AccessRule| Ok((Cidr::parse(&rule.cidr)?, rule.access));
        rules.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn access_of(&self, address: IpAddr) -> Option<WriteAccess> {
        let mut rules = self.0.iter();
        rules
            .find(|(cidr, _)| cidr.contains(address))
            .map(|(_, access)| *access)
    }
}

/// Whose rights a call gets.
pub(crate) fn caller_of(credential: &Credential, squash: Squash) -> Caller {
    let nobody = || Caller {
        uid: NOBODY,
        gid: NOBODY,
        groups: Vec::new(),
    };
    match (credential, squash) {
        (Credential::None, _) | (Credential::Sys { .. }, Squash::All) => nobody(),
        (Credential::Sys { uid, gid, groups }, Squash::None) => Caller {
            uid: *uid,
            gid: *gid,
            groups: groups.clone(),
        },
        (Credential::Sys { uid: 0, .. }, Squash::Root) => nobody(),
        (Credential::Sys { uid, gid, groups }, Squash::Root) => Caller {
            uid: *uid,
            gid: if *gid == 0 { NOBODY } else { *gid },
            groups: groups.iter().copied().filter(|gid| *gid != 0).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rules: &[(&str, WriteAccess)]) -> Result<AccessList, CidrError> {
        let rule = |(cidr, access): &(&str, WriteAccess)| AccessRule {
            cidr: (*cidr).to_owned(),
            access: *access,
        };
        AccessList::parse(&rules.iter().map(rule).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_rule_that_holds_the_address_decides() {
        let rules = list(&[
            ("10.0.0.7", WriteAccess::ReadOnly),
            ("10.0.0.0/8", WriteAccess::ReadWrite),
            ("2001:db8::/33", WriteAccess::ReadWrite),
        ])
        .unwrap();
        let check = |address: &str, want| {
            assert_eq!(rules.access_of(address.parse().unwrap()), want, "{address}");
        };
        check("10.0.0.7", Some(WriteAccess::ReadOnly));
        check("10.200.0.7", Some(WriteAccess::ReadWrite));
        check("11.0.0.7", None);
        check("2001:db8:7fff::1", Some(WriteAccess::ReadWrite));
        check("2001:db8:8000::1", None);
        let all = list(&[("0.0.0.0/0", WriteAccess::ReadOnly)]).unwrap();
        let any = "203.0.113.9".parse().unwrap();
        assert_eq!(all.access_of(any), Some(WriteAccess::ReadOnly));
        assert_eq!(AccessList::default().access_of(any), None);
    }

    #[test]
    fn bad_ranges_are_refused() {
        for text in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/x", "host"] {
            assert!(list(&[(text, WriteAccess::ReadWrite)]).is_err(), "{text}");
        }
    }

    #[test]
    fn squashing_takes_rights_away() {
        let sys = |uid, gid| Credential::Sys {
            uid,
            gid,
            groups: vec![0, 5],
        };
        let check = |credential: &Credential, squash, uid, gid, groups: &[u32]| {
            let caller = caller_of(credential, squash);
            assert_eq!((caller.uid, caller.gid), (uid, gid));
            assert_eq!(caller.groups, groups);
        };
        check(&sys(0, 0), Squash::None, 0, 0, &[0, 5]);
        check(&sys(0, 0), Squash::Root, NOBODY, NOBODY, &[]);
        check(&sys(7, 0), Squash::Root, 7, NOBODY, &[5]);
        check(&sys(7, 8), Squash::All, NOBODY, NOBODY, &[]);
        check(&Credential::None, Squash::None, NOBODY, NOBODY, &[]);
    }
}
