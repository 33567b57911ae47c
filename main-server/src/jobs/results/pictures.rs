//! `preview`: pictures for the time line of the item.

use protocol::job::Output;

use super::{
    super::{Error, Jobs, job::Record},
    unusable,
};

/// Most pictures of a job.
const MOST: usize = 240;

impl Jobs {
    pub(super) async fn add_pictures(&self, record: &Record) -> Result<(), Error> {
        let Some(Output::Pictures { pictures }) = record.only_output() else { return Err(unusable()) };
        if pictures.len() > MOST {
            return Err(unusable());
        }
        for picture in pictures {
            self.check_there(&picture.blob).await?;
        }
        let pictures = pictures.iter().map(|picture| (picture.at_ms, picture.blob.clone())).collect();
        Ok(self.library.add_previews(record.item_id, pictures).await?)
    }
}
