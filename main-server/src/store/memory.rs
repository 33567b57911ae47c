//! The engine that forgets everything with the process: for tests and throw-away servers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use super::{Error, Store, Write};

/// Entries in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    buckets: Mutex<HashMap<String, BTreeMap<String, Vec<u8>>>>,
}

impl Store for Memory {
    fn load(&self, bucket: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = buckets.get(bucket).into_iter().flatten();
        Ok(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, bucket: &str, writes: &[Write]) -> Result<(), Error> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = buckets.entry(bucket.to_owned()).or_default();
        for Write { key, value } in writes {
            match value {
                Some(value) => entries.insert(key.clone(), value.clone()),
                None => entries.remove(key),
            };
        }
        Ok(())
    }
}
