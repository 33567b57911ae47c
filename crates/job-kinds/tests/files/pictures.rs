//! Pictures for the time line.

use protocol::{
    item::Manifest,
    job::{Failure, Output, Picture, TakePictures, Work},
};

use super::item::{H264, PICTURES, SOUND, VP8, World};

fn pictures(world: &World, manifest: &Manifest, every_ms: u64) -> Result<Vec<Picture>, job_kinds::Failed> {
    let source = world.source(manifest);
    match world.run(&Work::Pictures(TakePictures { source, duration_ms: u64::MAX, every_ms }))? {
        Output::Pictures { pictures } => Ok(pictures),
        output => panic!("{output:?}"),
    }
}

/// The times of pictures in whole seconds: sound and pictures begin some ms apart.
fn seconds(taken: &[Picture]) -> Vec<u64> {
    taken.iter().map(|picture| picture.at_ms / 1000).collect()
}

/// Width and height of a JPEG, from its SOF0 marker.
fn size(jpeg: &[u8]) -> (u16, u16) {
    assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]));
    let at = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
    (number(at + 7), number(at + 5))
}

#[test]
fn pictures_are_small_and_say_when_they_are() {
    let world = World::with_ffmpeg();
    let large = "-f lavfi -i testsrc2=s=320x180:r=12:d=26";
    for (name, codec) in [("film.webm", VP8), ("film.mp4", H264)] {
        let item = world.item(name, &format!("{large} {SOUND}26 {codec}"));
        let taken = pictures(&world, &item, 5_000).unwrap();
        // A keyframe every two seconds.
        assert_eq!(seconds(&taken), [0, 6, 10, 16, 20], "{name}");
        for picture in &taken {
            assert_eq!(size(&job_kinds::Blobs::get(&world.blobs, &picture.blob).unwrap()), (160, 90));
        }
        let distinct: std::collections::HashSet<_> = taken.iter().map(|picture| &picture.blob.hash).collect();
        assert_eq!(distinct.len(), taken.len(), "{name}");
        assert_eq!(pictures(&world, &item, 5_000).unwrap(), taken, "the same work gives the same blobs");
    }
}

#[test]
fn one_fragment_of_each_interval_is_read() {
    let world = World::with_ffmpeg();
    let item = world.item("film.webm", &format!("{PICTURES}46 {SOUND}46 {VP8}"));
    let fragments = &item.takes[0].fragments;
    assert_eq!(fragments.len(), 5, "{fragments:?}");
    world.blobs.remove(&fragments[1].blob);
    world.blobs.remove(&fragments[3].blob);
    assert_eq!(seconds(&pictures(&world, &item, 20_000).unwrap()), [0, 20, 40]);
}

#[test]
fn the_number_of_pictures_is_bounded() {
    let world = World::with_ffmpeg();
    let item =
        world.item("film.webm", "-f lavfi -i testsrc2=s=32x32:r=1:d=420 -c:v libvpx -deadline realtime -g 1");
    let taken = pictures(&world, &item, 0).unwrap();
    assert!((100..=200).contains(&taken.len()), "{}", taken.len());
    assert!(taken.windows(2).all(|two| two[0].at_ms + 1_000 < two[1].at_ms));
}

#[test]
fn sound_has_no_pictures() {
    let world = World::with_ffmpeg();
    let item = world.item("song.opus", &format!("{SOUND}3 -c:a libopus -b:a 48k"));
    assert_eq!(pictures(&world, &item, 1_000).unwrap_err().failure, Failure::ForGood);
}
