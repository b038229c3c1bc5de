# shellcheck shell=bash disable=SC2016
# --container-verify and `require signature` under Slurm.

setup_file() {
    slurm_up
    signing_up
}
teardown_file() {
    signing_down
    slurm_down
}

verified() { as_user srun --container="$1" --container-verify "${@:2}"; }

test_steps_in_signed_images() {
    signed_image "$TEST_HOME/signed.sif"
    signed_image "$TEST_HOME/lazy.sif" --lazy
    in_image "Berth demo" verified "$TEST_HOME/signed.sif"
    in_image "Berth demo" verified "$TEST_HOME/lazy.sif"
    in_image "Berth demo" verified "$TEST_HOME/signed.sif"
    check_match 'each block is checked when it is read' "$(verified "$TEST_HOME/lazy.sif" --container-explain=text true 2>&1)"
    check_clean
}

test_refusals() {
    signed_image "$TEST_HOME/signed.sif"
    check_refused 'it is not signed' verified "$DEMO" true
    flip "$TEST_HOME/signed.sif" $(($(partition_at "$TEST_HOME/signed.sif") + 5000))
    check_refused 'is not what was signed' verified "$TEST_HOME/signed.sif" true
    check_clean
}

test_the_site_requires_signatures() {
    signed_image "$TEST_HOME/signed.sif"
    configure_release 'require signature' yes
    capture step "$DEMO" true
    local status=$CAPTURED_STATUS message=$CAPTURED_ERR
    capture step "$TEST_HOME/signed.sif" true
    configure_release 'require signature' no
    check_equal 255 "$status"
    check_match 'require signature = yes' "$message"
    check_equal 0 "$CAPTURED_STATUS"
    check_clean
}
