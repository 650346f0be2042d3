//! The rules of the callee, and random sequences of duplicates, reissues and crashes.

use std::{collections::HashMap, path::Path};

use model::{Command, CommandId, ErrorCode, Method, Reply, ReplyBody, Timestamp, WIRE_VERSION};
use proptest::prelude::{Strategy, prop_oneof, proptest};
use serde_json::json;
use uuid::Uuid;

use super::{Begin, Callee, FjallStore, Limits, decode, mem_store::MemStore};

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START.as_millis() + ms)
}

/// Key 7 of the n-th issue, to be started within a second.
fn command(key: u128, generation: u32) -> Command {
    Command {
        version: WIRE_VERSION,
        id: CommandId(Uuid::from_u128(key * 1_000 + u128::from(generation))),
        method: Method::ShareSync,
        issued_at: START,
        deadline: at(1_000),
        idempotency_key: Uuid::from_u128(key),
        generation,
        reply_to: "console-1".into(),
        noreply: false,
        params: json!({"share": "demo"}),
    }
}

fn open(store: &MemStore, now: Timestamp) -> (Callee<MemStore>, super::Recovered) {
    let repeatable = |m: &Method| *m == Method::StatusGet;
    Callee::open(store.clone(), Limits::default(), repeatable, now).unwrap()
}

fn said(replies: &[Reply]) -> String {
    let word = |reply: &Reply| match &reply.body {
        ReplyBody::Delivered => "delivered".to_owned(),
        ReplyBody::Started => "started".to_owned(),
        ReplyBody::Finished { result } => format!("finished {result}"),
        ReplyBody::Failed { error } => format!("failed {:?}", error.code),
        ReplyBody::Rejected { error } => format!("rejected {:?}", error.code),
    };
    replies.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn run_to_end(callee: &mut Callee<MemStore>, key: Uuid) -> String {
    let Begin::Run { mut replies, .. } = callee.begin(key, START).unwrap() else {
        panic!("it must run");
    };
    replies.extend(callee.finish(key, Ok(json!(1)), START).unwrap());
    said(&replies)
}

#[test]
fn a_command_is_delivered_started_and_finished() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let intake = callee.handle(command(7, 0), START).unwrap();
    assert_eq!(said(&intake.replies), "delivered");
    let key = intake.run.unwrap();
    assert_eq!(run_to_end(&mut callee, key), "started, finished 1");
}

#[test]
fn a_duplicate_is_answered_with_the_stored_result_and_not_run() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    run_to_end(&mut callee, key);
    for generation in [0, 1] {
        let again = callee.handle(command(7, generation), at(9_000)).unwrap();
        assert_eq!(
            (said(&again.replies).as_str(), again.run),
            ("delivered, finished 1", None)
        );
        assert_eq!(again.replies[1].id, command(7, generation).id);
    }
}

#[test]
fn a_reissue_while_it_runs_is_answered_when_it_ends() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    callee.begin(key, START).unwrap();
    let joined = callee.handle(command(7, 1), START).unwrap();
    assert_eq!(
        (said(&joined.replies).as_str(), joined.run),
        ("delivered, started", None)
    );
    let replies = callee.finish(key, Ok(json!(1)), START).unwrap();
    let ids: Vec<_> = replies.iter().map(|r| r.id).collect();
    assert_eq!(ids, [command(7, 0).id, command(7, 1).id]);
}

#[test]
fn what_must_not_run_is_rejected_with_its_reason() {
    let (mut callee, _) = open(&MemStore::default(), START);
    callee.handle(command(7, 5), START).unwrap();
    let mut check = |command: Command, now, want: &str| {
        let intake = callee.handle(command, now).unwrap();
        assert_eq!((said(&intake.replies).as_str(), intake.run), (want, None));
    };
    check(command(7, 4), START, "delivered, rejected StaleGeneration");
    check(command(8, 0), at(1_001), "delivered, rejected Expired");
    let method = Method::Unknown("gateway.fly".into());
    check(
        Command {
            method,
            ..command(9, 0)
        },
        START,
        "delivered, rejected UnknownMethod",
    );
    let params = json!({"share": "other"});
    check(
        Command {
            params,
            ..command(7, 5)
        },
        START,
        "delivered, rejected Conflict",
    );
    let noreply = Command {
        noreply: true,
        ..command(10, 0)
    };
    check(noreply, at(1_001), "delivered");
}

#[test]
fn a_rejected_command_may_be_reissued() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let late = callee.handle(command(7, 0), at(1_001)).unwrap();
    assert_eq!(late.run, None);
    let again = Command {
        deadline: at(5_000),
        ..command(7, 1)
    };
    assert!(callee.handle(again, at(1_001)).unwrap().run.is_some());
}

#[test]
fn a_command_whose_deadline_passes_while_it_waits_is_not_started() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    let Begin::Skip { replies } = callee.begin(key, at(1_001)).unwrap() else {
        panic!("it must not run");
    };
    assert_eq!(said(&replies), "rejected Expired");
}

#[test]
fn one_command_too_many_is_rejected_as_busy() {
    let limits = Limits {
        pending_max: 1,
        ..Limits::default()
    };
    let (mut callee, _) = Callee::open(MemStore::default(), limits, |_| false, START).unwrap();
    callee.handle(command(7, 0), START).unwrap();
    let second = callee.handle(command(8, 0), START).unwrap();
    assert_eq!(said(&second.replies), "delivered, rejected Busy");
}

#[test]
fn a_restart_decides_what_was_under_way() {
    let check = |method: Method, now, want: &str, runs: usize| {
        let store = MemStore::default();
        let (mut callee, _) = open(&store, START);
        let started = Command {
            method,
            ..command(7, 0)
        };
        let key = callee.handle(started, START).unwrap().run.unwrap();
        callee.begin(key, START).unwrap();
        store.crash();
        let (callee, recovered) = open(&store, now);
        assert_eq!(
            (said(&recovered.replies).as_str(), recovered.run.len()),
            (want, runs)
        );
        let known = callee.recall(command(7, 0).id).unwrap();
        assert!(known.is_some());
    };
    check(Method::ShareSync, START, "failed Interrupted", 0);
    check(Method::StatusGet, START, "", 1);
    check(Method::StatusGet, at(1_001), "failed Interrupted", 0);
}

#[test]
fn what_waited_at_a_restart_still_runs_in_time() {
    let store = MemStore::default();
    let (mut callee, _) = open(&store, START);
    callee.handle(command(7, 0), START).unwrap();
    store.crash();
    let (mut callee, recovered) = open(&store, START);
    assert_eq!(
        run_to_end(&mut callee, recovered.run[0].idempotency_key),
        "started, finished 1"
    );

    let store = MemStore::default();
    let (mut callee, _) = open(&store, START);
    callee.handle(command(7, 0), START).unwrap();
    let (_, recovered) = open(&store, at(1_001));
    assert_eq!(said(&recovered.replies), "rejected Expired");
}

#[test]
fn the_oldest_outcomes_are_forgotten_first() {
    let limits = Limits {
        entries_max: 2,
        ..Limits::default()
    };
    let (mut callee, _) = Callee::open(MemStore::default(), limits, |_| false, START).unwrap();
    for key in 1..=3 {
        let run = callee
            .handle(command(key, 0), at(u64::try_from(key).unwrap()))
            .unwrap()
            .run;
        run_to_end(&mut callee, run.unwrap());
    }
    let known = |key| callee.recall(command(key, 0).id).unwrap().is_some();
    assert_eq!([known(1), known(2), known(3)], [false, true, true]);
}

#[test]
fn command_get_answers_from_the_memory() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    let mut ask = |params| {
        let method = Method::CommandGet;
        let intake = callee
            .handle(
                Command {
                    method,
                    params,
                    ..command(8, 0)
                },
                START,
            )
            .unwrap();
        said(&intake.replies)
    };
    let id = json!({"id": command(7, 0).id});
    assert_eq!(ask(id), "delivered, finished {\"type\":\"delivered\"}");
    assert_eq!(
        ask(json!({"id": Uuid::nil()})),
        "delivered, failed NotFound"
    );
    assert_eq!(ask(json!({})), "delivered, failed InvalidArgument");
    run_to_end(&mut callee, key);
    assert_eq!(
        callee.recall(command(7, 0).id).unwrap(),
        Some(ReplyBody::Finished { result: json!(1) })
    );
}

#[test]
fn a_result_that_cannot_be_sent_is_a_failure() {
    let (mut callee, _) = open(&MemStore::default(), START);
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    callee.begin(key, START).unwrap();
    let replies = callee
        .finish(key, Ok(json!("x".repeat(64 * 1024))), START)
        .unwrap();
    assert_eq!(said(&replies), "failed Internal");
}

#[test]
fn messages_that_are_no_commands_are_refused() {
    let check = |payload: &[u8]| decode(payload).unwrap_err().to_string();
    assert!(check(b"{").contains("not a command"));
    assert!(check(br#"{"version": 1}"#).contains("not a command"));
    assert!(check(br#"{"version": 2, "id": []}"#).contains("envelope version 2"));
    assert!(check(&vec![b' '; 64 * 1024 + 1]).contains("65537 bytes"));
    let json = serde_json::to_vec(&command(7, 0)).unwrap();
    assert_eq!(decode(&json).unwrap(), command(7, 0));
}

#[test]
fn entries_survive_in_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let store = FjallStore::open(dir.path()).unwrap();
        Callee::open(store, Limits::default(), |_| false, START).unwrap()
    };
    let (mut callee, _) = open();
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    callee.begin(key, START).unwrap();
    callee
        .finish(
            key,
            Err(super::Failure::new(ErrorCode::NotFound, "x")),
            START,
        )
        .unwrap();
    drop(callee);
    let (mut callee, _) = open();
    let again = callee.handle(command(7, 0), START).unwrap();
    assert_eq!(said(&again.replies), "delivered, failed NotFound");
}

/// The files as a killed process leaves them: nothing is closed, nothing is flushed.
fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_started_command_is_known_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let store = FjallStore::open(&dir.path().join(name)).unwrap();
        Callee::open(store, Limits::default(), |_| false, START).unwrap()
    };
    let (mut callee, _) = open("running");
    let key = callee.handle(command(7, 0), START).unwrap().run.unwrap();
    callee.handle(command(8, 0), START).unwrap();
    callee.begin(key, START).unwrap();
    copy_dir(&dir.path().join("running"), &dir.path().join("killed"));
    let (mut killed, recovered) = open("killed");
    assert_eq!(said(&recovered.replies), "failed Interrupted");
    assert_eq!(recovered.run, [command(8, 0)]);
    let again = killed.handle(command(7, 1), START).unwrap();
    assert_eq!(
        (said(&again.replies).as_str(), again.run),
        ("delivered, failed Interrupted", None)
    );
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The message with this key and generation arrives (again).
    Arrive { key: u128, generation: u32 },
    /// A free hand takes the oldest waiting command.
    Begin,
    /// The oldest running command ends.
    Finish,
    /// The machine stops and starts.
    Crash,
    /// Time passes.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u128, 0..3_u32).prop_map(|(key, generation)| Step::Arrive { key, generation }),
        4 => proptest::strategy::Just(Step::Begin),
        4 => proptest::strategy::Just(Step::Finish),
        1 => proptest::strategy::Just(Step::Crash),
        1 => proptest::strategy::Just(Step::Wait),
    ]
}

/// A gateway with its hands: what waits, what runs, and how often each key has been run.
struct World {
    disk: MemStore,
    callee: Callee<MemStore>,
    now: Timestamp,
    waiting: Vec<Uuid>,
    running: Vec<Uuid>,
    runs: HashMap<Uuid, u32>,
    /// Outcomes told for each id, without their words, which name the time; a command has one,
    /// however often it is told.
    told: HashMap<CommandId, Vec<String>>,
}

impl World {
    fn new() -> Self {
        let disk = MemStore::default();
        let (callee, _) = open(&disk, START);
        let (waiting, running) = (Vec::new(), Vec::new());
        Self {
            disk,
            callee,
            now: START,
            waiting,
            running,
            runs: HashMap::new(),
            told: HashMap::new(),
        }
    }

    fn tell(&mut self, replies: Vec<Reply>) {
        for reply in replies {
            let stale = matches!(&reply.body, ReplyBody::Rejected { error } if error.code == ErrorCode::StaleGeneration);
            let mark = matches!(reply.body, ReplyBody::Delivered | ReplyBody::Started);
            if !mark && !stale {
                let outcome = said(std::slice::from_ref(&reply));
                self.told.entry(reply.id).or_default().push(outcome);
            }
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Arrive { key, generation } => {
                let command = Command {
                    deadline: at(3_000),
                    ..command(key, generation)
                };
                let intake = self.callee.handle(command, self.now).unwrap();
                self.waiting.extend(intake.run);
                self.tell(intake.replies);
            }
            Step::Begin if !self.waiting.is_empty() => {
                let key = self.waiting.remove(0);
                match self.callee.begin(key, self.now).unwrap() {
                    Begin::Run { command, replies } => {
                        assert!(self.now <= command.deadline, "ran after its deadline");
                        *self.runs.entry(key).or_default() += 1;
                        self.running.push(key);
                        self.tell(replies);
                    }
                    Begin::Skip { replies } => self.tell(replies),
                }
            }
            Step::Finish if !self.running.is_empty() => {
                let key = self.running.remove(0);
                let replies = self
                    .callee
                    .finish(key, Ok(json!("done")), self.now)
                    .unwrap();
                self.tell(replies);
            }
            Step::Crash => {
                self.disk.crash();
                self.running.clear();
                let (callee, recovered) = open(&self.disk, self.now);
                self.callee = callee;
                self.waiting = recovered.run.iter().map(|c| c.idempotency_key).collect();
                self.tell(recovered.replies);
            }
            Step::Wait => self.now = self.now.plus(std::time::Duration::from_secs(1)),
            Step::Begin | Step::Finish => {}
        }
    }

    fn check(&self) {
        for (key, runs) in &self.runs {
            assert!(*runs <= 1, "{key} ran {runs} times");
        }
        for (id, outcomes) in &self.told {
            let first = &outcomes[0];
            assert!(
                outcomes.iter().all(|o| o == first),
                "{id} was told {outcomes:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_sequence_of_duplicates_and_crashes_runs_a_key_twice(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
            world.check();
        }
    }
}
