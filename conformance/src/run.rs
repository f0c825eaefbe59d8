//! Tries all assumptions, one after the other.

use crate::bench::Bench;
use crate::exchange::without_accounts;
use crate::opt_in::OptIn;
use crate::probe::{Probe, Seen};
use crate::probes;
use crate::report::{Finding, Verdict};

/// Tries all assumptions, but those that need what is not allowed, and hands out what was seen of each.
pub async fn run(bench: &Bench, allowed: &[OptIn], mut on_finding: impl FnMut(Finding)) {
    for probe in probes::all() {
        let first_call = bench.recorder.count();
        let (verdict, seen) = match probe.opt_in.filter(|opt_in| !allowed.contains(opt_in)) {
            Some(opt_in) => (Verdict::Unknown, format!("not tried: it needs {}", opt_in.option())),
            None => tried(bench, &probe).await,
        };
        on_finding(Finding {
            assumption: probe.assumption,
            verdict,
            seen: without_accounts(&seen),
            exchanges: bench.recorder.since(first_call),
        });
    }
}

async fn tried(bench: &Bench, probe: &Probe) -> (Verdict, String) {
    match (probe.run)(bench).await {
        Ok(Seen { is_expected: true, text }) => (Verdict::AsExpected, text),
        Ok(Seen { is_expected: false, text }) => (Verdict::Differs, text),
        Err(not_tried) => (Verdict::Unknown, not_tried.to_string()),
    }
}
