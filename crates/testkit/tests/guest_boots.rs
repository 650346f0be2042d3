//! The testbed itself: before anything is blamed on the product, its own ground must hold.

use std::{path::Path, process::Command, time::Duration};

use anyhow::Result;
use testkit::{Guest, Lab, Place, run_ok, scratch_folder};

#[test]
fn a_site_reaches_the_cloud_and_nothing_reaches_the_site() -> Result<()> {
    let lab = Lab::up()?;
    let ping = |place, to: &str| run_ok(lab.command(place, "ping").args(["-c1", "-W1", to]));
    ping(Place::Site, Lab::CLOUD)?;
    assert!(ping(Place::Cloud, Lab::SITE).is_err());
    lab.cut()?;
    assert!(ping(Place::Site, Lab::CLOUD).is_err());
    lab.heal()?;
    ping(Place::Site, Lab::CLOUD)?;
    Ok(())
}

#[test]
fn a_linux_guest_boots_in_the_site() -> Result<()> {
    let (lab, job) = (Lab::up()?, scratch_folder()?);
    let script =
        "echo hello > /job/from-guest; ping -c1 -W5 $(ip route | awk '/default/{print $3}')";
    let printed = Guest::unpacked()?.run(&lab, job.path(), script, Duration::from_secs(60))?;
    assert!(printed.contains("1 packets received"), "{printed}");
    assert_eq!(
        std::fs::read_to_string(job.path().join("from-guest"))?,
        "hello\n"
    );
    Ok(())
}

/// The guest's kernel knows fewer registers than some processors have.
#[test]
fn a_write_of_the_first_registers_keeps_the_others() -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest_boots/short_write.py");
    let python = || {
        let mut command = Command::new("python3");
        command.arg(&script);
        command
    };
    assert_eq!(run_ok(&mut python())?, "refused: EFAULT\n");
    let preloaded = Guest::unpacked()?.preloaded();
    let said = run_ok(python().env("LD_PRELOAD", preloaded))?;
    assert_eq!(said, "written\n");
    Ok(())
}
