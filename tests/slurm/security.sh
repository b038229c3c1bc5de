# shellcheck shell=bash disable=SC2016
# What a hostile user tries: with an image that root could have packed, with binds, with the environment. The step must
# gain nothing, and the host must stay as it is.

setup_file() {
    slurm_up required
    mkdir -m 0755 "$BERTH_TEST_ROOT/outside"
    mkdir -p "$TEST_HOME/mine"
    echo mine >"$TEST_HOME/mine/file"
    chown -R "$TEST_USER:" "$TEST_HOME/mine"
}
teardown_file() { slurm_down; }

test_no_privilege_is_left() {
    capture step "$DEMO" grep -E '^(Cap|NoNewPrivs)' /proc/self/status
    check_equal "0000000000000000" "$(awk '/^Cap/ {print $2}' <<<"$CAPTURED_OUT" | sort -u)" "all capability sets"
    check_equal 5 "$(grep -c ^Cap <<<"$CAPTURED_OUT")"
    check_match $'NoNewPrivs:\t1' "$CAPTURED_OUT"
}

test_the_root_and_the_image_are_locked_down() {
    local flags
    flags=$(step "$HOSTILE" awk '$5 == "/" {print $6}' /proc/self/mountinfo | tail -n 1)
    check_match '(^|,)ro(,|$)' "$flags" "flags of /"
    check_match '(^|,)nosuid(,|$)' "$flags" "flags of /"
    check_match '(^|,)nodev(,|$)' "$flags" "flags of /"
}

test_no_mount_can_raise() {
    local bad
    bad=$(step "$DEMO" awk '$6 !~ /nosuid/ {print $5}' /proc/self/mountinfo)
    check_equal "" "$bad" "mounts without nosuid"
}

# What stays mounted is what the container needs: nothing of the host's tree hangs behind it.
test_the_hosts_root_is_gone() {
    check_output "" step "$DEMO" awk '$4 == "/" && $9 ~ /ext4|xfs|btrfs|overlay2/ {print}' /proc/self/mountinfo
    check_match 'no \(E(ACCES|PERM)\)' "$(step "$DEMO" probe read /proc/1/root/etc)"
}

test_setuid_file() {
    check_output "$(printf 'uids: %s %s %s\ngids: %s %s %s' "$TEST_UID" "$TEST_UID" "$TEST_UID" \
        "$TEST_GID" "$TEST_GID" "$TEST_GID")" step "$HOSTILE" /hostile/setuid ids
}

test_file_with_capabilities() {
    check_output "setuid: no (EPERM)" step "$HOSTILE" /hostile/capable setuid
    check_output "mount: no (EPERM)" step "$HOSTILE" /hostile/capable mount /etc
}

test_device_node_in_the_image() {
    need_device_nodes
    check_output "read: no (EACCES)" step "$HOSTILE" probe read /hostile/null
    check_match 'E(PERM|ROFS)' "$(step "$HOSTILE" probe mknod /dev/mine)"
    check_match 'EPERM' "$(step "$HOSTILE" probe mknod "$TEST_HOME/node")"
}

test_binds_over_links_that_lead_out() {
    local destination before
    before=$(stat -c '%Y %Z' /etc /etc/passwd "$BERTH_TEST_ROOT/outside")
    for destination in /hostile/up/new /hostile/up/passwd /hostile/absolute /hostile/absolute/x /hostile/magic/etc/new \
        /hostile/magic /hostile/loop /../../../../etc/new /proc/self/root/x /proc/1/root/x; do
        capture step "$HOSTILE" --container-bind="$TEST_HOME/mine:$destination" true
        [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "$destination: status $CAPTURED_STATUS"
    done
    check_equal "" "$(ls -A "$BERTH_TEST_ROOT/outside")" "folder outside"
    check test ! -e /etc/new
    check_equal "$before" "$(stat -c '%Y %Z' /etc /etc/passwd "$BERTH_TEST_ROOT/outside")" "times on the host"
    check_clean
}

test_a_link_is_followed_inside() {
    check_output mine step "$HOSTILE" --container-bind="$TEST_HOME/mine/file:/hostile/up/os-release" cat /etc/os-release
}

test_links_in_place_of_the_systems_folders() {
    local folder root=$FILE_TMP/linked
    for folder in proc dev sys tmp etc home; do
        rm -rf "$root"
        cp -a "$FIXTURES/demo" "$root"
        rm -rf "${root:?}/$folder"
        ln -s "$BERTH_TEST_ROOT/outside" "$root/$folder"
        build_image "$TEST_HOME/linked.sif" "$root"
        chown "$TEST_USER:" "$TEST_HOME/linked.sif"
        capture step "$TEST_HOME/linked.sif" true
        [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "$folder: status $CAPTURED_STATUS: $CAPTURED_ERR"
        rm -f "$TEST_HOME/linked.sif"
    done
    check_equal "" "$(ls -A "$BERTH_TEST_ROOT/outside")" "folder outside"
    check_clean
}

test_writing_to_the_host_through_binds() {
    check_match 'no \(E(ACCES|ROFS|PERM)\)' "$(step "$DEMO" --container-bind=/etc/passwd:/mnt/p probe write /mnt/p)"
    check_match 'no \(E(ACCES|ROFS|PERM)\)' "$(step "$DEMO" --container-bind=/etc:/mnt/e probe create /mnt/e/x)"
    check_match 'no \(E(ACCES|ROFS|PERM)\)' "$(step "$DEMO" --container-bind=/usr:/mnt/u probe create /mnt/u/x)"
    check_match 'no \(E(ACCES|ROFS|PERM)\)' "$(step "$DEMO" --container-bind=/:/mnt/r probe create /mnt/r/x)"
    check_match 'no \(E(ACCES|ROFS|PERM)\)' "$(step "$DEMO" probe write /etc/hosts)"
    check_match 'no \(E(ACCES|ROFS|PERM)\)' "$(step "$DEMO" probe write /etc/resolv.conf)"
    check_match 'no \(E(ACCES|ROFS|PERM|NOENT)\)' "$(step "$DEMO" probe write /proc/sys/kernel/core_pattern)"
    check_match 'no \(E(ACCES|ROFS|PERM|NOENT)\)' "$(step "$DEMO" probe write /proc/sysrq-trigger)"
    check test ! -e /etc/x -a ! -e /usr/x -a ! -e /x
}

test_the_passwd_of_the_container_is_not_the_hosts() {
    capture step "$DEMO" sh -c 'echo evil:x:0:0::/:/bin/sh >>/etc/passwd'
    check_equal "" "$(grep evil /etc/passwd)"
}

# A user may make a user namespace in the container. In it the mounts must stay read-only, and stay.
test_a_user_namespace_inside_unlocks_nothing() {
    local what
    what=$(step "$DEMO" --container-bind="$TEST_HOME/mine:/mnt:ro" probe remount /mnt)
    check_no_match 'remount: yes' "$what"
    what=$(step "$DEMO" probe remount /)
    check_no_match 'remount: yes' "$what"
    what=$(step "$DEMO" probe umount /proc)
    check_no_match 'umount: yes' "$what"
    what=$(step "$DEMO" probe umount /etc/resolv.conf)
    check_no_match 'umount: yes' "$what"
}

test_proc_self_exe() {
    check_match '^/bin/probe$|busybox' "$(step "$DEMO" readlink /proc/self/exe)"
    check_match 'no \(E(TXTBSY|ROFS|ACCES)\)' "$(step "$DEMO" probe write /proc/self/exe)"
}

test_only_the_standard_descriptors() {
    check_output "" step "$DEMO" probe descriptors
    check_output "" as_user srun -n4 --container="$DEMO" probe descriptors
    check_output "" step "$ROOT_DEMO" probe descriptors
    check_output "" as_user srun --container="$DEMO" --container-bind="$TEST_HOME/mine:/mnt" probe descriptors
}

# The one process of ours that lives as long as the step is out of the user's reach.
test_the_server_cannot_be_touched() {
    local server
    in_background srun --container="$DEMO" sleep "$(patient 3)"
    until_true 5 server_runs
    server=$(servers | head -n 1)
    check_equal "trace: no (EPERM)" "$(as_user "$FIXTURES/probe" trace "$server")"
    check_match 'no \(E(ACCES|PERM)\)' "$(as_user "$FIXTURES/probe" read "/proc/$server/mem")"
    check_fails_with 1 'not permitted' as_user sh -c "kill -STOP $server"
    check_fails_with 1 'not permitted' as_user sh -c "kill -KILL $server"
    capture grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' "/proc/$server/status"
    check_equal "0000000000000000" "$(awk '/^Cap(Inh|Prm|Eff|Amb)/ {print $2}' <<<"$CAPTURED_OUT" | sort -u)"
    check_match $'NoNewPrivs:\t1' "$CAPTURED_OUT"
    check_match $'Seccomp:\t2' "$CAPTURED_OUT"
    wait $!
    check_clean
}

# The server's memory counts as the step's: it is in a cgroup of the step, and goes when the step goes.
test_the_server_is_in_the_steps_cgroup() {
    local server
    [[ $CLUSTER_PROCTRACK == cgroup ]] || skip "no memory cgroup here: Slurm runs with proctrack/$CLUSTER_PROCTRACK"
    in_background srun --container="$DEMO" sleep "$(patient 3)"
    until_true 5 server_runs
    sleep "$(patient 0.5)"
    server=$(servers | head -n 1)
    check_match "$CLUSTER_NODE.*/job_[0-9]+/step_" "$(cat "/proc/$server/cgroup")"
    wait $!
}

test_a_hostile_environment() {
    local log=$TEST_HOME/evil.log
    cat >"$FILE_TMP/evil.c" <<'C'
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void run(void) {
    FILE* log = fopen(EVIL_LOG, "a");
    if (log) { fprintf(log, "%d %d\n", (int)getuid(), (int)geteuid()); fclose(log); }
}
C
    gcc -shared -fPIC -DEVIL_LOG="\"$log\"" -o "$TEST_HOME/evil.so" "$FILE_TMP/evil.c"
    : >"$log"
    chmod 0666 "$log"
    cp "$TEST_HOME/evil.so" "$TEST_HOME/libfuse3.so.3"
    printf 'exit 9\n' >"$TEST_HOME/evil.sh"
    capture as_user env LD_PRELOAD="$TEST_HOME/evil.so" LD_LIBRARY_PATH="$TEST_HOME" LD_AUDIT="$TEST_HOME/evil.so" \
        GCONV_PATH="$TEST_HOME" TMPDIR="$TEST_HOME" PATH="$TEST_HOME:/usr/bin:/bin" HOME=/root BASH_ENV="$TEST_HOME/evil.sh" \
        ENV="$TEST_HOME/evil.sh" IFS=/ CONTAINER_NAME=x SPANK_BERTH=1 SPANK__SLURM_SPANK_OPTION_berth_container_bind=/etc:/x \
        SLURM_SPANK_BERTH_IMAGE=/etc/shadow SLURM_JOB_UID=0 SLURM_UID=0 SLURM_JOB_USER=root SLURM_STEP_ID=99 BERTH_PREFIX=/tmp \
        srun --container="$DEMO" probe ids
    check_match "^uids: $TEST_UID $TEST_UID $TEST_UID" "$CAPTURED_OUT" "$CAPTURED_ERR"
    check_equal "" "$(awk -v uid="$TEST_UID" '$1 != uid || $2 != uid' "$log")" "processes that loaded the user's library"
    check_clean
}

# The value that an image's path in SLURM_CONTAINER gives is the user's word, and read as the user.
test_an_image_that_only_root_can_read() {
    install -m 0600 "$DEMO" "$BERTH_TEST_ROOT/outside/secret.sif"
    check_refused 'ermission|denied' as_user env SLURM_CONTAINER="$BERTH_TEST_ROOT/outside/secret.sif" srun sh -c 'echo ran'
    rm "$BERTH_TEST_ROOT/outside/secret.sif"
    check_clean
}

# However the file changes under it, a step runs in one of the images or fails, and never on the host.
test_an_image_replaced_while_50_steps_start() {
    local loop out=$FILE_TMP/replaced
    install -o "$TEST_USER" -m 0644 "$DEMO" "$TEST_HOME/moving.sif"
    (
        while [[ -e $TEST_HOME/moving.sif ]]; do
            for image in "$OTHER" "$DEMO"; do
                as_user cp "$image" moving.new
                as_user mv -f moving.new moving.sif
                # Not only exchanged but also written to in place, as an attacker would.
                as_user dd if="$OTHER" of=moving.sif conv=notrunc bs=64k status=none
            done
        done
    ) 2>/dev/null &
    loop=$!
    # shellcheck disable=SC2016
    batch_script "$TEST_HOME/fifty.sh" 'for i in $(seq 50); do' \
        '    (srun -n1 --overlap --quiet --container=moving.sif cat /etc/os-release 2>/dev/null; echo "status $?") &' 'done' 'wait'
    as_user salloc --quiet -n64 ./fifty.sh >"$out"
    rm -f "$TEST_HOME/moving.sif"
    kill "$loop" 2>/dev/null || true
    wait "$loop" 2>/dev/null || true
    check_equal 50 "$(grep -c '^status' "$out")" "steps that ended"
    check_equal "" "$(grep '^NAME=' "$out" | grep -vE '^NAME="(Berth demo|Other)"$' || true)" "what the steps saw"
    check_no_match 'Debian' "$(cat "$out")"
    check_clean
}
