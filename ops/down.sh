#!/usr/bin/env bash
# Stops the Chancery that `make up` started, and returns when it has stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

ready=.private/ready # there from a start to its orderly end

chancery() { head -n 1 "$ready" 2>/dev/null || true; }
# A process that was killed and is not buried yet has no command line any more.
running() { [[ -n $1 ]] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -q chancery; }

if [[ -z $(chancery) ]]; then
  echo "Chancery does not run, or was not started by make up."
  exit 0
fi
if ! running "$(chancery)"; then
  echo "Chancery was killed; starting it once more, to stop the servers that it left running."
  ops/up.sh >/dev/null
fi
pid=$(chancery)
kill -TERM "$pid"
while running "$pid"; do sleep 0.1; done
echo "Chancery has stopped."
