# shellcheck shell=bash
# Sourced by the scripts beside it: installs Debian packages with apt, as root or with sudo.

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

# install_packages PACKAGE...: without those that they recommend, such as the daemon of a client.
install_packages() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# install_missing PROGRAM=PACKAGE...: the packages of the programs that are not there, such as node=nodejs.
install_missing() {
  local item packages=()
  for item in "$@"; do
    command -v "${item%%=*}" >/dev/null || packages+=("${item#*=}")
  done
  [[ ${#packages[@]} == 0 ]] || install_packages "${packages[@]}"
}
