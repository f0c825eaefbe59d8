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

# Simulate what roles and policies allow.
permissions:
    .ci/permissions

# Deploy the stack to an emulator of AWS, and test it there.
deployed:
    .ci/deployed

# Explore the large state spaces of the models.
model:
    cargo test -p ecr-multiarch-core --test model --test alias_model -- --ignored

# Measure the function beside other tools, and write docs/figures.md.
figures *ARGUMENTS:
    benches/peers/run {{ ARGUMENTS }}

# Fuzz one target: input, config, settings, tag_scheme, version, platforms or aliases.
fuzz TARGET SECONDS="180":
    .ci/fuzz {{ TARGET }} {{ SECONDS }}
