//! The command line.

use clap::{Args, Subcommand};

use crate::{mqtt::MqttArgs, part::Part};

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
so; rates and times depend on what else the machine does, and on the clients, which share it.";

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
    /// Another process of a run
    #[command(hide = true)]
    Part {
        #[command(subcommand)]
        part: Part,
    },
}
