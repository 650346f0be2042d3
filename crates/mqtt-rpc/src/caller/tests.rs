use proptest::prelude::*;
use serde_json::json;

use super::*;

const DEADLINE_MS: u64 = 30_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn failure(code: ErrorCode) -> Failure {
    Failure::new(code, "told so")
}

/// Runs a script of `<ms> <event>` lines and returns where the call stands.
fn check(script: &str, want: &str) {
    let mut call = Call::accepted(at(0), at(DEADLINE_MS), script.contains("noreply"));
    let mut asked = 0;
    for line in script.split(';').map(str::trim) {
        let Some((ms, event)) = line.split_once(' ') else {
            continue;
        };
        let now = at(ms.parse().unwrap());
        asked += usize::from(apply(&mut call, now, event));
    }
    assert_eq!(format!("{} asked {asked}", name(&call)), want, "{script}");
}

fn apply(call: &mut Call, now: Timestamp, event: &str) -> bool {
    let result = ReplyBody::Finished { result: json!(1) };
    let failed = ReplyBody::Failed {
        error: failure(ErrorCode::Internal),
    };
    let rejected = ReplyBody::Rejected {
        error: failure(ErrorCode::Expired),
    };
    match event {
        "not-sent" => call.handle_not_sent(now, failure(ErrorCode::Offline)),
        "delivered" => call.handle_reply(now, ReplyBody::Delivered),
        "started" => call.handle_reply(now, ReplyBody::Started),
        "result" => call.handle_reply(now, result),
        "failed" => call.handle_reply(now, failed),
        "rejected" => call.handle_reply(now, rejected),
        "answer-result" => call.handle_answer(now, Ok(result)),
        "answer-started" => call.handle_answer(now, Ok(ReplyBody::Started)),
        "answer-not-found" => call.handle_answer(now, Err(failure(ErrorCode::NotFound))),
        "answer-busy" => call.handle_answer(now, Err(failure(ErrorCode::Busy))),
        "unreachable" => call.handle_unreachable(now),
        "connected" => return call.handle_connected(now) == Check::Ask,
        "tick" => return call.handle_time(now) == Check::Ask,
        other => panic!("no event {other}"),
    };
    false
}

fn name(call: &Call) -> &'static str {
    match &call.state {
        CallState::Accepted => "accepted",
        CallState::Delivered => "delivered",
        CallState::Started => "started",
        CallState::Done(Outcome::Finished { .. }) => "finished",
        CallState::Done(Outcome::Failed { .. }) => "failed",
        CallState::Done(Outcome::NotExecuted { .. }) => "not_executed",
        CallState::Done(Outcome::Unknown { .. }) => "unknown",
    }
}

#[test]
fn replies_lead_to_the_outcome_they_name() {
    check("1 delivered; 2 started; 3 result", "finished asked 0");
    check("1 delivered; 2 started; 3 failed", "failed asked 0");
    check("1 delivered; 2 rejected", "not_executed asked 0");
    check("1 not-sent", "not_executed asked 0");
    check("noreply; 1 delivered", "finished asked 0");
}

#[test]
fn late_doubled_and_reordered_replies_change_nothing_that_is_known() {
    check("1 result; 2 started; 3 delivered", "finished asked 0");
    check("1 result; 2 failed; 3 result", "finished asked 0");
    check("1 failed; 2 result; 3 rejected", "failed asked 0");
    check("1 started; 2 delivered", "started asked 0");
    check("1 delivered; 2 not-sent", "delivered asked 0");
    check("1 rejected; 2 delivered; 3 started", "not_executed asked 0");
}

#[test]
fn after_the_deadline_the_gateway_is_asked_before_the_outcome_is_unknown() {
    check("1 delivered; 29999 tick", "delivered asked 0");
    check("1 delivered; 30000 tick", "delivered asked 1");
    check(
        "30000 tick; 35000 tick; 40000 tick; 45000 tick",
        "unknown asked 3",
    );
    check(
        "1 delivered; 30000 tick; 30001 unreachable",
        "unknown asked 1",
    );
    check(
        "1 delivered; 30000 tick; 30001 answer-result",
        "finished asked 1",
    );
    check(
        "1 delivered; 30000 tick; 30001 answer-busy",
        "delivered asked 1",
    );
}

#[test]
fn a_command_the_gateway_never_saw_is_not_executed_once_it_cannot_arrive() {
    check("5 answer-not-found", "accepted asked 0");
    check("30000 tick; 30001 answer-not-found", "not_executed asked 1");
    check(
        "1 delivered; 30000 tick; 30001 answer-not-found",
        "unknown asked 1",
    );
}

#[test]
fn a_command_that_still_runs_is_waited_for() {
    check(
        "1 started; 30000 tick; 30001 answer-started; 60001 tick; 60002 answer-started; 90002 tick",
        "started asked 3",
    );
    let day = DEADLINE_MS + 24 * 3_600_000;
    check(
        &format!("1 started; {day} tick; {} tick", day + 5_001),
        "unknown asked 1",
    );
}

#[test]
fn a_result_that_comes_after_unknown_counts() {
    let lost = "30000 tick; 35000 tick; 40000 tick; 45000 tick";
    check(&format!("{lost}; 50000 result"), "finished asked 3");
    check(&format!("{lost}; 50000 rejected"), "not_executed asked 3");
    check(&format!("{lost}; 50000 connected"), "unknown asked 4");
    check(
        &format!("{lost}; 50000 connected; 50001 answer-result"),
        "finished asked 4",
    );
    check(
        &format!("{lost}; 50000 connected; 50001 answer-not-found"),
        "not_executed asked 4",
    );
}

#[test]
fn a_gateway_that_comes_back_is_asked_at_once() {
    check("1 delivered; 2 connected", "delivered asked 1");
    check("1 result; 2 connected", "finished asked 0");
}

const EVENTS: [&str; 12] = [
    "not-sent",
    "delivered",
    "started",
    "result",
    "failed",
    "rejected",
    "answer-result",
    "answer-started",
    "answer-not-found",
    "unreachable",
    "connected",
    "tick",
];

proptest! {
    #[test]
    fn whatever_comes_the_first_result_stays_and_every_call_ends(
        events in prop::collection::vec((0_u64..20_000, 0..EVENTS.len()), 0..40),
        noreply: bool,
    ) {
        let mut call = Call::accepted(at(0), at(DEADLINE_MS), noreply);
        let (mut now, mut ran) = (0, None);
        for (gone, event) in events {
            now += gone;
            apply(&mut call, at(now), EVENTS[event]);
            let is_result = matches!(
                call.state,
                CallState::Done(Outcome::Finished { .. } | Outcome::Failed { .. })
            );
            prop_assert!(ran.is_none() || ran.as_ref() == Some(&call.state));
            if is_result && ran.is_none() {
                ran = Some(call.state.clone());
            }
            prop_assert_eq!(call.is_done(), call.check_at.is_none());
            prop_assert_eq!(call.is_done(), call.marks.finished.is_some());
        }
        for _ in 0..=INQUIRIES_MAX {
            now = now.max(call.check_at.map_or(0, Timestamp::as_millis));
            call.handle_time(at(now));
        }
        prop_assert!(call.is_done());
    }
}
