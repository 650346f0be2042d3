//! A small OSS: it checks signatures by its own arithmetic, from the words of Alibaba Cloud's
//! documents, and keeps objects in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clock::{Task, spawn_named};
use hmac::{Hmac, Mac as _};
use model::OssSignature;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Keys that it knows.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Keys {
    pub(crate) fn plain() -> Self {
        Self {
            id: "id".into(),
            secret: "secret".into(),
            token: None,
        }
    }
}

type Headers = BTreeMap<String, String>;

#[derive(Default)]
struct State {
    keys: HashMap<String, (Keys, bool)>,
    objects: BTreeMap<String, (Vec<u8>, Headers)>,
    parts: BTreeMap<(String, u32), Vec<u8>>,
    signatures: Vec<OssSignature>,
    refusals: usize,
    seen: Vec<Headers>,
    damages: bool,
}

pub(crate) struct FakeOss {
    endpoint: String,
    state: Arc<Mutex<State>>,
    _serving: Task,
}

/// A request, taken apart.
struct Asked {
    method: String,
    /// As it was sent, without the query.
    path: String,
    query: BTreeMap<String, String>,
    headers: Headers,
    body: Vec<u8>,
}

struct Answer {
    status: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl FakeOss {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let served = Arc::clone(&state);
        let serving = spawn_named("fake-oss", async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that gives up ends only its own connection.
                drop(serve(stream, &served).await);
            }
        });
        Self {
            endpoint,
            state,
            _serving: serving,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// From now on it knows these keys.
    pub(crate) fn admit(&self, keys: Keys) {
        let mut state = self.state.lock().unwrap();
        state.keys.insert(keys.id.clone(), (keys, true));
    }

    /// The time of these keys is over.
    pub(crate) fn expire(&self, id: &str) {
        self.state.lock().unwrap().keys.get_mut(id).unwrap().1 = false;
    }

    /// Whether it changes a byte of each body as it arrives.
    pub(crate) fn damage(&self, damages: bool) {
        self.state.lock().unwrap().damages = damages;
    }

    pub(crate) fn signatures(&self) -> Vec<OssSignature> {
        self.state.lock().unwrap().signatures.clone()
    }

    pub(crate) fn refusals(&self) -> usize {
        self.state.lock().unwrap().refusals
    }

    pub(crate) fn last_headers(&self, count: usize) -> Vec<Headers> {
        let state = self.state.lock().unwrap();
        state.seen.iter().rev().take(count).cloned().collect()
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let asked = read(&mut stream).await?;
    let is_head = asked.method == "HEAD";
    let answer = state.lock().unwrap().answer(asked);
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\n", answer.status);
    let has_length = answer
        .headers
        .iter()
        .any(|(name, _)| name == "content-length");
    for (name, value) in answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !has_length {
        text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await?;
    if !is_head {
        stream.write_all(&answer.body).await?;
    }
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
    let headers: Headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length");
    let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    Ok(Asked {
        method: method.into(),
        path: path.into(),
        query: query.collect(),
        headers,
        body,
    })
}

fn answered(status: &'static str) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

fn refused(status: &'static str, code: &str) -> Answer {
    Answer {
        body: format!("<Error><Code>{code}</Code><Message>m</Message></Error>").into_bytes(),
        ..answered(status)
    }
}

impl State {
    fn answer(&mut self, mut asked: Asked) -> Answer {
        match self.check(&asked) {
            Ok(version) => self.signatures.push(version),
            Err(code) => {
                self.refusals += 1;
                return refused("403 Forbidden", code);
            }
        }
        self.seen.push(asked.headers.clone());
        if let Some(last) = asked.body.last_mut().filter(|_| self.damages) {
            *last ^= 1;
        }
        let path = percent_decode_str(&asked.path).decode_utf8().unwrap();
        let key = path.strip_prefix("/bucket/").unwrap().to_owned();
        let part = asked.query.get("partNumber").map(|n| n.parse().unwrap());
        match (&*asked.method, part) {
            ("PUT", Some(number)) => {
                let answer = stored(&asked.body);
                self.parts.insert((key, number), asked.body);
                answer
            }
            ("PUT", None) => self.put(key, asked),
            ("POST", _) if asked.query.contains_key("uploads") => Answer {
                body: b"<R><Bucket>bucket</Bucket><UploadId>u1</UploadId></R>".to_vec(),
                ..answered("200 OK")
            },
            ("POST", _) => self.join(key),
            ("GET" | "HEAD", _) => self.get(&key, &asked),
            ("DELETE", _) => {
                self.objects.remove(&key);
                answered("204 No Content")
            }
            _ => refused("501 Not Implemented", "NotImplemented"),
        }
    }

    fn put(&mut self, key: String, asked: Asked) -> Answer {
        let is_bound = asked.headers.contains_key("x-oss-forbid-overwrite");
        if is_bound && self.objects.contains_key(&key) {
            return refused("409 Conflict", "FileAlreadyExists");
        }
        let answer = stored(&asked.body);
        self.objects.insert(key, (asked.body, asked.headers));
        answer
    }

    fn join(&mut self, key: String) -> Answer {
        let parts = std::mem::take(&mut self.parts);
        let whole: Vec<u8> = parts.into_values().flatten().collect();
        self.objects.insert(key, (whole, Headers::new()));
        Answer {
            body: b"<R><ETag>\"joined-1\"</ETag></R>".to_vec(),
            ..answered("200 OK")
        }
    }

    fn get(&self, key: &str, asked: &Asked) -> Answer {
        let Some((bytes, headers)) = self.objects.get(key) else {
            return refused("404 Not Found", "NoSuchKey");
        };
        let range = asked.headers.get("range").map(|text| {
            let (from, to) = text.trim_start_matches("bytes=").split_once('-').unwrap();
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            from..(to + 1).min(bytes.len())
        });
        let own = headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-oss-meta-"));
        let mut headers: Vec<_> = own.map(|(n, v)| (n.clone(), v.clone())).collect();
        headers.push(("etag".into(), format!("\"{}\"", bytes.len())));
        let (status, body) = match range {
            Some(range) => ("206 Partial Content", bytes[range].to_vec()),
            None => ("200 OK", bytes.clone()),
        };
        headers.push(("content-length".into(), body.len().to_string()));
        Answer {
            status,
            headers,
            body,
        }
    }

    fn check(&self, asked: &Asked) -> Result<OssSignature, &'static str> {
        let given = asked.headers.get("authorization").ok_or("AccessDenied")?;
        let version = match given.starts_with("OSS4-HMAC-SHA256 ") {
            true => OssSignature::V4,
            false => OssSignature::V1,
        };
        let id = match version {
            OssSignature::V4 => field(given, "Credential=").split('/').next().unwrap(),
            OssSignature::V1 => given.trim_start_matches("OSS ").split(':').next().unwrap(),
        };
        let (keys, is_good) = self.keys.get(id).ok_or("InvalidAccessKeyId")?;
        if asked.headers.get("x-oss-security-token") != keys.token.as_ref() {
            return Err("InvalidSecurityToken");
        }
        let is_right = match version {
            OssSignature::V4 => field(given, "Signature=") == v4(asked, given, &keys.secret),
            OssSignature::V1 => *given == format!("OSS {id}:{}", v1(asked, &keys.secret)),
        };
        match (is_right, is_good) {
            (false, _) => Err("SignatureDoesNotMatch"),
            (true, false) => Err("SecurityTokenExpired"),
            (true, true) => Ok(version),
        }
    }
}

fn stored(bytes: &[u8]) -> Answer {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, bytes);
    let headers = vec![
        ("etag".into(), "\"etag\"".into()),
        ("x-oss-hash-crc64ecma".into(), crc.to_string()),
    ];
    Answer {
        headers,
        ..answered("200 OK")
    }
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let after = text.split(name).nth(1).unwrap_or_default();
    after.split([',', ' ']).next().unwrap()
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.headers.get(name).map_or("", String::as_str)
}

/// "Include signatures in the Authorization header", version 1.
fn v1(asked: &Asked, secret: &str) -> String {
    let own = asked
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-oss-"));
    let own: String = own
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let named = ["partNumber", "uploadId", "uploads"];
    let sub = asked
        .query
        .iter()
        .filter(|(name, _)| named.contains(&&***name));
    let sub: Vec<String> = sub
        .map(|(name, value)| match value.as_str() {
            "" => name.clone(),
            value => format!("{name}={value}"),
        })
        .collect();
    let mut resource = percent_decode_str(&asked.path)
        .decode_utf8()
        .unwrap()
        .into_owned();
    if !sub.is_empty() {
        resource = format!("{resource}?{}", sub.join("&"));
    }
    let text = format!(
        "{}\n{}\n{}\n{}\n{own}{resource}",
        asked.method,
        header(asked, "content-md5"),
        header(asked, "content-type"),
        header(asked, "date"),
    );
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// "Include signatures in the Authorization header", version 4.
fn v4(asked: &Asked, given: &str, secret: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let path = percent_decode_str(&asked.path).decode_utf8().unwrap();
    let path: Vec<String> = path
        .split('/')
        .map(|name| utf8_percent_encode(name, PLAIN).to_string())
        .collect();
    let query: Vec<String> = asked
        .query
        .iter()
        .map(|(name, value)| {
            let name = utf8_percent_encode(name, PLAIN);
            match value.as_str() {
                "" => name.to_string(),
                value => format!("{name}={}", utf8_percent_encode(value, PLAIN)),
            }
        })
        .collect();
    let additional = field(given, "AdditionalHeaders=");
    let is_signed = |name: &str| {
        matches!(name, "content-md5" | "content-type")
            || name.starts_with("x-oss-")
            || additional.split(';').any(|added| added == name)
    };
    let headers = asked.headers.iter().filter(|(name, _)| is_signed(name));
    let headers: String = headers.map(|(n, v)| format!("{n}:{v}\n")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{additional}\n{}",
        asked.method,
        path.join("/"),
        query.join("&"),
        header(asked, "x-oss-content-sha256"),
    );
    let scope = field(given, "Credential=").split_once('/').unwrap().1;
    let text = format!(
        "OSS4-HMAC-SHA256\n{}\n{scope}\n{}",
        header(asked, "x-oss-date"),
        hex::encode(Sha256::digest(canonical)),
    );
    let key = scope
        .split('/')
        .fold(format!("aliyun_v4{secret}").into_bytes(), |key, word| {
            hmac(&key, word)
        });
    hex::encode(hmac(&key, &text))
}
