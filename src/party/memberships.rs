//! The parties that this user joined, with the token of each: a file that only this user can read.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use protocol::{PartyId, party::Membership};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A membership, and where it counts.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The base URL of the main server.
    pub(super) server: String,
    /// The token is a secret.
    #[serde(flatten)]
    pub(super) membership: Membership,
    /// When it was used to join last, Unix epoch.
    pub(super) joined_at_ms: u64,
}

/// The file, `undead/parties.json` in the user's state folder.
pub(super) struct Memberships {
    path: PathBuf,
    all: BTreeMap<String, Kept>,
}

impl Memberships {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// The user has no state folder, or the file cannot be read.
    pub(super) fn open() -> Result<Self, Failure> {
        let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let Some(folder) = state.or(home) else {
            return Err(Failure::Config("neither XDG_STATE_HOME nor HOME is set".to_owned()));
        };
        Self::read(folder.join("undead/parties.json"))
    }

    fn read(path: PathBuf) -> Result<Self, Failure> {
        let all = match fs::read(&path) {
            // The cause could show a part of the file.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
                Failure::Run(format!("{} is damaged: delete it and join again", path.display()))
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Failure::run(path.display())(error)),
        };
        Ok(Self { path, all })
    }

    /// The membership of a party.
    pub(super) fn of(&self, party_id: PartyId) -> Option<Kept> {
        self.all.get(&party_id.to_string()).cloned()
    }

    /// The party that was joined last.
    pub(super) fn last(&self) -> Option<PartyId> {
        let (party_id, _) = self.all.iter().max_by_key(|(_, kept)| kept.joined_at_ms)?;
        party_id.parse().ok()
    }

    /// Keeps the membership, as the one that was joined last.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(
        &mut self,
        party_id: PartyId,
        server: &str,
        membership: Membership,
    ) -> Result<(), Failure> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let joined_at_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let kept = Kept { server: server.to_owned(), membership, joined_at_ms };
        self.change(|all| _ = all.insert(party_id.to_string(), kept))
    }

    /// Removes the membership.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn forget(&mut self, party_id: PartyId) -> Result<(), Failure> {
        self.change(|all| _ = all.remove(&party_id.to_string()))
    }

    /// Changes what the file has now: another command may have written it since this one has read it.
    fn change(&mut self, change: impl FnOnce(&mut BTreeMap<String, Kept>)) -> Result<(), Failure> {
        self.all = Self::read(self.path.clone())?.all;
        change(&mut self.all);
        self.replace().map_err(Failure::run(format!("cannot write {}", self.path.display())))
    }

    /// Replaces the file by a new one, so that it is whole at any time.
    fn replace(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let new = self.path.with_extension(format!("{}.new", process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(&self.all)?)?;
        file.sync_all()?;
        fs::rename(new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn party(digit: &str) -> PartyId {
        digit.repeat(32).parse().unwrap()
    }

    fn membership(token: &str) -> Membership {
        Membership { member_id: "m1".to_owned(), token: token.to_owned() }
    }

    #[test]
    fn memberships_are_kept_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/undead/parties.json");
        let mut memberships = Memberships::read(path.clone()).unwrap();
        assert!(memberships.last().is_none());
        memberships.keep(party("a"), "http://a", membership("up_1")).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut memberships = Memberships::read(path.clone()).unwrap();
        assert!(memberships.last() == Some(party("a")) && memberships.of(party("b")).is_none());
        assert_eq!(memberships.of(party("a")).unwrap().membership.token, "up_1");
        memberships.forget(party("a")).unwrap();
        assert!(Memberships::read(path).unwrap().last().is_none());
    }

    #[test]
    fn what_another_command_wrote_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parties.json");
        let open = || Memberships::read(path.clone()).unwrap();
        let mut long = open();
        long.keep(party("a"), "http://a", membership("up_1")).unwrap();
        let mut other = open();
        other.keep(party("b"), "http://b", membership("up_2")).unwrap();
        long.forget(party("a")).unwrap();
        assert!(open().of(party("a")).is_none());
        assert_eq!(open().of(party("b")).unwrap().membership.token, "up_2");
    }

    #[test]
    fn a_damaged_file_is_named_without_its_content() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), r#"{"a": "up_secret"}"#).unwrap();
        let failure = Memberships::read(file.path().to_owned()).err().unwrap().to_string();
        assert!(failure.contains("is damaged") && !failure.contains("up_secret"), "{failure}");
    }
}
