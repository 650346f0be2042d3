//! MQTT through a WebSocket, for networks that let only HTTPS out.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use web_socket::{CloseCode, Decoder, FrameError, Role, encode_binary, encode_close, upgrade};

use crate::limits::{OUT_LEN_MAX, READ_LEN};

/// A WebSocket as a stream of bytes.
pub(crate) struct WebStream<S> {
    stream: S,
    decoder: Decoder,
    /// What came and was not read yet.
    input: BytesMut,
    /// Frames that the stream has not taken yet.
    output: BytesMut,
    state: State,
}

/// Open ── close frame of the peer, or the end ──▶ Ended; Open ── ours ──▶ Leaving
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// We have said that we close.
    Leaving,
    /// Nothing more comes.
    Ended,
}

/// Asks for a WebSocket and waits for it.
pub(crate) async fn open<S>(mut stream: S, host: &str, path: &str) -> io::Result<WebStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = upgrade::key(random()?);
    let request = upgrade::request(host, path, &key);
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut input = BytesMut::new();
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let answer = upgrade::parse_response(&input, &key);
        if let Some(len) = answer.map_err(invalid)? {
            input.advance(len);
            break;
        }
    }
    let mut web = WebStream {
        stream,
        decoder: Decoder::of_server(),
        input: BytesMut::new(),
        output: BytesMut::new(),
        state: State::Open,
    };
    web.decode(&mut input)?;
    Ok(web)
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebStream<S> {
    /// Takes frames; their data is `input` then.
    fn decode(&mut self, frames: &mut [u8]) -> io::Result<()> {
        let mut answer = Vec::new();
        let decoded = self.decoder.decode(frames, role()?, &mut answer);
        let decoded = decoded.map_err(|error: FrameError| {
            // The peer may not hear it any more, which changes nothing.
            if let Ok(role) = role() {
                encode_close(role, error.close_code(), &mut answer);
            }
            self.state = State::Ended;
            invalid(error)
        });
        self.output.extend_from_slice(&answer);
        let decoded = decoded?;
        let data = frames.get(..decoded.len).unwrap_or_default();
        self.input.extend_from_slice(data);
        if decoded.closed {
            self.state = State::Ended;
        }
        Ok(())
    }

    fn poll_output(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.output);
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.output.advance(len),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            // Pongs go now or with what is written next.
            if let Poll::Ready(Err(error)) = this.poll_output(context) {
                return Poll::Ready(Err(error));
            }
            if !this.input.is_empty() {
                let len = this.input.len().min(buf.remaining());
                buf.put_slice(&this.input.split_to(len));
                return Poll::Ready(Ok(()));
            }
            // A peer that sends pings and reads no pongs is not read either.
            if this.state == State::Ended {
                return Poll::Ready(Ok(()));
            }
            if this.output.len() >= OUT_LEN_MAX {
                return Poll::Pending;
            }
            let mut frames = vec![0; READ_LEN];
            let mut room = ReadBuf::new(&mut frames);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut room))?;
            let len = room.filled().len();
            if len == 0 {
                return Poll::Ready(Ok(()));
            }
            this.decode(frames.get_mut(..len).unwrap_or_default())?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.output.len() >= OUT_LEN_MAX {
            ready!(this.poll_output(context))?;
        }
        let mut frame = Vec::new();
        encode_binary(role()?, bytes, &mut frame);
        this.output.extend_from_slice(&frame);
        if let Poll::Ready(Err(error)) = this.poll_output(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_output(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.state == State::Open {
            let mut frame = Vec::new();
            encode_close(role()?, CloseCode::Normal, &mut frame);
            this.output.extend_from_slice(&frame);
            this.state = State::Leaving;
        }
        ready!(this.poll_output(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

/// A client masks each frame with a number that nobody can foresee (RFC 6455, 5.3).
fn role() -> io::Result<Role> {
    random().map(Role::Client)
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
