//! Credentials of whoever sits at the terminal: what is wrong with them is said before any call, in the words of the AWS
//! CLI, and not as an error of the registry.

use std::env;
use std::path::PathBuf;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use ecr_multiarch_core::Error;

/// Whether there are credentials.
///
/// # Errors
/// What to do, if there are none.
pub async fn check(provider: Option<SharedCredentialsProvider>) -> Result<(), String> {
    if let Some(profile) = env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty())
        && !files().iter().any(|text| has_profile(text, &profile))
    {
        return Err(format!("The config profile ({profile}) could not be found"));
    }
    let Some(provider) = provider else { return Err(advice("")) };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(advice("")),
        Err(error) => Err(advice(&chain(&error))),
    }
}

/// What the error of a call means at a terminal, where it is about the credentials.
pub fn hint(error: &Error) -> Option<&'static str> {
    let text = error.to_string();
    let is_expired = ["ExpiredToken", "RequestExpired"].iter().any(|code| text.contains(code));
    is_expired.then_some("The credentials have expired: sign in again, such as by `aws sso login`")
}

/// The content of the files with profiles.
///
/// AWS SDKs and Tools reference guide, "Location of the shared config and credentials files".
fn files() -> Vec<String> {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let path = |variable: &str, default: &str| env::var_os(variable).map_or_else(|| home.join(default), PathBuf::from);
    let paths = [path("AWS_CONFIG_FILE", ".aws/config"), path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];
    paths.into_iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

fn has_profile(text: &str, profile: &str) -> bool {
    let sections = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split_once(']'));
    sections.map(|(name, _)| name.trim()).any(|name| name.strip_prefix("profile ").unwrap_or(name).trim() == profile)
}

/// What to do about credentials that are absent, or that were not loaded for a reason.
fn advice(reason: &str) -> String {
    if reason.contains("SSO") {
        return "The sign-in of this profile is missing or has expired: run `aws sso login`".to_owned();
    }
    let advice = "Unable to locate credentials: run `aws configure` or `aws sso login`, or set AWS_PROFILE";
    if reason.is_empty() { advice.to_owned() } else { format!("{advice} ({reason})") }
}

/// An error with its causes.
fn chain(error: &CredentialsError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files_are_found() {
        let text = "[default]\nregion = x\n [profile dev]\n[sso-session s]\n[ profile  spaced ]\n# [profile no]\n";
        for (profile, is_found) in
            [("default", true), ("dev", true), ("spaced", true), ("dve", false), ("no", false), ("s", false)]
        {
            assert_eq!(has_profile(text, profile), is_found, "{profile}");
        }
        assert!(has_profile("[dev]\naws_access_key_id = x", "dev"));
    }

    #[test]
    fn advice_is_that_of_the_aws_cli() {
        assert_eq!(
            advice(""),
            "Unable to locate credentials: run `aws configure` or `aws sso login`, or set AWS_PROFILE"
        );
        assert!(advice("failed to load the cached SSO token").ends_with("run `aws sso login`"));
        assert!(advice("request forbidden").ends_with("set AWS_PROFILE (request forbidden)"));
    }

    #[tokio::test]
    async fn no_provider_is_no_credentials() {
        // The variables are those of whoever runs the tests.
        if env::var_os("AWS_PROFILE").is_none() {
            assert!(check(None).await.unwrap_err().starts_with("Unable to locate credentials"));
        }
    }
}
