# shellcheck shell=bash
# Slurm hands a batch script the options of plugins through its environment, which --export and --export-file empty. A
# weaker runtime then knows nothing of a container, and the script runs on the host; or in a container without the
# restrictions that were asked for.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

# submitted ARGUMENT…: what a script that is submitted so sees, itself and in a step of its own.
submitted() {
    rm -f "$TEST_HOME"/saw-*
    batch_script "$TEST_HOME/job.sh" "grep ^NAME= /etc/os-release >$TEST_HOME/saw-script" \
        "$(command -v srun) --quiet grep ^NAME= /etc/os-release >$TEST_HOME/saw-step 2>&1"
    batch_job --output=/dev/null "$@" job.sh
    printf '%s\n' "$(cat "$TEST_HOME/saw-script" 2>/dev/null)" "$(cat "$TEST_HOME/saw-step" 2>/dev/null)"
}

# The step's own srun may be missing in the image; what counts is that nothing ran outside.
never_outside() {
    local saw
    saw=$(submitted "$@")
    check_match 'NAME="Berth demo"' "$saw" "what the job saw with $*"
    check_no_match "$(grep ^NAME= /etc/os-release)" "$saw" "what the job saw with $*"
}

test_an_environment_that_is_not_exported() {
    local how option
    printf 'PATH=/usr/bin:/bin\0A=b\0' >"$TEST_HOME/exported"
    for how in --export=NIL --export-file=exported --export=ALL; do
        for option in container container-image; do never_outside "$how" "--$option=$DEMO"; done
    done
    check_clean
}

test_steps_and_other_ways_to_submit() {
    local how option
    for option in container container-image; do
        for how in --export=NONE --export=NIL --export=A=b; do
            check_output 'NAME="Berth demo"' as_user srun --quiet "$how" "--$option=$DEMO" /bin/grep ^NAME= /etc/os-release
        done
        rm -f "$TEST_HOME"/saw-*
        batch_job --output=/dev/null --export=NIL "--$option=$DEMO" --wrap="grep ^NAME= /etc/os-release >$TEST_HOME/saw-script"
        check_equal 'NAME="Berth demo"' "$(cat "$TEST_HOME/saw-script")" "a command that is wrapped"
    done
    check_clean
}

# "none" is a value like any other, and what an outer job asked for is not asked for by an inner one that says so.
test_out_of_a_container_by_wish() {
    local how
    printf 'PATH=/usr/bin:/bin\0A=b\0' >"$TEST_HOME/exported"
    for how in --export=NIL --export-file=exported; do
        check_match "$(grep ^NAME= /etc/os-release)" "$(submitted "$how" --container=none)"
        check_match "$(grep ^NAME= /etc/os-release)" "$(submitted "$how" --container-image=none)"
        check_match "$(grep ^NAME= /etc/os-release)" "$(submitted "$how")"
    done
    check_clean
}

test_restrictions_are_not_lost() {
    local how
    printf 'PATH=/usr/bin:/bin\0A=b\0' >"$TEST_HOME/exported"
    for how in --export=NIL --export-file=exported; do
        check_no_match "NAME=" "$(submitted "$how" --container="$DEMO" --container-verify)" "an image that is not signed"
        check_no_match "NAME=" "$(submitted "$how" --container="$DEMO" --container-bind=/nothing-here:/mnt)" "a bind that is not there"
    done
    check_clean
}
