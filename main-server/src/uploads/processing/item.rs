//! What describes the item of an upload: what its client said, and else what the file says.

use bytes::Bytes;
use media_file::Tags;
use objects::Objects;
use protocol::{
    item::{Blob, Kind, State},
    stream::Visibility,
    title,
};

use super::Error;
use crate::{
    library::{Library, NewItem, Text, text},
    state::catalogue::{picture_metadata::without_metadata, thumbnail::ImageKind},
    uploads::{metadata::Metadata, record::Record},
};

/// Largest cover, in bytes.
const COVER_BYTES: usize = 8 << 20;

/// The item of an upload, without media.
pub(super) fn new(upload: &Record) -> NewItem {
    let metadata = &upload.metadata;
    NewItem {
        item_id: upload.item_id,
        kind: Kind::Upload,
        state: State::Processing,
        text: said(metadata),
        visibility: metadata.visibility.unwrap_or(Visibility::Public),
        passphrase_hash: None,
        owner: upload.owner.clone(),
        stream_id: None,
    }
}

fn said(metadata: &Metadata) -> Text {
    Text {
        title: metadata
            .title
            .clone()
            .or_else(|| of_name(metadata))
            .unwrap_or_else(|| title::UNTITLED.to_owned()),
        artist: metadata.artist.clone(),
        album: metadata.album.clone(),
        tags: vec![],
    }
}

/// The file's name without its extension.
fn of_name(metadata: &Metadata) -> Option<String> {
    let name = metadata.filename.as_deref()?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    fitting(stem)
}

/// The text as a title, shortened if it is too long for one.
fn fitting(text: &str) -> Option<String> {
    let short: String = match text.char_indices().nth(title::MAX_CHARS) {
        Some(_) => text.chars().take(title::MAX_CHARS - 1).chain(['…']).collect(),
        None => text.to_owned(),
    };
    title::clean(&short).ok()
}

/// Adds what the file says of itself. What people changed meanwhile stays.
pub(super) async fn describe(
    library: &Library,
    objects: &Objects,
    upload: &Record,
    tags: &Tags,
) -> Result<(), Error> {
    let (item_id, before) = (upload.item_id, said(&upload.metadata));
    let after = with_tags(&upload.metadata, before.clone(), tags);
    let describe = |record: &mut crate::library::Record| {
        if record.text == before {
            record.text = after.clone();
        }
    };
    library.change(item_id, describe).await?;
    let Some(cover) = tags.cover.as_ref().and_then(|cover| cover_picture(&cover.data)) else { return Ok(()) };
    let bytes = cover.len() as u64;
    let hash = objects.put(cover).await?;
    let poster = Blob { hash: hash.to_string(), bytes };
    Ok(library.set_poster(item_id, poster).await?)
}

fn with_tags(metadata: &Metadata, text: Text, tags: &Tags) -> Text {
    let clean = |text: &Option<String>| text.as_deref().and_then(fitting);
    let genre: Vec<_> = clean(&tags.genre).into_iter().collect();
    Text {
        title: metadata.title.clone().or_else(|| clean(&tags.title)).unwrap_or(text.title),
        artist: text.artist.or_else(|| clean(&tags.artist)),
        album: text.album.or_else(|| clean(&tags.album)),
        tags: text::tags(&genre).unwrap_or_default(),
    }
}

/// The cover without its metadata, if it is a picture of a type that browsers show and that has no scripts.
fn cover_picture(data: &Bytes) -> Option<Bytes> {
    let kind = ImageKind::of(data).filter(|_| data.len() <= COVER_BYTES)?;
    Some(without_metadata(kind, data.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_is_too_long_is_shortened_and_not_dropped() {
        let of = |title: &str| {
            let tags = Tags { title: Some(title.to_owned()), ..Tags::default() };
            with_tags(&Metadata::default(), said(&Metadata::default()), &tags).title
        };
        let (most, longer) = ("ä".repeat(title::MAX_CHARS), "ä".repeat(title::MAX_CHARS + 1));
        assert_eq!(of(&most), most);
        assert_eq!(of(&longer), format!("{}…", "ä".repeat(title::MAX_CHARS - 1)));
        assert_eq!(of("  "), title::UNTITLED);
    }

    #[test]
    fn a_cover_is_a_picture_without_metadata() {
        let cover = cover_picture(&Bytes::from_static(b"\xff\xd8\xff\xe1\0\x08Exif\0\0\xff\xd9")).unwrap();
        assert_eq!(&cover[..], b"\xff\xd8\xff\xd9");
        assert!(cover_picture(&Bytes::from_static(b"<svg/>")).is_none());
        assert!(cover_picture(&[b"\xff\xd8\xff", &vec![0; COVER_BYTES][..]].concat().into()).is_none());
    }
}
