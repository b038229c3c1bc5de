# shellcheck shell=bash disable=SC2016
# berth doctor beside a real Slurm.

setup_file() { slurm_up; }
teardown_file() { slurm_down; }

doctor() { "$BERTH_PREFIX/bin/berth" doctor "$@"; }

test_a_sound_cluster() {
    capture doctor
    check_match 'ok +munge: answers' "$CAPTURED_OUT"
    check_match "ok +Slurm: $(slurmd -V | awk '{print $2}')" "$CAPTURED_OUT"
    check_match 'ok +plugin: .*plugstack.conf:1: ' "$CAPTURED_OUT"
    check_match "ok +plugin's release: built for Slurm " "$CAPTURED_OUT"
    check_match "ok +plugin's release" "$(SLURM_CONF='' doctor --slurm-conf-dir "$CLUSTER" || true)"
}

test_what_is_wrong_with_plugstack_conf() {
    local line
    line=$(spank_line required)
    cluster_set_plugstack "$line" "$line"
    check_match 'fail +plugstack.conf: .* both load the plugin' "$(doctor || true)"
    cluster_set_plugstack 'optional /usr/lib/other.so'
    check_match 'fail +plugstack.conf: .*loads no berth_spank.so' "$(doctor || true)"
    cluster_set_plugstack "$(spank_line optional)"
    check_match 'warn +plugin: .*' "$(doctor || true)"
    mkdir "$CLUSTER/plugstack.conf.d"
    printf '%s\n' "$line" >"$CLUSTER/plugstack.conf.d/berth.conf"
    cluster_set_plugstack "include $CLUSTER/plugstack.conf.d/*.conf"
    check_match 'ok +plugin: .*plugstack.conf.d/berth.conf:1: ' "$(doctor || true)"
    : >"$CLUSTER/oci.conf"
    check_match 'fail +oci.conf: ' "$(doctor || true)"
    rm "$CLUSTER/oci.conf"
    cluster_set_plugstack "$line"
}

test_cgroups_that_slurm_asks_for() {
    check_no_match 'warn cgroups of Slurm' "$(doctor || true)"
    [[ -d /sys/fs/cgroup/memory ]] || skip "no memory cgroup here: version 1 is not mounted"
    printf 'TaskPlugin=task/affinity,task/cgroup\n' >"$TEST_TMP/slurm.conf"
    printf 'ConstrainCores=no\nConstrainRAMSpace=yes\n' >"$TEST_TMP/cgroup.conf"
    # Without the memory hierarchy, in a namespace that goes with the command.
    capture unshare --mount sh -c 'umount /sys/fs/cgroup/memory && exec "$0" doctor --slurm-conf-dir "$1"' "$BERTH_PREFIX/bin/berth" "$TEST_TMP"
    check_match 'warn cgroups of Slurm: .* not mounted: memory' "$CAPTURED_OUT"
}
