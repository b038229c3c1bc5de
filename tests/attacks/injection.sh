# shellcheck shell=bash disable=SC1003,SC2016,SC2059
# Options and variables with what no parser expects: line feeds, bytes that are no text, a megabyte. A weaker runtime cuts
# such a value, splits a file of its own at the line feed, writes escapes to a terminal, or starts the step on the host.

setup_file() {
    slurm_up required early-check=no
    HOST=$(grep ^NAME= /etc/os-release)
}
teardown_file() { slurm_down; }

# inside_or_refused COMMAND…
inside_or_refused() {
    capture as_user timeout 40 "$@"
    check test "$CAPTURED_STATUS" -ne 124
    [[ $CAPTURED_OUT == "" || $CAPTURED_OUT == 'NAME="Berth demo"' || $CAPTURED_OUT == *'image driver'* || $CAPTURED_OUT == '{'* ]] ||
        fail "out of ${*:0:200}: ${CAPTURED_OUT:0:300}"
    check_no_match "$HOST" "$CAPTURED_OUT"
    check_no_match "$(printf '\033')" "$CAPTURED_ERR" "stderr"
}

# Every option of the table, by its variable.
test_every_variable_with_garbage() {
    local name value long latin=$'\xff\xfe\x80/x:\xc0\xaf' lines=$'/tmp\nroot:x:0:0::/:/bin/sh\n' escape=$'/\033]0;x\007:/x'
    long=$(head -c 130000 /dev/zero | tr '\0' a)
    for name in $("$BERTH_PREFIX/bin/berth" options | grep -o 'BERTH_[A-Z_]*'); do
        for value in "$latin" "$lines" "$escape" "$long" '%s%n$(id)`id`' '/a,/b\'; do
            inside_or_refused env "$name=$value" srun --quiet --container="$DEMO" grep ^NAME= /etc/os-release
        done
    done
    check_clean
}

test_every_option_with_garbage() {
    local name value
    for name in $("$BERTH_PREFIX/bin/berth" options | grep -o -- '--[a-z-]*container[a-z-]*=' | sort -u); do
        for value in $'\xff\xfe\x80' $'/tmp\nx' $'\033[31m' '%s%n' "$(head -c 5000 /dev/zero | tr '\0' /)"; do
            inside_or_refused srun --quiet --container="$DEMO" "$name$value" grep ^NAME= /etc/os-release
        done
    done
    check_clean
}

# The one way for a variable that is longer than execve(2) allows.
test_a_megabyte() {
    local name
    for name in BERTH_BIND SLURM_CONTAINER HUGE; do
        printf 'PATH=/usr/bin:/bin\0%s=%s\0' "$name" "$(head -c 1048576 /dev/zero | tr '\0' a)" >"$TEST_HOME/exported"
        rm -f "$TEST_HOME/ran"
        batch_script "$TEST_HOME/job.sh" 'grep ^NAME= /etc/os-release >ran'
        as_user timeout 40 sbatch --wait --output=/dev/null --container="$DEMO" --export-file=exported job.sh >/dev/null 2>&1 || true
        check_no_match "$HOST" "$(cat "$TEST_HOME/ran" 2>/dev/null || true)" "what the job saw with $name"
    done
    check_clean
}

test_a_script_with_bytes_that_end_texts() {
    local line
    for line in "--container=$DEMO\\0" "--container=$DEMO\\0 --container=none" "--container=\\0" "--container-bind=\\377\\376:/x\\0" "--container=$DEMO --container-env=A=\\001\\0B"; do
        rm -f "$TEST_HOME/ran"
        printf "#!/bin/sh\n#SBATCH $line\ngrep ^NAME= /etc/os-release >ran\n" >"$TEST_HOME/job.sh"
        chown "$TEST_USER:" "$TEST_HOME/job.sh"
        as_user timeout 40 sbatch --wait --output=/dev/null job.sh >/dev/null 2>&1 || true
        check_no_match "$HOST" "$(cat "$TEST_HOME/ran" 2>/dev/null || true)" "what the job saw with $line"
    done
    check_clean
}

# The user's own srun need not load our plugin, nor believe the site's configuration.
test_a_client_without_the_plugin() {
    local conf=$TEST_HOME/slurm.conf client
    sed "s|^PlugStackConfig=.*|PlugStackConfig=$TEST_HOME/plugstack.conf|" "$CLUSTER/slurm.conf" >"$conf"
    : >"$TEST_HOME/plugstack.conf"
    client=(env SLURM_CONF="$conf")
    check_output 'NAME="Berth demo"' as_user "${client[@]}" srun --quiet --container="$DEMO" grep ^NAME= /etc/os-release
    check_status 255 as_user "${client[@]}" srun --quiet --container="$TEST_HOME/none.sif" grep ^NAME= /etc/os-release
    check_equal "" "$CAPTURED_OUT"
    check_status 255 as_user "${client[@]}" SLURM_CONTAINER= srun --quiet grep ^NAME= /etc/os-release
    check_equal "" "$CAPTURED_OUT"
    check_clean
}

test_variables_that_slurm_reads() {
    local name
    for name in SPANK_BERTH SLURM_SPANK_BERTH_IMAGE _SLURM_SPANK_OPTION_berth_container_image SLURM_SPANK__SLURM_SPANK_OPTION_berth_container_image \
        SPANK__SLURM_SPANK_OPTION_berth_container_bind _SLURM_SPANK_OPTION_berth_container_bind SLURM_BERTH_LAST_CONTAINER SLURM_JOB_ENV SLURMD_NODENAME; do
        inside_or_refused env "$name=/etc/shadow" srun --quiet --container="$DEMO" grep ^NAME= /etc/os-release
        inside_or_refused env "$name=none" srun --quiet --container="$DEMO" grep ^NAME= /etc/os-release
        inside_or_refused env "$name=" srun --quiet --container="$DEMO" grep ^NAME= /etc/os-release
    done
    check_clean
}
