# Sourced by bootstrap.sh and test-tools.sh: brings Debian and Python packages within reach, each by its ordinary
# client. Root installs them on the machine; anybody else unpacks them into `.private` and changes nothing outside.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
private=$checkout/.private
# What root installs runs under other users (PostgreSQL refuses root), and they cannot enter a home of mode 0700.
if [[ $EUID -eq 0 ]]; then tools=/var/lib/chancery-tools; else tools=$private/tools; fi
tree=$tools/debian # unpacked packages: usr/bin, usr/lib, … as they would lie on the machine
libraries=$tree/usr/lib/$(uname -m)-linux-gnu:$tree/lib/$(uname -m)-linux-gnu
PATH=$PATH:$tools/bin

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# provide PACKAGE... : the packages and what they depend on.
provide() {
  command -v apt-get >/dev/null || die "no apt-get here; install by hand what these packages hold: $*"
  if [[ $EUID -eq 0 ]]; then install_packages "$@"; else unpack_packages "$@"; fi
}

install_packages() {
  say "installing by apt: $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update </dev/null >&2
  apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" </dev/null >/dev/null
}

# apt works for anybody who gives it lists and a cache of their own; `install --simulate` names what is missing.
# Left out: LLVM, which is PostgreSQL's optional compiler of queries and larger than the rest together, and what only
# the packages' installation scripts want.
unpack_packages() {
  say "fetching by apt into ${tools#"$checkout"/}: $*"
  local missing
  own_apt update >&2
  missing=$(own_apt --simulate --no-install-recommends install "$@" | awk '/^Inst/ { print $2 }' |
    grep -Ev '^(libllvm|perl|libperl|lib.*-perl|postgresql-common|postgresql-client-common|ssl-cert|locales|adduser|ucf)' || true)
  # shellcheck disable=SC2086 # one word per package
  if [[ -n $missing ]]; then unpack $missing; fi
  rm -rf "$private/apt"
  rm -f "$tree"/usr/lib/postgresql/*/lib/llvmjit.so # PostgreSQL asks for its file before it wants LLVM
}

# own_apt ARGUMENT... : apt with lists and a cache below `.private`.
own_apt() {
  local state=$private/apt
  mkdir -p "$state"/{lists/partial,cache/archives/partial,packages}
  (cd "$state/packages" && apt-get -qq -o Dir::State="$state" -o Dir::State::status=/var/lib/dpkg/status \
    -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root "$@" </dev/null)
}

# unpack PACKAGE... : those packages and no others into the tree.
unpack() {
  own_apt download "$@" >&2
  mkdir -p "$tree"
  for package in "$private"/apt/packages/*.deb; do dpkg -x "$package" "$tree"; done
}

# provide_program PROGRAM PACKAGE : one program that needs nothing but the C library, from a package that is not
# installed, because installing it would start a server.
provide_program() {
  if command -v "$1" >/dev/null; then return; fi
  command -v apt-get >/dev/null || die "no apt-get here; install $1 by hand"
  say "fetching $1 by apt"
  local tree
  tree=$(mktemp -d)
  own_apt update >&2
  unpack "$2"
  mkdir -p "$tools/bin"
  install -m 0755 "$tree/usr/bin/$1" "$tools/bin/$1"
  rm -rf "$private/apt" "$tree"
}

# provide_servers PROGRAM=PACKAGE... : servers of the machine's administrator (`usr/sbin`) with their libraries, from
# packages that are not installed, because installing them would start them.
provide_servers() {
  local pair packages=() programs=()
  for pair in "$@"; do
    if ! command -v "${pair%%=*}" >/dev/null; then
      programs+=("$tree/usr/sbin/${pair%%=*}")
      packages+=("${pair#*=}")
    fi
  done
  if [[ ${#packages[@]} -eq 0 ]]; then return; fi
  command -v apt-get >/dev/null || die "no apt-get here; install by hand what these packages hold: ${packages[*]}"
  unpack_packages "${packages[@]}"
  chmod u-s "${programs[@]}" # the loader ignores the libraries beside what runs with another's rights
  wrap "$tools/bin" "${programs[@]}"
  hash -r
}

# provide_user NAME HOME : a user that servers drop their rights to, as their package would make it; for root alone.
provide_user() {
  if [[ $EUID -ne 0 ]] || getent passwd "$1" >/dev/null; then return; fi
  useradd --system --user-group --no-create-home --home-dir "$2" --shell /usr/sbin/nologin "$1"
  install -d -m 0755 "$2"
}

# wrap DIRECTORY PROGRAM... : scripts that run unpacked programs with the libraries unpacked beside them, whatever is
# left of the caller's environment.
wrap() {
  local directory=$1 program
  shift
  mkdir -p "$directory"
  for program in "$@"; do
    [[ -x $program ]] || continue
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$libraries" "$program" >"$directory/${program##*/}"
    chmod 0755 "$directory/${program##*/}"
  done
}

# provide_commands COMMAND=PACKAGE... : the packages of those commands that the machine lacks.
provide_commands() {
  local pair packages=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  if [[ ${#packages[@]} -eq 0 ]]; then return; fi
  provide "${packages[@]}"
  if [[ $EUID -ne 0 ]]; then
    for pair in "$@"; do wrap "$tools/bin" "$tree/usr/bin/${pair%%=*}"; done
  fi
  hash -r
}

# pip ARGUMENT... : the machine's pip, else the wheel that Debian keeps for virtual environments.
pip() {
  if python3 -m pip --version &>/dev/null; then
    python3 -m pip --disable-pip-version-check -qq "$@" >&2
  else
    python3 "$(pip_wheel)/pip" --disable-pip-version-check -qq "$@" >&2
  fi
}

pip_wheel() { compgen -G '/usr/share/python-wheels/pip-*.whl' || compgen -G "$tree/usr/share/python-wheels/pip-*.whl"; }

provide_pip() {
  if python3 -m pip --version &>/dev/null || { command -v python3 >/dev/null && pip_wheel >/dev/null; }; then return; fi
  provide python3 python3-pip-whl
  if [[ $EUID -ne 0 ]] && ! [[ -x /usr/bin/python3 ]]; then wrap "$tools/bin" "$tree/usr/bin/python3"; fi
  hash -r
}
