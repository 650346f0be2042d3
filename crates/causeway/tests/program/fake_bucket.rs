//! A bucket that takes whatever is put, and remembers how it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// A request's method and headers.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    method: String,
    headers: BTreeMap<String, String>,
}

impl Asked {
    /// Empty if it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

pub(super) struct FakeBucket {
    endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeBucket {
    /// Serves until the test ends.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that gives up ends only its own connection.
                drop(serve(&stream.unwrap(), &seen));
            }
        });
        Self { endpoint, asked }
    }

    pub(super) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// The first request of this method since the last call.
    pub(super) fn taken(&self, method: &str) -> Asked {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let found = asked.iter().find(|asked| asked.method == method);
        found
            .cloned()
            .unwrap_or_else(|| panic!("no {method}: {asked:?}"))
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let Some(first) = lines.first() else {
        return Ok(());
    };
    let method = first.split(' ').next().unwrap_or_default().to_owned();
    let headers: BTreeMap<_, _> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let len = headers.get("content-length");
    let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let answer = match method.as_str() {
        "GET" => {
            "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
        }
        _ => "",
    };
    seen.lock().unwrap().push(Asked { method, headers });
    let mut writer = stream;
    write!(
        writer,
        "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"e\"\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    )
}
