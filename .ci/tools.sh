# shellcheck shell=bash
# Sourced by the scripts beside it: installs SAM and what it needs from PyPI into a directory below target/, which
# is kept, and puts it into PATH. Needs python3 with venv.

sam_tools=(aws-sam-cli==1.170.0 cargo-lambda==1.9.2 cfn-lint==1.58.0 ziglang==0.17.1)

# python_tools DIRECTORY ARGUMENT...: installs what pip's arguments name. Needs no network if it is already installed.
python_tools() {
  local venv=$1
  shift
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

python_tools "$PWD/target/template-tools" "${sam_tools[@]}"
export PATH=$PWD/target/template-tools/bin:$PATH SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-eu-central-1}

# The architecture of this machine, as the template names it, so that the functions that are built can be run here.
# shellcheck disable=SC2034 # The scripts that source this one use it.
case $(uname -m) in
  x86_64) architecture=x86_64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) echo "no Lambda architecture: $(uname -m)" >&2 && exit 1 ;;
esac

# Where cargo puts what it compiles.
target_directory=${CARGO_TARGET_DIR:-$PWD/target}

# reproducibly TARGET_DIRECTORY COMMAND...: runs a command that compiles, so that the result does not depend on where
# the target directory and cargo's home are, nor on the time, which is that of the files in a release. Paths of the
# source are relative anyway. The flags are part of cargo's configuration, since RUSTFLAGS would replace those of
# cargo-lambda.
reproducibly() {
  local flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$1=/target"
  shift
  CARGO_BUILD_RUSTFLAGS=$flags SOURCE_DATE_EPOCH=315532800 "$@"
}

# Builds both functions for this machine. With the flags of a release, which then has its dependencies compiled already.
build_functions() {
  reproducibly "$target_directory" sam build --parameter-overrides "Architecture=$architecture"
}
