#!/usr/bin/env bash
# The system's own parts that tests use beside Python: installed where that is allowed, else named with the command.
set -euo pipefail
missing=()
need() { # need COMMAND-OR-PATH PACKAGE...
  command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing+=("${@:2}")
}
need /usr/sbin/sshd openssh-server
need /usr/lib/openssh/sftp-server openssh-sftp-server
need sftp openssh-client
need openssl openssl
need curl curl
need softhsm2-util softhsm2
need /usr/sbin/haproxy haproxy
need go golang-go
need /usr/share/gocode/src/golang.org/x/mod golang-golang-x-mod-dev
need /usr/sbin/ip iproute2
need /usr/sbin/nft nftables
need node nodejs
need /usr/bin/chromium chromium
need /usr/share/fonts/truetype/noto/NotoSansSinhala-Regular.ttf fonts-noto-core
need /usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf fonts-liberation
need zbarimg zbar-tools
need pdftoppm poppler-utils
case "${1:-}" in
  bench) need /usr/sbin/nginx nginx-light; need wrk wrk ;;
  nightly) need npm npm ;;
esac
[ ${#missing[@]} -eq 0 ] && exit 0
install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing: ${missing[*]}"
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install -qq) >/dev/null
  exit 0
fi
echo "The system lacks parts that the tests use. Install them:  sudo $install" >&2
exit 1
