//! Which verb calls which operation of the HTTP API, with an example that its `--help` shows.
//!
//! Invariant: every operation has a verb or a reason, every verb an example; the tests below
//! compare this table with the API's description and with the command line.

use clap::Command;

/// An operation of the API, and a line that calls it.
type Verb = (&'static str, &'static str);

const VERBS: &[Verb] = &[
    (
        "login",
        "causeway ctl login --url https://console.example.com --user admin",
    ),
    ("logout", "causeway ctl logout"),
    ("me", "causeway ctl whoami"),
    ("overview", "causeway ctl overview"),
    ("stream", "causeway ctl watch --json"),
    ("list_gateways", "causeway ctl gateway list"),
    ("show_gateway", "causeway ctl gateway show london"),
    (
        "gateway_metrics",
        "causeway ctl gateway metrics london --last 24h",
    ),
    (
        "gateway_metrics",
        "causeway ctl gateway metrics london --share projects --step 1m --json",
    ),
    (
        "create_gateway",
        "causeway ctl gateway add london --location on-premises",
    ),
    (
        "rename_gateway",
        "causeway ctl gateway rename london 'London, Fleet Street'",
    ),
    ("create_bundle", "causeway ctl gateway bundle london"),
    (
        "delete_gateway",
        "causeway ctl gateway delete london --dry-run",
    ),
    ("list_shares", "causeway ctl share list london"),
    ("show_share", "causeway ctl share show london projects"),
    (
        "create_share",
        "causeway ctl share create london projects --endpoint https://s3.example.com \
         --bucket acme --prefix projects/ --access-key-id AK1 --secret-key-file key.txt \
         --allow 10.0.0.0/8",
    ),
    (
        "check_share",
        "causeway ctl share check london projects --bucket acme-2 --secret-key-file key.txt",
    ),
    (
        "replace_share",
        "causeway ctl share edit london projects --cache-size 200GiB",
    ),
    (
        "replace_share",
        "causeway ctl share edit london projects --mode write-through --upload-limit 20MiB \
         --line-window mon-fri,08:00-18:00,up=4MiB --utc-offset +01:00",
    ),
    (
        "replace_share",
        "causeway ctl share edit london projects --access-key-id STS.2 \
         --secret-key-file key.txt --session-token-file token.txt",
    ),
    (
        "create_share",
        "causeway ctl share create london plans --endpoint https://s3.example.com \
         --bucket acme --prefix plans/ --access-key-id AKIA… --encrypt",
    ),
    (
        "export_share_key",
        "causeway ctl share export-key london plans --file plans.key",
    ),
    (
        "delete_share",
        "causeway ctl share delete london projects --dry-run",
    ),
    (
        "issue_command",
        "causeway ctl command issue london share.sync --params '{\"share\": \"projects\"}'",
    ),
    (
        "issue_command",
        "causeway ctl share sync london projects --path /plans",
    ),
    (
        "issue_command",
        "causeway ctl share restart london projects",
    ),
    (
        "issue_command",
        "causeway ctl share pin london projects /plans",
    ),
    (
        "issue_command",
        "causeway ctl share unpin london projects /plans",
    ),
    (
        "issue_command",
        "causeway ctl share prefetch london projects /plans",
    ),
    (
        "issue_command",
        "causeway ctl share evict london projects /archive",
    ),
    (
        "issue_command",
        "causeway ctl share file-status london projects /plans/roof.dwg",
    ),
    (
        "issue_command",
        "causeway ctl share queue london projects --limit 20",
    ),
    (
        "issue_command",
        "causeway ctl share check-cache london projects --read-data",
    ),
    (
        "issue_command",
        "causeway ctl share check-cache london projects --repair",
    ),
    (
        "list_commands",
        "causeway ctl command list --gateway london",
    ),
    (
        "show_command",
        "causeway ctl command show 01a20b18-7875-714b-89ff-2c11b9b1cbd0",
    ),
    (
        "reissue_command",
        "causeway ctl command reissue 01a20b18-7875-714b-89ff-2c11b9b1cbd0",
    ),
    ("list_events", "causeway ctl event list london --limit 20"),
    ("list_audit", "causeway ctl audit list --limit 20"),
    ("verify_audit", "causeway ctl audit verify"),
    ("list_users", "causeway ctl user list"),
    ("create_user", "causeway ctl user add ada --role operator"),
    ("delete_user", "causeway ctl user delete ada"),
    ("change_password", "causeway ctl user password"),
    ("show_message_queue", "causeway ctl mq show"),
    (
        "set_message_queue",
        "causeway ctl mq set --trace everything",
    ),
    ("list_mq_groups", "causeway ctl mq group list"),
    ("create_mq_group", "causeway ctl mq group create GID_shop"),
    ("delete_mq_group", "causeway ctl mq group delete GID_shop"),
    ("list_parent_topics", "causeway ctl mq topic list"),
    ("create_parent_topic", "causeway ctl mq topic create orders"),
    ("delete_parent_topic", "causeway ctl mq topic delete orders"),
    (
        "set_parent_topic_precedence",
        "causeway ctl mq topic precedence orders --class normal --weight 16",
    ),
    (
        "grant_parent_topic",
        "causeway ctl mq topic grant orders GID_shop --access publish-and-subscribe",
    ),
    (
        "ungrant_parent_topic",
        "causeway ctl mq topic ungrant orders GID_shop",
    ),
    ("list_access_keys", "causeway ctl mq key list"),
    (
        "create_access_key",
        "causeway ctl mq key create --description 'token server'",
    ),
    (
        "delete_access_key",
        "causeway ctl mq key delete ak-7hc9473x",
    ),
    (
        "apply_token",
        "causeway ctl mq token apply ak-7hc9473x --resource 'orders/#' --access publish",
    ),
    (
        "query_token",
        "causeway ctl mq token query --token-file token.txt",
    ),
    (
        "revoke_token",
        "causeway ctl mq token revoke --token-file token.txt",
    ),
    (
        "list_device_credentials",
        "causeway ctl mq device list GID_shop",
    ),
    (
        "show_device_credential",
        "causeway ctl mq device show GID_shop@@@till-1",
    ),
    (
        "register_device_credential",
        "causeway ctl mq device register GID_shop@@@till-1",
    ),
    (
        "refresh_device_credential",
        "causeway ctl mq device refresh GID_shop@@@till-1",
    ),
    (
        "unregister_device_credential",
        "causeway ctl mq device unregister GID_shop@@@till-1",
    ),
    (
        "list_mq_clients",
        "causeway ctl mq client list --group GID_shop",
    ),
    (
        "show_mq_client",
        "causeway ctl mq client show GID_shop@@@till-1",
    ),
    (
        "query_mq_clients",
        "causeway ctl mq client query GID_shop@@@till-1 GID_shop@@@till-2",
    ),
    (
        "close_mq_connection",
        "causeway ctl mq client close GID_shop@@@till-1",
    ),
    ("list_blocked_clients", "causeway ctl mq client blocked"),
    (
        "block_client",
        "causeway ctl mq client block GID_shop@@@till-1",
    ),
    (
        "unblock_client",
        "causeway ctl mq client unblock GID_shop@@@till-1",
    ),
    (
        "send_mq_message",
        "causeway ctl mq send orders/p2p/GID_shop@@@till-1 hello",
    ),
    (
        "list_device_traces",
        "causeway ctl mq trace devices --client GID_shop@@@till-1 --reverse",
    ),
    (
        "list_message_traces",
        "causeway ctl mq trace messages --client GID_shop@@@till-1 --last-s 600",
    ),
    ("show_registration_code", "causeway ctl mq ca code"),
    ("list_authorities", "causeway ctl mq ca list"),
    (
        "register_authority",
        "causeway ctl mq ca register tills --certificate ca.pem --verification code.pem",
    ),
    ("set_authority", "causeway ctl mq ca activate 4f2a"),
    ("set_authority", "causeway ctl mq ca inactivate 4f2a"),
    (
        "set_device_certificate",
        "causeway ctl mq ca activate 4f2a --device 07c1",
    ),
    (
        "set_device_certificate",
        "causeway ctl mq ca inactivate 4f2a --device 07c1",
    ),
    ("delete_authority", "causeway ctl mq ca delete 4f2a"),
    (
        "delete_device_certificate",
        "causeway ctl mq ca delete 4f2a --device 07c1",
    ),
    (
        "list_device_certificates",
        "causeway ctl mq ca devices 4f2a",
    ),
    ("list_mq_listeners", "causeway ctl mq listener list"),
    ("reload_mq_certificates", "causeway ctl mq listener reload"),
    ("list_slow_mq_clients", "causeway ctl mq slow"),
    (
        "drain_message_queue",
        "causeway ctl mq drain --window-s 60 --server mq2.example.com:8883",
    ),
];

/// The command line, each verb with its examples at the end of its help.
pub(crate) fn with_examples(program: Command) -> Command {
    VERBS.iter().fold(program, |program, (_, example)| {
        let words: Vec<&str> = example.split(' ').skip(1).collect();
        taught(program, &words, example)
    })
}

/// Goes down as far as `words` name subcommands, and adds the example there.
fn taught(command: Command, words: &[&str], example: &str) -> Command {
    if let Some((word, rest)) = words.split_first()
        && command.find_subcommand(word).is_some()
    {
        return command.mut_subcommand(*word, |inner| taught(inner, rest, example));
    }
    let before = command.get_after_help().map(ToString::to_string);
    let before = before.unwrap_or_else(|| "Examples:".to_owned());
    command.after_help(format!("{before}\n  {example}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser as _};
    use serde_json::Value;

    use super::*;
    use crate::args::Cli;

    /// Operations that need no verb, and why.
    const WITHOUT_VERB: &[(&str, &str)] = &[
        (
            "healthz",
            "asked by whatever watches the process, which speaks HTTP",
        ),
        (
            "readyz",
            "asked by whatever watches the process, which speaks HTTP",
        ),
        ("metrics", "read by Prometheus"),
        ("show_mq_metrics", "read by Prometheus"),
        ("openapi", "`causeway openapi` prints it without a console"),
    ];

    /// Words of a line as a shell makes them.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words
    }

    /// The verbs below a command, with the words that lead there.
    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        let path = format!("{path} {}", command.get_name());
        let mut below = command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
            .peekable();
        if below.peek().is_none() {
            found.push((path.trim().to_owned(), command.clone()));
            return;
        }
        below.for_each(|inner| leaves(inner, &path, found));
    }

    fn verbs() -> Vec<(String, Command)> {
        let mut program = with_examples(Cli::command());
        program.build();
        let ctl = program.find_subcommand("ctl").unwrap();
        let mut found = Vec::new();
        leaves(ctl, "causeway", &mut found);
        assert!(found.len() > 60, "{}", found.len());
        found
    }

    #[test]
    fn every_operation_of_the_api_has_a_verb_or_a_reason() {
        let document: Value = serde_json::from_str(&console::openapi_json()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let methods = paths.values().flat_map(|p| p.as_object().unwrap().values());
        let there: BTreeSet<&str> = methods
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let called: BTreeSet<&str> = VERBS.iter().map(|(operation, _)| *operation).collect();
        let excused: BTreeSet<&str> = WITHOUT_VERB.iter().map(|(name, _)| *name).collect();
        assert!(called.is_disjoint(&excused), "a verb needs no excuse");
        let covered: BTreeSet<&str> = called.union(&excused).copied().collect();
        assert_eq!(there, covered);
    }

    #[test]
    fn every_verb_has_help_with_an_example_and_json() {
        for (path, verb) in verbs() {
            assert!(verb.get_about().is_some(), "{path}: says nothing of itself");
            for argument in verb.get_arguments() {
                let id = argument.get_id();
                assert!(argument.get_help().is_some(), "{path}: {id} has no help");
            }
            let has_json = verb.get_arguments().any(|a| a.get_id() == "json");
            assert!(has_json, "{path} has no --json");
            let help = verb.clone().render_help().to_string();
            assert!(help.contains(&format!("  {path}")), "{path}: {help}");
        }
    }

    #[test]
    fn every_example_is_understood() {
        for (operation, line) in VERBS {
            let parsed = Cli::try_parse_from(words(line));
            assert!(parsed.is_ok(), "{operation}: {line}: {:?}", parsed.err());
        }
    }
}
