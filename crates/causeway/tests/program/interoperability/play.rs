//! Plays the scenario with the clients of one driver.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::mpsc::Receiver,
};

use super::{
    super::support::LIMIT,
    driver::{Driven, Driver, Event, Message, News, Order, Version, Will},
    scenario::{Mode, Part, Step, WillWords},
    stage::{GROUP, Stage},
};

/// One part, being played.
pub(super) struct Play<'p> {
    stage: &'p mut Stage,
    version: Version,
    driver: &'p mut dyn Driver,
    events: &'p Receiver<Event>,
    /// Names this part of this run, in topics and client IDs.
    label: String,
    /// What clients have told that was not waited for yet, each its own.
    told: BTreeMap<String, VecDeque<News>>,
    connected: BTreeSet<String>,
}

/// Plays all parts that these clients can; what they cannot is told.
#[expect(clippy::print_stdout, reason = "a failed test says how far it came")]
pub(super) fn play(
    parts: &[Part],
    stage: &mut Stage,
    (client, version): (&str, Version),
    start: impl Fn(&super::driver::Target) -> Driven,
) {
    let full_name = format!("{client} {}", version.name());
    let (mut driver, events) = start(&stage.target(version));
    for (number, part) in parts.iter().enumerate() {
        let reason = part.cannot.get(client).or(part.cannot.get(&full_name));
        if let Some(reason) = reason {
            println!("{full_name} cannot play `{}`: {reason}", part.name);
            continue;
        }
        println!("{full_name}: {}", part.name);
        let mut play = Play {
            stage,
            version,
            driver: &mut *driver,
            events: &events,
            label: format!("{}-{number}", version.name().replace('.', "")),
            told: BTreeMap::new(),
            connected: BTreeSet::new(),
        };
        for step in &part.steps {
            play.step(step);
        }
        play.end();
    }
}

impl Play<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Connect { client, .. } => {
                self.connect(step);
                let news = self.next_answer(client);
                assert_eq!(news, News::Ready, "{client}");
                self.connected.insert(client.clone());
            }
            Step::BeRefused { client, by, code } => self.be_refused(client, *by, *code),
            Step::Publish {
                client,
                topic,
                payload,
                qos,
                retain,
            } => {
                self.driver.order(&Order::Publish {
                    client: self.own(client),
                    topic: self.text(topic),
                    payload: payload.clone(),
                    qos: *qos,
                    retain: *retain,
                });
                assert_eq!(self.next_answer(client), News::Sent, "{client}");
            }
            Step::Hear {
                client,
                topic,
                payload,
                qos,
                retain,
            } => {
                let wanted = Message {
                    topic: self.text(topic),
                    payload: payload.clone(),
                    qos: *qos,
                    retain: *retain,
                };
                assert_eq!(self.next_message(client), wanted, "{client}");
            }
            Step::Share { clients, payloads } => self.share(clients, payloads),
            Step::BeTold {
                client,
                topic,
                holds,
                qos,
            } => {
                let message = self.next_message(client);
                assert_eq!((&message.topic, message.qos), (topic, *qos), "{client}");
                assert!(message.payload.contains(holds), "{client}: {message:?}");
            }
            Step::BeClosed { client, code } => match self.next_event(client) {
                News::Closed { code: told } => {
                    self.check_code(*code, told);
                    self.connected.remove(client);
                }
                news => panic!("{client} is not closed: {news:?}"),
            },
            Step::Leave { client } => self.go(client, |client| Order::Leave { client }),
            Step::Cut { client } => self.go(client, |client| Order::Cut { client }),
            Step::RevokeToken => self.stage.revoke_short_token(),
        }
    }

    fn connect(&mut self, step: &Step) {
        let Step::Connect {
            client,
            id,
            by,
            subscribe,
            qos,
            will,
        } = step
        else {
            return;
        };
        let device = self.device(id.as_ref().unwrap_or(client));
        let will = will.as_ref().map(|WillWords { topic, payload }| Will {
            topic: self.text(topic),
            payload: payload.clone(),
        });
        let order = Order::Connect {
            client: self.own(client),
            login: self.stage.login(&device, *by),
            subscribe: subscribe.iter().map(|filter| self.text(filter)).collect(),
            qos: *qos,
            will,
        };
        self.driver.order(&order);
    }

    fn be_refused(&mut self, client: &str, by: Mode, code: u8) {
        let login = self.stage.login(&self.device(client), by);
        self.driver.order(&Order::Connect {
            client: self.own(client),
            login,
            // Some clients connect only for something.
            subscribe: vec![self.text("{top}/news")],
            qos: 1,
            will: None,
        });
        match self.next_answer(client) {
            News::Refused { code: told } => self.check_code(code, told),
            news => panic!("{client} is not refused: {news:?}"),
        }
    }

    /// Each message comes to one of them, and nobody gets none.
    fn share(&mut self, clients: &[String], payloads: &[String]) {
        let mut shares: BTreeMap<&String, Vec<String>> = BTreeMap::new();
        let mut left: BTreeSet<&String> = payloads.iter().collect();
        while !left.is_empty() {
            let waiting = |client: &&String| self.told.contains_key(*client);
            let Some(client) = clients.iter().find(waiting) else {
                self.wait(&format!("{left:?} to one of {clients:?}"));
                continue;
            };
            let message = self.next_message(client);
            assert!(left.remove(&message.payload), "{client}: {message:?} again");
            shares.entry(client).or_default().push(message.payload);
        }
        assert_eq!(shares.len(), clients.len(), "{shares:?}");
    }

    fn go(&mut self, client: &str, order: impl Fn(String) -> Order) {
        self.driver.order(&order(self.own(client)));
        assert!(self.connected.remove(client), "{client} is connected");
    }

    /// Everybody leaves, and has heard nothing more.
    fn end(mut self) {
        for client in std::mem::take(&mut self.connected) {
            self.driver.order(&Order::Leave {
                client: self.own(&client),
            });
        }
        while let Ok(event) = self.events.try_recv() {
            self.keep(event);
        }
        for (client, told) in self.told {
            let heard = |news: &&News| matches!(news, News::Message(_));
            let more: Vec<_> = told.iter().filter(heard).collect();
            assert!(more.is_empty(), "{client} heard more: {more:?}");
        }
    }

    /// What is said of a connection itself, or of what the client did.
    fn next_answer(&mut self, client: &str) -> News {
        self.next(client, |news| !matches!(news, News::Message(_)))
    }

    fn next_message(&mut self, client: &str) -> Message {
        match self.next_event(client) {
            News::Message(message) => message,
            news => panic!("{client} hears no message: {news:?}"),
        }
    }

    fn next_event(&mut self, client: &str) -> News {
        self.next(client, |_| true)
    }

    fn next(&mut self, client: &str, wanted: impl Fn(&News) -> bool) -> News {
        loop {
            if let Some(told) = self.told.get_mut(client)
                && let Some(at) = told.iter().position(&wanted)
            {
                let news = told.remove(at).expect("it was just found");
                if told.is_empty() {
                    self.told.remove(client);
                }
                return news;
            }
            self.wait(client);
        }
    }

    fn wait(&mut self, what: &str) {
        let event = self.events.recv_timeout(LIMIT);
        let event = event.unwrap_or_else(|e| panic!("{what}: {e}; {:?}", self.told));
        self.keep(event);
    }

    /// Clients of earlier parts may tell late that they are gone.
    fn keep(&mut self, event: Event) {
        if let Some(client) = event.client.strip_prefix(&format!("{}-", self.label)) {
            let told = self.told.entry(client.to_owned()).or_default();
            told.push_back(event.news);
        }
    }

    /// MQTT 3.1.1 has codes of its own for CONNECT, and none for the end.
    fn check_code(&self, wanted: u8, told: Option<u8>) {
        if self.version == Version::V5 {
            assert_eq!(told, Some(wanted));
        }
    }

    /// A client's name among all of the run.
    fn own(&self, client: &str) -> String {
        format!("{}-{client}", self.label)
    }

    fn device(&self, id: &str) -> String {
        self.own(id)
    }

    fn text(&self, text: &str) -> String {
        let text = text.replace("{top}", &format!("lab/{}", self.label));
        match text.split_once("{id:") {
            Some((before, rest)) => {
                let (id, after) = rest.split_once('}').expect("a name ends");
                format!("{before}{GROUP}{}{after}", self.device(id))
            }
            None => text,
        }
    }
}
