# Short names for the scripts below .ci/ and for the most common commands.

# List the recipes.
default:
    @just --list

# Check a change before it is sent: format, lints, tests and documentation, with cargo alone.
check:
    .ci/check

# Run the whole gate.
ci:
    .ci/run

# Run what takes too long for every change.
nightly:
    .ci/nightly

# Run the tests whose names contain FILTER, or all of them.
test FILTER="":
    cargo test --workspace {{ FILTER }}

# Run the tests with real clients.
clients:
    .ci/clients

# Count the instructions of the main computations.
instructions:
    .ci/instructions

# Audit a registry with your own credentials; OPTIONS as in docs/audit.md.
audit *OPTIONS:
    cargo run --release --bin ecr-multiarch -- audit {{ OPTIONS }}

# Test the page of the audit in Chromium.
browser:
    .ci/browser

# Carry out the state machines of the sweep in simulated time.
machines:
    .ci/machines

# Simulate what roles and policies allow.
permissions:
    .ci/permissions

# Match the event patterns with the example events.
patterns:
    .ci/patterns

# Deploy the stack to an emulator of AWS, and test it there.
deployed:
    .ci/deployed

# Check the Terraform module, and apply it to an emulator of AWS.
terraform:
    .ci/terraform

# Lint the recipes for CI, and test their scripts.
pipelines:
    .ci/pipelines

# Build the release for both architectures, each twice.
release:
    .ci/release

# Test the release that was built.
release-tests:
    .ci/release-tests

# Lint workflows and shell scripts.
workflows:
    .ci/workflows

# Explore the large state spaces of the models.
model:
    cargo test -p ecr-multiarch-core --test model --test alias_model -- --ignored

# Measure the function beside other tools, and write docs/figures.md.
figures *ARGUMENTS:
    benches/peers/run {{ ARGUMENTS }}

# Fuzz one target: input, config, settings, tag_scheme, version, platforms or aliases.
fuzz TARGET SECONDS="180":
    .ci/fuzz {{ TARGET }} {{ SECONDS }}
