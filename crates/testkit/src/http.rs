//! Requests as a fake server sees them, byte for byte: what was signed is what was sent.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

/// A request.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET`, …
    pub method: String,
    /// As it was sent, escapes included.
    pub path: String,
    /// What comes after `?`, as it was sent.
    pub query: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// All of it.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct HttpAnswer {
    /// 200, …
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// With a body and no header.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }
}

impl HttpRequest {
    /// Empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Names and values of a query or a form, without their escapes.
    #[must_use]
    pub fn pairs(text: &str) -> BTreeMap<String, String> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        split
            .map(|(name, value)| (unescaped(name), unescaped(value)))
            .collect()
    }

    /// The next one of a connection; nothing if it ends.
    fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let Some((first, rest)) = lines.split_first() else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: BTreeMap<_, _> = rest
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let len = headers.get("content-length");
        let len = len.and_then(|len| len.parse().ok()).unwrap_or(0);
        let mut body = vec![0; len];
        reader.read_exact(&mut body)?;
        Ok(Some(Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body,
        }))
    }
}

/// Text without its escapes.
#[must_use]
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.as_bytes().first() {
        let escape = rest.get(1..3).filter(|_| *first == b'%');
        if let Some(byte) = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = rest.get(3..).unwrap_or_default();
        } else {
            let len = rest.chars().next().map_or(1, char::len_utf8);
            bytes.extend_from_slice(rest.get(..len).unwrap_or_default().as_bytes());
            rest = rest.get(len..).unwrap_or_default();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers every request on a free port of this machine until the test ends.
///
/// # Panics
/// There is no free port.
pub fn serve_http(
    answer: impl Fn(&HttpRequest) -> HttpAnswer + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that gives up ends only its own connection.
            std::thread::spawn(move || drop(serve(&stream, &*answer)));
        }
    });
    address
}

fn serve(stream: &TcpStream, answer: &impl Fn(&HttpRequest) -> HttpAnswer) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = HttpRequest::read(&mut reader)? {
        let answer = answer(&request);
        let mut head = format!("HTTP/1.1 {} -\r\n", answer.status);
        for (name, value) in &answer.headers {
            write!(head, "{name}: {value}\r\n").expect("a string takes every write");
        }
        // The answer to HEAD says how long the object is, and has no body.
        if !answer
            .headers
            .iter()
            .any(|(name, _)| name == "content-length")
        {
            let len = answer.body.len();
            write!(head, "content-length: {len}\r\n").expect("a string takes every write");
        }
        head.push_str("\r\n");
        let mut writer = stream;
        writer.write_all(head.as_bytes())?;
        if request.method != "HEAD" {
            writer.write_all(&answer.body)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_off_and_nothing_else() {
        assert_eq!(unescaped("a%2Fb+c%C3%A9%zz%4"), "a/b+cé%zz%4");
        let pairs = HttpRequest::pairs("b=1%3D2&a&c=");
        let want = [("a", ""), ("b", "1=2"), ("c", "")];
        assert!(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).eq(want));
    }
}
