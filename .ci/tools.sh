# shellcheck shell=bash
# Sourced by the scripts beside it: installs what they need, and builds what several of them run. All that is installed
# from PyPI, npm and Maven Central is in directories below target/, which are kept. Needs python3 with venv, and cargo.

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

# install_packages PACKAGE...: Debian packages, without those that they recommend, such as the daemon of a client.
install_packages() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# The packages of the programs that the scripts need. Text is drawn, and so its contrast is measured, only with a font.
# The AWS CLI 2 is not on PyPI, and version 1 has the same name.
declare -A packages=(
  [/usr/bin/aws]=awscli
  [buildah]=buildah
  [busybox]=busybox [chromium]='chromium fonts-dejavu-core' [dash]=dash [docker-registry]=docker-registry
  [javac]=default-jdk-headless [jq]=jq [mvn]=maven [node]=nodejs [npm]=npm [skopeo]=skopeo [valgrind]=valgrind
)

# install_missing PROGRAM...: the packages of those that are not there.
install_missing() {
  local program missing=()
  for program in "$@"; do
    # shellcheck disable=SC2206 # Several packages.
    command -v "$program" >/dev/null || missing+=(${packages[$program]})
  done
  [[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
}

# The docker CLI, without the engine. Its `manifest` supports OCI images since version 23.
use_docker() {
  if ! command -v docker >/dev/null; then
    as_root apt-get update -qq
    # Newer releases have a separate package for the CLI.
    if apt-cache show docker-cli >/dev/null 2>&1; then install_packages docker-cli; else install_packages docker.io; fi
  fi
  local version
  version=$(docker --version | sed 's/[^0-9]*//')
  if [[ ${version%%.*} -lt 23 ]]; then
    echo "docker manifest supports OCI images since version 23; installed is $version" >&2
    return 1
  fi
}

# python_tools DIRECTORY FILE: installs the requirements of a file into a virtual environment.
# Neither this nor the next two ask the network if all is there.
python_tools() {
  cmp -s "$2" "$1/installed" && return
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
  [[ -x $1/bin/python ]] || python3 -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
  cp "$2" "$1/installed"
}

# node_tools DIRECTORY FOLDER: installs exactly what the lock file of a folder names.
node_tools() {
  cmp -s "$2/package-lock.json" "$1/installed" && return
  mkdir -p "$1"
  cp "$2/package.json" "$2/package-lock.json" "$1"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --prefer-offline --silent
  cp "$2/package-lock.json" "$1/installed"
}

# maven_tools DIRECTORY FOLDER: copies the dependencies of the project in a folder.
maven_tools() {
  cmp -s "$2/pom.xml" "$1/installed" && return
  rm -rf "$1"
  mvn --quiet --batch-mode --strict-checksums --file "$2" "-Dmaven.repo.local=$1/repository" \
    dependency:copy-dependencies "-DoutputDirectory=$1/jars"
  cp "$2/pom.xml" "$1/installed"
}

# go_tool PACKAGE MODULE VERSION: builds a program into a directory of its version, and puts it into PATH. It is built in a
# module of its own: `go install` also asks for the list of all versions, which not every proxy has.
go_tool() {
  local directory name=${1%/v[0-9]}
  name=${name##*/}
  command -v go >/dev/null || { echo 'Go is missing: 1.26 or later' >&2; return 1; }
  directory=$PWD/target/go-tools/$name-$3
  if [[ ! -x $directory/$name ]]; then
    mkdir -p "$directory/module"
    printf 'module tools\n\ngo 1.24\n\nrequire %s %s\n' "$2" "$3" >"$directory/module/go.mod"
    # Nobody debugs them: without what a debugger needs they are built in less time.
    (cd "$directory/module" && CGO_ENABLED=0 GOFLAGS='-mod=mod -trimpath' \
      go build -ldflags='-s -w' -gcflags=all=-dwarf=false -o "$directory/$name" "$1")
  fi
  PATH=$directory:$PATH
}

# The registry clients of .ci/clients that are written in Go.
use_go_clients() {
  go_tool github.com/google/go-containerregistry/cmd/crane github.com/google/go-containerregistry v0.21.9
  go_tool github.com/regclient/regclient/cmd/regctl github.com/regclient/regclient v0.11.5
  go_tool oras.land/oras/cmd/oras oras.land/oras v1.3.3
  go_tool github.com/docker/buildx/cmd/buildx github.com/docker/buildx v0.36.1
}

use_manifest_tool() {
  go_tool github.com/estesp/manifest-tool/v2/cmd/manifest-tool github.com/estesp/manifest-tool/v2 v2.2.1
}

# Those of .ci/nightly.
use_go_signers() {
  use_manifest_tool
  go_tool github.com/sigstore/cosign/v2/cmd/cosign github.com/sigstore/cosign/v2 v2.6.4
  go_tool github.com/notaryproject/notation/cmd/notation github.com/notaryproject/notation v1.3.2
  go_tool github.com/google/ko github.com/google/ko v0.19.1
  # Google's last release; the fork of the recipe is published as an image.
  go_tool github.com/GoogleContainerTools/kaniko/cmd/executor github.com/GoogleContainerTools/kaniko v1.24.0
  go_tool github.com/goreleaser/goreleaser/v2 github.com/goreleaser/goreleaser/v2 v2.15.1
}

# The library of SOCI's command, called by a program of ours: the command needs a clone of its repository. zlib is in it.
use_soci() {
  local folder=tests/it/clients/soci directory
  [[ -e /usr/include/zlib.h ]] || install_packages zlib1g-dev
  directory=$PWD/target/go-tools/soci-convert-$(sha256sum "$folder"/* | sha256sum | cut -c 1-12)
  [[ -x $directory/soci-convert ]] || (cd "$folder" && GOFLAGS=-trimpath go build -o "$directory/soci-convert" .)
  PATH=$directory:$PATH
}

# Puts SAM, and what it builds and checks with, into PATH.
use_sam() {
  python_tools "$PWD/target/sam-tools" .ci/sam-requirements.txt
  export PATH=$PWD/target/sam-tools/bin:$PATH SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-eu-central-1}
}

# Installs pytest, the emulator of AWS and the linters, in the environment of `$python`.
use_test_tools() {
  python_tools "$PWD/target/test-tools" tests/requirements.txt
  python=$PWD/target/test-tools/bin/python
}

# run_pytest NAME ARGUMENT...: the tests of a folder below tests/. What their programs print is kept until the next run.
run_pytest() {
  local name=$1
  shift
  use_test_tools
  env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/release" "$python" -m pytest -p no:cacheprovider \
    --basetemp="target/$name-tests" --tb=short --durations=5 "tests/$name" "$@"
}

# The architecture of this machine, as the template names it, so that the functions that are built can be run here.
# shellcheck disable=SC2034 # The scripts that source this one use it.
case $(uname -m) in
  x86_64) architecture=x86_64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) echo "no Lambda architecture: $(uname -m)" >&2 && exit 1 ;;
esac

# Where cargo puts what it compiles.
target_directory=${CARGO_TARGET_DIR:-$PWD/target}

# Builds the registry that tests push to.
build_local_ecr() { cargo build --locked --package ecr-multiarch-cli; }

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
