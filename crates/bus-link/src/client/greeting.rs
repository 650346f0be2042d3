//! The console's half of the greeting.

use bytes::BytesMut;
use model::Secret;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    error::LinkFault,
    message::{Message, VERSION},
    proof::{Challenge, End, nonce},
    tls,
    wire::{Wire, next_frame, write_message},
};

/// TCP, TLS, proofs.
pub(super) async fn greet(
    connector: &TlsConnector,
    address: &str,
    server_name: ServerName<'static>,
    secret: &Secret,
) -> Result<Wire, LinkFault> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = connector.connect(server_name, stream).await?;
    let mut buffer = BytesMut::new();
    let Message::Hello {
        version: theirs,
        nonce: broker_nonce,
    } = next_frame(&mut stream, &mut buffer).await?.message
    else {
        return Err(LinkFault::Protocol("no greeting"));
    };
    if theirs != VERSION {
        let reason = format!("it speaks version {theirs} of the bus link, this console {VERSION}");
        return Err(LinkFault::Refused(reason));
    }
    let challenge = Challenge {
        broker_nonce,
        console_nonce: nonce()?,
        binding: tls::binding(stream.get_ref().1)?,
    };
    let message = Message::Proof {
        version: VERSION,
        nonce: challenge.console_nonce.clone(),
        proof: challenge.proof(End::Console, secret),
    };
    write_message(&mut stream, message).await?;
    match next_frame(&mut stream, &mut buffer).await?.message {
        Message::Welcome { proof } if challenge.holds(End::Broker, secret, &proof) => {
            Ok(Wire::new(stream, buffer))
        }
        Message::Welcome { .. } => Err(LinkFault::WrongSecret),
        Message::Refused { reason } => Err(LinkFault::Refused(reason)),
        _ => Err(LinkFault::Protocol("no welcome after the proof")),
    }
}
