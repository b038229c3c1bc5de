# shellcheck shell=bash
# What the tests of the slurm tier share. Sourced last.

# slurm_up [required|optional] [ARGUMENTS]: a cluster with our plugin in its plugstack.conf; for setup_file.
slurm_up() {
    fixtures_create
    cluster_start "$BERTH_TEST_ROOT/cluster" "$(spank_line "${1:-required}" "${2:-}")"
}

slurm_down() { cluster_stop "$BERTH_TEST_ROOT/cluster"; }

# Each test answers for what it leaves itself.
before_each() { LEAKS_BEFORE=$(leaks_state); }

# The line of plugstack.conf that loads our plugin; more arguments may follow.
spank_line() { printf '%s %s/lib/berth_spank.so%s' "$1" "$BERTH_PREFIX" "${2:+ $2}"; }

# check_clean: the node takes jobs, and nothing of the steps before is left.
check_clean() {
    local left
    cluster_wait_idle || fail "the node is $(sinfo --noheader --format='%T (%E)'); jobs: $(squeue --noheader)"
    left=$(leaks_since "$LEAKS_BEFORE") || fail "left behind: $left"
}

# step IMAGE ARGUMENT…: a step of one task in a container, as the test user.
step() { as_user srun --container="$1" "${@:2}"; }

# batch_script FILE LINE…: writes a script for sbatch that the test user owns.
batch_script() {
    local file=$1
    shift
    { printf '#!/bin/sh\n'; printf '%s\n' "$@"; } >"$file"
    chown "$TEST_USER:" "$file"
    chmod 0755 "$file"
}

# meddle_built: sets MEDDLE, a program that tries everything with a process; see attacks/meddle.c.
meddle_built() {
    MEDDLE=$BERTH_TEST_ROOT/meddle
    gcc -O1 -static -o "$MEDDLE" "$BERTH_SOURCE/tests/attacks/meddle.c"
}

# servers: the process ids of the image servers that run now. Others that prepare a step have their user's id, too.
servers() {
    local pid
    for pid in $(user_processes "$TEST_SERVER_UID"); do
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) != berth-fuse ]] || printf '%s\n' "$pid"
    done
}

server_runs() { [[ -n $(servers) ]]; }
no_servers() { [[ -z $(servers) ]]; }

# ours: our programs that run now, whoever runs them.
ours() {
    local pid
    for pid in $(pgrep -f '(^|/)berth-(fuse|step)' || true); do
        [[ $(readlink "/proc/$pid/exe") == "$BERTH_PREFIX"/* ]] && printf '%s\n' "$pid"
    done
    return 0
}

# our_loops: the loop devices that carry an image of ours.
our_loops() { leaks_loops | awk '{print $3}'; }
loop_is_used() { [[ -n $(our_loops) ]]; }

# in_background COMMAND…: starts it as the test user; its process id is in $!.
in_background() { (become_user "$@") & }

step_runs() { as_user squeue --noheader --steps 2>/dev/null | grep -q '\.0 '; }
job_exists() { [[ -n $(as_user squeue --noheader) ]]; }

# batch_job SBATCH_ARGUMENT…: submits a job and waits for its end; sets JOB_STATUS. The command in JOB_WHILE_HELD is run
# as root before the job may start.
batch_job() {
    local id
    id=$(as_user sbatch --parsable ${JOB_WHILE_HELD:+--hold} "$@")
    if [[ -n ${JOB_WHILE_HELD:-} ]]; then
        $JOB_WHILE_HELD
        as_user scontrol release "$id"
    fi
    until_true 60 job_is_over "$id" || fail "job $id does not end: $(squeue --noheader)"
    # shellcheck disable=SC2034
    JOB_STATUS=$(scontrol --oneliner show job "$id" | sed -n 's/.* ExitCode=\([0-9]*\):.*/\1/p' | sort -n | tail -n 1)
}

job_is_over() { [[ -z $(squeue --noheader --job="$1" 2>/dev/null) ]]; }

# acl_for_user FILE PERMISSIONS: an access control list that gives the test user these (0 to 7), and everybody else r-x.
acl_for_user() {
    python3 -c '
import os, struct, sys
no, user, allowed = 0xffffffff, int(sys.argv[2]), int(sys.argv[3])
entries = [(1, 7, no), (2, allowed, user), (4, 5, no), (16, 5 | allowed, no), (32, 5, no)]
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
' "$1" "$TEST_UID" "$2" 2>/dev/null || skip "no access control lists here"
}
