//! A client process: one event loop with thousands of clients, which does what its standard
//! input says.
//!
//! Invariant: it reacts the same way at all times (devices answer commands, messages are
//! acknowledged and counted), so that several of these processes need no understanding.

mod fleet;
mod open;
mod phases;
mod seen;
mod wire;

use std::{
    io::{BufRead as _, Write as _},
    sync::{Arc, mpsc},
    thread,
};

use clock::Clock;
use mio::Waker;

use self::fleet::Fleet;
pub(crate) use self::fleet::topic;
use crate::{
    error::BenchError,
    orders::{Answer, Order},
};

/// Orders that wait; there is one at a time.
const ORDERS_MAX: usize = 4;

/// Until standard input ends.
pub(crate) fn run(clock: Clock) -> Result<(), BenchError> {
    let mut fleet = Fleet::new(clock).map_err(BenchError::io("start the event loop"))?;
    let (sender, orders) = mpsc::sync_channel(ORDERS_MAX);
    let waker = fleet
        .waker()
        .map_err(BenchError::io("start the event loop"))?;
    listen(sender, waker).map_err(BenchError::io("read orders"))?;
    loop {
        match orders.try_recv() {
            Ok(order) => {
                let answer = match fleet.obey(order) {
                    Ok(done) => Answer::Done(done),
                    Err(error) => Answer::Failed(error.to_string()),
                };
                say(&answer)?;
            }
            Err(mpsc::TryRecvError::Empty) => {
                fleet
                    .turn(None)
                    .map_err(BenchError::io("wait for events"))?;
            }
            Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

fn say(answer: &Answer) -> Result<(), BenchError> {
    let mut line = serde_json::to_vec(answer).map_err(BenchError::Line)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .map_err(BenchError::io("answer an order"))
}

fn listen(orders: mpsc::SyncSender<Order>, waker: Arc<Waker>) -> std::io::Result<()> {
    let listener = thread::Builder::new().name("orders".into());
    listener.spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(order) = serde_json::from_str(&line) else {
                break;
            };
            if orders.send(order).is_err() || waker.wake().is_err() {
                break;
            }
        }
        drop(orders);
        // The loop sees that nobody orders any more.
        waker.wake().ok();
    })?;
    Ok(())
}
