//! Whole files and playlists of items, as ffmpeg reads them over HTTP.

use std::{process::Command, sync::Arc};

use bytes::{Bytes, BytesMut};
use media::{Codec, Frame, Muxer, Output, Rendition, Run, TakeParser, Track, TrackKind};
use protocol::item::{Alternative, Blob, ManifestTake};
use reqwest::{StatusCode, header};

use crate::{
    harness::Recording,
    library_support::{Cluster, alternative, item, item_grant, refusal, take, take_at},
};

/// A recording's media in one format: its type, its init segment, and a fragment for each group.
struct Media {
    mime: String,
    init: Bytes,
    fragments: Vec<Bytes>,
}

impl Media {
    fn of(recording: &str, format: Rendition) -> Self {
        let recording = Recording::load(recording);
        let mut parser = TakeParser::new(&recording.mime).unwrap();
        let (mut tracks, mut runs) = (None::<Arc<[Track]>>, Vec::<Run>::new());
        for segment in recording.segments {
            for output in parser.push_segment(segment).unwrap() {
                match output {
                    Output::Tracks(found) => tracks = Some(found),
                    Output::Run(run) => runs.push(run),
                }
            }
        }
        let muxer = Muxer::new(format, tracks.unwrap()).unwrap();
        let fragments = runs.chunk_by(|a, b| a.group == b.group).map(|group| {
            let mut bytes = BytesMut::new();
            for run in group {
                muxer.write_chunk(run, &mut bytes);
            }
            bytes.freeze()
        });
        Self {
            mime: muxer.init().mime.clone(),
            init: muxer.init().data.clone(),
            fragments: fragments.collect(),
        }
    }

    /// As a take of the item from `begins_ms` on.
    async fn take(&self, cluster: &Cluster, begins_ms: u64) -> ManifestTake {
        let init = cluster.put(self.init.clone()).await;
        take_at(begins_ms, &self.mime, Some(init), put_all(cluster, &self.fragments).await)
    }
}

async fn put_all(cluster: &Cluster, fragments: &[Bytes]) -> Vec<Blob> {
    let mut blobs = Vec::new();
    for fragment in fragments {
        blobs.push(cluster.put(fragment.clone()).await);
    }
    blobs
}

/// A track and a time in µs of each packet that ffprobe finds, in order of the file.
fn packets(input: &str) -> Vec<(usize, i64)> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=stream_index,pts_time", "-of", "csv=p=0", input])
        .output()
        .expect("scripts/install-tools.sh was run");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{input}");
    let text = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let (track, time) = line.split_once(',').unwrap();
        let seconds: f64 = time.trim_end_matches(',').parse().unwrap();
        (track.parse().unwrap(), (seconds * 1e6).round() as i64)
    };
    text.lines().map(packet).collect()
}

/// What ffmpeg complains about when it decodes all of `input`.
fn complaints(input: &str) -> String {
    let output =
        Command::new("ffmpeg").args(["-v", "warning", "-i", input, "-f", "null", "-"]).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The length that a file tells, in ms.
fn told_ms(file: &str) -> u64 {
    let mut ffprobe = Command::new("ffprobe");
    let output =
        ffprobe.args(["-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration", file]).output();
    let seconds: f64 = String::from_utf8(output.unwrap().stdout).unwrap().trim().parse().unwrap();
    (seconds * 1000.0).round() as u64
}

async fn saved(cluster: &Cluster, query: &str) -> (header::HeaderMap, tempfile::NamedTempFile, Bytes) {
    let answer = cluster.get(item(1), &format!("download{query}")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (headers, body) = (answer.headers().clone(), answer.bytes().await.unwrap());
    assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &body).unwrap();
    (headers, file, body)
}

fn url(cluster: &Cluster, path: &str) -> String {
    let grant = item_grant(item(1), "here", 4_000_000_000);
    format!("http://{}/library/{}/{path}?grant={grant}", cluster.node, item(1))
}

#[tokio::test]
async fn takes_are_one_file_in_one_timeline_with_every_frame_once() {
    for (recording, format, extension) in [
        ("webm-vp9-opus-100ms-key1s", Rendition::WebM, "webm"),
        ("mp4-avc1-opus-250ms-key1s", Rendition::Mp4, "mp4"),
    ] {
        let cluster = Cluster::start().await;
        let media = Media::of(recording, format);
        let length_ms = 10_000 * media.fragments.len() as u64;
        let takes = vec![media.take(&cluster, 0).await, media.take(&cluster, length_ms).await];
        cluster.publish(item(1), takes[..1].to_vec());
        let (_, one, body) = saved(&cluster, "").await;
        let (head, fragments) = body.split_at(body.len() - media.fragments.concat().len());
        assert!(fragments == media.fragments.concat(), "one take is its fragments as they are");
        match format {
            Rendition::WebM => assert_eq!(told_ms(one.path().to_str().unwrap()), length_ms),
            _ => assert_eq!(head, media.init),
        }

        let cluster = Cluster::start().await;
        for take in [0, length_ms] {
            media.take(&cluster, take).await;
        }
        cluster.publish(item(1), takes);
        let (headers, both, body) = saved(&cluster, "?name=Gr%C3%B6%C3%9Fe").await;
        assert_eq!(headers["undead-takes"], "0-1/2");
        assert_eq!(
            headers[header::CONTENT_DISPOSITION],
            format!(
                "attachment; filename=\"Gr__e.{extension}\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.{extension}"
            )
        );
        let (one, both) =
            (packets(one.path().to_str().unwrap()), (packets(both.path().to_str().unwrap()), both));
        let shifted = one.iter().map(|(track, us)| (*track, us + 1000 * length_ms as i64));
        let expected: Vec<_> = one.iter().copied().chain(shifted).collect();
        assert_eq!(both.0.len(), expected.len(), "{recording}: every frame once");
        for track in [0, 1] {
            let of = |packets: &[(usize, i64)]| -> Vec<i64> {
                packets.iter().filter(|packet| packet.0 == track).map(|packet| packet.1).collect()
            };
            let differ =
                of(&both.0).iter().zip(of(&expected)).any(|(seen, meant)| seen.abs_diff(meant) > 1000);
            assert!(!differ, "{recording}: times of track {track}");
        }
        assert_eq!(complaints(both.1.path().to_str().unwrap()), "", "{recording}");

        let middle = body.len() / 2;
        let part = cluster.get(item(1), "download").header(header::RANGE, format!("bytes={middle}-"));
        let part = part.header(header::IF_RANGE, headers[header::ETAG].clone()).send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.bytes().await.unwrap(), body[middle..], "{recording}: a download goes on");
    }
}

#[tokio::test]
async fn a_recording_that_began_within_a_take_begins_at_0() {
    let cluster = Cluster::start().await;
    let media = Media::of("webm-vp9-opus-100ms-key1s", Rendition::WebM);
    let init = cluster.put(media.init.clone()).await;
    let mut take = take(&media.mime, Some(init), put_all(&cluster, &media.fragments[1..]).await);
    take.offset_ms = -1000;
    cluster.publish(item(1), vec![take]);
    let (_, file, _) = saved(&cluster, "").await;
    let first = packets(file.path().to_str().unwrap()).into_iter().map(|packet| packet.1).min().unwrap();
    assert!(first.abs() < 100_000, "{first}");
}

#[tokio::test]
async fn takes_that_do_not_fit_in_one_file_are_left_out_and_said_so() {
    let cluster = Cluster::start().await;
    let webm = Media::of("webm-vp9-opus-100ms-key1s", Rendition::WebM);
    let mp4 = Media::of("mp4-avc1-opus-250ms-key1s", Rendition::Mp4);
    let end = 10_000 * (webm.fragments.len() + mp4.fragments.len()) as u64;
    let mut takes = vec![mp4.take(&cluster, 0).await, webm.take(&cluster, 100_000).await];
    takes[0].fragments.truncate(1);
    takes.push(webm.take(&cluster, end + 100_000).await);
    cluster.publish(item(1), takes);
    let (headers, _, _) = saved(&cluster, "").await;
    assert_eq!(headers["undead-takes"], "1-2/3", "the longest run");
    assert_eq!(headers[header::CONTENT_TYPE], "video/webm");
    let (headers, file, _) = saved(&cluster, "?take=0").await;
    assert_eq!(headers["undead-takes"], "0-0/3");
    assert_eq!(complaints(file.path().to_str().unwrap()), "");
    for (query, status, code) in [
        ("?take=3", 400, "invalid_request"),
        ("?take=x", 400, "invalid_request"),
        ("?mime=audio/ogg", 406, "unsupported_format"),
    ] {
        let answer = cluster.get(item(1), &format!("download{query}")).send().await.unwrap();
        assert_eq!(refusal(answer).await, (status, code.into()), "{query}");
    }
    cluster.publish(item(1), Vec::new());
    let cluster = Cluster::start().await;
    cluster.publish(item(1), Vec::new());
    let answer = cluster.get(item(1), "download").send().await.unwrap();
    assert_eq!(refusal(answer).await, (409, "item_not_ready".into()));
}

#[tokio::test]
async fn a_player_of_hls_plays_all_takes_of_mp4() {
    let cluster = Cluster::start().await;
    let media = Media::of("mp4-avc1-opus-250ms-key1s", Rendition::Mp4);
    let takes = vec![media.take(&cluster, 0).await, media.take(&cluster, 100_000).await];
    cluster.publish(item(1), takes);
    let answer = cluster.get(item(1), "index.m3u8").send().await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/vnd.apple.mpegurl");
    let text = answer.text().await.unwrap();
    assert_eq!((text.matches("#EXT-X-MAP").count(), text.matches("#EXT-X-DISCONTINUITY\n").count()), (2, 1));
    assert!(text.ends_with("#EXT-X-ENDLIST\n"));
    cluster.publish(item(2), vec![media.take(&cluster, 0).await]);
    let (whole, url) = (media.fragments.len(), url(&cluster, "audio.m3u8"));
    let found = tokio::task::spawn_blocking(move || packets(&url)).await.unwrap();
    let one: BytesMut =
        std::iter::once(&media.init).chain(&media.fragments).flat_map(|part| part.to_vec()).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &one).unwrap();
    let expected = packets(file.path().to_str().unwrap());
    assert_eq!(found.len(), 2 * expected.len(), "{whole} fragments twice");
}

#[tokio::test]
async fn a_player_of_hls_plays_mp3() {
    let cluster = Cluster::start().await;
    let args = "-v error -f lavfi -i sine=d=25 -ar 32000 -ac 1 -c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0 -f mp3 -";
    let output =
        Command::new("ffmpeg").args(args.split(' ')).output().expect("scripts/install-tools.sh was run");
    // 128 kbit/s and frames of 36 ms.
    let frames: Vec<_> = output.stdout.chunks_exact(576).collect();
    assert!(frames.len() > 600 && frames.iter().all(|frame| frame[0] == 0xff));
    let fragments: Vec<_> = frames.chunks(250).map(|frames| Bytes::from(frames.concat())).collect();
    let blobs = put_all(&cluster, &fragments).await;
    let mut mp3 = take("audio/mpeg", None, blobs.clone());
    for (at, fragment) in (0..).zip(&mut mp3.fragments) {
        (fragment.start_ms, fragment.duration_ms) = (at * 9000, 9000);
    }
    // As uploads are: in MP4 for players that take no bare MP3, which is the alternative.
    let media = cluster.put(&b"not read here"[..]).await;
    let own = take("audio/mp4;codecs=\"mp3\"", Some(media.clone()), vec![media; mp3.fragments.len()]);
    let alternative = Alternative { mime: mp3.mime, init: None, fragments: mp3.fragments };
    let mp3 = ManifestTake { alternatives: vec![alternative], ..own };
    cluster.publish(item(1), vec![mp3]);
    let url = url(&cluster, "audio.m3u8");
    let found = tokio::task::spawn_blocking(move || packets(&url)).await.unwrap();
    assert_eq!(found.len(), frames.len());
    // ffmpeg reads ahead: it gives the time in a tag to a frame some places before or after the one it stands before.
    let differ =
        (0..).zip(&found).find(|(at, packet)| (packet.1 - found[0].1).abs_diff(at * 36_000) > 150_000);
    assert!(differ.is_none(), "{differ:?}");
    let (headers, _, body) = saved(&cluster, "").await;
    assert_eq!(headers[header::CONTENT_DISPOSITION], format!("attachment; filename=\"{}.mp3\"", item(1)));
    assert_eq!(body, frames.concat());
}

#[tokio::test]
async fn what_hls_does_not_take_is_refused_unless_there_is_an_alternative() {
    let cluster = Cluster::start().await;
    let webm = Media::of("webm-vp9-opus-100ms-key1s", Rendition::WebM);
    let mp4 = Media::of("webm-vp9-opus-100ms-key1s", Rendition::Mp4);
    let mut take = webm.take(&cluster, 0).await;
    take.mime = "video/webm;codecs=\"vp9,vorbis\"".into();
    cluster.publish(item(1), vec![take.clone()]);
    let answer = cluster.get(item(1), "audio.m3u8").send().await.unwrap();
    assert_eq!(refusal(answer).await, (406, "unsupported_format".into()));
    let other = mp4.take(&cluster, 0).await;
    let blobs = other.fragments.into_iter().map(|fragment| fragment.blob).collect();
    take.alternatives.push(alternative(&mp4.mime, other.init, blobs));
    cluster.publish(item(2), vec![take]);
    let answer = cluster.get(item(2), "audio.m3u8").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap().matches(".m4s?").count(), mp4.fragments.len());
}

/// The samples that ffmpeg decodes from the sound of `input`, as signed 16-bit numbers.
fn samples(input: &str) -> Vec<u8> {
    let args = ["-v", "error", "-i", input, "-map", "0:a", "-f", "s16le", "-"];
    let output = Command::new("ffmpeg").args(args).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{input}");
    output.stdout
}

/// Players of HLS take no WebM, and no VP8.
#[tokio::test]
async fn a_player_of_hls_plays_the_sound_of_webm_to_the_sample() {
    for (name, video) in
        [("webm-vp9-opus-100ms-key1s", 1), ("audio-webm-opus-250ms", 0), ("webm-vp8-opus-10s", 1)]
    {
        let cluster = Cluster::start().await;
        let webm = Media::of(name, Rendition::WebM);
        cluster.publish(item(1), vec![webm.take(&cluster, 0).await]);
        let text = cluster.get(item(1), "audio.m3u8").send().await.unwrap().text().await.unwrap();
        assert_eq!(text.matches(".m4a?").count(), webm.fragments.len() + 1, "{text}");
        let playlist = url(&cluster, "audio.m3u8");
        let of_one = [&webm.init[..]].into_iter().chain(webm.fragments.iter().map(|fragment| &fragment[..]));
        let one = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(one.path(), of_one.collect::<Vec<_>>().concat()).unwrap();
        let path = one.path().to_str().unwrap().to_owned();
        let compared = tokio::task::spawn_blocking(move || {
            let of_sound = packets(&path).iter().filter(|(track, _)| *track == video).count();
            let found = packets(&playlist);
            assert_eq!(found.len(), of_sound, "{name}");
            let (expected, heard) = (samples(&path), samples(&playlist));
            assert!(expected.len() > 48_000, "{name}");
            assert_eq!(heard.len(), expected.len(), "{name}");
            assert!(heard == expected, "{name}");
        });
        compared.await.unwrap();
    }
}

#[tokio::test]
async fn rewritten_sound_is_bounded() {
    let cluster = Cluster::start().await;
    let config = Bytes::from_static(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0");
    let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
    let tracks = Arc::from([Track { codec: Codec::Opus, kind, config, colour: Bytes::new() }]);
    let muxer = Muxer::new(Rendition::WebM, tracks).unwrap();
    // Packets of 20 ms: the second fragment has more than 512 KiB.
    let fragments = [650, 660].map(|bytes| {
        let mut packet = vec![7; bytes];
        packet[0] = 0x08;
        let data = Bytes::from(packet);
        let frame = |at: u64| Frame {
            track: 0,
            pts_us: at * 20_000,
            dts_us: at * 20_000,
            duration_us: 20_000,
            key: true,
            data: data.clone(),
        };
        let mut fragment = BytesMut::new();
        let frames = (0..790).map(frame).collect();
        muxer.write_chunk(&Run { group: 0, index: 0, frames }, &mut fragment);
        fragment.freeze()
    });
    let init = cluster.put(muxer.init().data.clone()).await;
    let blobs = put_all(&cluster, &fragments).await;
    let other = cluster.put(&b"no WebM"[..]).await;
    let take =
        take(&muxer.init().mime, Some(init.clone()), [&blobs[..], std::slice::from_ref(&other)].concat());
    cluster.publish(item(1), vec![take]);
    let get = async |hash: &str, init: &str| {
        cluster.get(item(1), &format!("hls/{hash}.m4a?init={init}")).send().await.unwrap()
    };
    let small = get(&blobs[0].hash, &init.hash).await;
    assert_eq!(
        (small.status(), &small.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &"audio/mp4".parse().unwrap())
    );
    assert!((790 * 650..512 << 10).contains(&small.bytes().await.unwrap().len()));
    let unsupported = (406, "unsupported_format".to_owned());
    assert_eq!(refusal(get(&blobs[1].hash, &init.hash).await).await, unsupported, "it is too large");
    assert_eq!(refusal(get(&blobs[0].hash, &other.hash).await).await, unsupported);
    let unknown = get(&blobs[0].hash, &"0".repeat(64)).await;
    assert_eq!(refusal(unknown).await, (404, "unknown_blob".into()));
}
