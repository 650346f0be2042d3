//! Wrong usage and wrong configuration: exit code 2, and what to do.

use std::fs;

use testkit::run;

use super::support::{causeway, stderr, stdout};

fn refused(words: &[&str]) -> String {
    let output = run(&mut causeway(words)).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
    stderr(&output)
}

#[test]
fn wrong_usage_is_told_from_failure() {
    assert!(refused(&[]).contains("Usage"));
    assert!(refused(&["fly"]).contains("fly"));
    assert!(refused(&["broker"]).contains("--host"));
    assert!(refused(&["console"]).contains("--broker-link"));
    assert!(refused(&["up", "--nfs-address", "2049"]).contains("--nfs-address"));
    assert!(refused(&["up", "--broker-address", "0.0.0.0:1883"]).contains("loopback"));
    assert!(refused(&["up", "--log", "a=b=c"]).contains("--log"));
    assert!(refused(&["up", "--config", "/nowhere.toml"]).contains("/nowhere.toml"));
    assert!(refused(&["ctl", "share", "show", "g", "Bad Name"]).contains("share name"));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let dir = testkit::scratch_folder().unwrap();
    let file = dir.path().join("up.toml");
    fs::write(&file, "# ours\nconsole_adress = \"127.0.0.1:1\"\n").unwrap();
    let said = refused(&["up", "--config", &file.display().to_string()]);
    assert!(
        said.contains("console_adress") && said.contains("line 2"),
        "{said}"
    );
}

#[test]
fn the_environment_is_beaten_by_flags_and_beats_the_file() {
    let dir = testkit::scratch_folder().unwrap();
    let file = dir.path().join("broker.toml");
    fs::write(&file, "threads = 1\nhost = \"mq\"\n").unwrap();
    let said = |words: &[&str]| {
        let mut command = causeway(&["broker", "--config"]);
        command
            .arg(&file)
            .args(words)
            .env("CAUSEWAY_BROKER_THREADS", "1001");
        let output = run(&mut command).unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        stderr(&output)
    };
    assert!(said(&[]).contains("1001"), "the environment counts");
    assert!(
        said(&["--threads", "1002"]).contains("1002"),
        "the flag counts"
    );
}

#[test]
fn a_gateway_that_has_not_joined_says_how() {
    let dir = testkit::scratch_folder().unwrap();
    let data = dir.path().display().to_string();
    let words = [
        "gateway",
        "run",
        "--data",
        &data,
        "--nfs-address",
        "127.0.0.1:0",
    ];
    let output = run(&mut causeway(&words)).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("gateway join BUNDLE"),
        "{output:?}"
    );
    let output = run(&mut causeway(&[
        "gateway", "join", "nonsense", "--data", &data,
    ]))
    .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("not an activation bundle"),
        "{output:?}"
    );
}

#[test]
fn a_console_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let mut command = causeway(&["ctl", "--url", &url, "overview"]);
    let output = run(command.env("CAUSEWAY_TOKEN", "t")).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&url), "{output:?}");
}

#[test]
fn help_teaches_with_examples_and_the_api_is_printed() {
    for (words, example) in [
        (&["--help"][..], "causeway gateway join BUNDLE"),
        (&["up", "--help"], "causeway up --data"),
        (&["broker", "--help"], "causeway broker --host"),
        (&["console", "--help"], "causeway console reset-password"),
        (&["gateway", "--help"], "causeway gateway join --file"),
        (&["ctl", "--help"], "causeway ctl login --url"),
    ] {
        let help = stdout(&run(&mut causeway(words)).unwrap());
        assert!(help.contains(example), "{help}");
    }
    let version = stdout(&run(&mut causeway(&["--version"])).unwrap());
    assert!(version.starts_with("causeway 0."), "{version}");
    let document = stdout(&run(&mut causeway(&["openapi"])).unwrap());
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert!(document["paths"]["/api/v1/gateways"].is_object());
}
