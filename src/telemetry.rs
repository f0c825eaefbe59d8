//! Log lines as Lambda's filters need them: JSON with a level and an RFC 3339 timestamp.

use std::io;
use std::str::FromStr as _;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The targets whose lines may be as detailed as is asked for.
const OWN_TARGET: &str = "ecr_multiarch";
/// The runtime's line for a failed invocation says what ours has said, and its line for a panic what the hook has.
const REPEATING_TARGET: &str = "lambda_runtime::layers::panic";

/// Begins to log to standard output, at the level that the environment asks for.
pub fn start() {
    let level = level(|name| std::env::var(name).ok());
    // Another subscriber is set in tests only, and is then the one that is wanted.
    let _ = tracing::subscriber::set_global_default(subscriber(level, io::stdout));
    std::panic::set_hook(Box::new(|panic| tracing::error!(panic = %panic, "panicked")));
}

/// The level that Lambda or the user asks for: `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else INFO.
fn level(lookup: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let asked = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"].into_iter().filter_map(lookup);
    let read = |text: String| match text.trim() {
        text if text.eq_ignore_ascii_case("fatal") => Some(LevelFilter::ERROR),
        text => LevelFilter::from_str(text).ok(),
    };
    asked.into_iter().find_map(read).unwrap_or(LevelFilter::INFO)
}

/// A subscriber that writes JSON lines.
///
/// Lines of other crates are written from WARN upwards, whatever is asked for: at their lower levels the SDK and the
/// HTTP client show whole messages, and with them presigned URLs.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let shown = move |metadata: &Metadata<'_>| {
        let target = metadata.target();
        let own = target.split("::").next() == Some(OWN_TARGET);
        let limit = if own { level } else { level.min(LevelFilter::WARN) };
        *metadata.level() <= limit && !target.starts_with(REPEATING_TARGET)
    };
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(filter_fn(shown));
    tracing_subscriber::registry().with(lines)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, log: impl FnOnce()) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), log);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_level_timestamp_message_and_fields() {
        let lines = logged(LevelFilter::INFO, || tracing::info!(outcome = "published", "reconciled"));
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            (&line["level"], &line["message"], &line["outcome"]),
            (&"INFO".into(), &"reconciled".into(), &"published".into())
        );
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(aws_smithy_types::DateTime::from_str(timestamp, aws_smithy_types::date_time::Format::DateTime).is_ok());
    }

    #[test]
    fn the_lines_of_other_crates_begin_at_warn_whatever_is_asked_for() {
        let lines = logged(LevelFilter::TRACE, || {
            tracing::trace!(target: "aws_smithy_runtime::client", "https://secret");
            tracing::debug!(target: "hyper_util", "https://secret");
            tracing::info!(target: "ecr_multiarch_lookalike", "https://secret");
            tracing::warn!(target: "hyper_util", "shown");
            tracing::trace!(target: "ecr_multiarch::drive", "shown");
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line["message"] == "shown"));
    }

    #[test]
    fn the_level_is_lambdas_or_the_users_or_info() {
        let with = |pairs: &'static [(&str, &str)]| {
            level(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[]), LevelFilter::INFO);
        assert_eq!(with(&[("RUST_LOG", "debug")]), LevelFilter::DEBUG);
        assert_eq!(with(&[("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("RUST_LOG", "trace")]), LevelFilter::WARN);
        assert_eq!(with(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")]), LevelFilter::ERROR);
        assert_eq!(with(&[("RUST_LOG", "aws_smithy_runtime=trace")]), LevelFilter::INFO);
    }
}
