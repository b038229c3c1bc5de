# shellcheck shell=bash
# What every script of the tests and the quickstart needs first: where things are, and how to say something.
# Sourced, never run.

BERTH_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# Presets are built in folders of their own beneath this one.
: "${BERTH_BUILD:=$BERTH_SOURCE/build}"
export BERTH_SOURCE BERTH_BUILD

# System programs live in sbin too, and a login without "su -" does not look there.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Messages are compared, and sorting must not depend on the caller.
export LC_ALL=C.UTF-8
unset LANGUAGE
umask 022

say() { printf '%s\n' "$*"; }

heading() { printf '\n== %s\n' "$*"; }

warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    warn "$@"
    exit 1
}

require_root() {
    [[ $EUID -eq 0 ]] || die "must be run as root: it installs packages, starts a private Slurm and creates a test user"
}

# quiet LOG COMMAND…: runs a long command, keeps what it says in LOG and shows that only when it fails.
quiet() {
    local log=$1
    shift
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 60 "$log" >&2
        die "failed: $* (all of its output: $log)"
    fi
}

# alive PID: true while the process runs. A zombie that an init process has not collected yet is gone for us.
alive() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
    [[ ${stat%% *} != [ZX] ]]
}

# A slow machine gets this many times as long for everything that tests wait for; a whole number.
: "${BERTH_TEST_PATIENCE:=1}"

# patient SECONDS: how long that is here, for sleep and timeout.
patient() { awk -v seconds="$1" -v times="$BERTH_TEST_PATIENCE" 'BEGIN {print seconds * times}'; }

# until_true SECONDS COMMAND…: repeats COMMAND until it succeeds; fails when the time is over.
until_true() {
    local deadline=$((${EPOCHREALTIME/./} + $1 * BERTH_TEST_PATIENCE * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/./} < deadline)) || return 1
        sleep 0.05
    done
}

gone() { ! alive "$1"; }

# end_process PID [SECONDS]: asks a process that we started to end, and insists after SECONDS (5).
end_process() {
    alive "$1" || return 0
    kill -TERM "$1" 2>/dev/null || return 0
    until_true "${2:-5}" gone "$1" && return 0
    kill -KILL "$1" 2>/dev/null || return 0
    until_true 5 gone "$1" || warn "process $1 does not end"
}

# unmount_beneath FOLDER: unmounts what is left there, the deepest first.
unmount_beneath() {
    local target
    while IFS= read -r target; do
        umount -l -- "$target" 2>/dev/null || warn "cannot unmount $target"
    done < <(awk -v top="$1/" 'index($5, top) == 1 {print $5}' /proc/self/mountinfo | sort -r)
}
