//! Debian's mosquitto clients: a subscriber is a `mosquitto_sub` that runs until it goes; each
//! message is published by a `mosquitto_pub` that connects for it.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    thread,
};

use testkit::{eventually, run_ok};

use super::{
    super::support::LIMIT,
    driver::{Driven, Driver, Event, Login, Message, News, Order, Proof, Target, Version},
};

pub(super) struct Mosquitto {
    target: Target,
    events: Sender<Event>,
    logins: HashMap<String, Login>,
    subscribers: HashMap<String, Arc<Mutex<Child>>>,
}

/// How a subscriber prints what it hears: it ends its debugging lines otherwise.
const FORMAT: &str = "HEARD %q %r %t %p";

impl Mosquitto {
    pub(super) fn start(target: &Target) -> Driven {
        let (events, told) = channel();
        let driver = Self {
            target: target.clone(),
            events,
            logins: HashMap::new(),
            subscribers: HashMap::new(),
        };
        (Box::new(driver), told)
    }

    fn command(&self, program: &str, login: &Login) -> Command {
        // Its lines are buffered when its output is a pipe.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", program, "-d", "-h", "localhost"]);
        command.args(["-p", &self.target.port.to_string()]);
        command.args(["--cafile", &self.target.ca_file, "-i", &login.client_id]);
        command.args(match self.target.version {
            Version::V311 => ["-V", "311"],
            Version::V5 => ["-V", "5"],
        });
        match &login.proof {
            Proof::Password { user, password } => {
                command.args(["-u", user, "-P", password]);
            }
            Proof::Certificate { file, key } => {
                command.arg("--cert").arg(file).arg("--key").arg(key);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    fn subscribe(&mut self, client: &str, mut command: Command) {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let child = Arc::new(Mutex::new(child));
        self.subscribers
            .insert(client.to_owned(), Arc::clone(&child));
        let (events, client) = (self.events.clone(), client.to_owned());
        thread::spawn(move || {
            let tell = |news| {
                let client = client.clone();
                // The test has ended if nobody listens.
                drop(events.send(Event { client, news }));
            };
            let last = listen(lines, &tell);
            // It would connect again.
            let mut child = child.lock().unwrap();
            child.kill().ok();
            child.wait().ok();
            tell(last);
        });
    }

    fn publish(&self, client: &str, words: &[&str]) {
        let mut command = self.command("mosquitto_pub", &self.logins[client]);
        let output = command.args(words).output().unwrap();
        // MQTT 5 says in PUBACK what is against it; the client prints that and ends with 0.
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{client}: {output:?}"
        );
        let client = client.to_owned();
        let news = News::Sent;
        self.events.send(Event { client, news }).unwrap();
    }

    fn end(&mut self, client: &str, signal: &str) {
        if let Some(child) = self.subscribers.remove(client) {
            let pid = child.lock().unwrap().id().to_string();
            await_sleep(&pid);
            run_ok(Command::new("kill").args([signal, &pid])).unwrap();
        }
    }
}

/// Waits until a process waits for something itself. `mosquitto_sub` prints when it is asked to end,
/// from within the signal: a line that it is just printing then comes twice.
fn await_sleep(pid: &str) {
    let stat = format!("/proc/{pid}/stat");
    eventually("it waits", LIMIT, || {
        let stat = fs::read_to_string(&stat).unwrap_or_default();
        let state = stat.rsplit_once(") ").map_or("", |(_, state)| state);
        Ok((!state.starts_with(['R', 'D'])).then_some(()))
    })
    .unwrap();
}

/// Tells what a subscriber prints until its connection is gone; why it is.
fn listen(lines: BufReader<ChildStdout>, tell: &dyn Fn(News)) -> News {
    let mut connects = 0;
    for line in lines.lines().map_while(Result::ok) {
        let code = || number_in(&line);
        if let Some(heard) = line.strip_prefix("HEARD ") {
            tell(News::Message(message(heard)));
        } else if line.contains("Subscribed (mid") {
            tell(News::Ready);
        } else if line.contains("received CONNACK") && code() != Some(0) {
            return News::Refused { code: code() };
        } else if line.contains("Received DISCONNECT") {
            return News::Closed { code: code() };
        } else if line.contains("sending CONNECT") {
            connects += 1;
            if connects > 1 {
                break;
            }
        }
    }
    News::Closed { code: None }
}

fn number_in(line: &str) -> Option<u8> {
    let (_, rest) = line.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

fn message(heard: &str) -> Message {
    let mut parts = heard.splitn(4, ' ');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    Message {
        qos: next().parse().unwrap(),
        retain: next() == "1",
        topic: next(),
        payload: next(),
    }
}

impl Driver for Mosquitto {
    fn order(&mut self, order: &Order) {
        match order {
            Order::Connect {
                client,
                login,
                subscribe,
                qos,
                will,
            } => {
                self.logins.insert(client.clone(), login.clone());
                if subscribe.is_empty() {
                    // It connects when it publishes.
                    let (client, news) = (client.clone(), News::Ready);
                    return self.events.send(Event { client, news }).unwrap();
                }
                let mut command = self.command("mosquitto_sub", login);
                command.args(["-F", FORMAT, "-q", &qos.to_string()]);
                for filter in subscribe {
                    command.args(["-t", filter]);
                }
                if let Some(will) = will {
                    command.args(["--will-topic", &will.topic, "--will-qos", "1"]);
                    command.args(["--will-payload", &will.payload]);
                }
                self.subscribe(client, command);
            }
            Order::Publish {
                client,
                topic,
                payload,
                qos,
                retain,
            } => {
                let qos = qos.to_string();
                let mut words = vec!["-t", topic, "-q", &qos];
                if payload.is_empty() {
                    words.push("-n");
                } else {
                    words.extend(["-m", payload]);
                }
                if *retain {
                    words.push("-r");
                }
                self.publish(client, &words);
            }
            Order::Leave { client } => self.end(client, "-TERM"),
            Order::Cut { client } => self.end(client, "-KILL"),
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        for child in self.subscribers.values() {
            child.lock().unwrap().kill().ok();
        }
    }
}
