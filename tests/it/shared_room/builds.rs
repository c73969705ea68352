//! Servers of two builds have one room. The newer ones are planted (src/server/shared/planted.rs), as faults are.

use std::time::Duration;

use super::cluster::Cluster;
use super::member::Pace;
use super::stage::Harm;
use super::trial::Plan;
use super::{is_one_room, plan};

/// What a newer build writes that may be skipped.
const SKIPPED: &str = "from a newer build";

/// After so many groups, servers have compared digests of the room twice.
const COMPARED: usize = 2 * 256 + 1;

/// The time of a trial in which all harms but one would come too late.
const ONCE: Duration = Duration::from_millis(1);

/// A trial in which servers write more groups than there are between two digests.
fn plan_with<'a>(test: &'a str, harms: &'a [Harm], time: Duration) -> Plan<'a> {
    Plan { time, pace: Pace::Every(Duration::from_millis(300)), ..plan(test, harms) }
}

/// Servers have compared digests, and a newer one has written what the others do not know.
fn assert_both_have_written(cluster: &Cluster) {
    assert!(cluster.groups() >= COMPARED, "there are {} groups", cluster.groups());
    assert!(cluster.has_in_log(SKIPPED), "no newer build has written anything");
}

#[test]
fn a_server_that_writes_what_the_others_skip_has_one_room_with_them() {
    let newer = ("CHATROOM_PLANTED_BUILD", "skippable");
    let Some(mut cluster) = Cluster::open_with("skipped", &[], &[newer]) else { return };
    let harms = [Harm::KillServer, Harm::EndServer, Harm::StopServerLong];
    is_one_room(&plan_with("skipped", &harms, Duration::from_secs(15)), &mut cluster);
    assert_both_have_written(&cluster);
}

#[test]
fn servers_that_are_upgraded_one_after_the_other_and_back_are_one_room() {
    let Some(mut cluster) = Cluster::open("upgrade") else { return };
    let plan = plan_with("upgrade", &[Harm::UpgradeAndBack], ONCE);
    is_one_room(&plan, &mut cluster);
    assert_both_have_written(&cluster);
}

#[test]
fn clients_of_servers_that_are_too_old_for_the_room_go_on_at_a_newer_one() {
    let Some(mut cluster) = Cluster::open("newer") else { return };
    let plan = plan_with("newer", &[Harm::UpgradeToNewerFormat], ONCE);
    is_one_room(&plan, &mut cluster);
}
