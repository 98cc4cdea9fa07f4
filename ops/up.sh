#!/usr/bin/env bash
# Starts `chancery up` in the background and returns when it is ready. One that runs already is found, and left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
source .private/env

program=${CHANCERY:-target/release/chancery}
ready=.private/ready # process id and address, written by the process when it is ready
log=.private/chancery.log
greeting=.private/greeting # what it says when it is ready
patience=300

touch "$log"
seen=$(stat -c %s "$log")
setsid "$program" up --ready-file "$ready" </dev/null >"$greeting.$$" 2>>"$log" &
pid=$!
trap 'rm -f "$greeting.$$"' EXIT

running() { kill -0 "$pid" 2>/dev/null; }
is_ready() { [[ $(head -n 1 "$ready" 2>/dev/null) == "$pid" ]]; }

until is_ready; do
  if ! running; then
    if wait "$pid"; then
      cat "$greeting.$$" # another one runs
      exit 0
    fi
    tail -c "+$((seen + 1))" "$log" | tail -n 20 >&2
    printf 'Chancery did not start; the end of its log, %s, is above.\n' "$log" >&2
    exit 1
  fi
  if ((SECONDS > patience)); then
    tail -n 20 "$log" >&2
    printf 'Chancery (process %s) is not ready after %s s; its log, %s, goes on.\n' "$pid" "$patience" "$log" >&2
    exit 1
  fi
  sleep 0.1
done

mv "$greeting.$$" "$greeting"
cat "$greeting"
printf '  Log             %s\n' "$log"
if ! command -v chancery >/dev/null; then
  printf '  First           export PATH="%s:$PATH"\n' "$(cd "$(dirname "$program")" && pwd)"
fi
printf '  Stop            make down\n'
