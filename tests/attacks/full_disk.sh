# shellcheck shell=bash disable=SC2034
# The image cache's file system is full, or out of inodes, at every moment of the work. A weaker runtime verifies what it
# could write and mounts that, leaves half a copy under the name of a whole one, or goes on without the check.

setup_file() {
    signing_up
    SMALL=$BERTH_TEST_ROOT/small
    mkdir -m 0755 "$SMALL"
    configure_release 'image cache' "$SMALL/cache"
    slurm_up
    signed_image "$TEST_HOME/good.sif"
    BYTES=$(stat -c %s "$TEST_HOME/good.sif")
    EVIL=$TEST_HOME/evil.sif
    stranger eve >/dev/null
    install -o "$TEST_USER" -m 0755 "$DEMO" "$EVIL"
    sign_as eve "$EVIL"
}
teardown_file() {
    slurm_down
    umount -l "$SMALL" 2>/dev/null || true
    rmdir "$SMALL" || true
    configure_release 'image cache' "$IMAGE_CACHE"
    signing_down
}

# with_disk OPTIONS: a new one, for the image cache alone.
with_disk() {
    umount -l "$SMALL" 2>/dev/null || true
    mount -t tmpfs -o "mode=0755,$1" small "$SMALL"
    LEAKS_BEFORE=$(leaks_state)
}

# good_or_refused COMMAND…: sets RAN to whether the container ran.
good_or_refused() {
    capture "$@"
    RAN=no
    case $CAPTURED_STATUS:$CAPTURED_OUT in
        0:'NAME="Berth demo"') RAN=yes ;;
        255:) check_match 'berth: error: .*(image cache|no room|No space|small)' "$CAPTURED_ERR" "message" ;;
        *) fail "status $CAPTURED_STATUS from $*; stdout: $CAPTURED_OUT; stderr: $CAPTURED_ERR" ;;
    esac
    local copy
    for copy in "$SMALL"/cache/images/*; do
        [[ ! -e $copy ]] || check_equal "${copy##*/}" "$(sha256sum <"$copy" | cut -d' ' -f1)" "a copy's digest"
    done
    check_equal "" "$(find "$SMALL/cache/partial" -type f 2>/dev/null)" "what is left of a copy"
}

attempt() { good_or_refused as_user srun --quiet --container="$TEST_HOME/good.sif" --container-verify grep ^NAME= /etc/os-release; }

test_too_few_bytes() {
    local size ran=''
    for size in 4k 16k 64k $((BYTES / 2)) $((BYTES - 4096)) $((BYTES + 4096)) $((BYTES + 32768)) $((BYTES + 262144)); do
        with_disk "size=$size"
        attempt
        ran+=" $RAN"
    done
    check_match '^ no no no no no .*yes$' "$ran" "whether it ran"
    check_refused key as_user srun --container="$EVIL" --container-verify true
    check_clean
}

test_too_few_inodes() {
    local inodes ran=''
    for ((inodes = 2; inodes <= 14; ++inodes)); do
        with_disk "nr_inodes=$inodes"
        attempt
        ran+=" $RAN"
    done
    check_match '^ no .*yes$' "$ran" "whether it ran"
    check_clean
}

# It fills while images are copied there, and is emptied again.
test_filled_and_emptied_while_steps_start() {
    local i yes=0
    with_disk "size=$((BYTES * 2 + 65536))"
    (while [[ -e $FILE_TMP ]]; do head -c "$((BYTES * 2))" /dev/zero >"$SMALL/fill" || true; sleep 0.05; rm -f "$SMALL/fill"; sleep 0.05; done) 2>/dev/null &
    FILLER=$!
    trap 'kill "$FILLER" 2>/dev/null || true' EXIT
    for ((i = 0; i < 12; ++i)); do
        rm -f "$SMALL"/cache/images/* "$SMALL"/cache/records/*
        attempt
        [[ $RAN == no ]] || yes=$((yes + 1))
    done
    kill "$FILLER"
    wait "$FILLER" 2>/dev/null || true
    rm -f "$SMALL/fill"
    attempt
    check_equal yes "$RAN" "whether it ran at last"
    printf '%s of 12 ran\n' "$yes"
    check_clean
}
