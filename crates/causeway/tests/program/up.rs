//! `causeway up`: the whole way, twice.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use testkit::run;

use super::support::{
    LIMIT, Up, causeway, nfs_copy, nfs_url, port, stderr, stdout, text, wait_for_content,
};

/// Not a multiple of anything.
fn content() -> Vec<u8> {
    (0..300_007_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect()
}

#[test]
fn a_file_written_to_the_share_is_an_object_and_is_there_after_a_restart() {
    let dir = testkit::scratch_folder().unwrap();
    let local = dir.path().join("local");
    fs::write(&local, content()).unwrap();

    let up = Up::start(&dir);
    assert!(up.ready["console"]["password"].is_string(), "{}", up.ready);
    let nfs = port(&up.ready, "/gateway/nfs_address");
    nfs_copy(
        &local.display().to_string(),
        &nfs_url(nfs, "/demo/report.bin"),
    );
    let objects = text(&up.ready, "/object_store/directory").to_owned();
    wait_for_content(&Path::new(&objects).join("demo/report.bin"), &content());
    let gateway = text(&up.ready, "/gateway/id").to_owned();
    up.stop();

    let up = Up::start(&dir);
    assert!(up.ready["console"]["password"].is_null(), "{}", up.ready);
    assert_eq!(text(&up.ready, "/gateway/id"), gateway);
    assert_eq!(port(&up.ready, "/gateway/nfs_address"), nfs);
    let back = dir.path().join("back");
    nfs_copy(
        &nfs_url(nfs, "/demo/report.bin"),
        &back.display().to_string(),
    );
    assert_eq!(fs::read(&back).unwrap(), content());
    assert_eq!(
        up.ctl_json(&["gateway", "list"])["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    up.stop();
}

#[test]
fn a_start_after_kill_9_picks_up_where_the_killed_one_was() {
    let dir = testkit::scratch_folder().unwrap();
    let local = dir.path().join("local");
    fs::write(&local, content()).unwrap();
    let mut up = Up::start(&dir);
    let nfs = port(&up.ready, "/gateway/nfs_address");
    nfs_copy(&local.display().to_string(), &nfs_url(nfs, "/demo/kept"));
    up.process.kill().unwrap();

    fs::remove_file(&up.ready_path).unwrap();
    let up = Up::start(&dir);
    let nfs = port(&up.ready, "/gateway/nfs_address");
    let back = dir.path().join("back");
    nfs_copy(&nfs_url(nfs, "/demo/kept"), &back.display().to_string());
    assert_eq!(fs::read(&back).unwrap(), content());
    up.stop();
}

#[test]
fn the_gateway_follows_the_broker_to_another_port() {
    let dir = testkit::scratch_folder().unwrap();
    let local = dir.path().join("local");
    fs::write(&local, content()).unwrap();
    let local = local.display().to_string();
    let up = Up::start(&dir);
    let gateway = text(&up.ready, "/gateway/id").to_owned();
    let before = text(&up.ready, "/broker/tls_address").to_owned();
    let nfs = port(&up.ready, "/gateway/nfs_address");
    nfs_copy(&local, &nfs_url(nfs, "/demo/first"));
    up.stop();

    let _taken = TcpListener::bind(&before).unwrap();
    let up = Up::start(&dir);
    assert_ne!(before, text(&up.ready, "/broker/tls_address"));
    assert_eq!(text(&up.ready, "/gateway/id"), gateway);
    nfs_copy(&local, &nfs_url(nfs, "/demo/second"));
    let objects = Path::new(text(&up.ready, "/object_store/directory")).join("demo");
    wait_for_content(&objects.join("first"), &content());
    wait_for_content(&objects.join("second"), &content());
    let command = up.ctl_json(&["command", "issue", "demo", "status.get"]);
    assert_eq!(command["state"], "finished", "{command}");
    up.stop();
}

#[test]
fn an_object_store_on_another_port_is_refused_with_the_one_it_had() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let endpoint = text(&up.ready, "/object_store/endpoint");
    let before = endpoint.trim_start_matches("http://").to_owned();
    up.stop();

    let _taken = TcpListener::bind(&before).unwrap();
    let (mut command, ready_path) = Up::command(&dir);
    let output = run(&mut command).unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let flag = format!("--s3-address {before}");
    assert!(stderr(&output).contains(&flag), "{output:?}");
    assert!(!ready_path.try_exists().unwrap());
}

#[test]
fn what_it_prints_can_be_run() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let printed = up.process.printed();
    assert!(
        printed.contains(text(&up.ready, "/console/url")),
        "{printed}"
    );
    assert!(
        printed.contains(text(&up.ready, "/console/password")),
        "{printed}"
    );
    assert!(
        printed.contains(text(&up.ready, "/gateway/mount_command")),
        "{printed}"
    );
    let commands: Vec<&str> = printed
        .lines()
        .filter(|line| line.contains(" ctl --data "))
        .collect();
    assert_eq!(commands.len(), 3, "{printed}");
    for command in commands {
        let output = run(Command::new("sh").args(["-c", command])).unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert!(stdout(&output).contains("demo"), "{command}: {output:?}");
    }
    let reset = printed
        .lines()
        .find(|line| line.contains("reset-password"))
        .unwrap();
    let output = run(Command::new("sh").args(["-c", reset])).unwrap();
    let password = stdout(&output)
        .trim()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    let url = text(&up.ready, "/console/url");
    let mut login = causeway(&["ctl", "login", "--url", url]);
    login.env("CAUSEWAY_PASSWORD", password);
    login.env("CAUSEWAY_CTL_CONFIG", dir.path().join("ctl.json"));
    assert!(stdout(&run(&mut login).unwrap()).contains("admin"));
    up.stop();
}

#[test]
fn secrets_are_for_their_owner_only() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&up.data), 0o700);
    assert_eq!(mode(&up.ready_path), 0o600);
    for name in [
        "ctl.json",
        "object-store.json",
        "authority/ca.key",
        "authority/broker.key",
    ] {
        assert_eq!(mode(&up.data.join(name)), 0o600, "{name}");
    }
    let line = fs::read(format!("/proc/{}/cmdline", up.process.id())).unwrap();
    let line = String::from_utf8_lossy(&line).into_owned();
    assert!(!line.contains(text(&up.ready, "/console/password")));
    up.stop();
}

#[test]
fn a_data_directory_serves_one_process() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let mut second = causeway(&["up", "--console-address", "127.0.0.1:0", "--data"]);
    let output = run(second.arg(&up.data)).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("in use by another causeway"),
        "{output:?}"
    );
    up.stop();
}

#[test]
fn a_taken_port_is_named_before_anything_is_started() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = testkit::scratch_folder().unwrap();
    for flag in [
        "--console-address",
        "--broker-tls-address",
        "--broker-address",
        "--s3-address",
        "--nfs-address",
    ] {
        let mut words = vec!["up", flag, &address];
        for other in ["console", "broker-tls", "broker", "s3", "nfs"] {
            let other = format!("--{other}-address");
            if other != flag {
                words.extend([&*other.leak(), "127.0.0.1:0"]);
            }
        }
        let mut command = causeway(&words);
        command.arg("--data").arg(dir.path().join("data"));
        let output = run(&mut command).unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = stderr(&output);
        let pid = format!("pid {}", std::process::id());
        for part in [&address, flag, &pid] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert!(!dir.path().join("data/console").try_exists().unwrap());
}

#[test]
fn a_second_signal_does_not_wait_for_the_rest() {
    let dir = testkit::scratch_folder().unwrap();
    let (mut command, ready_path) = Up::command(&dir);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let there = |wanted| move |path: &Path| Ok((path.try_exists()? == wanted).then_some(()));
    testkit::eventually("ready", LIMIT, || there(true)(&ready_path)).unwrap();
    let ready: Value = serde_json::from_slice(&fs::read(&ready_path).unwrap()).unwrap();

    // A request whose body does not come keeps the console from stopping at once.
    let console = text(&ready, "/console/url").trim_start_matches("http://");
    let mut open = TcpStream::connect(console).unwrap();
    let head = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: {console}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    );
    open.write_all(head.as_bytes()).unwrap();
    open.read_exact(&mut [0; 12]).unwrap();

    let interrupt = || {
        let id = child.id().to_string();
        stdout(&run(Command::new("kill").args(["-INT", &id])).unwrap())
    };
    interrupt();
    testkit::eventually("stopping", LIMIT, || there(false)(&ready_path)).unwrap();
    interrupt();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
