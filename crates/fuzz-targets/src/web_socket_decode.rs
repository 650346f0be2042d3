//! Bytes of a client and of a server, as an opening handshake and as frames: any cut gives the
//! same.

use web_socket::{Decoder, FrameError, Role, upgrade};

const MASK: [u8; 4] = [1, 2, 3, 4];
const PATH: &str = "/mqtt";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// What was said in binary frames, what must be answered, and whether it ended.
type Heard = (Vec<u8>, Vec<u8>, bool);

fn hear(mut decoder: Decoder, role: Role, bytes: &[u8], piece: usize) -> Result<Heard, FrameError> {
    let (mut said, mut answer, mut closed) = (Vec::new(), Vec::new(), false);
    for part in bytes.chunks(piece) {
        let mut part = part.to_vec();
        let decoded = decoder.decode(&mut part, role, &mut answer)?;
        said.extend_from_slice(&part[..decoded.len]);
        closed = decoded.closed;
    }
    assert!(said.len() <= bytes.len());
    Ok((said, answer, closed))
}

/// Does all that with some bytes.
///
/// # Panics
/// A finding.
pub fn check(input: &[u8]) {
    if let Ok(Some(accepted)) = upgrade::parse_request(input, PATH) {
        assert!(accepted.len <= input.len());
        let cut = &input[..accepted.len - 1];
        assert_eq!(upgrade::parse_request(cut, PATH), Ok(None));
    }
    if let Ok(Some(len)) = upgrade::parse_response(input, KEY) {
        assert!(len <= input.len());
    }
    let Some((&piece, bytes)) = input.split_first() else {
        return;
    };
    let piece = usize::from(piece).max(1);
    let whole = bytes.len().max(1);
    let client = |piece| hear(Decoder::of_client(), Role::Server, bytes, piece);
    assert_eq!(client(piece), client(whole));
    let server = |piece| hear(Decoder::of_server(), Role::Client(MASK), bytes, piece);
    assert_eq!(server(piece), server(whole));
}
