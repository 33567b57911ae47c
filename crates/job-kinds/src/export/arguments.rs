//! The options with which `ffmpeg` encodes an export. They contain numbers, but no text from outside.

use std::ffi::OsString;

use protocol::job::{ExportFormat, ExportQuality};

/// What is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    pub(super) format: ExportFormat,
    pub(super) has_video: bool,
    pub(super) quality: ExportQuality,
    /// Bits a second of the item.
    pub(super) bits_per_s: u64,
    /// Set if this is one of several parts that are joined: all have pictures of this width and height (0 without pictures), and sound at
    /// 48 kHz.
    pub(super) joined: Option<(u32, u32)>,
    /// What the other parts have and this one does not. Black or silence of [`Self::length_ms`] takes its place.
    pub(super) lacks: Option<Lack>,
    /// What is left out at the start, in ms.
    pub(super) skip_ms: u64,
    /// How much is encoded, in ms; `None` for everything to the end.
    pub(super) length_ms: Option<u64>,
}

/// What is missing from a part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Pictures,
    Sound,
}

impl Lack {
    /// An endless input of black or silence.
    fn input(self) -> &'static str {
        match self {
            Self::Pictures => "-f lavfi -i color=c=black:s=16x16:r=30",
            Self::Sound => "-f lavfi -i anullsrc=r=48000:cl=stereo",
        }
    }
}

/// The most picture lines of a small file.
const SMALL_LINES: u32 = 720;
/// The longest longer side and the longest shorter side, in pixels, that pictures are scaled to because an init segment claims them. The
/// size of decoded pictures is bounded elsewhere, the size they are scaled to only here.
const MAX_SIDES: [u32; 2] = [4096, 2304];
const FLAC: &str = "-c:a flac -compression_level 5";
/// Bits a second of the sound of a file with high quality.
const GOOD_SOUND_BPS: u64 = 192_000;
/// Least and most bits a second of the sound of a small file.
const LEAST_SOUND_BPS: u64 = 32_000;
const MOST_SOUND_BPS: u64 = 96_000;
/// The least bits a second of a small video, enough for still pictures.
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
            // Audio files carry no timestamps, so gaps have to become silence, also one before the first sample.
            options.push("-vn -map 0:a:0 -af aresample=async=1:first_pts=0".into());
        }
        options.push(self.sound());
        // Parts are Matroska files, because Matroska holds all codecs.
        let container = if self.joined.is_some() { "-ar 48000 -f matroska" } else { self.container() };
        options.push(format!("-threads 1 {container}"));
        options.iter().flat_map(|options| options.split(' ')).map(OsString::from).collect()
    }

    /// The options that select a part of the input.
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

    /// The options of the pictures.
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

    /// The scale filter's size for an item of one part: that of its pictures, with even sides.
    fn scale(&self) -> String {
        match self.quality {
            ExportQuality::High => "-2:trunc(ih/2)*2".into(),
            ExportQuality::Small => format!("-2:trunc(min({SMALL_LINES}\\,ih)/2)*2"),
        }
    }

    /// The scale filter's size for a part that is joined: the same for all parts, with bars if the aspect ratio differs.
    fn scale_into(&self, (width, height): (u32, u32)) -> String {
        let (width, height) = bounded(width, height);
        let most = if self.quality == ExportQuality::Small { SMALL_LINES } else { u32::MAX };
        let lines = height.min(most);
        let columns = u64::from(width) * u64::from(lines) / u64::from(height.max(1));
        let even = |length: u64| (length / 2 * 2).max(2);
        let (w, h) = (even(columns), even(lines.into()));
        format!("{w}:{h}:force_original_aspect_ratio=decrease,pad={w}:{h}:(ow-iw)/2:(oh-ih)/2,setsar=1")
    }

    /// The options of the sound.
    fn sound(&self) -> String {
        let codec = match self.format {
            ExportFormat::Mp4 => "aac",
            ExportFormat::Webm | ExportFormat::Mkv | ExportFormat::Opus => "libopus",
            ExportFormat::Mp3 => "libmp3lame",
            // Parts are joined before FLAC is encoded, because its header has the length of the whole stream.
            ExportFormat::Flac if self.joined.is_some() => return "-ac 2 -c:a pcm_s16le".into(),
            ExportFormat::Flac => return FLAC.into(),
        };
        let bps = match self.quality {
            ExportQuality::High => GOOD_SOUND_BPS,
            ExportQuality::Small => self.small_sound_bps(),
        };
        format!("-ac 2 -c:a {codec} -b:a {bps}")
    }

    /// Bits a second of a small file: a third of the item's.
    fn small_bps(&self) -> u64 {
        self.bits_per_s / 3
    }

    fn small_sound_bps(&self) -> u64 {
        let share = if self.has_video { self.small_bps() / 4 } else { self.small_bps() };
        share.clamp(LEAST_SOUND_BPS, MOST_SOUND_BPS)
    }
}

/// Reduces a size to [`MAX_SIDES`], keeping the aspect ratio.
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
