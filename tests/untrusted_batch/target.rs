//! The property of any payload that is an SQS batch, shared by the tests and by a fuzz target in `fuzz/`.

use std::time::SystemTime;

use ecr_multiarch_core::batch::BatchTasks;
use ecr_multiarch_core::plan::Planner;
use ecr_multiarch_core::{Access, Error, Settings};
use serde_json::Value;

use super::memory::Limit;
use super::payload::{Record, take_records};

/// A payload is any JSON until it is known to be a batch. Objects of one field take the most: seven bytes of text become
/// a map with room for eleven fields, 632 bytes, in an array that takes up to 96 bytes for each as it grows.
const BATCH: Limit = Limit { per_byte: 110, constant: 64 << 10 };

/// A payload is an SQS batch of which every record has a task or an answer, or is something else.
pub fn batch(bytes: &[u8]) {
    let settings = Settings::from_lookup(|name| match name {
        "PLATFORMS" => Some("linux/amd64,linux/arm64".to_owned()),
        "ALIASES" => Some("{major},latest".to_owned()),
        "ACCOUNTS" => Some("*".to_owned()),
        _ => None,
    });
    let settings = settings.unwrap();
    let planner = Planner {
        settings: &settings,
        access: Access::Full,
        own_account: None,
        own_region: Some("eu-central-1".parse().unwrap()),
        now: SystemTime::UNIX_EPOCH,
    };
    let Some((records, tasks)) = BATCH.check(bytes.len(), || tasks(bytes, &planner)) else { return };
    let repositories = tasks.registries.into_values().flat_map(std::collections::BTreeMap::into_values);
    let of_tasks = repositories.flat_map(|repository| {
        let versions = repository.versions.into_values().chain(repository.separate).map(|(records, _)| records.count);
        versions.chain(repository.markers.into_values().map(|(records, _)| records.count)).collect::<Vec<_>>()
    });
    let answered = tasks.answered.iter().map(|(records, answer)| {
        if let Err(error) = answer {
            let is_invalid = matches!(error.error, Error::InvalidRequest(_));
            assert!(is_invalid, "{error}");
        }
        records.count
    });
    assert_eq!(of_tasks.chain(answered).sum::<usize>(), records);
}

/// The number of records, and their tasks.
fn tasks(bytes: &[u8], planner: &Planner<'_>) -> Option<(usize, BatchTasks)> {
    let mut payload: Value = serde_json::from_slice(bytes).ok()?;
    let records = take_records(&mut payload)?;
    let (count, mut tasks) = (records.len(), BatchTasks::default());
    for Record { message, input } in records {
        tasks.add(message, input, planner);
    }
    Some((count, tasks))
}
