//! Broadcasts that ffmpeg makes, and what it decodes from recordings of them.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use tokio::task::spawn_blocking;

/// Pieces of a second of media, as a recorder hands them out.
pub(crate) const SEGMENTS_A_SECOND: u64 = 4;
/// Pictures a second.
const RATE: usize = 20;

/// A run of a recorder: WebM with a keyframe each second. Every picture is another one.
#[derive(Clone)]
pub(crate) struct Broadcast {
    pub(crate) mime: &'static str,
    whole: Vec<u8>,
    seconds: u64,
}

impl Broadcast {
    /// One of so many seconds; those of different numbers look different.
    pub(crate) async fn make(seconds: u64, number: u64) -> Self {
        let arguments = format!(
            "-f lavfi -i testsrc2=size=160x{}:rate={RATE}:duration={seconds} -f lavfi -i sine=frequency={}:duration={seconds} \
             -c:v libvpx -deadline realtime -cpu-used 8 -b:v 200k -g {RATE} -keyint_min {RATE} -c:a libopus -b:a 32k \
             -f webm -live 1 -cluster_time_limit 250 pipe:1",
            120 + 8 * number,
            440 + 110 * number,
        );
        let whole = spawn_blocking(move || ffmpeg(&arguments, Vec::new())).await.unwrap();
        Self { mime: "video/webm;codecs=\"vp8,opus\"", whole, seconds }
    }

    /// The bytes cut into pieces, wherever that is.
    pub(crate) fn segments(&self) -> Vec<Vec<u8>> {
        let count = usize::try_from(self.seconds * SEGMENTS_A_SECOND).unwrap();
        self.whole.chunks(self.whole.len().div_ceil(count)).map(<[u8]>::to_vec).collect()
    }

    /// What it decodes to.
    pub(crate) async fn frames(&self) -> Frames {
        Frames::decode(self.whole.clone()).await
    }
}

/// Checksums of decoded pictures and of packets of sound, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frames {
    pictures: Vec<String>,
    packets: Vec<String>,
}

impl Frames {
    pub(crate) async fn decode(media: Vec<u8>) -> Self {
        spawn_blocking(move || decode(media)).await.unwrap()
    }

    /// Both are the same; the message says where they part.
    pub(crate) fn compare(&self, recorded: &Self, what: &str) {
        for (sent, recorded, kind) in
            [(&self.pictures, &recorded.pictures, "pictures"), (&self.packets, &recorded.packets, "packets")]
        {
            let part = sent.iter().zip(recorded).position(|(a, b)| a != b);
            assert!(
                sent == recorded,
                "{what}: {} {kind} were sent and {} recorded; they part at {part:?}",
                sent.len(),
                recorded.len()
            );
        }
    }

    /// Whether these are the first of those.
    pub(crate) fn is_begin_of(&self, all: &Self) -> bool {
        all.pictures.starts_with(&self.pictures) && all.packets.starts_with(&self.packets)
    }

    /// Whole seconds of pictures.
    pub(crate) fn seconds(&self) -> usize {
        self.pictures.len() / RATE
    }
}

fn decode(media: Vec<u8>) -> Frames {
    let arguments = "-i pipe:0 -map 0:v -fps_mode passthrough -map 0:a -c:a copy -f framecrc pipe:1";
    let text = String::from_utf8(ffmpeg(arguments, media)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let (mut pictures, mut packets) = (Vec::new(), Vec::new());
    for line in lines {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let checksum = fields[5].to_owned();
        if fields[0] == "0" { pictures.push(checksum) } else { packets.push(checksum) }
    }
    Frames { pictures, packets }
}

/// How many packets a file has, and how many a player reads that seeks to `second` and plays from there.
pub(crate) fn packets_after(file: &[u8], second: u64) -> (usize, usize) {
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(file).unwrap();
    let count = |interval: &str| {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-of", "csv=p=0", "-show_entries", "packet=pts_time"]);
        let output = ffprobe.args(["-read_intervals", interval]).arg(on_disk.path()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().count()
    };
    (count("0%"), count(&format!("{second}%")))
}

/// Runs ffmpeg and gives its standard output. Fails where ffmpeg fails or complains.
fn ffmpeg(arguments: &str, input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program ffmpeg");
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "ffmpeg {arguments}: {complaints}");
    output.stdout
}
