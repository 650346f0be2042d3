//! Makes many small files by NFS, as fast as the server takes them: the two calls that it needs,
//! by hand (RFC 1813; RPC is RFC 5531).

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

/// A connection, and the root of the share that it has mounted.
pub(super) struct Maker {
    stream: TcpStream,
    root: Vec<u8>,
    xid: u32,
}

const MOUNT: (u32, u32) = (100_005, 1);
const CREATE: (u32, u32) = (100_003, 8);
/// Calls that wait for their answers at a time.
const PIPELINED: u32 = 16;

impl Maker {
    pub(super) fn mount(port: u16, path: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let root = Vec::new();
        let mut maker = Self {
            stream,
            root,
            xid: 0,
        };
        maker.call(MOUNT, &opaque(path.as_bytes()));
        let answer = maker.answer();
        let (status, rest) = word(&answer);
        assert_eq!(status, 0, "the mount is refused");
        let (len, rest) = word(rest);
        maker.root = rest[..len as usize].to_vec();
        maker
    }

    /// Makes empty files with these numbers as names.
    pub(super) fn make(&mut self, numbers: std::ops::Range<u32>) {
        let (mut asked, end) = (numbers.start, numbers.end);
        for answered in numbers {
            while asked < end && asked - answered < PIPELINED {
                let name = format!("{asked:06}");
                let mut body = [opaque(&self.root), opaque(name.as_bytes())].concat();
                // UNCHECKED, and no attribute is set: six discriminators.
                body.extend([0_u32; 7].iter().flat_map(|word| word.to_be_bytes()));
                self.call(CREATE, &body);
                asked += 1;
            }
            let answer = self.answer();
            assert_eq!(word(&answer).0, 0, "a create fails");
        }
    }

    fn call(&mut self, (program, procedure): (u32, u32), body: &[u8]) {
        self.xid += 1;
        // AUTH_SYS (1): stamp, machine name, uid 0, gid 0, no more groups.
        let credential = [0_u32; 5].iter().flat_map(|word| word.to_be_bytes());
        let credential: Vec<u8> = credential.collect();
        let mut message = Vec::new();
        for number in [self.xid, 0, 2, program, 3, procedure, 1] {
            message.extend(number.to_be_bytes());
        }
        message.extend(opaque(&credential));
        message.extend([0; 8]);
        message.extend(body);
        let len = u32::try_from(message.len()).unwrap() | 1 << 31;
        self.stream.write_all(&len.to_be_bytes()).unwrap();
        self.stream.write_all(&message).unwrap();
    }

    /// What follows the head of an accepted reply.
    fn answer(&mut self) -> Vec<u8> {
        let mut mark = [0; 4];
        self.stream.read_exact(&mut mark).unwrap();
        let len = u32::from_be_bytes(mark) & !(1 << 31);
        let mut message = vec![0; len as usize];
        self.stream.read_exact(&mut message).unwrap();
        // xid, REPLY, MSG_ACCEPTED, an empty verifier, SUCCESS.
        assert_eq!(message[4..24], [[0, 0, 0, 1].as_slice(), &[0; 16]].concat());
        message[24..].to_vec()
    }
}

fn word(bytes: &[u8]) -> (u32, &[u8]) {
    let (word, rest) = bytes.split_first_chunk().unwrap();
    (u32::from_be_bytes(*word), rest)
}

fn opaque(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    let mut whole = [&len.to_be_bytes()[..], bytes].concat();
    whole.resize(whole.len().next_multiple_of(4), 0);
    whole
}
