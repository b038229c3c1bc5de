# shellcheck shell=bash disable=SC2016
# A user against a program that the site lets a CDI specification have run for him. A weaker runtime runs it as root with the
# image below it: a link in the image, a variable or a preloaded library (CVE-2025-23266) is then root's. Here it is the
# user's own process, so what he makes of it must be no more than what he had: no capability, no device of another step's, no
# process that outlives it or hides from Slurm.

skip_file() { gpus_missing; }
setup_file() {
    fixtures_create
    gpus_up
    hooks_up
    gpus_slurm_up
}
teardown_file() {
    slurm_down
    hooks_down
    gpus_down
}

hooked() { step "$1" --container-cdi=made-up.org/hooks=all "${@:2}"; }

# The user may trace the program: whatever it can do, he can.
test_devices_and_powers_of_the_program() {
    hook_is <<SH
{
    for i in 0 1 2; do (: </dev/nvidia\$i) 2>&1 | grep -o 'Operation not permitted\|No such device'; done
    grep CapEff /proc/self/status
    id -u
    (: >/sys/fs/cgroup/x) 2>&1 | grep -o 'Permission denied\|Read-only file system'
    mount -t tmpfs x /mnt 2>&1 | grep -o 'permission denied\|must be superuser'
} >$HOOK_SAYS
SH
    check_output ok hooked "$DEMO" --gres=gpu:1 echo ok
    check_equal "No such device Operation not permitted Operation not permitted" "$(head -n 3 "$HOOK_SAYS" | sort | xargs)"
    check_match 'CapEff:'$'\t''0+'$'\n' "$(cat "$HOOK_SAYS")"
    check_match $'\n'"$TEST_UID"$'\n' "$(cat "$HOOK_SAYS")"
    check_clean
}

test_links_and_variables_of_the_users() {
    as_user cp -a "$FIXTURES/demo" "$TEST_HOME/linked"
    as_user ln -sf /etc/shadow "$TEST_HOME/linked/etc/os-release"
    as_user ln -sf "$BERTH_TEST_ROOT/hooks/taken" "$TEST_HOME/linked/etc/motd"
    hook_is <<SH
{ cat rootfs/etc/os-release; echo taken >rootfs/etc/motd; env; cat /proc/self/maps; } >$HOOK_SAYS 2>&1
SH
    echo 'int x;' | as_user gcc -shared -fPIC -o "$TEST_HOME/libtaken.so" -x c -
    check_output ok as_user env LD_PRELOAD="$TEST_HOME/libtaken.so" BERTHENV_LD_PRELOAD="$TEST_HOME/libtaken.so" \
        srun --container="$TEST_HOME/linked" --container-cdi=made-up.org/hooks=all --container-env=LD_PRELOAD= echo ok
    check_no_match 'root:' "$(cat "$HOOK_SAYS")"
    check_match 'Permission denied' "$(cat "$HOOK_SAYS")"
    check_no_match 'libtaken' "$(cat "$HOOK_SAYS")"
    [[ ! -e $BERTH_TEST_ROOT/hooks/taken ]] || fail 'a link of the image was written through'
    check_clean
}

# He stops it, as its user may: the step waits no longer than the site's limit, and fails.
test_a_program_that_is_stopped() {
    hook_is timeout=2 <<<'kill -STOP $$'
    capture hooked "$DEMO" echo ran
    ((CAPTURED_STATUS != 0)) || fail 'the step ran'
    check_no_match ran "$CAPTURED_OUT"
    check_match 'it took longer than 2 s' "$CAPTURED_ERR"
    check_clean
}

# Several programs, each within its time: together they keep slurmstepd from nothing for longer than one may.
test_several_programs() {
    local begin=$SECONDS
    hook_is timeout=9 <<<'sleep 8'
    sed -n '/hookName/,$p' "$BERTH_TEST_ROOT/hooks/made-up.yaml" >"$TEST_TMP/more"
    cat "$TEST_TMP/more" "$TEST_TMP/more" >>"$BERTH_TEST_ROOT/hooks/made-up.yaml"
    capture hooked "$DEMO" echo ran
    ((CAPTURED_STATUS != 0 && SECONDS - begin < 25)) || fail "$((SECONDS - begin)) s"
    check_match 'it took longer than 7 s|longer than 15 s together' "$CAPTURED_ERR"
    check_clean
}

# Its memory is the step's, and not the node's.
test_memory_of_the_program() {
    hook_is <<<'dd if=/dev/zero of=/dev/null bs=300M count=1 2>/dev/null'
    check_output ok hooked "$DEMO" --mem=500 echo ok
    capture hooked "$DEMO" --mem=100 echo ran
    ((CAPTURED_STATUS != 0)) || fail 'it had 300 MiB'
    check_match 'failed with status' "$CAPTURED_ERR"
    check_clean
}

# A file that the program writes to may be locked by its user for as long as he likes (a write out of a mapping of his own
# FUSE file): no process of root's writes to it, and those between have nothing open that the program has.
test_nothing_shared_with_the_processes_between() {
    local program own=() pid shared looked=0
    hook_is timeout=9 <<<"echo begun >$HOOK_SAYS; sleep 4"
    in_background srun --container="$DEMO" --container-cdi=made-up.org/hooks=all true
    until_true 20 test -s "$HOOK_SAYS" || fail 'the program does not start'
    program=$(pgrep -u "$TEST_UID" -f made-up-hook | head -n 1)
    mapfile -t own < <(stat -L -c %d:%i "/proc/$program/fd/"{0,1})
    pid=$(ps -o ppid= -p "$program" | xargs)
    while [[ $(cat "/proc/$pid/comm") == berth-step && $(cat "/proc/$(ps -o ppid= -p "$pid" | xargs)/comm") == berth-step ]]; do
        for shared in "${own[@]}"; do
            check_no_match "$shared" "$(stat -L -c %d:%i /proc/"$pid"/fd/* 2>/dev/null | xargs)" "open in $pid"
        done
        check_equal 0 "$(stat -c %u "/proc/$pid")" "the user of $pid"
        looked=$((looked + 1))
        pid=$(ps -o ppid= -p "$pid" | xargs)
    done
    check_equal '2 2' "${#own[@]} $looked" 'files of the program, and processes between'
    wait
    check_clean
}

# What it starts does not outlive it: it would run outside of the step's limits.
test_processes_that_stay() {
    hook_is <<<'for i in 1 2 3; do setsid sh -c "trap \"\" TERM HUP; sleep 7655" >/dev/null 2>&1 & done; sleep 0.1; kill -0 $!'
    check_output ok hooked "$DEMO" echo ok
    check_equal '' "$(pgrep -f 'sleep 7655' || true)" 'processes of the hook'
    check_clean
}

# The step is cancelled while it runs: it ends with the program, at the latest when the program's time is over.
test_cancelled_meanwhile() {
    hook_is timeout=10 <<<"echo \$\$ >$HOOK_SAYS; exec sleep 7656"
    in_background srun --container="$DEMO" --container-cdi=made-up.org/hooks=all true
    until_true 20 test -s "$HOOK_SAYS" || fail 'the program does not start'
    as_user scancel --user="$TEST_USER"
    until_true 30 cluster_no_jobs || fail 'the job does not end'
    check_equal '' "$(pgrep -f 'sleep 7656' || true)" 'the program'
    check_clean
}

# Its file is replaced by the user's where the site has left a folder open: it is not run.
test_a_folder_that_is_not_roots() {
    hook_is <<<'exit 0'
    chmod 0777 "$BERTH_TEST_ROOT/hooks"
    capture hooked "$DEMO" echo ran
    chmod 0755 "$BERTH_TEST_ROOT/hooks"
    ((CAPTURED_STATUS != 0)) || fail 'the step ran'
    check_match 'others than root' "$CAPTURED_ERR"
    check_clean
}
