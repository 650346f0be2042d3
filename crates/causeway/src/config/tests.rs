use std::{fs, path::Path};

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Flags<R: clap::Args> {
    #[command(flatten)]
    raw: R,
}

fn layers<R>(file: &str, flags: &[&str]) -> Result<R, ConfigError>
where
    R: clap::Args + Serialize + DeserializeOwned,
{
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("role.toml");
    fs::write(&path, file).unwrap();
    let line = ["causeway"].iter().chain(flags);
    let flags = Flags::<R>::parse_from(line);
    layered(&flags.raw, Some(&path))
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(chain).unwrap_or_default();
    format!("{error}: {cause}")
}

#[test]
fn a_flag_beats_the_file_and_the_file_beats_the_default() {
    let file = "nfs_address = \"127.0.0.1:3049\"\nhost = \"files.example.com\"";
    let flags = ["--host", "10.0.0.9"];
    let settings: GatewaySettings = layers::<RawGateway>(file, &flags)
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(settings.host.as_deref(), Some("10.0.0.9"));
    assert_eq!(settings.nfs, "127.0.0.1:3049".parse().unwrap());
    assert_eq!(settings.keep_alive.as_secs(), 10);
}

#[test]
fn an_unknown_key_is_an_error_that_names_it_and_its_line() {
    let said = chain(&layers::<RawUp>("data = \"d\"\nnsf_address = \"x\"", &[]).unwrap_err());
    assert!(
        said.contains("nsf_address") && said.contains("line 2"),
        "{said}"
    );
    let said = chain(&layers::<RawBroker>("host = 7", &[]).unwrap_err());
    assert!(said.contains("host") && said.contains("string"), "{said}");
    let gone = layered(&RawUp::default(), Some(Path::new("/nowhere/up.toml"))).unwrap_err();
    assert!(gone.to_string().contains("/nowhere/up.toml"), "{gone}");
}

#[test]
fn what_is_required_is_named_with_its_flag() {
    let said = BrokerSettings::try_from(RawBroker::default()).unwrap_err();
    assert!(said.to_string().contains("--host"), "{said}");
    let said = ConsoleSettings::try_from(RawConsole::default()).unwrap_err();
    assert!(said.to_string().contains("--broker-link"), "{said}");
}

#[test]
fn a_value_that_cannot_work_is_refused_with_its_key() {
    let check = |file: &str, key: &str| {
        let said = layers::<RawUp>(file, &[])
            .and_then(UpSettings::try_from)
            .unwrap_err();
        assert!(chain(&said).contains(key), "{said}");
    };
    check("broker_address = \"0.0.0.0:1883\"", "broker_address");
    check("host = \"two words\"", "host");
    check("console_address = \"8080\"", "console_address");

    let check = |file: &str, key: &str| {
        let said = layers::<RawBroker>(file, &["--host", "mq"])
            .and_then(BrokerSettings::try_from)
            .unwrap_err();
        assert!(said.to_string().contains(key), "{said}");
    };
    check("instance = \"a|b\"", "instance");
    check("region = \"no spaces\"", "region");
    check("threads = 0", "threads");
    for key in ["keep_alive_s", "reconnect_pause_max_s"] {
        let raw = layers::<RawGateway>(&format!("{key} = 0"), &[]).unwrap();
        let said = GatewaySettings::try_from(raw).unwrap_err();
        assert!(said.to_string().contains(key), "{said}");
    }
}

#[test]
fn a_console_that_others_reach_has_tls() {
    let tls_of = |address: &str| {
        let flags = ["--broker-link", "l", "--address", address];
        let settings: ConsoleSettings = layers::<RawConsole>("", &flags)
            .unwrap()
            .try_into()
            .unwrap();
        settings.tls
    };
    assert_eq!(tls_of("127.0.0.1:80"), ConsoleTls::Loopback);
    assert_eq!(tls_of("[::]:443"), ConsoleTls::OwnAuthority);
}

#[test]
fn the_example_files_are_accepted() {
    fn check<R, C>(name: &str)
    where
        R: clap::Args + Default + Serialize + DeserializeOwned,
        C: TryFrom<R, Error = ConfigError>,
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../deploy")
            .join(name);
        let as_is = layered(&R::default(), Some(&path)).unwrap();
        C::try_from(as_is).unwrap();
        // What stands there as a comment is the default, and must be accepted as well.
        let text = fs::read_to_string(&path).unwrap();
        let is_key = |line: &str| {
            line.split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
        };
        let uncommented: Vec<&str> = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| is_key(rest) || rest.starts_with("[["))
                    .unwrap_or(line)
            })
            .collect();
        let raw = layers::<R>(&uncommented.join("\n"), &[]).unwrap();
        C::try_from(raw).unwrap();
    }
    check::<RawUp, UpSettings>("up.toml");
    check::<RawBroker, BrokerSettings>("broker.toml");
    check::<RawConsole, ConsoleSettings>("console.toml");
    check::<RawGateway, GatewaySettings>("gateway.toml");
}
