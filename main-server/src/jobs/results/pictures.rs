//! `preview`: pictures for the time line of the item.

use protocol::job::Output;

use super::{
    super::{Error, Jobs, job::Record},
    unusable,
};

impl Jobs {
    pub(super) async fn add_pictures(&self, record: &Record) -> Result<(), Error> {
        let Some(Output::Pictures { pictures }) = record.only_output() else { return Err(unusable()) };
        self.check_all_there(pictures.iter().map(|picture| picture.blob.clone()).collect()).await?;
        let pictures = pictures.iter().map(|picture| (picture.at_ms, picture.blob.clone())).collect();
        Ok(self.library.add_previews(record.item_id, pictures).await?)
    }
}
