//! Takes pictures of a video for its time line, with `ffmpeg`.
//!
//! Only keyframes in the first fragment of each interval are decoded, so a long video is little work. A picture shows a keyframe near the
//! start of its interval, and carries the time of that keyframe.

use std::{collections::HashSet, fs};

use bytes::Bytes;
use protocol::{
    item::Fragment,
    job::{Output, Picture, TakePictures},
};

use crate::{
    Failed, Tools,
    ffmpeg::{self, Run, unreadable},
    item::{self, Chosen, Media},
};

/// The most pictures of an item.
const MAX_PICTURES: u64 = 200;
/// The shortest time between two pictures.
const LEAST_EVERY_MS: u64 = 1000;
/// The largest picture, in bytes. A JPEG of 160 × 160 has about 8 KiB.
const MAX_PICTURE_BYTES: u64 = 256 << 10;
/// The most bytes of all pictures.
const MAX_ALL_BYTES: u64 = 32 << 20;

/// Takes the pictures of a video, and stores them.
pub(crate) fn run(work: &TakePictures, tools: &Tools<'_>) -> Result<Output, Failed> {
    let manifest = item::manifest(&work.source, tools)?;
    let length_ms = item::end_of_manifest_ms(&manifest).min(work.duration_ms.max(1));
    let every_ms = work.every_ms.max(LEAST_EVERY_MS).max(length_ms.div_ceil(MAX_PICTURES));
    let runs = item::runs(&manifest);
    let mut pictures: Vec<Picture> = Vec::new();
    for (number, takes) in runs.iter().enumerate() {
        let progress = number as f32 / runs.len() as f32..(number + 1) as f32 / runs.len() as f32;
        of_run(takes, every_ms, progress, &mut pictures, tools)?;
    }
    if pictures.is_empty() {
        return Err(Failed::for_good("the item has no pictures"));
    }
    Ok(Output::Pictures { pictures })
}

/// Adds the pictures of takes that join in one file.
fn of_run(
    takes: &[Chosen<'_>],
    every_ms: u64,
    progress: std::ops::Range<f32>,
    pictures: &mut Vec<Picture>,
    tools: &Tools<'_>,
) -> Result<(), Failed> {
    let is_video = takes.iter().all(|(_, rendition)| rendition.container().starts_with("video/"));
    let starts = starts(takes, every_ms);
    let is_read = |fragment: &Fragment| starts.contains(&fragment.start_ms);
    let Some(media) = (if is_video { Media::of_fragments(takes, is_read, tools)? } else { None }) else {
        return Ok(());
    };
    let mut arguments = vec!["-skip_frame".into(), "nokey".into()];
    arguments.extend(ffmpeg::input(&media.container)?);
    arguments.extend(options(media.begins_ms, every_ms).split(' ').map(Into::into));
    let output_ms = media.ends_ms.saturating_sub(media.begins_ms);
    let run = Run { arguments, media: Some(&media), max_bytes: MAX_ALL_BYTES, output_ms, progress };
    run.run(tools)?;
    for (at_ms, bytes) in take_files(tools)? {
        let at_ms = media.begins_ms.saturating_add(at_ms);
        let is_new = pictures.last().is_none_or(|last| last.at_ms < at_ms);
        if is_new && (pictures.len() as u64) < MAX_PICTURES {
            pictures.push(Picture { at_ms, blob: tools.blobs.put(bytes)? });
        }
    }
    Ok(())
}

/// Start times of the fragments that are read: the first one of each interval, and those that are as long as an interval.
fn starts(takes: &[Chosen<'_>], every_ms: u64) -> HashSet<u64> {
    let (mut starts, mut newest) = (HashSet::new(), None);
    for fragment in takes.iter().flat_map(|(_, rendition)| rendition.fragments) {
        let interval = Some(fragment.start_ms / every_ms);
        if interval != newest || fragment.duration_ms >= every_ms {
            starts.insert(fragment.start_ms);
        }
        newest = interval;
    }
    starts
}

/// Options that write the first keyframe of each interval to a file. The name of the file is the time of the keyframe in ms, counted from
/// `begins_ms` of the item.
fn options(begins_ms: u64, every_ms: u64) -> String {
    let interval = |time: &str| format!("floor(({time}*1000+{begins_ms})/{every_ms})");
    let (now, before) = (interval("t"), interval("prev_selected_t"));
    format!(
        "-map 0:v:0 -an -sn -dn -map_metadata -1 -sws_flags bicubic+accurate_rnd+bitexact \
         -vf select=isnan(prev_selected_t)+gt({now}\\,{before}),\
         scale=160:160:force_original_aspect_ratio=decrease,format=yuvj420p \
         -fps_mode passthrough -enc_time_base 1:1000 -frames:v {MAX_PICTURES} \
         -c:v mjpeg -q:v 5 -flags:v +bitexact -threads 1 -f image2 -frame_pts 1 file:%d.jpg"
    )
}

/// Moves the pictures out of the scratch folder: their times in ms and their bytes, in order.
fn take_files(tools: &Tools<'_>) -> Result<Vec<(u64, Bytes)>, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(tools.scratch).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let at_ms = path.file_stem().and_then(|name| name.to_str()?.parse::<u64>().ok());
        let Some(at_ms) = at_ms else { continue };
        if fs::metadata(&path).map_err(unreadable)?.len() <= MAX_PICTURE_BYTES {
            files.push((at_ms, Bytes::from(fs::read(&path).map_err(unreadable)?)));
        }
        fs::remove_file(&path).map_err(unreadable)?;
    }
    files.sort_by_key(|(at_ms, _)| *at_ms);
    Ok(files)
}
