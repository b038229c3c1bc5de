# shellcheck shell=bash
# shellcheck disable=SC2034  # COMMANDS_AS is table.sh's
# exec of /bin/true: start-up and memory. Sourced by run.

measure_exec() {
    local folder=$TEST_HOME/bench
    exec_images "$folder"
    exec_unprivileged "$folder"
    exec_root "$folder"
}

# The same small root folder for everybody, as a folder, an image of the user's and an image that only root can change.
exec_images() {
    demo_folder "$1/tree"
    build_image "$1/demo.sif" "$1/tree"
    # How much of the time is unpacking: the same files, compressed for speed.
    "$BERTH_PREFIX/bin/berth" build --compression lz4 "$1/lz4.sif" "$1/tree" >/dev/null
    install -m 0644 "$1/demo.sif" "$BENCH_ROOT/demo.sif"
    cp -a "$1/tree" "$BENCH_ROOT/tree"
    exec_bundle "$1/bundle" "$1/tree" --rootless
    exec_bundle "$BENCH_ROOT/bundle" "$BENCH_ROOT/tree"
    chown -R "$TEST_USER:" "$1"
}

# exec_bundle FOLDER ROOT [--rootless]: what crun runs.
exec_bundle() {
    command -v crun >/dev/null || return 0
    mkdir -p "$1"
    (cd "$1" && crun spec "${@:3}")
    sed -i -E 's/"terminal": true/"terminal": false/; s|"path": "rootfs"|"path": "'"$2"'"|; s|"sh"$|"/bin/true"|' \
        "$1/config.json"
}

exec_unprivileged() {
    local folder=$1 COMMANDS_AS=as_user berth=$BERTH_PREFIX/bin/berth driver
    heading "exec /bin/true, without privilege (ms)"
    commands_begin
    peer_add "bwrap, folder" bwrap --ro-bind "$folder/tree" / /bin/true
    driver=$(driver_of as_user "$berth" exec --explain=text "$folder/demo.sif" true)
    command_add "berth, $driver" "$berth" exec "$folder/demo.sif" /bin/true
    command_add "berth, the same, lz4" "$berth" exec "$folder/lz4.sif" /bin/true
    command_add "berth, folder" "$berth" exec "$folder/tree" /bin/true
    mkdir -p "$folder/crun"
    chown "$TEST_USER:" "$folder/crun"
    peer_add "crun, folder" crun --root "$folder/crun" --cgroup-manager=disabled run -b "$folder/bundle" bench
    peer_add "ch-run, folder" ch-run "$folder/tree" -- /bin/true
    peer_add "apptainer" apptainer exec "$folder/demo.sif" /bin/true
    TABLE='-v memory=1' commands_run "bwrap, folder" --rounds "$(rounds 50 5)" --warm-up 3 --pause-ms 20
    say "  the image server's peak: $(server_peak "$TEST_UID" as_user "$berth" exec "$folder/demo.sif" sleep 1) MiB"
}

exec_root() {
    local folder=$1 COMMANDS_AS='' berth=("$BERTH_PREFIX/bin/berth" exec --config "$BENCH_ROOT/berth.conf") image
    heading "exec /bin/true, as root (ms)"
    commands_begin
    peer_add "bwrap, folder" bwrap --ro-bind "$BENCH_ROOT/tree" / /bin/true
    for image in "$BENCH_ROOT/demo.sif" "$folder/demo.sif"; do
        command_add "berth, $(driver_of "${berth[@]}" --explain=text "$image" true)" "${berth[@]}" "$image" /bin/true
    done
    command_add "berth, folder" "${berth[@]}" "$BENCH_ROOT/tree" /bin/true
    peer_add "crun, folder" crun --cgroup-manager=disabled run -b "$BENCH_ROOT/bundle" "berth-bench-$$"
    peer_add "ch-run, folder" env USER=root ch-run "$BENCH_ROOT/tree" -- /bin/true
    peer_add "apptainer" apptainer exec "$BENCH_ROOT/demo.sif" /bin/true
    TABLE='-v memory=1' commands_run "bwrap, folder" --rounds "$(rounds 50 5)" --warm-up 3 --pause-ms 20
    say "  the image server's peak: $(server_peak "$TEST_SERVER_UID" "${berth[@]}" "$folder/demo.sif" sleep 1) MiB"
}
