//! Log lines in the form that Lambda's filters need: JSON with a level and an RFC 3339 timestamp.

use std::io;
use std::str::FromStr as _;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The crates whose lines may be as detailed as configured.
const OWN_CRATES: [&str; 2] = ["ecr_multiarch", "ecr_multiarch_engine"];
/// The runtime logs failed invocations and panics, which the function has logged already.
const REDUNDANT_TARGET: &str = "lambda_runtime::layers::panic";

/// Starts logging to standard output, at the level of the environment.
pub fn start() {
    let level = level(|name| std::env::var(name).ok());
    // Only tests set a subscriber before, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber(level, io::stdout));
    std::panic::set_hook(Box::new(|panic| tracing::error!(panic = %panic, "panicked")));
}

/// The configured level: `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else INFO.
fn level(lookup: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let values = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"].into_iter().filter_map(lookup);
    let parse = |text: String| match text.trim() {
        text if text.eq_ignore_ascii_case("fatal") => Some(LevelFilter::ERROR),
        text => LevelFilter::from_str(text).ok(),
    };
    values.into_iter().find_map(parse).unwrap_or(LevelFilter::INFO)
}

/// A subscriber that writes JSON lines.
///
/// Lines of other crates are written from WARN upwards, at every level: below WARN, the SDK and the HTTP client log
/// whole messages, presigned URLs included.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let shown = move |metadata: &Metadata<'_>| {
        let target = metadata.target();
        let is_own = target.split("::").next().is_some_and(|name| OWN_CRATES.contains(&name));
        let limit = if is_own { level } else { level.min(LevelFilter::WARN) };
        *metadata.level() <= limit && !target.starts_with(REDUNDANT_TARGET)
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
    fn line_has_level_timestamp_message_and_fields() {
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
    fn lines_of_other_crates_start_at_warn() {
        let lines = logged(LevelFilter::TRACE, || {
            tracing::trace!(target: "aws_smithy_runtime::client", "https://secret");
            tracing::debug!(target: "hyper_util", "https://secret");
            tracing::info!(target: "ecr_multiarch_lookalike", "https://secret");
            tracing::warn!(target: "hyper_util", "shown");
            tracing::trace!(target: "ecr_multiarch_engine::execute", "shown");
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line["message"] == "shown"));
    }

    #[test]
    fn level_is_that_of_lambda_or_the_user_or_info() {
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
