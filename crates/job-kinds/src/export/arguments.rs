//! How `ffmpeg` encodes an export: fixed options, and numbers.

use std::ffi::OsString;

use protocol::job::{ExportFormat, ExportQuality};

/// What is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    pub(super) format: ExportFormat,
    pub(super) has_video: bool,
    pub(super) quality: ExportQuality,
    /// Bits a second that the item has.
    pub(super) bits_per_s: u64,
    /// Whether it is one of several parts of a file, which have the same form: pictures of this size, sound of 48 kHz. Width and height
    /// are 0 if there are no pictures.
    pub(super) joined: Option<(u32, u32)>,
    /// What it lacks of what the other parts have: black or silence takes its place, of the length that [`Self::length_ms`] says.
    pub(super) lacks: Option<Lack>,
    /// What is left out at the start, and how long the rest is, in ms; none for all.
    pub(super) skip_ms: u64,
    pub(super) length_ms: Option<u64>,
}

/// What a part of a file does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Pictures,
    Sound,
}

impl Lack {
    /// An input that has it and does not end.
    fn input(self) -> &'static str {
        match self {
            Self::Pictures => "-f lavfi -i color=c=black:s=16x16:r=30",
            Self::Sound => "-f lavfi -i anullsrc=r=48000:cl=stereo",
        }
    }
}

/// The most lines of a small file.
const SMALL_LINES: u32 = 720;
/// The most pixels of the longer and of the shorter side of pictures that have the size an init segment claims: decoders are bounded,
/// but not what their pictures are scaled to.
const MAX_SIDES: [u32; 2] = [4096, 2304];
const FLAC: &str = "-c:a flac -compression_level 5";
/// Bits a second of the sound of a good file.
const GOOD_SOUND_BPS: u64 = 192_000;
/// Bounds of the sound of a small file.
const LEAST_SOUND_BPS: u64 = 32_000;
const MOST_SOUND_BPS: u64 = 96_000;
/// The least of a small video, which stands still.
const LEAST_VIDEO_BPS: u64 = 40_000;

impl Encoding {
    /// The options between input and output.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut options: Vec<String> = self.lacks.map(|lack| lack.input().to_owned()).into_iter().collect();
        options.extend(self.part());
        options.push("-map_metadata -1 -map_chapters -1 -sn -dn -flags:v +bitexact -flags:a +bitexact -fflags +bitexact".into());
        if self.has_video {
            let tracks = match self.lacks {
                None => "-map 0:v:0 -map 0:a:0?",
                Some(Lack::Pictures) => "-map 1:v:0 -map 0:a:0",
                Some(Lack::Sound) => "-map 0:v:0 -map 1:a:0",
            };
            options.push(format!("{tracks} {}", self.video()));
        } else {
            // Files of sound alone have no times: holes, also that before the first sample, become silence.
            options.push("-vn -map 0:a:0 -af aresample=async=1:first_pts=0".into());
        }
        options.push(self.sound());
        // Parts are joined from Matroska, which holds all codecs.
        let container = if self.joined.is_some() { "-ar 48000 -f matroska" } else { self.container() };
        options.push(format!("-threads 1 {container}"));
        options.iter().flat_map(|options| options.split(' ')).map(OsString::from).collect()
    }

    fn part(&self) -> Vec<String> {
        let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let skip = (self.skip_ms > 0).then(|| format!("-ss {}", seconds(self.skip_ms)));
        let length = self.length_ms.map(|length_ms| format!("-t {}", seconds(length_ms)));
        skip.into_iter().chain(length).collect()
    }

    /// The options of the container.
    pub(super) fn container(&self) -> &'static str {
        match self.format {
            ExportFormat::Mp4 => "-movflags +faststart -f mp4",
            ExportFormat::Webm => "-f webm",
            ExportFormat::Mkv => "-f matroska",
            ExportFormat::Mp3 => "-f mp3",
            ExportFormat::Flac => "-f flac",
            ExportFormat::Opus => "-f ogg",
        }
    }

    /// The options of the codecs of a file that is joined from parts.
    pub(super) fn joining(&self) -> &'static str {
        if self.format == ExportFormat::Flac { FLAC } else { "-c copy" }
    }

    fn video(&self) -> String {
        let filter = format!(
            "-sws_flags bicubic+accurate_rnd+bitexact -vf scale={},format=yuv420p",
            self.joined.map_or_else(|| self.scale(), |size| self.scale_into(size))
        );
        let codec = match self.format {
            ExportFormat::Webm => "-c:v libvpx-vp9 -deadline good -cpu-used 5 -g 300",
            _ => "-c:v libx264 -preset veryfast -g 300",
        };
        let rate = match (self.quality, self.format) {
            (ExportQuality::High, ExportFormat::Webm) => "-crf 31 -b:v 0".to_owned(),
            (ExportQuality::High, _) => "-crf 20".to_owned(),
            (ExportQuality::Small, _) => {
                let bps = self.small_bps().saturating_sub(self.small_sound_bps()).max(LEAST_VIDEO_BPS);
                format!("-b:v {bps} -maxrate {bps} -bufsize {}", bps.saturating_mul(2))
            }
        };
        format!("{filter} -fps_mode vfr {codec} {rate}")
    }

    /// The size of pictures, by their own.
    fn scale(&self) -> String {
        match self.quality {
            ExportQuality::High => "-2:trunc(ih/2)*2".into(),
            ExportQuality::Small => format!("-2:trunc(min({SMALL_LINES}\\,ih)/2)*2"),
        }
    }

    /// A size that all parts have, with bars where their own has another shape.
    fn scale_into(&self, (width, height): (u32, u32)) -> String {
        let (width, height) = bounded(width, height);
        let most = if self.quality == ExportQuality::Small { SMALL_LINES } else { u32::MAX };
        let lines = height.min(most);
        let columns = u64::from(width) * u64::from(lines) / u64::from(height.max(1));
        let even = |length: u64| (length / 2 * 2).max(2);
        let (w, h) = (even(columns), even(lines.into()));
        format!("{w}:{h}:force_original_aspect_ratio=decrease,pad={w}:{h}:(ow-iw)/2:(oh-ih)/2,setsar=1")
    }

    fn sound(&self) -> String {
        let codec = match self.format {
            ExportFormat::Mp4 => "aac",
            ExportFormat::Webm | ExportFormat::Mkv | ExportFormat::Opus => "libopus",
            ExportFormat::Mp3 => "libmp3lame",
            // What is joined is encoded as one stream: its header has the length of all.
            ExportFormat::Flac if self.joined.is_some() => return "-ac 2 -c:a pcm_s16le".into(),
            ExportFormat::Flac => return FLAC.into(),
        };
        let bps = match self.quality {
            ExportQuality::High => GOOD_SOUND_BPS,
            ExportQuality::Small => self.small_sound_bps(),
        };
        format!("-ac 2 -c:a {codec} -b:a {bps}")
    }

    /// A third of what the item has.
    fn small_bps(&self) -> u64 {
        self.bits_per_s / 3
    }

    fn small_sound_bps(&self) -> u64 {
        let share = if self.has_video { self.small_bps() / 4 } else { self.small_bps() };
        share.clamp(LEAST_SOUND_BPS, MOST_SOUND_BPS)
    }
}

/// A size brought down to [`MAX_SIDES`], with about the same shape.
fn bounded(width: u32, height: u32) -> (u32, u32) {
    let part = |side: u32, most: u32| f64::from(most) / f64::from(side.max(1));
    let [longer, shorter] = MAX_SIDES;
    let part = part(width.max(height), longer).min(part(width.min(height), shorter)).min(1.0);
    let side = |side: u32| ((f64::from(side) * part).round() as u32).max(1);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claimed_sizes_are_bounded() {
        let encoding = Encoding {
            format: ExportFormat::Mp4,
            has_video: true,
            quality: ExportQuality::High,
            bits_per_s: 0,
            joined: None,
            lacks: None,
            skip_ms: 0,
            length_ms: None,
        };
        for (claimed, scaled) in [
            ((1920, 1080), "1920:1080:"),
            ((1080, 1920), "1080:1920:"),
            ((2160, 3840), "2160:3840:"),
            ((10_000, 10_000), "2304:2304:"),
            ((7680, 4320), "4096:2304:"),
            ((u32::MAX, 1), "4096:2:"),
            ((1, u32::MAX), "2:4096:"),
            ((0, 0), "2:2:"),
        ] {
            let scale = encoding.scale_into(claimed);
            assert!(scale.starts_with(scaled), "{claimed:?}: {scale}");
        }
    }
}
