#!/bin/sh
# Install the system packages that some tests need: nginx, as an archive that answers 429; SLURM, to run jobs on; STILTS
# and fitsverify, which read exports; Chromium, which opens the report; the shells zsh and fish. Those tests skip without.
# Does nothing where they are there already, and says so where it cannot install them.
set -eu

wanted=
there() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
there nginx || wanted="$wanted nginx-light"
there slurmctld && there munged || wanted="$wanted slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins"
there ss || wanted="$wanted iproute2"
there stilts || wanted="$wanted stilts"
there fitsverify || wanted="$wanted fitsverify"
there chromium || wanted="$wanted chromium"
there zsh || wanted="$wanted zsh"
there fish || wanted="$wanted fish"
[ -n "$wanted" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing, and cannot be installed here (that needs root and apt-get): $wanted; their tests will skip" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 - a list
if apt-get -qq update >/dev/null && apt-get -qq install -y --no-install-recommends $wanted >/dev/null; then
    exit 0
fi
echo "could not be installed: $wanted; their tests will skip" >&2
