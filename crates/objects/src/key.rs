//! Keys of objects in a store: `blobs/{first two digits}/{hash}`, `trash/{when}/{hash}` and `uploads/{upload}/{offset}-{writer}`.

use object_store::path::Path;

use crate::{Error, Hash, PartName};

/// Where all blobs are.
pub(crate) const BLOBS: &str = "blobs";
/// Where blobs are that were discarded.
pub(crate) const TRASH: &str = "trash";
/// Where all parts of uploads are.
pub(crate) const UPLOADS: &str = "uploads";

/// The key of a blob.
pub(crate) fn blob(hash: &Hash) -> Path {
    let hash = hash.to_string();
    Path::from_iter([BLOBS, &hash[..2], &hash])
}

/// The blob with that key; none for what is not the key of a blob.
pub(crate) fn hash(key: &Path) -> Option<Hash> {
    let hash = key.filename()?.parse().ok()?;
    (blob(&hash) == *key).then_some(hash)
}

/// Where the parts of an upload are.
///
/// # Errors
/// [`Error::Upload`] unless the name has 1 to 64 letters and digits of ASCII or `-` or `_`.
pub(crate) fn upload(upload: &str) -> Result<Path, Error> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !(1..=64).contains(&upload.len()) || !upload.bytes().all(is_fine) {
        return Err(Error::Upload(upload.to_owned()));
    }
    Ok(Path::from_iter([UPLOADS, upload]))
}

/// The key of a part of an upload.
///
/// # Errors
/// As [`upload`].
pub(crate) fn part(of: &str, PartName { offset, writer }: PartName) -> Result<Path, Error> {
    Ok(upload(of)?.join(format!("{offset:016}-{writer:08}")))
}

/// The part with that key; none for what is not the key of a part.
pub(crate) fn part_name(key: &Path) -> Option<PartName> {
    let (offset, writer) = key.filename()?.split_once('-')?;
    Some(PartName { offset: offset.parse().ok()?, writer: writer.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_blob_gives_its_hash() {
        let name = Hash::of(b"a");
        let key = blob(&name);
        let digits = name.to_string();
        assert_eq!(key.as_ref(), format!("blobs/{}/{digits}", &digits[..2]));
        assert_eq!(hash(&key), Some(name));
        assert_eq!(hash(&Path::from(format!("blobs/zz/{digits}"))), None);
    }

    #[test]
    fn name_of_an_upload_cannot_leave_its_folder() {
        for name in ["", "..", "a/b", "a.b", "é", &"a".repeat(65)] {
            assert_eq!(upload(name), Err(Error::Upload(name.to_owned())));
        }
        let name = PartName { offset: 8, writer: 3 };
        let key = part("u-1_A", name).unwrap();
        assert_eq!(key.as_ref(), "uploads/u-1_A/0000000000000008-00000003");
        assert_eq!(part_name(&key), Some(name));
    }
}
