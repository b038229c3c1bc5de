# shellcheck shell=bash
# What the figures depend on. Sourced by run.

machine_facts() {
    local model memory
    model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ {printf "%.0f", $2 / 1048576}' /proc/meminfo)
    heading "machine"
    say "  $(nproc) CPUs (${model:-unknown}), $memory GiB, Linux $(uname -r)"
    say "  load at the beginning: $(cut -d' ' -f1-3 /proc/loadavg)"
    say "  files on: $(stat -f -c %T "$BENCH_ROOT")"
    say "  Berth: $BERTH_PREFIX"
    say "  peers: $(peer_versions)"
}

peer_versions() {
    local list=() program
    for program in bwrap crun ch-run apptainer squashfuse_ll; do
        if command -v "$program" >/dev/null; then
            list+=("$program $(peer_version "$program")")
        else
            list+=("$program not installed")
        fi
    done
    (IFS=','; say "${list[*]}" | sed 's/,/, /g')
}

peer_version() {
    env USER="${USER:-root}" "$1" --version 2>&1 </dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1 || true
}

# server_peak UID COMMAND…: MiB, the largest resident set of the image server of a command, looked at while that runs.
server_peak() {
    local uid=$1 pid='' seen='' peak='' deadline
    shift
    "$@" >/dev/null 2>&1 </dev/null &
    deadline=$((SECONDS + 60))
    while ((SECONDS < deadline)) && alive $!; do
        pid=$(pgrep -n -x -U "$uid" berth-fuse) || { sleep 0.05; continue; }
        seen=$(awk '/^VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$pid/status" 2>/dev/null) || true
        peak=${seen:-$peak}
        sleep 0.1
    done
    wait $! || true
    say "${peak:-unknown}"
}

# driver_of COMMAND…: what "berth exec --explain=text" says: kernel squashfs on a loop device, …
driver_of() { "$@" | sed -n 's/^ *image driver *\([^[]*[^[ ]\) *\[.*/\1/p'; }
