//! What comes out of real recordings: named chunks that a player can start from at every group.

mod common;

use common::{Fixture, demux_webm, repackage};

#[test]
fn chunks_of_a_recording_hold_all_its_frames_from_the_first_keyframe_on() {
    for fixture in Fixture::all_webm().into_iter().filter(|fixture| !fixture.mime.contains("avc1")) {
        let (init, chunks) = repackage(&fixture.mime, &fixture.segments);
        let pieces: Vec<_> =
            std::iter::once(init.data).chain(chunks.into_iter().map(|chunk| chunk.data)).collect();
        let (_, mut recorded) = demux_webm(&fixture.segments);
        let (_, packaged) = demux_webm(&pieces);
        recorded.sort_by_key(|frame| frame.pts_us);
        assert!(packaged == recorded, "{}", fixture.name);
    }
}
