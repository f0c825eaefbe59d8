//! The environment variables of the AWS SDK that the function reads.
//!
//! Lambda hands over Region and credentials in variables. So the function reads these alone, in place of the SDK's
//! search, which goes on in profiles, containers and instances, with code and memory for each of them.

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::http::Request;
use ecr_multiarch_core::settings::InvalidSetting;

/// The endpoint variables, in the order in which the SDK prefers them for ECR.
const ENDPOINT_URLS: [&str; 2] = ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"];
const EXPECTED_URL: &str = "the URL of a service, such as https://api.ecr.eu-central-1.amazonaws.com, or nothing";
/// The Region variables, in the order in which the SDK prefers them.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// Whether the endpoint variables are left alone.
const IGNORE_ENDPOINT_URLS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
const USE_FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
const USE_DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

/// Where calls to ECR go, by the variables of the SDK (AWS SDKs and Tools Reference Guide, "Service-specific
/// endpoints", "AWS Region" and "Dual-stack and FIPS endpoints"). An empty variable counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SdkEnvironment {
    /// In place of the Region's own endpoint.
    endpoint_url: Option<String>,
    /// Whether an endpoint variable is there and empty, which the SDK takes for an endpoint.
    has_empty_endpoint_url: bool,
    region: Option<String>,
    use_fips: Option<bool>,
    use_dual_stack: Option<bool>,
}

impl SdkEnvironment {
    /// Reads the variables, looking each up by its name.
    ///
    /// # Errors
    /// [`InvalidSetting`], for the first variable with an invalid value. The SDK panics at such an endpoint, and takes
    /// such a flag for absent.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let has_empty_endpoint_url = ENDPOINT_URLS.into_iter().filter_map(&lookup).any(|value| value.is_empty());
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        // Each is checked, also one that another one precedes.
        let [special, general] =
            ENDPOINT_URLS.map(|name| lookup(name).map(|value| service_url(name, value)).transpose());
        let (special, general) = (special?, general?);
        let flag = |name| lookup(name).map(|value| parse_flag(name, value)).transpose();
        let is_ignored = flag(IGNORE_ENDPOINT_URLS)?.unwrap_or_default();
        Ok(Self {
            endpoint_url: special.or(general).filter(|_| !is_ignored),
            has_empty_endpoint_url,
            region: REGIONS.into_iter().find_map(lookup),
            use_fips: flag(USE_FIPS)?,
            use_dual_stack: flag(USE_DUAL_STACK)?,
        })
    }

    /// The configuration of the SDK by these variables, with the credentials of the environment.
    pub(crate) fn sdk_config(self) -> SdkConfig {
        let mut builder = SdkConfig::builder()
            .region(self.region.map(aws_config::Region::new))
            .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()));
        builder
            .set_endpoint_url(self.endpoint_url.clone())
            .set_use_fips(self.use_fips)
            .set_use_dual_stack(self.use_dual_stack);
        builder.build()
    }

    /// Removes from a configuration what the SDK itself has read from an empty endpoint variable.
    pub(crate) fn clear_empty_endpoint(&self, config: &mut aws_sdk_ecr::config::Builder) {
        if self.has_empty_endpoint_url {
            config.set_endpoint_url(self.endpoint_url.clone());
        }
    }
}

fn service_url(name: &str, value: String) -> Result<String, InvalidSetting> {
    if is_service_url(&value) { Ok(value) } else { Err(invalid(name, value, "not the URL of a service", EXPECTED_URL)) }
}

fn parse_flag(name: &str, value: String) -> Result<bool, InvalidSetting> {
    value.to_ascii_lowercase().parse().map_err(|_| invalid(name, value, "not a boolean", "true or false"))
}

fn invalid(name: &str, value: String, reason: &str, expected: &'static str) -> InvalidSetting {
    InvalidSetting::Value { name: name.to_owned(), value, reason: reason.to_owned(), expected }
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

    fn environment(variables: &[(&str, &str)]) -> Result<SdkEnvironment, String> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        SdkEnvironment::from_lookup(lookup).map_err(|error| error.to_string())
    }

    fn endpoint_url(special: &str, general: &str) -> Option<String> {
        environment(&[(ENDPOINT_URLS[0], special), (ENDPOINT_URLS[1], general)]).unwrap().endpoint_url
    }

    #[test]
    fn endpoint_of_the_service_precedes_the_general_one() {
        assert_eq!(endpoint_url("http://a", "https://[::1]:1/c").as_deref(), Some("http://a"));
    }

    #[test]
    fn empty_variable_is_absent() {
        assert_eq!(endpoint_url("", "http://b").as_deref(), Some("http://b"));
        assert_eq!(endpoint_url("http://a", "").as_deref(), Some("http://a"));
        assert_eq!(endpoint_url("", ""), None);
        let empty = [REGIONS[0], REGIONS[1], IGNORE_ENDPOINT_URLS, USE_FIPS, USE_DUAL_STACK].map(|name| (name, ""));
        assert_eq!(environment(&empty), environment(&[]));
    }

    #[test]
    fn endpoint_variables_can_be_left_alone() {
        let url = (ENDPOINT_URLS[0], "http://a");
        assert_eq!(environment(&[url, (IGNORE_ENDPOINT_URLS, "true")]).unwrap().endpoint_url, None);
        assert_eq!(environment(&[url, (IGNORE_ENDPOINT_URLS, "false")]).unwrap().endpoint_url.unwrap(), "http://a");
    }

    #[test]
    fn region_is_the_functions_own_or_the_default_one() {
        for (own, default, expected) in [("a-1", "b-1", Some("a-1")), ("", "b-1", Some("b-1")), ("", "", None)] {
            let sdk = environment(&[(REGIONS[0], own), (REGIONS[1], default)]).unwrap().sdk_config();
            assert_eq!(sdk.region().map(AsRef::as_ref), expected);
        }
    }

    #[test]
    fn flags_reach_the_sdk() {
        for (value, expected) in [("true", Some(true)), ("FALSE", Some(false)), ("", None)] {
            let sdk = environment(&[(USE_FIPS, value)]).unwrap().sdk_config();
            assert_eq!((sdk.use_fips(), sdk.use_dual_stack()), (expected, None), "{value}");
            let sdk = environment(&[(USE_DUAL_STACK, value)]).unwrap().sdk_config();
            assert_eq!((sdk.use_fips(), sdk.use_dual_stack()), (None, expected), "{value}");
        }
    }

    #[test]
    fn invalid_variable_is_named_with_its_value() {
        let urls = [
            "not a url",
            "localhost:4566",
            "ftp://a",
            "http://",
            "https://a b",
            "http://a?b=c",
            "http://:1",
            "http://a:x",
        ];
        for url in urls {
            assert_names(&[(ENDPOINT_URLS[0], url)], "https://");
            assert_names(&[(ENDPOINT_URLS[1], url), (ENDPOINT_URLS[0], "http://a")], "https://");
        }
        for name in [IGNORE_ENDPOINT_URLS, USE_FIPS, USE_DUAL_STACK] {
            assert_names(&[(name, "yes")], "not a boolean. Expected true or false");
        }
    }

    /// The first of these variables is reported, with its value and what is expected.
    fn assert_names(variables: &[(&str, &str)], expected: &str) {
        let message = environment(variables).unwrap_err();
        let (name, value) = variables[0];
        for part in [name, value, expected] {
            assert!(message.contains(part), "{message}");
        }
    }
}
