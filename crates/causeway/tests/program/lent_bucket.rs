//! A bucket that lets in only who comes with keys that were lent and are not over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use clock::Clock;
use testkit::{FakeSts, HttpAnswer, HttpRequest, SignatureV4, serve_http, unescaped};

/// An object.
#[derive(Clone, Debug)]
struct Object {
    body: Vec<u8>,
    /// Its type, user metadata and etag.
    headers: Vec<(String, String)>,
}

impl Object {
    fn etag(&self) -> &str {
        let etag = self.headers.iter().find(|(name, _)| name == "etag");
        etag.map_or("", |(_, etag)| etag)
    }
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    puts: usize,
    /// Keys that something was put with.
    used: BTreeSet<String>,
    refusals: Vec<&'static str>,
    is_away: bool,
    /// All that came, but the bodies.
    seen: Vec<HttpRequest>,
}

/// The bucket `b`.
pub(super) struct LentBucket {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

impl LentBucket {
    /// Lets in who has keys of `service`. Serves until the test ends.
    pub(super) fn start(service: &FakeSts) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (serving, service) = (Arc::clone(&state), service.clone());
        let clock = Clock::system();
        let address = serve_http(move |request| {
            let admitted = admit(request, &service, &clock);
            serving.lock().unwrap().answer(request, admitted)
        });
        Self {
            endpoint: format!("http://{address}"),
            state,
        }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn object(&self, key: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        state.objects.get(key).map(|object| object.body.clone())
    }

    /// Whether it cannot be used for now, whoever comes.
    pub(super) fn be_away(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }

    /// The newest keys that something was put with.
    pub(super) fn newest_key_used(&self) -> Option<String> {
        self.state.lock().unwrap().used.last().cloned()
    }

    /// With how many keys something was put so far.
    pub(super) fn keys_used(&self) -> usize {
        self.state.lock().unwrap().used.len()
    }

    /// The codes of all refusals so far.
    pub(super) fn refusals(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().refusals.clone()
    }

    /// All requests so far, without their bodies.
    pub(super) fn seen(&self) -> Vec<HttpRequest> {
        self.state.lock().unwrap().seen.clone()
    }
}

/// The access key that signed, or the code of the refusal.
fn admit(
    request: &HttpRequest,
    service: &FakeSts,
    clock: &Clock,
) -> Result<String, (u16, &'static str)> {
    let signature = SignatureV4::of(request).ok_or((403, "AccessDenied"))?;
    let keys = service.keys(&signature.access_key_id);
    let keys = keys.ok_or((403, "InvalidAccessKeyId"))?;
    if !signature.is_made_by(&keys.secret, request) {
        return Err((403, "SignatureDoesNotMatch"));
    }
    if request.header("x-amz-security-token") != keys.token {
        return Err((400, "InvalidToken"));
    }
    if keys.expires_at <= clock.wall() {
        return Err((400, "ExpiredToken"));
    }
    Ok(keys.id)
}

impl State {
    fn answer(
        &mut self,
        request: &HttpRequest,
        admitted: Result<String, (u16, &'static str)>,
    ) -> HttpAnswer {
        self.seen.push(HttpRequest {
            body: Vec::new(),
            ..request.clone()
        });
        if self.is_away {
            return refusal(503, "ServiceUnavailable");
        }
        let key_id = match admitted {
            Ok(key_id) => key_id,
            Err((status, code)) => {
                self.refusals.push(code);
                return refusal(status, code);
            }
        };
        let path = unescaped(&request.path);
        let Some(key) = path.strip_prefix("/b") else {
            return refusal(404, "NoSuchBucket");
        };
        let key = key.trim_start_matches('/');
        let found = self.objects.get(key);
        match (request.method.as_str(), found) {
            ("GET", _) if key.is_empty() => self.list(request),
            ("GET" | "HEAD", None) => refusal(404, "NoSuchKey"),
            ("GET", Some(object)) => get(object, request),
            ("HEAD", Some(object)) => {
                let mut answer = HttpAnswer::new(200, Vec::new());
                answer.headers.clone_from(&object.headers);
                let len = object.body.len().to_string();
                answer.headers.push(("content-length".into(), len));
                answer
            }
            ("PUT" | "DELETE", found) if !holds(request, found) => {
                refusal(412, "PreconditionFailed")
            }
            ("PUT", _) => {
                self.used.insert(key_id);
                self.put(key, request)
            }
            ("DELETE", _) => {
                self.objects.remove(key);
                HttpAnswer::new(204, Vec::new())
            }
            _ => refusal(501, "NotImplemented"),
        }
    }

    fn put(&mut self, key: &str, request: &HttpRequest) -> HttpAnswer {
        self.puts += 1;
        let etag = ("etag".to_owned(), format!("\"v{}\"", self.puts));
        let kept = |name: &str| name == "content-type" || name.starts_with("x-amz-meta-");
        let headers = request.headers.iter().filter(|(name, _)| kept(name));
        let headers = headers.map(|(name, value)| (name.clone(), value.clone()));
        let object = Object {
            body: request.body.clone(),
            headers: headers.chain([etag.clone()]).collect(),
        };
        self.objects.insert(key.to_owned(), object);
        let mut answer = HttpAnswer::new(200, Vec::new());
        answer.headers.push(etag);
        answer
    }

    fn list(&self, request: &HttpRequest) -> HttpAnswer {
        let query = HttpRequest::pairs(&request.query);
        if !query.contains_key("list-type") {
            return HttpAnswer::new(200, "<ListMultipartUploadsResult/>");
        }
        let prefix = query.get("prefix").map_or("", String::as_str);
        let after = query.get("start-after").map_or("", String::as_str);
        let below = self.objects.iter();
        let below = below.filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let contents: String = below
            .map(|(key, object)| {
                let (len, etag) = (object.body.len(), object.etag().replace('"', "&quot;"));
                format!(
                    "<Contents><Key>{key}</Key><Size>{len}</Size><ETag>{etag}</ETag>\
                     <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                )
            })
            .collect();
        let body = format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        );
        HttpAnswer::new(200, body)
    }
}

/// Whether the condition of a request holds, if it has one.
fn holds(request: &HttpRequest, found: Option<&Object>) -> bool {
    let is_there = found.is_some();
    let none = request.header("if-none-match");
    let matches = request.header("if-match");
    (none.is_empty() || !is_there)
        && (matches.is_empty() || found.is_some_and(|object| object.etag() == matches))
}

fn get(object: &Object, request: &HttpRequest) -> HttpAnswer {
    let range = request.header("range");
    let bounds = range.strip_prefix("bytes=").and_then(|r| r.split_once('-'));
    let len = object.body.len();
    let mut answer = match bounds {
        Some((from, to)) => {
            let from: usize = from.parse().unwrap();
            let to = to.parse().map_or(len, |to: usize| (to + 1).min(len));
            let mut part = HttpAnswer::new(206, &object.body[from.min(to)..to]);
            let range = format!("bytes {from}-{}/{len}", to.saturating_sub(1));
            part.headers.push(("content-range".into(), range));
            part
        }
        None => HttpAnswer::new(200, object.body.clone()),
    };
    answer.headers.extend(object.headers.clone());
    answer
}

fn refusal(status: u16, code: &str) -> HttpAnswer {
    let body = format!("<Error><Code>{code}</Code><Message>the bucket says so</Message></Error>");
    HttpAnswer::new(status, body)
}
