//! One connection as two queues of frames: a task reads, a task writes.

use bytes::{Bytes, BytesMut};
use clock::{Task, spawn_named};
use message_bus::BusError;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc,
};

use crate::{
    error::LinkFault,
    frame::{TooLong, decode, encode},
    limits::{CALLS_MAX, OUTGOING_MAX},
    message::{Frame, Message, Outcome},
};

/// Frames of events wait here only while one is being written; they wait in the bus instead.
const EVENTS_AHEAD: usize = 4;
/// Read from the connection at once.
const READ_BYTES: usize = 64 << 10;

/// The queues of a connection. Dropping them closes it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) incoming: mpsc::Receiver<Result<Frame, LinkFault>>,
    /// Calls, replies and the like: these go first.
    pub(crate) control: mpsc::Sender<Frame>,
    /// Events, which wait for control.
    pub(crate) events: mpsc::Sender<Frame>,
    _tasks: [Task; 2],
}

impl Wire {
    pub(crate) fn new<S>(stream: S, buffered: BytesMut) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (reading, writing) = tokio::io::split(stream);
        let (heard, incoming) = mpsc::channel(OUTGOING_MAX);
        let (control, of_control) = mpsc::channel(CALLS_MAX + OUTGOING_MAX);
        let (events, of_events) = mpsc::channel(EVENTS_AHEAD);
        let _tasks = [
            spawn_named("bus-link-reader", read(reading, buffered, heard)),
            spawn_named("bus-link-writer", write(writing, of_control, of_events)),
        ];
        Self {
            incoming,
            control,
            events,
            _tasks,
        }
    }

    /// Queues a frame of control. There is room for all that the rules allow.
    pub(crate) fn say(&self, frame: impl Into<Frame>) -> Result<(), LinkFault> {
        self.control
            .try_send(frame.into())
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => LinkFault::Protocol("it does not read"),
                mpsc::error::TrySendError::Closed(_) => LinkFault::Closed,
            })
    }
}

async fn read<S: AsyncRead>(
    mut stream: ReadHalf<S>,
    mut buffer: BytesMut,
    heard: mpsc::Sender<Result<Frame, LinkFault>>,
) {
    loop {
        let next = next_frame(&mut stream, &mut buffer).await;
        let last = next.is_err();
        if heard.send(next).await.is_err() || last {
            return;
        }
    }
}

/// What is said instead of an answer that no frame holds: who asked must not wait for it.
fn too_long(frame: &Frame, error: TooLong) -> Result<Bytes, TooLong> {
    let Message::Reply { id, .. } = frame.message else {
        return Err(error);
    };
    let reason = format!("the answer does not fit: {error}; ask for less at a time");
    let outcome = Outcome::Failed {
        error: BusError::Refused { reason },
    };
    encode(&Message::Reply { id, outcome }.into())
}

/// Reads until there is a frame. May be given up only with the connection.
pub(crate) async fn next_frame<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> Result<Frame, LinkFault> {
    loop {
        if let Some(frame) = decode(buffer)? {
            return Ok(frame);
        }
        buffer.reserve(READ_BYTES);
        if stream.read_buf(buffer).await? == 0 {
            return Err(LinkFault::Closed);
        }
    }
}

/// Writes one message of the greeting.
pub(crate) async fn write_message<S: AsyncWrite + Unpin>(
    stream: &mut S,
    message: Message,
) -> Result<(), LinkFault> {
    let bytes = encode(&message.into()).map_err(std::io::Error::other)?;
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    Ok(())
}

async fn write<S: AsyncWrite>(
    mut stream: WriteHalf<S>,
    mut control: mpsc::Receiver<Frame>,
    mut events: mpsc::Receiver<Frame>,
) {
    loop {
        let frame = tokio::select! {
            biased;
            Some(frame) = control.recv() => frame,
            Some(frame) = events.recv() => frame,
            else => break,
        };
        let bytes = match encode(&frame).or_else(|error| too_long(&frame, error)) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, "a frame is lost");
                continue;
            }
        };
        let idle = control.is_empty() && events.is_empty();
        let written = match stream.write_all(&bytes).await {
            Ok(()) if idle => stream.flush().await,
            written => written,
        };
        if let Err(error) = written {
            tracing::debug!(%error, "the bus link cannot be written to");
            return;
        }
    }
    if let Err(error) = stream.shutdown().await {
        tracing::debug!(%error, "the bus link did not close cleanly");
    }
}
