//! The line between site and cloud is lost, and comes back: what the page shows, what a command
//! hears, and that clients do not notice.

#![expect(clippy::print_stdout, reason = "figures for whoever asks for them")]

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use clock::Clock;
use serde_json::{Value, json};
use testkit::{
    Guest, Lab, Place, Process, Site, SiteGateway, eventually, pause, run_ok, scratch_folder,
};

/// Default keep alive of the agent, twice.
const TWO_KEEP_ALIVES: Duration = Duration::from_secs(20);
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
/// Odd, for a median.
const REFUSALS: usize = 9;
const MEDIANS: usize = 10;
/// Longest pause of an agent that could not reach its broker for a while, and some more.
const BACK_WITHIN: Duration = Duration::from_secs(90);
const MINUTE: Duration = Duration::from_secs(60);

/// A client that mounted the share while all was well, and works through the cut.
const CLIENT: &str = "
mkdir /mnt/share; mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/before /mnt/share
cd /mnt/share
echo 'from before' > old && sync old
touch /job/mounted
until [ -e /job/cut ]; do sleep 1; done
mkdir folder
head -c 3000000 /dev/urandom > /tmp/body
cp /tmp/body folder/new && sync folder/new
mv folder/new folder/renamed
echo 'and from the cut' >> old && sync old
echo 3 > /proc/sys/vm/drop_caches
cmp /tmp/body folder/renamed
cat old
cd / && umount /mnt/share
";

#[test]
fn a_cut_line_is_seen_and_clients_work_on_and_intent_arrives_later() -> Result<()> {
    let site = Site::up()?;
    let gateway = site.join_gateway("edge")?;
    site.share(&gateway, "before")?;
    let job = scratch_folder()?;
    let client = CLIENT.replace("$HOST", Guest::HOST);
    let client = site.guest.start(&site.lab, job.path(), &client)?;
    eventually("the client has mounted the share", MINUTE, || {
        Ok(job.path().join("mounted").try_exists()?.then_some(()))
    })?;
    let mut page = Page::open(&site, &gateway, "after")?;
    page.wait_for("online", MINUTE)?;

    let clock = Clock::system();
    site.lab.cut()?;
    let cut_at = clock.now();
    let shown = page.wait_for("offline", TWO_KEEP_ALIVES)?;
    println!(
        "offline on the page after {:?}, data are from {}",
        clock.now().duration_since(cut_at),
        shown["age"]
    );
    ensure_age(&shown)?;
    commands_are_refused_at_once(&site, &gateway)?;

    fs::write(job.path().join("cut"), "")?;
    let said = site.guest.finish(client, job.path(), MINUTE)?;
    ensure!(said == "from before\nand from the cut\n", "{said}");
    let note = "written while the line was cut";
    let source = site.scratch.path().join("note");
    fs::write(&source, note)?;
    run_ok(&mut put(&site.lab, &source, "before"))?;
    let text = run_ok(nfs(&site.lab, "nfs-cat").arg(url("before")))?;
    ensure!(text == note, "{text}");

    intent_arrives_by_itself(&site, &gateway, &mut page, &source)?;
    site.wait_until_clean(&gateway, "before", MINUTE)
}

/// The operator changes settings while the line is lost: accepted, due, and applied once it is
/// back.
fn intent_arrives_by_itself(
    site: &Site,
    gateway: &SiteGateway,
    page: &mut Page,
    source: &Path,
) -> Result<()> {
    let settings = json!({
        "name": "after", "bucket": site.bucket("after/"), "squash": "none",
        "access": [{"cidr": "127.0.0.0/8", "access": "read_write"}],
    });
    let shares = format!("/gateways/{}/shares", gateway.id);
    site.api.post(&shares, &settings)?;
    ensure_age(&page.wait_for("new share", MINUTE)?)?;
    let clock = Clock::system();
    site.lab.heal()?;
    let healed_at = clock.now();
    page.wait_for("back", BACK_WITHIN)?;
    println!(
        "the new share serves {:?} after the line is back",
        clock.now().duration_since(healed_at)
    );
    run_ok(&mut put(&site.lab, source, "after"))?;
    site.wait_until_in_sync(gateway)
}

/// The best of a few medians: the machine may be busy with something else, the console may not.
fn commands_are_refused_at_once(site: &Site, gateway: &SiteGateway) -> Result<()> {
    let mut medians = Vec::new();
    while medians.len() < MEDIANS {
        let median = median_refusal(site, gateway)?;
        println!("a command is refused after {median:?}");
        if median < REFUSED_WITHIN {
            return Ok(());
        }
        medians.push(median);
        pause(Duration::from_secs(1));
    }
    bail!("commands are refused only after {medians:?}");
}

/// As `ctl` and the page call it: a request of its own each, timed from the connection to the
/// end of the answer.
fn median_refusal(site: &Site, gateway: &SiteGateway) -> Result<Duration> {
    let path = format!("/gateways/{}/commands", gateway.id);
    let command = json!({"method": "status.get", "params": {}});
    let mut took = Vec::new();
    for _ in 0..REFUSALS {
        let (refused, length) = site.api.post_timed(&path, &command)?;
        let refused = format!("{:#}", refused.err().context("nobody is there")?);
        ensure!(refused.contains("OFFLINE"), "{refused}");
        took.push(length);
    }
    took.sort();
    took.get(REFUSALS / 2).copied().context("a median")
}

/// What is shown is from seconds ago, and says so.
fn ensure_age(shown: &Value) -> Result<()> {
    let age = shown["age"].as_str().context("an age")?;
    let seconds = age.strip_suffix(" s ago").map(str::parse::<u64>);
    let is_right = matches!(seconds, Some(Ok(seconds)) if seconds <= 59) || age == "1 min ago";
    ensure!(is_right, "an age of seconds: {age}");
    Ok(())
}

/// The gateway's page in a browser, opened once.
struct Page {
    browser: Process,
}

impl Page {
    fn open(site: &Site, gateway: &SiteGateway, new_share: &str) -> Result<Self> {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        let ready = fs::read(site.scratch.path().join("ready.json"))?;
        let plan = json!({
            "ready": serde_json::from_slice::<Value>(&ready)?,
            "gateway": gateway.id,
            "new_share": new_share,
            "pictures": web.join("../target/testbed/pictures"),
        });
        let plan_file = site.scratch.path().join("plan.json");
        fs::write(&plan_file, plan.to_string())?;
        let mut node = site.lab.command(Place::Cloud, "node");
        node.arg("e2e/link-cut.mjs").arg(plan_file).current_dir(web);
        let browser = Process::start(&mut node, &site.scratch.path().join("page.log"))?;
        Ok(Self { browser })
    }

    /// Waits until the page shows what `step` stands for.
    fn wait_for(&mut self, step: &str, limit: Duration) -> Result<Value> {
        eventually(&format!("the page shows {step}"), limit, || {
            let printed = self.browser.printed();
            let lines = printed.lines().filter_map(|l| serde_json::from_str(l).ok());
            let shown = lines.into_iter().find(|line: &Value| line["step"] == step);
            let ended = shown.is_none() && !self.browser.is_running()?;
            ensure!(!ended, "the browser ended: {printed}");
            Ok(shown)
        })
    }
}

fn nfs(lab: &Lab, program: &str) -> Command {
    lab.command(Place::Site, program)
}

fn url(share: &str) -> String {
    format!("nfs://127.0.0.1/{share}/note?nfsport=2049&mountport=2049&version=3")
}

/// Puts `source` into a share.
fn put(lab: &Lab, source: &Path, share: &str) -> Command {
    let mut command = nfs(lab, "nfs-cp");
    command.arg(source).arg(url(share));
    command
}
