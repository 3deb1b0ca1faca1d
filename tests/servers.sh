#!/bin/sh
# Install the servers that the tests use, where they are missing and we may.  Without them
# the tests that need them are skipped, and say so.
missing=""
for pair in mosquitto:/usr/sbin/mosquitto influxdb:/usr/bin/influxd influxdb-client:/usr/bin/influx chromium:/usr/bin/chromium dbus-daemon:/usr/bin/dbus-daemon qemu-system-x86:/usr/bin/qemu-system-x86_64 kmod:/usr/sbin/modprobe strace:/usr/bin/strace victoria-metrics:/usr/bin/victoria-metrics; do
    [ -x "${pair#*:}" ] || missing="$missing ${pair%%:*}"
done
[ -z "$missing" ] && exit 0
command -v apt-get >/dev/null || { echo "not installed, their tests will be skipped:$missing"; exit 0; }
if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo"; else
    echo "not installed, their tests will be skipped:$missing (as root: apt-get install$missing)"
    exit 0
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -q update >/dev/null
# shellcheck disable=SC2086
$as_root apt-get -q -y --no-install-recommends install $missing >/dev/null ||
    echo "could not install all of:$missing; their tests will be skipped"
exit 0
