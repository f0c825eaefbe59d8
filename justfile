# Short names for the scripts below .ci/ and for the most common commands.

# List the recipes.
default:
    @just --list

# Run the gate.
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

# Audit a registry with your own credentials; OPTIONS as in docs/audit.md.
audit *OPTIONS:
    cargo run --release --example audit -- {{ OPTIONS }}

# Test the page of the audit in Chromium.
browser:
    .ci/audit

# Simulate what roles and policies allow.
permissions:
    .ci/permissions

# Deploy the stack to an emulator of AWS, and test it there.
deployed:
    .ci/deployed

# Explore the large state spaces of the models.
model:
    cargo test -p ecr-multiarch-core --test model --test alias_model -- --ignored

# Fuzz one target: input, config, settings, tag_scheme, version, platforms or aliases.
fuzz TARGET SECONDS="180":
    .ci/fuzz {{ TARGET }} {{ SECONDS }}
