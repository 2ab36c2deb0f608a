#!/bin/sh
# Install the system packages that some tests need: nginx, as an archive that answers 429. Those tests skip without.
# Does nothing where they are there already, and says so where it cannot install them.
set -eu

if command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "nginx is missing and cannot be installed here (that needs root and apt-get): its tests will skip" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if apt-get -qq update >/dev/null && apt-get -qq install -y --no-install-recommends nginx-light >/dev/null; then
    exit 0
fi
echo "nginx could not be installed: its tests will skip" >&2
