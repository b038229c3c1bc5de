# shellcheck shell=bash
# Limits of control groups outside of Slurm, as root by the command.

setup_file() {
    fixtures_create
    LIMITS=$FILE_TMP/limits.toml
}
before_each() {
    LEAKS_BEFORE=$(leaks_state)
    site_limits
}
teardown_file() { site_limits; }

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }
limited() { as_root berth exec "$@"; }

# Here version 1 is tested.
needs() {
    local controller
    for controller; do has_v1 "$controller" || skip "no controller $controller of version 1 here"; done
}
nothing_left() {
    local left
    left=$(leaks_since "$LEAKS_BEFORE") || fail "left behind: $left"
    [[ -z $(find /sys/fs/cgroup -type d -name 'berth-*') ]] || fail "a control group is left: $(find /sys/fs/cgroup -type d -name 'berth-*')"
}
# Waits for a limited command's folder of one controller: folder_of CONTROLLER
find_folder() { FOLDER=$(find "$(v1_folder "$1")" -maxdepth 1 -type d -name 'berth-*'); [[ -n $FOLDER ]]; }

# The process in a control group that has become the command.
command_in() {
    local pid
    while read -r pid; do
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) != sleep ]] || echo "$pid"
    done <"$1/cgroup.procs"
}
nobody_is_in() { [[ -z $(cat "$1/cgroup.procs" 2>/dev/null) ]]; }
command_runs() { [[ -n $(command_in "$FOLDER") ]]; }

test_memory() {
    needs memory
    capture limited --memory 64m "$DEMO" dd if=/dev/zero of=/dev/null bs=200M count=1
    check_equal 137 "$CAPTURED_STATUS"
    check_match 'berth: out of memory: the kernel killed a process: more than 64 MiB \(--memory\)' "$CAPTURED_ERR"
    check_output ok limited --memory 64m "$DEMO" echo ok
    check_equal "" "$CAPTURED_ERR"
    nothing_left
}

test_what_is_written() {
    needs memory cpu
    limited --memory 64m --cpus 0.5 "$DEMO" sleep 30 &
    until_true 20 find_folder cpu || fail "no control group"
    until_true 20 command_runs || fail "no command in $FOLDER"
    check_equal "50000 100000" "$(cat "$FOLDER/cpu.cfs_quota_us" "$FOLDER/cpu.cfs_period_us" | tr '\n' ' ' | sed 's/ $//')"
    find_folder memory
    check_equal 67108864 "$(cat "$FOLDER/memory.limit_in_bytes")"
    # The command is a child of berth, which ends with it.
    kill "$(command_in "$FOLDER")"
    wait || true
    nothing_left
}

test_a_set_of_cpus() {
    needs cpuset
    check_match '^Cpus_allowed_list:[[:space:]]0$' "$(limited --cpuset-cpus 0 "$DEMO" grep Cpus_allowed_list /proc/self/status)"
    check_refused 'cpuset-cpus' limited --cpuset-cpus 1023 "$DEMO" true
    nothing_left
}

test_processes() {
    needs pids
    check_match 'fork' "$(limited --pids-limit 3 "$DEMO" sh -c 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait' 2>&1 || true)"
    check_output ok limited --pids-limit 50 "$DEMO" sh -c 'true | true; echo ok'
    nothing_left
}

# The berth that waits for a command.
keepers() {
    local pid
    for pid in $(pgrep -x -U 0 berth); do [[ $(readlink "/proc/$pid/exe") != "$BERTH_PREFIX"/* ]] || echo "$pid"; done
}

test_the_end_is_the_commands() {
    needs memory
    check_status 7 limited --memory 64m "$DEMO" sh -c 'exit 7'
    check_status 7 as_root env --ignore-signal=CHLD berth exec --memory 64m "$DEMO" sh -c 'exit 7'
    check_status 143 as_root sh -c "berth exec --memory 64m $DEMO sh -c 'kill -TERM \$\$'"
    check_status 255 limited --memory 64m "$FILE_TMP/none.sif" true
    limited --memory 64m "$DEMO" sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done' >"$FILE_TMP/out" &
    local started=$! status=0
    until_true 20 grep -q up "$FILE_TMP/out"
    kill -TERM "$(keepers)"
    wait "$started" || status=$?
    check_equal 9 "$status"
    nothing_left
}

test_when_berth_is_killed() {
    needs memory
    limited --memory 64m "$DEMO" sleep 60 &
    until_true 20 find_folder memory
    local command keeper
    until_true 20 command_runs || fail "no command in $FOLDER"
    command=$(command_in "$FOLDER")
    keeper=$(awk '/^PPid/ {print $2}' "/proc/$command/status")
    kill -KILL "$keeper"
    until_true 10 gone "$command" || fail "the command outlives berth"
    wait || true
    until_true 10 nobody_is_in "$FOLDER" || fail "in $FOLDER: $(cat "$FOLDER/cgroup.procs")"
    # The next one clears it away.
    check_status 0 limited --memory 64m "$DEMO" true
    nothing_left
}

test_files() {
    needs memory
    printf '[memory]\nlimit = 67108864\n' >"$LIMITS"
    check_status 137 limited --apply-cgroups "$LIMITS" "$DEMO" dd if=/dev/zero of=/dev/null bs=200M count=1
    printf '[memory]\nlimit = "much"\n' >"$LIMITS"
    check_refused 'limits.toml:2' limited --apply-cgroups "$LIMITS" "$DEMO" true
    printf '[memory]\nlimit = 67108864\nkernel = 1000000\n' >"$LIMITS"
    [[ ! -e /sys/fs/cgroup/memory/memory.kmem.limit_in_bytes ]] || check_refused 'kernel' limited --apply-cgroups "$LIMITS" "$DEMO" true
    site_limits '[memory]' 'limit = 67108864'
    check_status 137 limited "$DEMO" dd if=/dev/zero of=/dev/null bs=200M count=1
    check_status 137 limited --memory 1g "$DEMO" dd if=/dev/zero of=/dev/null bs=200M count=1
    site_limits '[memory]' 'limt = 1'
    check_refused 'cgroups.toml:2' limited "$DEMO" true
    check_match "cgroups.toml:2: unknown key 'limt'" "$(as_root berth config check || true)"
    site_limits
    nothing_left
}

test_devices() {
    needs devices
    printf '[[devices]]\nallow = false\ntype = "c"\nmajor = 1\nminor = 5\naccess = "rwm"\n' >"$LIMITS"
    check_fails_with 1 'Operation not permitted' limited --apply-cgroups "$LIMITS" "$DEMO" head -c 1 /dev/zero
    nothing_left
}

# The site's denial outlives a list of the caller's, whatever that allows.
test_devices_of_site_and_caller() {
    needs devices
    site_limits '[[devices]]' 'allow = false' 'type = "c"' 'major = 1' 'minor = 5' 'access = "rwm"'
    printf '[[devices]]\nallow = true\ntype = "a"\naccess = "rwm"\n' >"$LIMITS"
    check_fails_with 1 'Operation not permitted' limited --apply-cgroups "$LIMITS" "$DEMO" head -c 1 /dev/zero
    printf '[[devices]]\nallow = false\ntype = "a"\naccess = "rwm"\n' >"$LIMITS"
    printf '[[devices]]\nallow = true\ntype = "c"\nmajor = 1\nminor = %s\naccess = "rwm"\n' 3 5 >>"$LIMITS"
    check_fails_with 1 'Operation not permitted' limited --apply-cgroups "$LIMITS" "$DEMO" head -c 1 /dev/zero
    check_output ok limited --apply-cgroups "$LIMITS" "$DEMO" sh -c 'head -c 1 /dev/null && echo ok'
    nothing_left
}

test_a_user_on_version_1() {
    needs memory
    check_refused 'memory: on cgroup v1 only root, and Slurm, can limit' as_user berth exec --memory 64m "$DEMO" true
    nothing_left
}
