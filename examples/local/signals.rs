//! The wish that the program end.

/// Waits for Ctrl-C, or for the system to ask for an end.
#[cfg(unix)]
pub(crate) async fn wished_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn wished_end() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
