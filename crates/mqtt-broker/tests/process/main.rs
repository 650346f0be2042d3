//! What needs a process of its own: a broker that is killed, more clients than a process may
//! have files, memory that is only the broker's.
//!
//! `CAUSEWAY_KILL_ROUNDS`, `CAUSEWAY_STORM_CLIENTS` and `CAUSEWAY_IDLE_CLIENTS` make them longer:
//! 15,000 clients need a hard limit of 20,000 open files.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that fails panics, and has no harness that prints for it"
)]

mod deaf;
mod idle;
mod kill;
mod peer;
mod storm;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const TESTS: [(&str, fn()); 4] = [
    (
        "kill_9_loses_nothing_acknowledged_and_doubles_no_qos_2",
        kill::run,
    ),
    ("all_are_back_soon_after_a_restart", storm::run),
    ("an_idle_client_takes_little_memory", idle::run),
    (
        "clients_that_never_read_cost_bounded_memory_and_harm_nobody",
        deaf::run,
    ),
];

fn main() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).unwrap();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["broker", dir] => return kill::broker(dir),
        ["clients", address, count] => return storm::clients(address, count.parse().unwrap()),
        ["idle-broker", transport, count] => {
            return idle::broker(transport, count.parse().unwrap());
        }
        ["idle-clients", address, count, ca_file @ ..] => {
            return idle::clients(address, count.parse().unwrap(), ca_file.first().copied());
        }
        _ => {}
    }
    let ignored = words.contains(&"--ignored");
    let wanted = |name: &str| {
        let mut filters = words
            .iter()
            .filter(|word| !word.starts_with("--"))
            .peekable();
        !ignored && (filters.peek().is_none() || filters.any(|filter| name.contains(filter)))
    };
    for (name, run) in TESTS.into_iter().filter(|(name, _)| wanted(name)) {
        // As the usual harness lists and tells them.
        if words.contains(&"--list") {
            println!("{name}: test");
        } else {
            run();
            println!("test {name} ... ok");
        }
    }
}

/// A number of the environment, for longer runs.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no configuration; this is where its long variant is asked for"
)]
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
