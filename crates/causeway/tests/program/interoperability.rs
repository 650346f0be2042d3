//! Clients of the world play one scenario, each in both versions of the protocol, over TLS.
//!
//! The scenario is a file; each library has a driver, which knows nothing of it.

mod driver;
mod mosquitto;
mod play;
mod rust;
mod scenario;
mod stage;
mod tunnel;

use std::{path::Path, process::Command};

use testkit::{node_with, python_with};

use driver::{Driven, Script, Target, Version};
use scenario::Scenario;
use stage::Stage;

/// All that play; the scenario knows them by these names.
const CLIENTS: [&str; 4] = ["paho", "mqtt.js", "mosquitto", "rumqttc"];
const FOLDER: &str = "tests/program/interoperability";

fn plays_the_scenario(client: &str, start: impl Fn(&Target) -> Driven) {
    let scenario = Scenario::read();
    let mut stage = Stage::start();
    for version in [Version::V311, Version::V5] {
        play::play(&scenario.parts, &mut stage, (client, version), &start);
    }
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(FOLDER)
        .join(name)
}

#[test]
fn paho_of_pypi_plays_the_scenario() {
    let python = python_with("paho-mqtt", "2.2.0").unwrap();
    plays_the_scenario("paho", |target| {
        let mut command = Command::new(&python);
        command.arg(script("drive_paho.py"));
        Script::start(command, target)
    });
}

#[test]
fn mqtt_js_of_npm_plays_the_scenario() {
    let packages = node_with("mqtt", "5.16.0").unwrap();
    plays_the_scenario("mqtt.js", |target| {
        let mut command = Command::new("node");
        command.arg(script("drive_mqtt_js.cjs"));
        command.env("NODE_PATH", &packages);
        Script::start(command, target)
    });
}

#[test]
fn mosquitto_of_debian_plays_the_scenario() {
    plays_the_scenario("mosquitto", mosquitto::Mosquitto::start);
}

#[test]
fn rumqttc_of_crates_io_plays_the_scenario() {
    plays_the_scenario("rumqttc", rust::Rust::start);
}

#[test]
fn who_cannot_play_a_part_is_known_and_somebody_else_can() {
    for part in Scenario::read().parts {
        for name in part.cannot.keys() {
            let is_known = |client: &&str| {
                let versions = [Version::V311, Version::V5];
                name == client
                    || versions
                        .iter()
                        .any(|v| *name == format!("{client} {}", v.name()))
            };
            assert!(CLIENTS.iter().any(is_known), "{name}");
        }
        assert!(part.cannot.len() < CLIENTS.len(), "{}", part.name);
    }
}
