//! One connection: records in, requests in parallel, replies out as they come.
//!
//! ```text
//! socket -> RecordReader -> decode -> (room?) -> a task each -> replies -> socket
//! ```
//! A request holds its share of the bounds from before it runs until its reply is sent: first for
//! the longest reply that there may be, then for the one that there is. When the bounds are
//! reached the socket is not read, so TCP makes the client wait.

use std::{io, io::IoSlice, sync::Arc};

use bytes::Bytes;
use clock::{Clock, spawn_named};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
};
use tracing::{debug, warn};

use crate::{
    dispatch::{self, Asked},
    limits::{CONNECTION_KIB_MAX, REPLIES_PER_WRITE, REQUEST_KIB_MIN, WRITE_TIMEOUT},
    rpc::{RecordError, RecordReader, Reply},
    service::{Peer, Service},
};

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("client closed it")]
    ByClient,
    #[error("server stops")]
    ByServer,
    #[error("nothing was asked for too long")]
    Idle,
    #[error("client takes no replies")]
    NotTaken,
    #[error("client sent what is no call")]
    NotACall,
    #[error("client sent a bad record")]
    Record(#[from] RecordError),
    #[error("socket failed")]
    Io(#[from] io::Error),
}

/// What a connection needs.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) service: Arc<Service>,
    pub(crate) peer: Arc<Peer>,
    /// Room of the whole server, in KiB.
    pub(crate) server_room: Arc<Semaphore>,
    /// True, or gone, when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Share of the bounds that a request holds.
#[derive(Debug)]
struct Room {
    connection: OwnedSemaphorePermit,
    address: OwnedSemaphorePermit,
    server: OwnedSemaphorePermit,
}

impl Room {
    /// Gives back what the reply does not need.
    fn keep_for(&mut self, reply: &Reply) {
        let kib = kib_of(reply.len());
        keep(&mut self.connection, kib.max(REQUEST_KIB_MIN));
        keep(&mut self.address, kib);
        keep(&mut self.server, kib);
    }
}

fn keep(permit: &mut OwnedSemaphorePermit, kib: u32) {
    let kib = usize::try_from(kib).unwrap_or(usize::MAX);
    let excess = permit.num_permits().saturating_sub(kib);
    drop(permit.split(excess));
}

fn kib_of(bytes: usize) -> u32 {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(CONNECTION_KIB_MAX);
    kib.clamp(1, CONNECTION_KIB_MAX)
}

#[derive(Debug)]
struct Outgoing {
    reply: Reply,
    _room: Room,
}

impl Connection {
    pub(crate) async fn run(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "replies may be delayed");
        }
        let (input, output) = stream.into_split();
        let (replies, queue) = mpsc::channel(REPLIES_PER_WRITE);
        let clock = self.service.clock.clone();
        let writer = spawn_named("nfs replies", write_replies(output, queue, clock));
        let address = self.peer.address;
        let ended = self.serve(input, replies).await;
        // Requests that are under way still hold the queue; their replies are sent.
        let written = writer.join().await;
        match (ended, written) {
            (Ended::Record(error), _) => {
                warn!(client = %address, %error, "connection ends");
            }
            (Ended::NotACall, _) => warn!(client = %address, "connection ends: no RPC call"),
            (ended, written) => {
                debug!(client = %address, reason = %ended, ?written, "connection ends");
            }
        }
    }

    async fn serve(self, mut input: OwnedReadHalf, replies: mpsc::Sender<Outgoing>) -> Ended {
        let room = usize::try_from(CONNECTION_KIB_MAX).unwrap_or(0);
        let room = Arc::new(Semaphore::new(room));
        let mut records = RecordReader::default();
        loop {
            let record = match self.next_record(&mut input, &mut records, &replies).await {
                Ok(record) => record,
                Err(ended) => return ended,
            };
            let Ok(asked) = dispatch::decode(record) else {
                return Ended::NotACall;
            };
            let room = tokio::select! {
                room = self.make_room(&room, &asked) => room,
                () = replies.closed() => None,
            };
            let Some(room) = room else {
                return Ended::NotTaken;
            };
            self.start(asked, room, &replies);
        }
    }

    /// Carries out a request in a task of its own. It is not ended with the connection: a
    /// change that has begun is finished, and its reply waits for the client to ask again.
    fn start(&self, asked: Asked, mut room: Room, replies: &mpsc::Sender<Outgoing>) {
        let service = Arc::clone(&self.service);
        let peer = Arc::clone(&self.peer);
        let replies = replies.clone();
        let request = async move {
            let reply = match asked {
                Asked::Refused(reply) => reply,
                Asked::Work(work) => work.carry_out(&service, peer.address).await,
            };
            room.keep_for(&reply);
            let outgoing = Outgoing { reply, _room: room };
            if replies.send(outgoing).await.is_err() {
                debug!(client = %peer.address, "reply has nowhere to go");
            }
        };
        spawn_named("nfs request", request).detach();
    }

    async fn next_record(
        &self,
        input: &mut OwnedReadHalf,
        records: &mut RecordReader,
        replies: &mpsc::Sender<Outgoing>,
    ) -> Result<Bytes, Ended> {
        let mut stop = self.stop.clone();
        loop {
            if *stop.borrow_and_update() {
                return Err(Ended::ByServer);
            }
            if let Some(record) = records.next()? {
                return Ok(record);
            }
            let received = tokio::select! {
                received = input.read_buf(records.buffer()) => received?,
                changed = stop.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Err(Ended::ByServer),
                },
                () = replies.closed() => return Err(Ended::NotTaken),
                () = self.service.clock.sleep(self.peer.idle_timeout()) => return Err(Ended::Idle),
            };
            if received == 0 {
                return Err(Ended::ByClient);
            }
        }
    }

    /// Waits until the request may run. `None` only if the bounds are gone, which they outlive.
    async fn make_room(&self, room: &Arc<Semaphore>, asked: &Asked) -> Option<Room> {
        let bytes = match asked {
            Asked::Refused(reply) => reply.len(),
            Asked::Work(work) => work.bytes_max(),
        };
        let kib = kib_of(bytes);
        // The narrowest first: who waits there holds nothing that others need.
        let connection = Arc::clone(room).acquire_many_owned(kib.max(REQUEST_KIB_MIN));
        let connection = connection.await.ok()?;
        let address = Arc::clone(&self.peer.room).acquire_many_owned(kib);
        let address = address.await.ok()?;
        let server = Arc::clone(&self.server_room).acquire_many_owned(kib);
        Some(Room {
            connection,
            address,
            server: server.await.ok()?,
        })
    }
}

/// Sends replies, several at a time if several are ready.
async fn write_replies(
    mut output: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Outgoing>,
    clock: Clock,
) -> Result<(), Ended> {
    let mut batch = Vec::with_capacity(REPLIES_PER_WRITE);
    while queue.recv_many(&mut batch, REPLIES_PER_WRITE).await > 0 {
        write_batch(&mut output, &batch, &clock).await?;
        batch.clear();
    }
    output.shutdown().await?;
    Ok(())
}

async fn write_batch(
    output: &mut OwnedWriteHalf,
    batch: &[Outgoing],
    clock: &Clock,
) -> Result<(), Ended> {
    let parts = batch.iter().flat_map(|outgoing| {
        let reply = &outgoing.reply;
        [&*reply.head, &*reply.payload, reply.padding()]
    });
    let mut slices: Vec<IoSlice<'_>> = parts
        .filter(|part| !part.is_empty())
        .map(IoSlice::new)
        .collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let sent = tokio::select! {
            sent = output.write_vectored(rest) => sent?,
            () = clock.sleep(WRITE_TIMEOUT) => return Err(Ended::NotTaken),
        };
        if sent == 0 {
            return Err(Ended::Io(io::ErrorKind::WriteZero.into()));
        }
        IoSlice::advance_slices(&mut rest, sent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc;

    #[tokio::test]
    async fn a_request_keeps_only_the_room_of_its_reply() {
        const KIB: usize = 1025;
        let bounds = [(); 3].map(|()| Arc::new(Semaphore::new(KIB)));
        let [connection, address, server] = bounds.clone().map(|bound| {
            let kib = u32::try_from(KIB).unwrap();
            bound.try_acquire_many_owned(kib).unwrap()
        });
        let mut room = Room {
            connection,
            address,
            server,
        };
        let left = || bounds.each_ref().map(|bound| bound.available_permits());
        let reply = |len| rpc::accepted(1, |_| Bytes::from(vec![0; len]));
        room.keep_for(&reply(2 << 20));
        assert_eq!(left(), [0, 0, 0]);
        room.keep_for(&reply(999 << 10));
        assert_eq!(left(), [25, 25, 25]);
        room.keep_for(&reply(10));
        assert_eq!(left(), [769, 1024, 1024]);
        drop(room);
        assert_eq!(left(), [KIB; 3]);
    }
}
