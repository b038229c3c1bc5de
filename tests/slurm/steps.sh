# shellcheck shell=bash disable=SC2016
# srun --container=IMAGE: the step runs in the image, as the user, and is otherwise a step like any other.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

test_the_root_is_the_image() {
    in_image "Berth demo" step "$DEMO"
    check_output "" step "$DEMO" find / -xdev -maxdepth 1 -name 'lib*'
}

test_the_image_of_root_is_mounted_by_the_kernel() {
    need_loop
    in_image "Berth demo" step "$ROOT_DEMO"
    check_match 'image driver +kernel squashfs' "$(step "$ROOT_DEMO" --container-explain true)"
}

test_who_runs() {
    local what
    for what in -u -g -G -un; do
        check_output "$(as_user srun id $what)" step "$DEMO" id $what
    done
}

test_eight_tasks() {
    capture as_user srun -n8 --container="$DEMO" sh -c '. /etc/os-release; echo $SLURM_PROCID $NAME'
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_equal "$(seq -f '%g Berth demo' 0 7)" "$(sort <<<"$CAPTURED_OUT")"
}

test_64_tasks() {
    capture as_user srun -n64 --container="$DEMO" sh -c 'echo $SLURM_PROCID'
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_equal "$(seq 0 63)" "$(sort -n <<<"$CAPTURED_OUT")"
}

# One mount a step, not one a task.
test_the_tasks_share_one_server() {
    in_background srun -n8 --container="$DEMO" sleep "$(patient 1.5)"
    until_true 5 server_runs
    sleep "$(patient 0.7)"
    check_equal 1 "$(servers | wc -l)" "servers of a step with 8 tasks"
    wait $!
    check_clean
}

test_the_tasks_share_one_loop_device() {
    need_loop
    in_background srun -n8 --container="$ROOT_DEMO" sleep "$(patient 1.5)"
    until_true 5 loop_is_used
    sleep "$(patient 0.7)"
    check_equal 1 "$(our_loops | wc -l)" "loop devices of a step with 8 tasks"
    check_equal "" "$(servers)" "servers"
    wait $!
    check_clean
}

test_exit_status_passes_through() {
    local code
    for code in 0 1 3 134; do check_status $code step "$DEMO" sh -c "exit $code"; done
}

test_signals_are_seen_as_without_a_container() {
    local signal
    for signal in KILL ABRT TERM; do
        capture as_user srun sh -c "kill -$signal \$\$"
        check_status "$CAPTURED_STATUS" step "$DEMO" sh -c "kill -$signal \$\$"
    done
}

test_a_command_that_is_missing() {
    capture as_user srun no-such-command
    check_status "$CAPTURED_STATUS" step "$DEMO" no-such-command
    check_clean
}

test_standard_streams() {
    check_equal "through" "$(printf 'through' | step "$DEMO" cat)"
    check_equal "on stderr" "$(step "$DEMO" --quiet sh -c 'echo on stderr >&2' 2>&1 >/dev/null)"
    check_equal 200000 "$(step "$DEMO" head -c 200000 /dev/zero | wc -c)"
}

test_the_working_directory_is_the_callers() {
    as_user mkdir -p sub/folder
    check_output "$TEST_HOME" step "$DEMO" pwd
    check_output "$TEST_HOME/sub/folder" step "$DEMO" --chdir="$TEST_HOME/sub/folder" pwd
}

test_a_working_directory_that_the_image_lacks() {
    mkdir -p "$FILE_TMP/deep/below"
    chmod -R 0755 "$FILE_TMP"
    check_status 0 step "$DEMO" --chdir="$FILE_TMP/deep/below" true
    check_status 0 step "$DEMO" --chdir=/usr/share true
}

test_a_relative_path_to_the_image() {
    in_image "Berth demo" as_user srun --container=demo.sif
    in_image "Berth demo" as_user srun --container=./demo.sif
}

test_home_is_writable_and_the_image_is_not() {
    check as_user rm -f written
    check_status 0 step "$DEMO" sh -c 'echo yes >written'
    check_equal "$TEST_USER yes" "$(stat -c %U "$TEST_HOME/written") $(cat "$TEST_HOME/written")"
    check_output "create: no (EROFS)" step "$DEMO" probe create /etc/new
    check_output "create: no (EROFS)" step "$DEMO" probe create /new
}

test_umask_is_the_callers() {
    check_output 0027 as_user sh -c "umask 027; srun --container=$DEMO sh -c umask"
}

test_tmp_is_the_hosts() {
    local file=/tmp/berth-test-$$
    check_status 0 step "$DEMO" touch "$file"
    check test -e "$file"
    rm -f "$file"
}

test_the_image_sets_the_environment() {
    check_output "hello from the image" step "$DEMO" sh -c 'echo "$DEMO_GREETING"'
    check_output "0 1" step "$DEMO" sh -c 'echo $SLURM_PROCID $SLURM_NTASKS'
}

test_the_users_prefixed_variables_win() {
    local prefix
    for prefix in BERTHENV APPTAINERENV SINGULARITYENV; do
        check_output "mine" as_user env ${prefix}_DEMO_GREETING=mine srun --container="$DEMO" sh -c 'echo "$DEMO_GREETING"'
    done
}

test_odd_values_survive() {
    local value=$'two\nlines, "quotes", \\ and $x'
    check_output "$value" as_user env ODD="$value" srun --container="$DEMO" sh -c 'printf "%s\n" "$ODD"'
}

test_devices_are_those_of_a_user() {
    check_output "write: yes" step "$DEMO" probe write /dev/null
    check_output "read: yes" step "$DEMO" probe read /dev/urandom
    check_status 0 step "$DEMO" sh -c 'test -d /dev/shm && test -e /dev/fd/0'
    check_match 'no \(E(ACCES|NOENT|PERM)\)' "$(step "$DEMO" probe read /dev/loop-control)"
}

test_two_steps_at_once() {
    capture as_user salloc --quiet -n2 sh -c "
        srun -n1 --overlap --container=$DEMO sh -c '. /etc/os-release; sleep 1; echo \$NAME' &
        srun -n1 --overlap --container=$OTHER sh -c '. /etc/os-release; sleep 1; echo \$NAME' & wait"
    check_equal "Berth demo"$'\n'"Other" "$(sort <<<"$CAPTURED_OUT")" "$CAPTURED_ERR"
}

test_multi_prog() {
    printf '0 echo zero\n1 echo one\n' >"$TEST_HOME/multi"
    check_equal $'one\nzero' "$(as_user srun -n2 --container="$DEMO" --multi-prog multi | sort)"
}

test_pseudo_terminal() {
    check_match terminal "$(script -qec "$(declare -f become_user)
        become_user srun --pty --container=$DEMO sh -c 'test -t 0 && echo terminal'" /dev/null)"
}

# Slurm sleeps a second when it finds anything alive in a step's cgroup after the last task: the server must be gone.
test_a_step_ends_without_delay() {
    local plain ours
    plain=$(quickest_end)
    ours=$(quickest_end --container="$DEMO")
    ((ours - plain < 50)) || fail "a step ends later by half a second: $ours hundredths of a second, without a container $plain"
}

# quickest_end [SRUN_ARGUMENT…]: the least of three times from a task's last doing to srun's end, in 1/100 s.
quickest_end() {
    local task now least=1000000
    for _ in 1 2 3; do
        task=$(as_user srun "$@" cat /proc/uptime) || return
        read -r now _ </proc/uptime
        task=${task%% *}
        ((${now/./} - ${task/./} >= least)) || least=$((${now/./} - ${task/./}))
    done
    printf '%s\n' "$least"
}

test_nothing_is_left_of_all_this() { check_clean; }
