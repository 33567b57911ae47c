//! `waveform`: peaks and loudness of the item.

use protocol::job::{Output, Waveform};

use super::{
    super::{Error, Jobs, job::Record},
    unusable,
};

/// Most peaks of a waveform.
const MOST_PEAKS: usize = 4_096;
/// Plausible loudness and peaks, in hundredths of LUFS or dB.
const PLAUSIBLE: std::ops::RangeInclusive<i32> = -20_000..=10_000;

impl Jobs {
    pub(super) async fn add_measured(&self, record: &Record) -> Result<(), Error> {
        let Some(Output::Measured { waveform, loudness_centi_lufs, true_peak_centi_db }) =
            record.only_output()
        else {
            return Err(unusable());
        };
        let is_plausible = |value: &Option<i32>| value.is_none_or(|value| PLAUSIBLE.contains(&value));
        let Waveform { peak_ms, peaks } = self.json(waveform).await?;
        if peak_ms == 0
            || peaks.len() > MOST_PEAKS
            || ![loudness_centi_lufs, true_peak_centi_db].into_iter().all(is_plausible)
        {
            return Err(unusable());
        }
        let change = |item: &mut crate::library::Record| {
            item.waveform = Some(waveform.clone());
            item.loudness_centi_lufs = *loudness_centi_lufs;
            item.true_peak_centi_db = *true_peak_centi_db;
        };
        Ok(self.library.change(record.item_id, change).await.map(drop)?)
    }
}
