//! The broker's half of the greeting.

use bytes::BytesMut;
use model::Secret;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    error::LinkFault,
    message::{Message, VERSION},
    proof::{Challenge, End, nonce},
    tls,
    wire::{Wire, next_frame, write_message},
};

/// TLS, then proofs: the console proves first, so that strangers learn nothing.
pub(super) async fn greet(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    secret: &Secret,
) -> Result<Wire, LinkFault> {
    let mut stream = acceptor.accept(stream).await?;
    let (own_nonce, version) = (nonce()?, VERSION);
    let hello = Message::Hello {
        version,
        nonce: own_nonce.clone(),
    };
    write_message(&mut stream, hello).await?;
    let mut buffer = BytesMut::new();
    let Message::Proof {
        version,
        nonce,
        proof,
    } = next_frame(&mut stream, &mut buffer).await?.message
    else {
        return Err(LinkFault::Protocol("no proof after the greeting"));
    };
    if version != VERSION {
        let reason = format!("this broker speaks version {VERSION} of the bus link, not {version}");
        return refuse(stream, reason, LinkFault::Protocol("another version")).await;
    }
    let challenge = Challenge {
        broker_nonce: own_nonce,
        console_nonce: nonce,
        binding: tls::binding(stream.get_ref().1)?,
    };
    if !challenge.holds(End::Console, secret, &proof) {
        let reason = "the secret of the bus link is wrong".to_owned();
        return refuse(stream, reason, LinkFault::WrongSecret).await;
    }
    let proof = challenge.proof(End::Broker, secret);
    write_message(&mut stream, Message::Welcome { proof }).await?;
    Ok(Wire::new(stream, buffer))
}

async fn refuse(
    mut stream: TlsStream<TcpStream>,
    reason: String,
    fault: LinkFault,
) -> Result<Wire, LinkFault> {
    write_message(&mut stream, Message::Refused { reason }).await?;
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await?;
    Err(fault)
}
