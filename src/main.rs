//! The Lambda function: settings and registries once, then one invocation after the other.

use std::process::ExitCode;

use ecr_multiarch::ecr::Registries;
use ecr_multiarch::function::Function;
use ecr_multiarch::lambda::{self, StartError};
use ecr_multiarch::settings::Settings;
use ecr_multiarch::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::start();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            lambda::report_start_error(&error).await;
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), StartError> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let registries = Registries::from_environment().await;
    registries.warm_up();
    let function = &Function::new(settings, registries);
    lambda::serve(async |input, invocation| function.handle(input, &invocation).await).await
}
