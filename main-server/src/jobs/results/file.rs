//! `export`: the file that a client downloads.

use protocol::{item::Blob, job::Output};

use super::{
    super::{
        Error, Jobs,
        job::{FileRecord, Record},
    },
    Made, unusable,
};

/// Most blobs of a file, because the job names all of them.
const MOST_BLOBS: usize = 4_000;
/// Most characters of a file's name, without its extension.
const NAME_CHARS: usize = 100;

impl Jobs {
    pub(super) async fn make_file(&self, record: &Record) -> Result<Made, Error> {
        let Some(Output::File { extension, mime, blobs, bytes }) = record.only_output() else {
            return Err(unusable());
        };
        let blobs: Vec<Blob> = self.json(blobs).await?;
        let total = blobs.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.bytes));
        if total != *bytes {
            return Err(unusable());
        }
        if blobs.len() > MOST_BLOBS {
            return Err(Error::Invalid("the file is too large".into()));
        }
        self.room_for(record.account(), *bytes)?;
        self.check_all_there(blobs.clone()).await?;
        let name = format!("{}.{extension}", file_name(&record.title));
        let file = FileRecord { name, mime: mime.clone(), bytes: *bytes, blobs };
        Ok(Made { file: Some(file), ..Made::default() })
    }
}

/// The title as a file name that is valid on every system.
fn file_name(title: &str) -> String {
    let is_refused = |char: char| char.is_control() || "/\\:*?\"<>|".contains(char);
    let name: String =
        title.chars().map(|char| if is_refused(char) { '_' } else { char }).take(NAME_CHARS).collect();
    let name = name.trim_matches([' ', '.']);
    if name.is_empty() { "export".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_taken_by_every_system() {
        for (title, expected) in [
            ("Night drive", "Night drive"),
            ("a/b\\c: \"d\"", "a_b_c_ _d_"),
            ("..", "export"),
            (" . x. ", "x"),
        ] {
            assert_eq!(file_name(title), expected);
        }
        assert_eq!(file_name(&"ä".repeat(200)).chars().count(), NAME_CHARS);
    }
}
