# shellcheck shell=bash disable=SC2016
# No loop device, no FUSE, no process, no descriptor, no room for a mount: at every point of the set-up something fails. A
# weaker runtime leaves out what it could not do, the confinement of a helper for instance, or leaves half of it behind.

setup_file() {
    slurm_up required
    MANY=$BERTH_TEST_ROOT/many
    # Each turn doubles the mounts below.
    mkdir -m 0755 "$MANY"
    mount -t tmpfs -o mode=0755 many "$MANY"
    mount --make-private "$MANY"
    local i
    for ((i = 0; i < 10; ++i)); do
        mkdir "$MANY/$i"
        mount --rbind "$MANY" "$MANY/$i"
    done
}
teardown_file() {
    slurm_down
    umount -l "$MANY" || true
    rmdir "$MANY" || true
}

# runs_or_fails COMMAND…: in the image or not at all. Sets RAN.
runs_or_fails() {
    capture "$@"
    RAN=no
    case $CAPTURED_STATUS:$CAPTURED_OUT in
        0:'NAME="Berth demo"') RAN=yes ;;
        0:*) fail "status $CAPTURED_STATUS from $*; stdout: $CAPTURED_OUT; stderr: $CAPTURED_ERR" ;;
        *) check_equal "" "$CAPTURED_OUT" "stdout of a refused $*; stderr: $CAPTURED_ERR" ;;
    esac
}

in_root() { (cd / && exec "$@"); }

# without FILE COMMAND…: with a device that is none in its place, for slurmd, too.
without() {
    mount --bind /dev/null "$1"
    "${@:2}" || { umount "$1"; return 1; }
    umount "$1"
}

test_no_loop_device() {
    need_loop
    without /dev/loop-control check_refused 'loop' step "$ROOT_DEMO" true
    without /dev/loop-control check_refused 'loop' in_root "$BERTH_PREFIX/bin/berth" exec "$ROOT_DEMO" true
    in_image "Berth demo" step "$ROOT_DEMO"
    check_clean
}

test_no_fuse() {
    without /dev/fuse check_refused 'fuse' step "$DEMO" true
    without /dev/fuse check_refused 'fuse' in_root "$BERTH_PREFIX/bin/berth" exec "$DEMO" true
    in_image "Berth demo" step "$DEMO"
    check_clean
}

test_few_descriptors() {
    local limit image ran
    for image in "$DEMO" "$ROOT_DEMO"; do
        ran=
        for limit in {3..20} 24 28 32 40 48 64 80 96 128 256; do
            runs_or_fails in_root sh -c "ulimit -n $limit && exec $BERTH_PREFIX/bin/berth exec $image grep ^NAME= /etc/os-release"
            ran+=" $RAN"
        done
        check_match '^ no .*yes$' "$ran" "whether it ran"
    done
    check_clean
}

# make_pids_group: a group of processes that may not have more than so many; its folder is in PIDS.
make_pids_group() {
    PIDS=/sys/fs/cgroup/pids/berth-$$
    [[ -e /sys/fs/cgroup/pids/cgroup.procs ]] || skip "no pids cgroup here"
    mkdir "$PIDS" 2>/dev/null || skip "no pids cgroup here"
}

test_few_processes() {
    local limit image ran
    make_pids_group
    trap 'rmdir "$PIDS" 2>/dev/null || true' EXIT
    for image in "$DEMO" "$ROOT_DEMO" "$FIXTURES/demo"; do
        ran=
        for limit in {1..12} 16 20 24 64; do
            echo "$limit" >"$PIDS/pids.max"
            runs_or_fails in_root bash -c "echo \$\$ >$PIDS/cgroup.procs && exec $BERTH_PREFIX/bin/berth exec $image grep ^NAME= /etc/os-release"
            ran+=" $RAN"
        done
        check_match '^ no .*yes$' "$ran" "whether it ran; $CAPTURED_ERR"
        until_true 5 rmdir "$PIDS" || fail "processes are left in $PIDS"
        mkdir "$PIDS"
    done
    check_clean
}

test_few_processes_for_slurmd() {
    local more ran="" task
    make_pids_group
    DAEMON=$(cluster_daemon_pid "$CLUSTER" slurmd)
    echo "$DAEMON" >"$PIDS/cgroup.procs"
    trap 'echo max >"$PIDS/pids.max"; echo "$DAEMON" >/sys/fs/cgroup/pids/cgroup.procs; rmdir "$PIDS" || true' EXIT
    # Slurm's own part of a step takes some; what begins then is ours.
    for more in 8 10 11 12 13 14 15 16 17 18 20 30; do
        echo $(($(<"$PIDS/pids.current") + more)) >"$PIDS/pids.max"
        runs_or_fails as_user timeout -s KILL 40 srun --quiet --container="$DEMO" grep ^NAME= /etc/os-release
        ran+=" $more:$RAN"
        echo max >"$PIDS/pids.max"
        as_user scancel --user="$TEST_USER" 2>/dev/null || true
        cluster_wait_idle 30 || scontrol update nodename="$CLUSTER_NODE" state=resume
    done
    check_match 'yes$' "$ran" "whether it ran"
    for task in $(<"$PIDS/cgroup.procs"); do echo "$task" >/sys/fs/cgroup/pids/cgroup.procs 2>/dev/null || true; done
    check_clean
}

# The user's own processes use up what his limit allows.
test_the_users_own_limit_of_processes() {
    batch_script "$TEST_HOME/crowd.sh" 'for i in $(seq 60); do sleep 5 & done; ulimit -u 62' \
        "for i in 1 2 3; do srun --quiet --propagate=NPROC --container=$DEMO grep PRETTY /etc/os-release; done"
    capture as_user timeout 60 salloc --quiet -n1 ./crowd.sh
    check_equal "" "$CAPTURED_OUT"
    check test "$CAPTURED_STATUS" -ne 124
    check_clean
}

# A thousand mounts a bind: more than a namespace may hold, then as many as it holds, for several tasks.
test_mounts() {
    local binds='' i
    (($(wc -l </proc/self/mountinfo) > 1000)) || fail "there are not so many mounts: the attack shows nothing"
    for ((i = 0; i < 120; ++i)); do binds+=,$MANY:/b$i; done
    runs_or_fails as_user srun --quiet --container="$DEMO" --container-bind="${binds#,}" grep ^NAME= /etc/os-release
    check_equal no "$RAN"
    binds=
    for ((i = 0; i < 20; ++i)); do binds+=,$MANY:/b$i; done
    runs_or_fails as_user srun --quiet --container="$DEMO" --container-bind="${binds#,}" grep ^NAME= /etc/os-release
    in_image "Berth demo" step "$DEMO"
    check_clean
}

test_hardly_any_memory() {
    local i
    for i in 1 2 3; do runs_or_fails as_user srun --quiet --mem=1M -n1 --container="$DEMO" grep ^NAME= /etc/os-release; done
    capture as_user timeout 60 srun --quiet --mem=1M --container="$DEMO" sh -c 'cat /bin/* >/dev/null; x=x; while :; do x=$x$x$x$x; done'
    check test "$CAPTURED_STATUS" -ne 0 -a "$CAPTURED_STATUS" -ne 124
    in_image "Berth demo" step "$DEMO"
    check_clean
}
