# shellcheck shell=bash disable=SC2016
# Limits outside of Slurm on cgroup v2. A user's own systemd makes a scope for the container, and it goes with it; who was given a
# subtree uses that; root makes a control group.

setup_file() {
    fixtures_create
    systemctl start "user@$TEST_UID.service"
    until_true 60 test -S "/run/user/$TEST_UID/bus" || fail "the user's systemd does not start"
}
teardown_file() { systemctl stop "user@$TEST_UID.service"; }

scopes() { find /sys/fs/cgroup -name 'berth-*.scope'; }
no_scope() { [[ -z $(scopes) ]]; }
nothing_left() { until_true 20 no_scope || fail "there is $(scopes)"; }

own_value='cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)'

test_values() {
    check_match "/user@$TEST_UID.service/.*berth-[^/]*.scope" "$(as_user berth exec --memory 64m "$DEMO" cat /proc/self/cgroup)"
    check_output 67108864 as_user berth exec --memory 64m "$DEMO" sh -c "$own_value/memory.max"
    check_output '67108864 12' as_user berth exec --memory 64m --pids-limit 12 "$DEMO" sh -c "echo \$($own_value/memory.max) \$($own_value/pids.max)"
    nothing_left
}

test_what_runs_out_of_memory_is_told_why() {
    capture as_user berth exec --memory 64m "$DEMO" dd if=/dev/zero of=/dev/null bs=200M count=1
    ((CAPTURED_STATUS != 0)) || fail "it had 200 MiB"
    check_match 'out of memory: the kernel killed a process: more than 64 MiB \(--memory\)' "$CAPTURED_ERR"
    nothing_left
}

test_two_at_once() {
    local first
    as_user berth exec --memory 64m "$DEMO" sh -c 'echo begun; sleep 20' >"$TEST_TMP/first" &
    first=$!
    until_true 60 grep -q begun "$TEST_TMP/first" || fail 'the first does not begin'
    check_output 33554432 as_user berth exec --memory 32m "$DEMO" sh -c "$own_value/memory.max"
    check_equal 1 "$(scopes | wc -l)" 'scopes of the first alone'
    wait "$first"
    nothing_left
}

# Whoever kills the command, and berth with it, leaves no scope.
test_killed() {
    as_user berth exec --memory 64m "$DEMO" sh -c 'echo begun; exec sleep 1234' >"$TEST_TMP/killed" &
    until_true 60 grep -q begun "$TEST_TMP/killed" || fail 'it does not begin'
    as_user pkill -KILL -x berth || true
    as_user pkill -KILL -f 'sleep 1234' || true
    wait
    nothing_left
    check_equal '' "$(user_processes "$TEST_UID" | xargs -r ps -o args= -p | grep -E 'berth|sleep' || true)" 'processes left'
}

test_a_subtree_that_was_delegated() {
    local delegated=(env XDG_RUNTIME_DIR="/run/user/$TEST_UID" systemd-run --user --scope --quiet --property=Delegate=yes --unit=given.scope)
    check_match '/given.scope/berth-' "$(as_user "${delegated[@]}" berth exec --memory 64m "$DEMO" cat /proc/self/cgroup)"
    check_output '67108864 12' as_user "${delegated[@]}" berth exec --memory 64m --pids-limit 12 "$DEMO" sh -c "echo \$($own_value/memory.max) \$($own_value/pids.max)"
    # Another process there: the kernel gives no limits to what is beneath, and nobody is moved.
    capture as_user "${delegated[@]}" sh -c "sleep 30 & berth exec --memory 64m $DEMO true; status=\$?; kill \$!; exit \$status"
    check_equal 255 "$CAPTURED_STATUS"
    check_match 'given.scope: other processes are in this control group, too' "$CAPTURED_ERR"
    nothing_left
}

as_root() { (cd / && PATH="$BERTH_PREFIX/bin:$PATH" && "$@"); }

test_root() {
    local rules=$FILE_TMP/rules.toml
    check_match '^0::/berth/berth-[0-9]+$' "$(as_root berth exec --memory 64m "$DEMO" cat /proc/self/cgroup)"
    check_output '67108864 12' as_root berth exec --memory 64m --pids-limit 12 "$DEMO" sh -c "echo \$($own_value/memory.max) \$($own_value/pids.max)"
    check_output '50000 100000' as_root berth exec --cpus 0.5 "$DEMO" sh -c "$own_value/cpu.max"
    check_output 1 as_root berth exec --cpuset-cpus 0 "$DEMO" nproc
    printf '[[devices]]\nallow = false\ntype = "c"\nmajor = 1\nminor = 5\naccess = "rwm"\n' >"$rules"
    check_fails_with 1 '/dev/zero: Operation not permitted' as_root berth exec --apply-cgroups "$rules" "$DEMO" head -c 1 /dev/zero
    capture as_root berth exec --memory 64m "$DEMO" dd if=/dev/zero of=/dev/null bs=200M count=1
    check_equal 137 "$CAPTURED_STATUS"
    check_match 'more than 64 MiB \(--memory\)' "$CAPTURED_ERR"
    check test ! -e /sys/fs/cgroup/berth
}

# What no Slurm under systemd is given: huge pages. And a disk's rate.
test_root_more() {
    local disk file=$FILE_TMP/limits.toml
    disk=$(stat -c '%Hd:%Ld' /)
    printf '[[hugepageLimits]]\npageSize = "2MB"\nlimit = 4194304\n' >"$file"
    printf '[[blockIO.throttleWriteBpsDevice]]\nmajor = %s\nminor = %s\nrate = 1048576\n' "${disk%:*}" "${disk#*:}" >>"$file"
    check_output "4194304 $disk rbps=max wbps=1048576 riops=max wiops=max" as_root berth exec --apply-cgroups "$file" "$DEMO" \
        sh -c "echo \$($own_value/hugetlb.2MB.max) \$($own_value/io.max)"
    check test ! -e /sys/fs/cgroup/berth
}

test_without_a_systemd_of_his() {
    systemctl stop "user@$TEST_UID.service"
    check_refused 'systemd' as_user berth exec --memory 64m "$DEMO" true
    check_output ok as_user berth exec "$DEMO" echo ok
}
