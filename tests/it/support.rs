//! The helpers that tests share.

// Assertions about answers and failures. If two modules check an answer in the same way, put the check here.
pub mod assertions;
// A version's images with its list, written out by hand. If you need a list without the code under test, add it here.
pub mod expected_list;
// The compiled function in its process. If you add a way to configure or to invoke it, put it here.
pub mod function;
// Events and requests. If you add a form of input, put its constructor here.
pub mod input;
// Invalid settings, also for the tests of the terminal program. If you add a setting, put its invalid values here.
pub mod invalid_settings;
// A queue and its deliveries. If AWS delivers in another way, add it here.
pub mod queue;
// A TCP relay that forgets its connections, as a NAT gateway does. If you need another fault of a network, put it here.
pub mod relay;
// A host of the Lambda Runtime API. If the runtime calls another endpoint of it, add it here.
pub mod runtime_api;
// A registry with the function that serves it. If you add a helper that most tests need for either, put it here.
pub mod test_bed;
