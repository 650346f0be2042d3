//! The command line.

use clap::{Args, Subcommand};

use crate::{files::FilesArgs, mqtt::MqttArgs, part::Part};

const MQTT_EXAMPLES: &str = "\
Examples:
  causeway bench mqtt
      the floor, our broker and Debian's mosquitto with 5,000 clients, 3 rounds
  causeway bench mqtt --clients 19000 --rounds 5 --part-ms 5000
      the figures of docs/performance.md
  causeway bench mqtt --subjects floor,causeway --parts round-trip0,round-trip1
      while working on one thing
  causeway bench mqtt --in-memory 1000000
      a million sessions without sockets: memory, a command to a random one, one to all
  causeway bench mqtt --subjects mq.example.com:1883 --clients 100
      another broker, which must let anybody in

How to read it: CPU time for each message is the steady figure, its ratio to the floor even more
so, as both are measured within a second; rates and times depend on what else the machine does, and
on the clients, which share it.";

const FILES_EXAMPLES: &str = "\
Examples:
  causeway bench files --dir /var/lib/causeway
      all operations, 3 rounds, on the disk of the cache
  causeway bench files --rounds 5 --files 20000 --data-mib 1024
      the figures of docs/performance.md
  causeway bench files --parts create16,sequential-write
      while working on one thing

How to read it: both sides do the same from this process, the engine through the port that NFS
calls; names and content are durable where NFS promises it. Nothing is uploaded meanwhile. Ratios
are those within each round, as the disk may be busy.";

/// Measure this program on this machine, side by side with others
#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Message brokers: memory, CPU time, rates and times of connections and messages
    #[command(after_help = MQTT_EXAMPLES)]
    Mqtt(MqttArgs),
    /// The file engine and the file system under it: time and CPU time of the same operations
    #[command(after_help = FILES_EXAMPLES)]
    Files(FilesArgs),
    /// Another process of a run
    #[command(hide = true)]
    Part {
        #[command(subcommand)]
        part: Part,
    },
}
