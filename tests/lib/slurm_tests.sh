# shellcheck shell=bash
# What the tests of the slurm tier share. Sourced last.

# slurm_up [required|optional] [ARGUMENTS]: a cluster with our plugin in its plugstack.conf; for setup_file.
slurm_up() {
    fixtures_create
    cluster_start "$BERTH_TEST_ROOT/cluster" "$(spank_line "${1:-required}" "${2:-}")"
    LEAKS_BEFORE=$(leaks_state)
}

slurm_down() { cluster_stop "$BERTH_TEST_ROOT/cluster"; }

# The line of plugstack.conf that loads our plugin; more arguments may follow.
spank_line() { printf '%s %s/lib/berth_spank.so%s' "$1" "$BERTH_PREFIX" "${2:+ $2}"; }

# check_clean: the node takes jobs, and nothing of the steps before is left.
check_clean() {
    local left
    cluster_wait_idle || fail "the node is $(sinfo --noheader --format='%T (%E)')"
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

# servers: the process ids of the image servers that run now.
servers() { user_processes "$TEST_SERVER_UID"; }

# our_loops: the loop devices that carry an image of ours.
our_loops() { leaks_loops | awk '{print $3}'; }
