#!/usr/bin/env bash
# Provides a PostgreSQL 17 with TimescaleDB for the tests: the package on Debian 13, elsewhere a Debian 13 root folder
# in the cache. Prints nothing but what it has to do; the last line of `--where` is the root folder ("/" if installed).
set -euo pipefail
package=postgresql-17-timescaledb
root="${XDG_CACHE_HOME:-$HOME/.cache}/offsite-supervision-gateway/trixie-timescaledb"
server=usr/lib/postgresql/17/bin/postgres
extension=usr/share/postgresql/17/extension/timescaledb.control

if [ -e "/$extension" ] && [ -e "/$server" ]; then root=/; fi
if [ "$(id -u)" != 0 ] && [ "$root" != / ]; then
    echo "timescaledb: needs root, to make and to enter the Debian folder" >&2
    exit 1
fi
if [ ! -e "$root/$extension" ] || [ ! -e "$root/$server" ]; then
    # Two test runs at once: the second waits and finds it done.
    mkdir -p "$(dirname "$root")"
    exec 9>"$root.lock"
    flock 9
fi
if [ ! -e "$root/$extension" ] || [ ! -e "$root/$server" ]; then
    . /etc/os-release
    if [ "${VERSION_CODENAME:-}" = trixie ]; then
        echo "timescaledb: installing $package from Debian" >&2
        apt-get update -qq >/dev/null
        # The package starts a cluster of its own unless told not to; the tests bring theirs.
        mkdir -p /etc/postgresql-common/createcluster.d
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-main-cluster.conf
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >/dev/null
        root=/
    else
        if ! command -v mmdebstrap >/dev/null; then
            echo "timescaledb: installing mmdebstrap from Debian" >&2
            apt-get update -qq >/dev/null
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mmdebstrap >/dev/null
        fi
        echo "timescaledb: making a Debian 13 folder with PostgreSQL and TimescaleDB in $root (about a minute, once)" >&2
        rm -rf "$root" "$root.new"
        # Made under another name first: an interrupted run leaves nothing that looks finished.
        mmdebstrap --quiet --variant=apt --include="$package" trixie "$root.new" >/dev/null
        mv "$root.new" "$root"
    fi
fi
if [ "${1:-}" = --where ]; then echo "$root"; fi
