//! Commands beside bulk and status at full speed: what a command waits for then.

use super::contender::hear;
use crate::{
    error::BenchError,
    orders::{Done, Order, Target},
    packet::Level,
    process::{Process, SelfExec},
};

/// Processes that send nothing but bulk and status.
pub(super) const PROCESSES: u32 = 2;
/// Devices of each.
const DEVICES_OF_ONE: u32 = 50;
/// All of them, behind those of the run.
pub(super) const DEVICES: u32 = PROCESSES * DEVICES_OF_ONE;
/// Messages on their way of each process: more than the broker has done in a turn.
const WINDOW: u32 = 2_000;
/// Of a device at once: the broker is to have much to do, not the kernel between them.
const BURST: u16 = 20;
/// They go on until the last command is answered.
const LONGER_MS: u64 = 500;

/// Those processes.
#[derive(Debug)]
pub(super) struct Saturators(Vec<Process>);

impl Saturators {
    /// Connects them; their devices are the last that the broker knows, `clients` are before.
    pub(super) fn connect(
        exec: &SelfExec,
        target: &Target,
        (clients, processes): (u32, u32),
    ) -> Result<Self, BenchError> {
        let mut all = Vec::new();
        for n in 0..PROCESSES {
            let mut agent = Process::part(exec, &["agent"])?;
            // In life the devices that say all this are on machines of their own.
            agent.stand_back()?;
            let open = Order::Open {
                target: target.clone(),
                first: clients + n * DEVICES_OF_ONE,
                count: DEVICES_OF_ONE,
            };
            let others = Order::OpenOthers {
                target: target.clone(),
                process: processes + n,
                first_pair: 0,
                pairs: 0,
            };
            for order in [open, others] {
                agent.tell(&order)?;
                hear(&mut agent)?;
            }
            all.push(agent);
        }
        Ok(Self(all))
    }

    /// Goes on for as long as commands are sent, and a little longer.
    pub(super) fn start(&mut self, run_ms: u64) -> Result<(), BenchError> {
        // Bulk waits for its PUBACK, status does not.
        for (agent, level) in self.0.iter_mut().zip([Level::One, Level::Zero]) {
            agent.tell(&Order::FanIn {
                level,
                window: WINDOW,
                burst: BURST,
                run_ms: run_ms + LONGER_MS,
            })?;
        }
        Ok(())
    }

    /// Waits for its end: what was done beside the commands. Their times are the only ones.
    pub(super) fn finish(&mut self) -> Result<Done, BenchError> {
        let mut all = Done::default();
        for agent in &mut self.0 {
            all.merge(hear(agent)?);
        }
        Ok(all)
    }
}
