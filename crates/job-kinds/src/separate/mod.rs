//! Separates the vocals of a piece of decoded sound.

use protocol::job::{Output, Piece, Separate};
use stems::{Separator, Stereo};

use crate::{
    Cancelled, Failed, Report, Tools, VocalsModel,
    sound::{Reader, Writer},
};

/// The longest piece, in seconds. Its spectra take 5 MB a second at 48 kHz, which [`MAX_TASK_BYTES`](crate::MAX_TASK_BYTES) has to hold.
const MAX_PIECE_S: u64 = 45;

/// Separates the piece, and stores the vocals of its kept part.
pub(crate) fn run(work: &Separate, tools: &Tools<'_>) -> Result<Output, Failed> {
    let &Separate { read_from, read_to, keep_from, keep_to, ref sound, .. } = work;
    let is_in_order =
        read_from <= keep_from && keep_from < keep_to && keep_to <= read_to && read_to <= sound.samples;
    if !is_in_order || read_to - read_from > MAX_PIECE_S * u64::from(sound.rate) {
        return Err(Failed::for_good(format!(
            "the piece is not within the song, or longer than {MAX_PIECE_S} s"
        )));
    }
    tools.report.progress(0.0)?;
    let mix = Reader::of_sound(*tools, sound)?.stereo(read_from..read_to)?;
    tools.report.progress(0.1)?;
    let middle = Middle(tools.report);
    let vocals = match model(work, tools)? {
        Some(model) => model.vocals(&mix, sound.rate, read_from, &middle)?,
        None => {
            let mut go_on = |part| middle.progress(part).is_ok();
            Separator::new(sound.rate).separate_while(&mix, &mut go_on).ok_or(Cancelled)?.vocals
        }
    };
    drop(mix);
    tools.report.progress(0.9)?;
    let place = |at: u64| (at - read_from) as usize;
    let kept = vocals.slice(place(keep_from)..place(keep_to));
    if kept.len() as u64 != keep_to - keep_from {
        return Err(Failed::for_good("the vocals are not as long as the piece"));
    }
    Ok(Output::Piece(store(tools, &kept)?))
}

/// The model that the task names; `None` for the built-in separator. All pieces of a song need the same model, so a worker with another one
/// leaves the task to other workers.
fn model<'a>(work: &Separate, tools: &Tools<'a>) -> Result<Option<&'a dyn VocalsModel>, Failed> {
    let Some(wanted) = &work.model else { return Ok(None) };
    match tools.model.filter(|model| model.hash() == wanted) {
        Some(model) => Ok(Some(model)),
        None => Err(Failed::again(format!("the worker does not have the model {wanted}"))),
    }
}

/// Reports progress of the separation as the middle 80 % of the task: reading comes before it, writing after.
struct Middle<'a>(&'a dyn Report);

impl Report for Middle<'_> {
    fn progress(&self, part: f32) -> Result<(), Cancelled> {
        self.0.progress(0.1 + 0.8 * part)
    }
}

/// Stores the vocals, as mono if both channels are the same.
fn store(tools: &Tools<'_>, Stereo { left, right }: &Stereo) -> Result<Piece, Failed> {
    let channels = if left == right { 1 } else { 2 };
    let mut writer = Writer::new(*tools, channels);
    if channels == 1 {
        writer.push(left)?;
    } else {
        left.iter().zip(right).try_for_each(|(left, right)| writer.push(&[*left, *right]))?;
    }
    Ok(Piece { channels, blobs: writer.finish()? })
}
