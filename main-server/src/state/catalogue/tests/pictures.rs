//! Preview pictures of streams.

use super::*;

#[test]
fn a_new_picture_changes_its_address() {
    let (mut catalogue, id, now) = live();
    for version in now.unix_ms()..now.unix_ms() + 2 {
        catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from_static(b"picture"), now).unwrap();
        let url = catalogue.take_changed()[0].thumbnail_url.clone();
        assert_eq!(url, Some(format!("/api/streams/{id}/thumbnail?v={version}")));
    }
}

#[test]
fn of_pictures_that_come_by_way_of_others_the_newest_stays() {
    let (mut catalogue, id, now) = live();
    let own = catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from_static(b"own"), now).unwrap().unwrap();
    for (later, shown) in [(0, "own"), (1, "other")] {
        let bytes = Bytes::from_static(b"other");
        let other = Thumbnail { version: own.version + later, kind: ImageKind::Jpeg, bytes };
        catalogue.take_thumbnail(id, other).unwrap();
        assert_eq!(catalogue.get(id).unwrap().thumbnail().unwrap().bytes, shown);
    }
}

#[test]
fn pictures_are_bounded_together_and_freed_when_their_stream_ends() {
    let (mut catalogue, id, now) = live();
    let other = catalogue.create(record("other"), None, now);
    let set = |catalogue: &mut Catalogue, id, bytes: usize| {
        let set = catalogue.set_thumbnail(id, ImageKind::Png, Bytes::from(vec![0; bytes]), now);
        set.map(|kept| kept.unwrap().bytes.len())
    };
    assert_eq!(set(&mut catalogue, id, 60), Ok(60));
    assert_eq!(set(&mut catalogue, id, 70), Ok(70));
    assert_eq!(set(&mut catalogue, other, 31), Err(Error::TooManyPictures));
    catalogue.ends(id, 3, now);
    assert_eq!(set(&mut catalogue, id, 1), Err(Error::UnknownStream(id)));
    assert_eq!(set(&mut catalogue, other, 100), Ok(100));
}
