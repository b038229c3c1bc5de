# shellcheck shell=bash
# A weaker runtime hands it to the kernel, or waits for a fifo. What is no image, given as one: it must be refused at once,
# on the node too, where the early check of srun is bypassed.

setup_file() { slurm_up required early-check=no; }
teardown_file() { slurm_down; }

test_paths_that_are_no_images() {
    local path
    as_user mkfifo fifo
    as_user sh -c ': >empty; printf hsqs >short; ln -s loop loop; head -c 4096 /dev/urandom >noise'
    for path in fifo empty short loop noise nothing /dev/null /dev/zero /dev/tty /dev/fuse /dev/kmsg /dev/mem /proc/self/mem \
        /proc/kcore /proc/kmsg /proc/self/fd/0 /proc/self/fd/3 /proc/self/fd/4 /proc/self/exe /proc/self/environ /proc/self/ns/mnt \
        /etc/shadow /etc/passwd /sys/kernel/notes /proc/1/root /proc/1/exe '' '/' "$(printf 'x%.0s' {1..5000})"; do
        [[ -n $path && $path != / ]] || continue
        capture as_user timeout 20 srun --container-image="$path" echo ran
        check test "$CAPTURED_STATUS" -ne 0
        check test "$CAPTURED_STATUS" -ne 124
        check_equal "" "$CAPTURED_OUT"
        check_no_match "$(printf '\033')" "$CAPTURED_ERR"
    done
    (cd "$TEST_HOME" && rm -f fifo empty short loop noise)
    check_clean
}

# Every length at which the file may end, in steps: a step that runs shows the image's own file, or nothing runs.
test_an_image_cut_short() {
    local bytes size
    size=$(stat -c %s "$DEMO")
    for ((bytes = 0; bytes < size; bytes += size / 30 + 1)); do
        head -c "$bytes" "$DEMO" >"$TEST_HOME/cut.sif"
        chown "$TEST_USER:" "$TEST_HOME/cut.sif"
        capture as_user timeout 60 srun --container=cut.sif grep ^NAME= /etc/os-release
        [[ $CAPTURED_OUT == "" || $CAPTURED_OUT == 'NAME="Berth demo"' ]] || fail "cut at $bytes: $CAPTURED_OUT"
        check test "$CAPTURED_STATUS" -ne 124
    done
    rm -f "$TEST_HOME/cut.sif"
    check_clean
}

# The file system's own tables, overwritten one 8-byte word of the superblock at a time.
test_a_superblock_with_wild_numbers() {
    local offset descriptor at
    descriptor=$(sif_primary_descriptor "$DEMO")
    at=$(sif_int64 "$DEMO" $((descriptor + 17)))
    for offset in 0 4 8 12 16 20 24 28 32 40 48 56 64 72 80 88; do
        install -o "$TEST_USER" "$DEMO" "$TEST_HOME/wild.sif"
        sif_patch "$TEST_HOME/wild.sif" $((at + offset)) '\377\377\377\377\377\377\377\177'
        capture as_user timeout 60 srun --container=wild.sif true
        check test "$CAPTURED_STATUS" -ne 124
    done
    rm -f "$TEST_HOME/wild.sif"
    check_clean
}
