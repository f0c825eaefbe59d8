//! The Lambda function: reads the settings and builds the clients once, then handles one invocation after the other.

use std::process::ExitCode;

use ecr_multiarch::handler::Handler;
use ecr_multiarch::logging;
use ecr_multiarch::runtime::{self, StartError};
use ecr_multiarch_core::Settings;
use ecr_multiarch_engine::ecr::Registries;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::start();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            runtime::report_start_error(&error).await;
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), StartError> {
    let settings = Settings::from_lookup(|name| std::env::var(name).ok())?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let registries = Registries::from_environment(settings.sweep().puts_per_second)?.with_labels(settings.taken_over());
    registries.warm_up();
    let handler = &Handler::new(settings, registries);
    runtime::serve(async |payload, invocation| handler.respond(payload, &invocation).await).await
}
