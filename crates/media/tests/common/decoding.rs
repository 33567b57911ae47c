//! What ffmpeg decodes from an input. Needs the program `ffmpeg`; without it the tests fail.

use std::{
    collections::HashMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// A decoded picture, or a packet of sound as it is: what decodes from a packet depends on those before it.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) pts_us: u64,
    pub(crate) checksum: String,
}

/// What ffmpeg made of an input.
#[derive(Debug, Default)]
pub(crate) struct Decoding {
    pub(crate) pictures: Vec<Timed>,
    pub(crate) packets: Vec<Timed>,
    /// Warnings and errors about either, sound decoded too.
    pub(crate) complaints: String,
}

/// Decodes all tracks of `input`.
pub(crate) fn decode(input: Vec<u8>) -> Decoding {
    decode_from("pipe:0", input)
}

/// Decodes all tracks of a file, in which ffmpeg seeks as it likes.
pub(crate) fn decode_file(file: &Path) -> Decoding {
    decode_from(&file.display().to_string(), Vec::new())
}

fn decode_from(source: &str, input: Vec<u8>) -> Decoding {
    const PICTURES_PACKETS_SOUND: &str = "-map 0:v? -map 0:a? -map 0:a? -c:a:0 copy \
                                          -fps_mode passthrough -enc_time_base -1 -f framecrc -";
    let (stdout, complaints) = ffmpeg(&format!("-copyts -i {source} {PICTURES_PACKETS_SOUND}"), input);
    Decoding { complaints, ..read_framecrc(&stdout) }
}

/// Standard output, and standard error with warnings and errors.
pub(crate) fn ffmpeg(arguments: &str, input: Vec<u8>) -> (String, String) {
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning"])
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program ffmpeg");
    let mut stdin = child.stdin.take().unwrap();
    // ffmpeg may stop reading early, which then shows in what it says.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ffmpeg {arguments}: {complaints}");
    (String::from_utf8(output.stdout).unwrap(), complaints)
}

/// Reads lines of `stream, dts, pts, duration, size, checksum`, behind a header that has for each stream lines of
/// `#tb 0: 1/1000` and `#codec_id 0: opus`.
fn read_framecrc(text: &str) -> Decoding {
    let (mut time_bases, mut codecs) = (HashMap::new(), HashMap::new());
    let mut decoding = Decoding::default();
    for line in text.lines() {
        if let Some((key, value)) = line.strip_prefix('#').and_then(|header| header.split_once(": ")) {
            match key.split_once(' ') {
                Some(("tb", stream)) => drop(time_bases.insert(stream, value.strip_prefix("1/").unwrap())),
                Some(("codec_id", stream)) => drop(codecs.insert(stream, value)),
                _ => {}
            }
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let ticks_a_second: u64 = time_bases[fields[0]].parse().unwrap();
        // Some sources have sound from before 0 on, which a decoder leaves out.
        let pts = fields[2].parse::<i64>().unwrap().max(0) as u64;
        let timed = Timed { pts_us: pts * 1_000_000 / ticks_a_second, checksum: fields[5].to_owned() };
        match codecs[fields[0]] {
            "rawvideo" => decoding.pictures.push(timed),
            // Of sound there is also what it decodes to.
            "opus" | "aac" | "mp3" => decoding.packets.push(timed),
            _ => {}
        }
    }
    decoding
}
