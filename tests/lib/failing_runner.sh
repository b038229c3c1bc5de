# shellcheck shell=bash
# For the files failing_runner.sh of the tiers userns and root. failing_runner.cpp tells what the program does, which is
# installed beside berth; BERTH_FAILING_RUNNER names another.

# shellcheck disable=SC2034
RUNNER=${BERTH_FAILING_RUNNER:-$BERTH_PREFIX/bin/berth_failing_runner}

# fails_at_every_step DRIVER COMMAND…: the runner finds nothing left, the plan mounted the image as expected, and failures
# were made at the steps that matter, with and without destructors.
fails_at_every_step() {
    local driver=$1 how step
    shift
    check_status 0 "$@" "$BERTH_PREFIX/etc/berth/berth.conf" "${RUNNER_FOR[@]}"
    check_match "driver: $driver"$'\n' "$CAPTURED_OUT"$'\n'
    for how in orderly killed; do
        for step in NewNamespaces MountImage OpenSources LayerMountPoints Bind MakeDevices PivotRoot; do
            check_match "$how: failed at $step"$'\n' "$CAPTURED_OUT"$'\n'
        done
        check_match "$how: the whole plan" "$CAPTURED_OUT"
    done
}
