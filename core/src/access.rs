//! What an invocation may ask for, by the name under which the function was invoked.
//!
//! IAM decides who may invoke which alias of a function, but does not look into a request. So the stack has an alias
//! for those who only wait for a version, and the function refuses what is not meant for them.

use crate::error::Error;
use crate::input::Input;
use crate::input::request::AssembleRequest;

/// The alias of the function for those who wait for versions. The template creates it under this name.
pub const WAIT_QUALIFIER: &str = "wait";

/// What an invocation may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anything: the caller may invoke the function itself, or an alias that this stack did not create.
    Full,
    /// The assembly of versions, without replacing what is not the function's own: the caller may wait for versions.
    Wait,
}

impl Access {
    /// The access of an invocation through this alias or version; `None` if it named neither.
    pub fn of(qualifier: Option<&str>) -> Self {
        if qualifier == Some(WAIT_QUALIFIER) { Self::Wait } else { Self::Full }
    }

    /// The input, if the invocation may ask for it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], if not.
    pub fn admit(self, input: Input) -> Result<Input, Error> {
        let refused = match (self, &input) {
            (Self::Full, _) | (Self::Wait, Input::Assemble(AssembleRequest { force: false, .. })) => return Ok(input),
            (Self::Wait, Input::Assemble(_)) => "a request with force",
            (Self::Wait, Input::Sweep(_)) => "a sweep",
            (Self::Wait, Input::Yank(..)) => "a yank or unyank",
            (Self::Wait, Input::Registries(_)) => "a registries request",
            (Self::Wait, Input::Push(_) | Input::Ignored { .. }) => "an event",
        };
        Err(refusal(refused))
    }

    /// Checks whether the invocation may bring an SQS batch.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], if not.
    pub fn admit_batch(self) -> Result<(), Error> {
        match self {
            Self::Full => Ok(()),
            Self::Wait => Err(refusal("an SQS batch")),
        }
    }
}

fn refusal(refused: &str) -> Error {
    Error::InvalidRequest(format!(
        "the alias {WAIT_QUALIFIER:?} of the function takes assemble requests without force only: invoke the function \
         itself, without a qualifier, for {refused}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn admitted(access: Access, request: Value) -> bool {
        access.admit(Input::from_request(request).unwrap()).is_ok()
    }

    #[test]
    fn only_the_qualifier_itself_limits_access() {
        for qualifier in [None, Some(""), Some("Wait"), Some("waits"), Some("$LATEST"), Some("1")] {
            assert_eq!(Access::of(qualifier), Access::Full, "{qualifier:?}");
        }
        assert_eq!(Access::of(Some("wait")), Access::Wait);
    }

    #[test]
    fn waiting_allows_assembling_without_force_only() {
        for (request, expected) in [
            (json!({"action":"assemble","repository":"app","version":"1"}), true),
            (json!({"action":"assemble","repository":"app","version":"1","dry_run":true}), true),
            (json!({"action":"assemble","repository":"app","version":"1","wait_seconds":5}), true),
            (json!({"action":"assemble","repository":"app","version":"1","force":true}), false),
            (json!({"action":"assemble","repository":"app","version":"1","force":true,"dry_run":true}), false),
            (json!({"action":"sweep","dry_run":true}), false),
            (json!({"action":"registries"}), false),
            (json!({"action":"yank","repository":"app","version":"1.2.3","dry_run":true}), false),
            (json!({"action":"unyank","repository":"app","version":"1.2.3"}), false),
        ] {
            assert_eq!(admitted(Access::Wait, request.clone()), expected, "{request}");
            assert!(admitted(Access::Full, request.clone()), "{request}");
        }
    }

    #[test]
    fn waiting_does_not_allow_a_batch() {
        assert_eq!(Access::Full.admit_batch(), Ok(()));
        assert!(matches!(Access::Wait.admit_batch(), Err(Error::InvalidRequest(reason)) if reason.contains("batch")));
    }
}
