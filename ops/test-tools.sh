#!/usr/bin/env bash
# What the tests run beside the product: openssl, certtool, pk12util, SoftHSM and pkcs11-tool, keytool, curl, promtool, named, nginx, smtpd and exim4, and in `.private/venv` the Python programs of
# test-requirements.txt (pkilint, schemathesis, the NATS client), in `.private/venv-openid` the OpenID provider of
# openid-requirements.txt. Run again it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
source ops/packages.sh

provide_commands openssl=openssl curl=curl xmllint=libxml2-utils
provide_commands softhsm2-util=softhsm2 pkcs11-tool=opensc
provide_commands certtool=gnutls-bin pk12util=libnss3-tools certutil=libnss3-tools
# Java's packages set themselves up when they are installed, so unpacking alone gives no keytool.
if ! command -v keytool >/dev/null; then
  [[ $EUID -eq 0 ]] || die "keytool was not found: install a Java runtime, such as default-jre-headless"
  mkdir -p /usr/share/man/man1 # its packages fail without it
  install_packages default-jre-headless
fi
provide_program promtool prometheus
provide_servers named=bind9 nginx=nginx-light smtpd=opensmtpd exim4=exim4-daemon-light
# To these the mail servers, which start as root, drop their rights.
provide_user Debian-exim /var/spool/exim4
provide_user opensmtpd /var/lib/opensmtpd/empty
provide_user opensmtpq /var/lib/opensmtpd/empty

# provide_venv NAME LIST [OPTION...]: the packages of ops/LIST.txt in .private/NAME.
provide_venv() {
  local venv=$private/$1 list=ops/$2.txt
  if cmp -s "$list" "$venv/installed.txt" && "$venv/bin/python" -c pass 2>/dev/null; then return; fi
  provide_pip
  say "installing the Python programs of $list into ${venv#"$checkout"/}"
  rm -rf "$venv"
  python3 -m venv --without-pip "$venv"
  pip --python "$venv/bin/python" install --require-hashes --only-binary=:all: "${@:3}" -r "$list"
  cp "$list" "$venv/installed.txt"
}

provide_venv venv test-requirements --no-binary=nkeys
# The OpenID provider has its own: what it needs and what the others need need not agree.
provide_venv venv-openid openid-requirements
