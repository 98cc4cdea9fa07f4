#!/usr/bin/env bash
# What the tests run beside the product: openssl, curl, promtool, named, nginx, smtpd and exim4, and in `.private/venv` the Python programs of
# test-requirements.txt (pkilint, schemathesis, the NATS client). Run again it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/packages.sh

provide_commands openssl=openssl curl=curl xmllint=libxml2-utils
provide_program promtool prometheus
provide_servers named=bind9 nginx=nginx-light smtpd=opensmtpd exim4=exim4-daemon-light
# To these the mail servers, which start as root, drop their rights.
provide_user Debian-exim /var/spool/exim4
provide_user opensmtpd /var/lib/opensmtpd/empty
provide_user opensmtpq /var/lib/opensmtpd/empty

venv=$private/venv
if ! cmp -s ops/test-requirements.txt "$venv/installed.txt" || ! "$venv/bin/python" -c pass 2>/dev/null; then
  provide_pip
  say "installing the tests' Python programs into ${venv#"$checkout"/}"
  rm -rf "$venv"
  python3 -m venv --without-pip "$venv"
  pip --python "$venv/bin/python" install --require-hashes --only-binary=:all: --no-binary=nkeys -r ops/test-requirements.txt
  cp ops/test-requirements.txt "$venv/installed.txt"
fi
