//! The endpoint variables of the SDK, which reads them by itself, but panics at the first call where one is invalid.

use aws_smithy_runtime_api::http::Request;
use ecr_multiarch_core::settings::InvalidSetting;

/// The variables, in the order in which the SDK prefers them for ECR.
const VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"];

const EXPECTED: &str = "the URL of a service, such as https://api.ecr.eu-central-1.amazonaws.com, or nothing";

/// Where calls to ECR go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Where the SDK sends them by itself.
    OfSdk,
    /// Here, or to the endpoint of the Region: the SDK takes an empty variable for an endpoint.
    WithoutEmptyVariables(Option<String>),
}

impl Endpoint {
    /// Checks the variables, looking each up by its name.
    ///
    /// # Errors
    /// [`InvalidSetting`], for the first variable that holds no URL.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let values = VARIABLES.map(|name| (name, lookup(name)));
        for (name, value) in &values {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty() && !is_service_url(value)) {
                return Err(InvalidSetting::Value {
                    name: (*name).to_owned(),
                    value: value.clone(),
                    reason: "not the URL of a service".to_owned(),
                    expected: EXPECTED,
                });
            }
        }
        let is_empty = |value: &Option<String>| value.as_ref().is_some_and(String::is_empty);
        if !values.iter().any(|(_, value)| is_empty(value)) {
            return Ok(Self::OfSdk);
        }
        let url = values.into_iter().filter_map(|(_, value)| value).find(|value| !value.is_empty());
        Ok(Self::WithoutEmptyVariables(url))
    }
}

fn is_service_url(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let authority = |rest: &str| rest.split('/').next().unwrap_or_default().to_owned();
    rest.is_some_and(|rest| !rest.contains(['?', '#']) && has_host_and_port(&authority(rest)))
        && Request::get(text).is_ok()
}

/// Whether there is a host, and a number where there is a port.
fn has_host_and_port(authority: &str) -> bool {
    match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => !host.is_empty() && port.parse::<u16>().is_ok(),
        _ => !authority.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(special: Option<&str>, general: Option<&str>) -> Result<Endpoint, String> {
        let lookup = |name: &str| if name == VARIABLES[0] { special } else { general }.map(str::to_owned);
        Endpoint::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn empty_variable_is_absent() {
        let replaced = |url: Option<&str>| Ok(Endpoint::WithoutEmptyVariables(url.map(str::to_owned)));
        assert_eq!(endpoint(None, None), Ok(Endpoint::OfSdk));
        assert_eq!(endpoint(Some("http://a"), Some("https://[::1]:1/c")), Ok(Endpoint::OfSdk));
        assert_eq!(endpoint(Some(""), Some("http://b")), replaced(Some("http://b")));
        assert_eq!(endpoint(Some("http://a"), Some("")), replaced(Some("http://a")));
        assert_eq!(endpoint(Some(""), None), replaced(None));
    }

    #[test]
    fn invalid_variable_is_named_with_its_value() {
        for value in [
            "not a url",
            "localhost:4566",
            "ftp://a",
            "http://",
            "https://a b",
            "http://a?b=c",
            "http://:1",
            "http://a:x",
        ] {
            for (special, general, name) in
                [(Some(value), None, VARIABLES[0]), (Some("http://a"), Some(value), VARIABLES[1])]
            {
                let message = endpoint(special, general).unwrap_err();
                for part in [name, value, "https://"] {
                    assert!(message.contains(part), "{message}");
                }
            }
        }
    }
}
