//! Several main servers, one store, members and a network that loses, delays and cuts off: whatever happens, each party has
//! one history. Thousands of seeds; each one is the same in every run.
//!
//! The store is a model of compare-and-set. Servers combine the requests that arrive during a write, as the service does.
//! They crash before a write, or between a write and its acknowledgement; members then ask another server. The
//! [oracle](oracle) sees what the store accepted, and what members were told.

mod oracle;
mod random;
mod world;

use self::world::World;

/// Short entries, so that a seed has many rounds.
const SONG_MS: u64 = 8_000;
const SEEDS: u64 = 2_000;

#[test]
fn whatever_fails_every_replica_names_the_same_winner_and_no_acknowledged_vote_is_lost() {
    let (mut rounds, mut crashes, mut conflicts, mut retries) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.run();
        let report = world.finish();
        rounds += report.rounds;
        crashes += report.crashes;
        conflicts += report.conflicts;
        retries += report.retries;
    }
    // Checks that the seeds cover what they are meant to.
    assert!(rounds > 3 * SEEDS && crashes > SEEDS && conflicts > SEEDS && retries > SEEDS);
}
