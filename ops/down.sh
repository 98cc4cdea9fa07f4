#!/usr/bin/env bash
# Stops the Chancery that `make up` started, and returns when it has stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

pid=$(head -n 1 .private/ready 2>/dev/null || true)
if [[ -z $pid || $(cat "/proc/$pid/comm" 2>/dev/null) != chancery ]]; then
  echo "Chancery does not run, or was not started by make up."
  exit 0
fi
kill -TERM "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
echo "Chancery has stopped."
