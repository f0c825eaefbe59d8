//! All probes, in the order in which they are tried.

mod aliases;
mod archive;
mod blobs;
mod children;
mod events;
mod immutability;
mod reads;
mod scans;
mod tags;
mod throttling;
mod writes;

use crate::probe::Probe;

/// All probes: those first whose answers matter most.
pub fn all() -> impl Iterator<Item = Probe> {
    let groups: [&[Probe]; 11] = [
        &aliases::PROBES,
        &archive::PROBES,
        &reads::PROBES,
        &writes::PROBES,
        &immutability::PROBES,
        &children::PROBES,
        &scans::PROBES,
        &blobs::PROBES,
        &events::PROBES,
        &tags::PROBES,
        &throttling::PROBES,
    ];
    groups.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn identifiers_are_unique() {
        let ids: BTreeSet<_> = all().map(|probe| probe.assumption.id).collect();
        assert_eq!(ids.len(), all().count());
    }

    #[test]
    fn files_that_rely_on_an_assumption_exist() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for probe in all() {
            let file = probe.assumption.relied_on_by;
            assert!(project.join(file).is_file(), "{}: {file}", probe.assumption.id);
        }
    }

    #[test]
    fn each_assumption_is_described() {
        let guide = include_str!("../../docs/conformance.md");
        for Probe { assumption, .. } in all() {
            let row = format!("| `{}` | {} | {} |", assumption.id, assumption.statement, assumption.severity.name());
            assert!(guide.contains(&row), "docs/conformance.md lacks: {row}");
        }
    }
}
