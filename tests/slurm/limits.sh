# shellcheck shell=bash disable=SC2016
# Limits of control groups under Slurm: its own are tightened in place, and nothing else.

setup_file() {
    slurm_up required
    LIMITS=$TEST_HOME/limits.toml
    CGROUPS=$(cluster_cgroup_version)
    MEMORY=memory.limit_in_bytes
    [[ $CGROUPS == v1 ]] || MEMORY=memory.max
}
before_each() {
    LEAKS_BEFORE=$(leaks_state)
    site_limits
    configure_release 'enable cgroup controllers' no
}
teardown_file() {
    site_limits
    configure_release 'enable cgroup controllers' no
    rm -f "$LIMITS"
    slurm_down
}

needs_cgroups() {
    [[ $CLUSTER_PROCTRACK == cgroup ]] || skip "Slurm can have no control groups here"
}
needs_version() {
    needs_cgroups
    [[ $CGROUPS == "$1" ]] || skip "control groups here are of version ${CGROUPS#v}"
}

# The folders of the tasks that run now, those of the memory controller.
task_folders() { find /sys/fs/cgroup -type d -path "*$CLUSTER_NODE*/job_*/step_0*/task_*" -exec test -e "{}/$MEMORY" \; -print | grep -v task_special | sort; }

# Writes the values of FILE for each task, its step and its job while a step runs: values_of FILE ARGUMENT…
values_while_running() {
    local file=$1
    shift
    step "$DEMO" "$@" sleep 30 &
    until_true 30 tasks_run || fail "no task runs"
    sleep 0.5
    VALUES=$(for folder in $(task_folders); do echo "task $(cat "$folder/$file")"; done)
    ABOVE=$(for folder in $(task_folders | sed 's,/task_[0-9]*$,,; s,/user$,,' | sort -u); do
        cat "$folder/$file" "${folder%/*}/$file"
    done)
    as_user scancel --user="$TEST_USER"
    wait || true
    until_true 30 job_list_is_empty
}
tasks_run() { [[ -n $(task_folders) ]]; }
job_list_is_empty() { [[ -z $(squeue --noheader) ]]; }

eat() { step "$DEMO" "$@"; }

test_memory_of_each_task_is_tightened() {
    local plain
    needs_cgroups
    values_while_running "$MEMORY" --mem=300M
    plain=$ABOVE
    values_while_running "$MEMORY" --mem=300M --ntasks=3 --container-memory=64m
    check_equal "$(printf 'task %s\n' 67108864 67108864 67108864)" "$(head -n 3 <<<"$VALUES")" "of the tasks"
    check_equal "$plain" "$ABOVE" "of step and job"
    values_while_running "$MEMORY" --mem=300M
    check_no_match 67108864 "$VALUES" "a later step"
    check_clean
}

test_what_runs_out_of_memory_is_told_why() {
    needs_cgroups
    capture step "$DEMO" --mem=300M --container-memory=64m dd if=/dev/zero of=/dev/null bs=200M count=1
    ((CAPTURED_STATUS != 0)) || fail "it had 200 MiB"
    check_match 'berth: task 0: out of memory: the kernel killed a process: more than 64 MiB \(--memory\)' "$CAPTURED_ERR"
    # Slurm's own limit is said to be Slurm's.
    capture step "$DEMO" --mem=100M --container-memory=1g dd if=/dev/zero of=/dev/null bs=200M count=1
    ((CAPTURED_STATUS != 0)) || fail "it had 200 MiB"
    check_match "berth: task 0: out of memory: .*more than 100 MiB, which is Slurm's limit of the (job|step)" "$CAPTURED_ERR"
    check_output ok step "$DEMO" --mem=300M --container-memory=64m echo ok
    check_no_match berth "$CAPTURED_ERR"  # srun may say that it waits for resources
    check_clean
}

test_the_table() {
    local table
    needs_cgroups
    table=$(step "$DEMO" --mem=100M --container-memory=1g --container-explain true)
    check_match "memory.limit +1073741824 +104857600 \((job|step)\) +104857600 +$MEMORY" "$table"
    step "$DEMO" --mem=100M --container-memory=1g --container-explain=json true | python3 -c '
import json, sys
limit = json.load(sys.stdin)["limits"][0]
assert limit["key"] == "memory.limit" and limit["effective"] == "104857600" and limit["above"].startswith("104857600"), limit'
    check_clean
}

test_the_sites_limits_can_only_be_tightened() {
    needs_cgroups
    site_limits '[memory]' 'limit = 67108864'
    values_while_running "$MEMORY"
    check_match '^task 67108864' "$VALUES"
    values_while_running "$MEMORY" --container-memory=1g
    check_match '^task 67108864' "$VALUES"
    values_while_running "$MEMORY" --container-memory=32m
    check_match '^task 33554432' "$VALUES"
    limits_file "$LIMITS" '[memory]' 'limit = -1'
    values_while_running "$MEMORY" --container-apply-cgroups="$LIMITS"
    check_match '^task 67108864' "$VALUES"
    capture step "$DEMO" --mem=300M dd if=/dev/zero of=/dev/null bs=200M count=1
    check_match 'more than 64 MiB \(.*/cgroups.toml:2: memory.limit\)' "$CAPTURED_ERR"
    check_clean
}

test_a_file_of_the_users() {
    needs_cgroups
    limits_file "$LIMITS" '[memory]' 'limit = 1073741824'
    # Options stand over the file.
    values_while_running "$MEMORY" --container-apply-cgroups="$LIMITS" --container-memory=64m
    check_match '^task 67108864' "$VALUES"
    limits_file "$LIMITS" '[memory]' 'limt = 1'
    check_refused "limits.toml:2: unknown key 'limt'" step "$DEMO" --container-apply-cgroups="$LIMITS" true
    limits_file "$LIMITS" '[memory'
    check_refused 'limits.toml:1' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    check_refused 'none.toml: No such file' step "$DEMO" --container-apply-cgroups="$TEST_HOME/none.toml" true
    install -m 0600 "$LIMITS" "$FILE_TMP/secret.toml"
    check_refused 'secret.toml: Permission denied' step "$DEMO" --container-apply-cgroups="$FILE_TMP/secret.toml" true
    rm -f "$LIMITS"
    mkfifo "$LIMITS"
    check_refused 'limits.toml: not a file' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    rm -f "$LIMITS"
    check_clean
}

test_what_this_node_cannot_honour() {
    needs_version v1
    [[ $(v1_folder cpu) != "$(v1_folder cpuacct)" ]] || skip "the controllers cpu and cpuacct are one hierarchy here"
    check_refused 'cpus: Slurm puts the steps of this node into no control group of the controller cpu' step "$DEMO" --container-cpus=0.5 true
    check_refused 'pids-limit: Slurm puts .* controller pids' step "$DEMO" --container-pids-limit=5 true
    limits_file "$LIMITS" '[unified]' '"memory.high" = "1000000"'
    check_refused 'limits.toml:2: unified' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    limits_file "$LIMITS" '[memory]' 'swappiness = 10'
    check_refused 'memory.swappiness.*only tightened' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    check_clean
}

test_cpus_and_swap() {
    needs_version v2
    values_while_running cpu.max --container-cpus=0.5
    check_equal 'task 50000 100000' "$VALUES"
    values_while_running memory.swap.max --container-memory=64m --container-memory-swap=96m
    check_equal 'task 33554432' "$VALUES"
    check_clean
}

test_a_set_of_cpus() {
    needs_version v2
    check_refused 'cpuset-cpus' step "$DEMO" --container-cpuset-cpus=1023 true
    (($(nproc) > 1)) || skip "one processor has no smaller set"
    values_while_running cpuset.cpus --container-cpuset-cpus=0
    check_equal 'task 0' "$VALUES"
    check_output 1 step "$DEMO" --container-cpuset-cpus=0 nproc
    check_clean
}

# The folder that holds the jobs, which Slurm and we give controllers.
jobs_folder() { find /sys/fs/cgroup -type d -name "*${CLUSTER_NODE}_slurmstepd.scope"; }
own_pids_max='cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/pids.max'

# Slurm enables no pids: the site lets us, along the levels down to the task. What one step enabled is another's, too.
test_controllers_that_slurm_leaves_off() {
    local before
    needs_version v2
    check_refused 'pids-limit: Slurm does not enable the controller pids .*enable cgroup controllers = no' step "$DEMO" --container-pids-limit=5 true
    configure_release 'enable cgroup controllers' yes
    before=$(cat "$(jobs_folder)/cgroup.subtree_control")
    check_no_match pids "$before"
    values_while_running pids.max --ntasks=2 --container-pids-limit=20
    check_equal $'task 20\ntask 20' "$VALUES"
    check_equal "$before" "$(cat "$(jobs_folder)/cgroup.subtree_control")"
    check_match fork "$(step "$DEMO" --container-pids-limit=5 sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait' 2>&1 || true)"
    # Two steps of a job: the one that ends first takes nothing from the other.
    as_user salloc --quiet -n2 sh -c "
        srun --overlap -n1 --container=$DEMO --container-pids-limit=20 sh -c 'echo begun; while [ ! -e $TEST_HOME/go ]; do sleep 0.2; done; $own_pids_max' >first &
        until grep -q begun first; do sleep 0.2; done
        srun --overlap -n1 --container=$DEMO --container-pids-limit=9 sh -c '$own_pids_max' >second
        touch go
        wait"
    check_equal $'begun\n20 9' "$(cat "$TEST_HOME/first") $(cat "$TEST_HOME/second")"
    check_clean
    check_equal "$before" "$(cat "$(jobs_folder)/cgroup.subtree_control")"
    # A user's limit of the kind that the step's cgroups cannot have leaves nothing enabled either.
    check_refused 'rdma' step "$DEMO" --container-pids-limit=9 --container-apply-cgroups="$(limits_file "$LIMITS" '[rdma.none0]' 'hcaHandles = 1'; echo "$LIMITS")" true
    check_equal "$before" "$(cat "$(jobs_folder)/cgroup.subtree_control")"
    check_clean
}

# The disk that / is on.
root_disk() {
    local name
    name=$(stat -c '%Hd:%Ld' /)
    [[ -e /sys/dev/block/$name && ! -e /sys/dev/block/$name/partition ]] && echo "$name"
}
has_dormant() { grep -qw "$1" "$(jobs_folder)/../cgroup.controllers"; }

test_rates_of_a_disk() {
    local disk
    needs_version v2
    disk=$(root_disk) || skip "/ is no disk here whose rate could be limited"
    has_dormant io || skip "slurmd has no controller io"
    configure_release 'enable cgroup controllers' yes
    limits_file "$LIMITS" '[[blockIO.throttleWriteBpsDevice]]' "major = ${disk%:*}" "minor = ${disk#*:}" 'rate = 1048576'
    values_while_running io.max --container-apply-cgroups="$LIMITS"
    check_equal "task $disk rbps=max wbps=1048576 riops=max wiops=max" "$VALUES"
    check_clean
}

test_devices() {
    needs_cgroups
    limits_file "$LIMITS" '[[devices]]' 'allow = false' 'type = "c"' 'major = 1' 'minor = 5' 'access = "rwm"'
    check_output null step "$DEMO" --container-apply-cgroups="$LIMITS" sh -c 'head -c 1 /dev/null && echo null'
    check_fails_with 1 '/dev/zero: Operation not permitted' step "$DEMO" --container-apply-cgroups="$LIMITS" head -c 1 /dev/zero
    check_status 0 step "$DEMO" head -c 1 /dev/zero
    limits_file "$LIMITS" '[[devices]]' 'allow = false' 'type = "a"' 'access = "rwm"' \
        '[[devices]]' 'allow = true' 'type = "c"' 'major = 1' 'minor = 3' 'access = "rw"'
    if [[ $CGROUPS == v1 ]]; then
        # The kernel shows no exceptions of such a list, Slurm's denials of GPUs among them.
        check_refused "Slurm's own exceptions cannot be seen" step "$DEMO" --container-apply-cgroups="$LIMITS" true
    else
        check_output null step "$DEMO" --container-apply-cgroups="$LIMITS" sh -c 'head -c 1 /dev/null && echo null'
        check_fails_with 1 '/dev/zero: Operation not permitted' step "$DEMO" --container-apply-cgroups="$LIMITS" head -c 1 /dev/zero
    fi
    check_clean
}

test_without_control_groups() {
    local other=$BERTH_TEST_ROOT/cluster-plain
    (
        CLUSTER_PROCTRACK=linuxproc cluster_start "$other" "$(spank_line required)"
        check_refused 'memory: Slurm uses no control groups' step "$DEMO" --container-memory=64m true
        check_output ok step "$DEMO" echo ok
    ) || { cluster_stop "$other"; return 1; }
    cluster_stop "$other"
}

test_cancelled_with_limits() {
    needs_cgroups
    values_while_running "$MEMORY" --ntasks=8 --container-memory=64m
    check_equal 8 "$(grep -c 67108864 <<<"$VALUES")"
    check_clean
}
