//! The periods of the charts.

use serde::Serialize;

use crate::calendar::Unit;

/// The periods of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineReport {
    /// How long they are.
    pub unit: Unit,
    /// Their labels: the Monday of a week, a month, a year.
    pub periods: Vec<String>,
}
