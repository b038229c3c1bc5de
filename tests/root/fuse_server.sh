# shellcheck shell=bash
# berth-fuse on real mounts: what it serves, what it has given up, and how it ends.
# BERTH_FUSE names another server than the installed one; FUSE_FLIPS is the number of damaged images (200).

NO_CAPS=0000000000000000
SERVER=${BERTH_FUSE:-${BERTH_PREFIX:-$BERTH_BUILD/dev}/libexec/berth/berth-fuse}
COMPRESSIONS=(gzip xz lzo lz4 zstd)

setup_file() {
    "${CXX:-c++}" -std=c++20 -O1 -o "$FILE_TMP/mount-fuse" "$BERTH_SOURCE/tests/root/fuse_mount_helper.cpp"
    MOUNT_FUSE=$FILE_TMP/mount-fuse TREE=$FILE_TMP/tree
    make_tree "$TREE"
    make_image "$TREE" "$FILE_TMP/tree.sqfs"
}

teardown_file() { unmount_beneath "$FILE_TMP/.."; }

# Every kind of file; contents that do and do not compress; sizes around a block's and a page's.
make_tree() {
    local tree=$1 size i
    mkdir -p "$tree"/{many,deep/er/and/deeper,empty}
    for size in 0 1 4095 4096 131071 131072 131073 400000; do
        head -c "$size" /dev/urandom >"$tree/random-$size"
        yes berth | head -c "$size" >"$tree/plain-$size" || true
    done
    for ((i = 0; i < 3000; i++)); do printf '%s\n' "$i" >"$tree/many/file-$i"; done
    : >"$tree/$(printf 'n%.0s' {1..255})"
    ln -s "$(printf 'target/%.0s' {1..300})" "$tree/deep/long-link"
    ln -s ../random-4096 "$tree/deep/link"
    ln "$tree/random-4096" "$tree/deep/er/hard-link"
    truncate -s 1M "$tree/hole"
    printf end >>"$tree/hole"
    mkfifo "$tree/fifo"
    chmod 4755 "$tree/plain-1"
    chmod 1777 "$tree/empty"
    chown 12345:54321 "$tree/random-1"
    mknod "$tree/null" c 1 3 2>/dev/null || true
    # Squashfs keeps whole seconds.
    find "$tree" -exec touch -h -d '2001-02-03 04:05:06 UTC' {} +
}

# make_image FOLDER IMAGE [MKSQUASHFS OPTIONS…]
make_image() { mksquashfs "$@" -noappend -quiet -no-progress -processors 2 >/dev/null; }

# serve IMAGE FOLDER [SERVER OPTIONS…]: mounts for everybody, and sets SERVER_PID.
serve() {
    local image=$1 folder=$2
    shift 2
    mkdir -p "$folder"
    trap 'unmount_beneath "$TEST_TMP"' EXIT
    SERVER_PID=$("$MOUNT_FUSE" "$SERVER" "$image" "$folder" shared --user "$TEST_SERVER_UID:$TEST_SERVER_UID" "$@") ||
        fail "not served: $SERVER_PID"
}

# unserve FOLDER: the server must be gone a second after its mount.
unserve() {
    umount "$1"
    until_true 1 gone "$SERVER_PID" || fail "the server outlives its mount"
}

# refused IMAGE REGEX [SERVER OPTIONS…]: the server says what is wrong, and does not serve.
refused() {
    local image=$1 regex=$2
    shift 2
    mkdir -p "$TEST_TMP/refused"
    check_status 1 "$MOUNT_FUSE" "$SERVER" "$image" "$TEST_TMP/refused" shared \
        --user "$TEST_SERVER_UID:$TEST_SERVER_UID" "$@"
    check_match "^error: $regex" "$CAPTURED_OUT"
    check_equal 1 "$(wc -l <<<"$CAPTURED_OUT")" "lines"
}

# describe FOLDER DIRECTORIES OTHERS: a line each, in find's formats.
describe() { (cd "$1" && find . \( -type d -printf "$2" \) -o -printf "$3" | sort); }

# Directories' sizes belong to the file system, not to the tree.
check_same_tree() {
    local format='%P %y %m %U %G %n %T@'
    check diff <(describe "$1" "$format\n" "$format %s %l\n") <(describe "$2" "$format\n" "$format %s %l\n")
    check diff -r --no-dereference --exclude=fifo --exclude=null "$1" "$2"
}

test_every_compression_gives_the_tree_back() {
    local name
    for name in "${COMPRESSIONS[@]}"; do
        make_image "$TREE" "$TEST_TMP/$name.sqfs" -comp "$name"
        serve "$TEST_TMP/$name.sqfs" "$TEST_TMP/mnt"
        check_same_tree "$TREE" "$TEST_TMP/mnt"
        unserve "$TEST_TMP/mnt"
    done
}

test_block_sizes_and_packings() {
    local options
    for options in '-b 4096' '-b 1048576' '-no-fragments' '-always-use-fragments' '-noI -noD -noF' '-no-exports'; do
        # shellcheck disable=SC2086
        make_image "$TREE" "$TEST_TMP/image.sqfs" $options
        serve "$TEST_TMP/image.sqfs" "$TEST_TMP/mnt"
        check_same_tree "$TREE" "$TEST_TMP/mnt"
        unserve "$TEST_TMP/mnt"
    done
}

test_same_as_the_kernels_squashfs() {
    need_loop
    local format='%P %y %m %U %G %n %s %i %T@ %l\n'
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/fuse"
    mkdir "$TEST_TMP/kernel"
    mount -t squashfs -o ro,loop "$FILE_TMP/tree.sqfs" "$TEST_TMP/kernel"
    check diff <(describe "$TEST_TMP/kernel" "$format" "$format") <(describe "$TEST_TMP/fuse" "$format" "$format")
    check diff <(stat -f -c '%s %S %b %f %a %l' "$TEST_TMP/kernel") <(stat -f -c '%s %S %b %f %a %l' "$TEST_TMP/fuse")
    if [[ -e $TREE/null ]]; then
        check_equal "$(stat -c '%t %T' "$TEST_TMP/kernel/null")" "$(stat -c '%t %T' "$TEST_TMP/fuse/null")" "device"
    fi
    umount "$TEST_TMP/kernel"
    unserve "$TEST_TMP/fuse"
}

test_an_image_at_an_offset() {
    { head -c 12345 /dev/urandom; cat "$FILE_TMP/tree.sqfs"; head -c 5000 /dev/zero; } >"$TEST_TMP/image"
    serve "$TEST_TMP/image" "$TEST_TMP/mnt" --offset 12345 --size "$(stat -c %s "$FILE_TMP/tree.sqfs")"
    check cmp "$TREE/random-400000" "$TEST_TMP/mnt/random-400000"
    unserve "$TEST_TMP/mnt"
}

test_files_beyond_4_gib() {
    mkdir "$TEST_TMP/big"
    truncate -s 5G "$TEST_TMP/big/file"
    printf middle | dd of="$TEST_TMP/big/file" bs=1 seek=4500000000 conv=notrunc status=none
    printf end | dd of="$TEST_TMP/big/file" bs=1 seek=$((5 << 30)) conv=notrunc status=none
    make_image "$TEST_TMP/big" "$TEST_TMP/big.sqfs" -comp lz4
    serve "$TEST_TMP/big.sqfs" "$TEST_TMP/mnt"
    check_output $(((5 << 30) + 3)) stat -c %s "$TEST_TMP/mnt/file"
    check_output middle dd if="$TEST_TMP/mnt/file" bs=1 skip=4500000000 count=6 status=none
    check_output end tail -c 3 "$TEST_TMP/mnt/file"
    check cmp <(tail -c 1000000000 "$TEST_TMP/big/file") <(tail -c 1000000000 "$TEST_TMP/mnt/file")
    unserve "$TEST_TMP/mnt"
}

test_names_that_are_not_there() {
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt"
    check_fails_with 2 'No such file' ls "$TEST_TMP/mnt/many/file-3000"
    check_fails_with 2 'No such file' ls "$TEST_TMP/mnt/many/file"
    check_fails_with 2 'Not a directory|No such file' ls "$TEST_TMP/mnt/fifo/x"
    check_fails_with 1 'Read-only' touch "$TEST_TMP/mnt/new"
    unserve "$TEST_TMP/mnt"
}

test_owner_replaces_every_id() {
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt" --owner 77:88
    check_output 77:88 sh -c "find '$TEST_TMP/mnt' -printf '%U:%G\n' | sort -u"
    unserve "$TEST_TMP/mnt"
}

test_readers_at_once() {
    local i pids=() expected
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt" --threads 8
    expected=$(cd "$TREE" && find . -type f -exec cksum {} + | sort)
    for i in {1..8}; do
        (cd "$TEST_TMP/mnt" && find . -type f -exec cksum {} + | sort >"$TEST_TMP/sums-$i") &
        pids+=($!)
        if ((i == 4)); then echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || true; fi
    done
    wait "${pids[@]}"
    for i in {1..8}; do check_equal "$expected" "$(<"$TEST_TMP/sums-$i")" "reader $i"; done
    unserve "$TEST_TMP/mnt"
}

test_an_overlay_on_top() {
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/lower"
    mkdir "$TEST_TMP"/{over,merged}
    mount -t tmpfs berth-test "$TEST_TMP/over"
    mkdir "$TEST_TMP"/over/{upper,work}
    (cd "$TEST_TMP" && mount -t overlay berth-test -o lowerdir=lower,upperdir=over/upper,workdir=over/work merged)
    check diff -r --no-dereference --exclude=fifo --exclude=null "$TREE" "$TEST_TMP/merged"
    echo more >>"$TEST_TMP/merged/random-4096"
    check_output 4101 stat -c %s "$TEST_TMP/merged/random-4096"
    rm -r "$TEST_TMP/merged/many"
    check_fails_with 2 'No such file' ls "$TEST_TMP/merged/many"
    umount "$TEST_TMP/merged" "$TEST_TMP/over"
    unserve "$TEST_TMP/lower"
}

need_unprivileged_fuse() {
    local reason
    fuse_for_user
    reason=$(no_userns_reason)
    if [[ -n $reason ]]; then
        fuse_as_before
        skip "$reason"
    fi
}

test_in_a_user_namespace() {
    local home=$TEST_HOME/fuse-test
    need_unprivileged_fuse
    install -d -o "$TEST_USER" "$home" "$home"/{lower,merged,over}
    install -m 0755 "$SERVER" "$home/berth-fuse"
    install -m 0755 "$MOUNT_FUSE" "$home/mount-fuse"
    install -m 0644 "$FILE_TMP/tree.sqfs" "$home/tree.sqfs"
    cat >"$home/inside" <<'SH'
set -eu
./mount-fuse ./berth-fuse tree.sqfs lower private --owner 0:0 >pid
[ "$(stat -c %u:%g lower/random-1)" = 0:0 ]
grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' "/proc/$(cat pid)/status" | tr -d ' \t' | sort | tr '\n' ' '
mount -t tmpfs berth-test over
mkdir over/upper over/work
mount -t overlay berth-test -o lowerdir=lower,upperdir=over/upper,workdir=over/work,userxattr merged
echo more >>merged/random-4096
[ "$(stat -c %s merged/random-4096)" = 4101 ]
[ "$(ls merged/many | wc -l)" = 3000 ]
umount merged over lower
SH
    capture as_user unshare --user --map-root-user --mount sh -c "cd '$home' && sh inside"
    fuse_as_before
    rm -rf "$home"
    check_equal 0 "$CAPTURED_STATUS" "status ($CAPTURED_ERR)"
    local caps="CapAmb:$NO_CAPS CapBnd:$NO_CAPS CapEff:$NO_CAPS CapInh:$NO_CAPS CapPrm:$NO_CAPS"
    check_equal "$caps NoNewPrivs:1 Seccomp:2 " "$CAPTURED_OUT" "state"
}

test_ends_with_the_mount_namespace_of_its_user() {
    local home=$TEST_HOME/fuse-test
    need_unprivileged_fuse
    install -d -o "$TEST_USER" "$home/mnt"
    install -m 0755 "$SERVER" "$home/berth-fuse"
    install -m 0755 "$MOUNT_FUSE" "$home/mount-fuse"
    install -m 0644 "$FILE_TMP/tree.sqfs" "$home/tree.sqfs"
    SERVER_PID=$(as_user unshare --user --map-root-user --mount sh -c "cd '$home' &&
        ./mount-fuse ./berth-fuse tree.sqfs mnt private --owner 0:0 && cat mnt/many/file-7 >&2" 2>"$TEST_TMP/said") ||
        fail "not served: $SERVER_PID"
    fuse_as_before
    check_equal 7 "$(<"$TEST_TMP/said")" "content"
    until_true 2 gone "$SERVER_PID" || fail "the server keeps its mount namespace, and so itself, alive"
    rm -r "$home"  # not before: removing a mount point unmounts what other namespaces have there
}


test_what_the_server_has_given_up() {
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt"
    cat "$TEST_TMP/mnt/random-400000" >/dev/null
    local thread status
    for thread in "/proc/$SERVER_PID"/task/*; do
        status=$(<"$thread/status")
        check_match "Uid:.$TEST_SERVER_UID.$TEST_SERVER_UID.$TEST_SERVER_UID.$TEST_SERVER_UID" "$status"
        check_match "Gid:.$TEST_SERVER_UID.$TEST_SERVER_UID.$TEST_SERVER_UID.$TEST_SERVER_UID" "$status"
        check_match 'Groups:[[:space:]]*NStgid' "$(tr '\n' ' ' <<<"$status")" groups
        for set in Inh Prm Eff Bnd Amb; do check_match "Cap$set:.$NO_CAPS" "$status"; done
        check_match 'NoNewPrivs:.1' "$status"
        check_match 'Seccomp:.2' "$status"
    done
    check_output / readlink "/proc/$SERVER_PID/cwd"
    check_output "/dev/fuse /dev/null /dev/null /dev/null $FILE_TMP/tree.sqfs " \
        sh -c "for fd in /proc/$SERVER_PID/fd/*; do readlink \$fd; done | sort | tr '\n' ' '"
    check_equal "$SERVER_PID" "$(ps -o sid= -p "$SERVER_PID" | tr -d ' ')" session
    check_fails_with 1 'not permitted' as_user sh -c "kill -KILL $SERVER_PID"
    check_fails_with 1 'Permission denied' as_user readlink -v "/proc/$SERVER_PID/exe"
    check_fails_with 1 'Permission denied' \
        setpriv --reuid="$TEST_SERVER_UID" --regid="$TEST_SERVER_UID" --clear-groups readlink -v "/proc/$SERVER_PID/exe"
    unserve "$TEST_TMP/mnt"
}

test_signals_to_a_step_do_not_end_it() {
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt"
    local signal
    for signal in HUP INT QUIT TERM PIPE USR1 USR2 ALRM TSTP; do kill -"$signal" "$SERVER_PID"; done
    check cmp "$TREE/random-400000" "$TEST_TMP/mnt/random-400000"
    unserve "$TEST_TMP/mnt"
}

test_memory_stays_small() {
    cp /bin/true "$TREE/deep/true"
    make_image "$TREE" "$TEST_TMP/image.sqfs" -b 1048576 -comp xz
    rm "$TREE/deep/true"
    serve "$TEST_TMP/image.sqfs" "$TEST_TMP/mnt"
    check "$TEST_TMP/mnt/deep/true"
    local peak
    peak=$(awk '/^VmHWM:/ {print $2}' "/proc/$SERVER_PID/status")
    ((peak < 8192)) || fail "peak resident memory is $peak KiB"
    unserve "$TEST_TMP/mnt"
}

# tree_behind IMAGE: appends a hash tree as veritysetup makes it, and sets TREE_OPTIONS.
tree_behind() {
    local size root
    size=$(stat -c %s "$1")
    ((size % 4096 == 0)) || fail "mksquashfs has not filled the last block up"
    root=$(veritysetup format --salt=- "$1" "$TEST_TMP/hashes" | awk '/^Root hash:/ {print $3}')
    cat "$TEST_TMP/hashes" >>"$1"
    TREE_OPTIONS=(--size "$size" --tree "$size:$(stat -c %s "$TEST_TMP/hashes"):$root")
}

# flip_bit FILE OFFSET
flip_bit() { python3 - "$@" <<<'import os, sys
fd = os.open(sys.argv[1], os.O_RDWR); at = int(sys.argv[2]); os.pwrite(fd, bytes([os.pread(fd, 1, at)[0] ^ 1]), at)'; }

test_a_hash_tree_of_veritysetup() {
    make_image "$TREE" "$TEST_TMP/image"
    tree_behind "$TEST_TMP/image"
    serve "$TEST_TMP/image" "$TEST_TMP/mnt" "${TREE_OPTIONS[@]}"
    check diff -r --no-dereference --exclude=fifo --exclude=null "$TREE" "$TEST_TMP/mnt"
    unserve "$TEST_TMP/mnt"
    refused "$TEST_TMP/image" 'block 0 of level 1 of the hash tree is not what was signed' --size "${TREE_OPTIONS[1]}" \
        --tree "${TREE_OPTIONS[3]%:*}:$(printf '%064d' 0)"
    refused "$TEST_TMP/image" 'the hash tree of 4096 bytes does not fit' --size "${TREE_OPTIONS[1]}" \
        --tree "${TREE_OPTIONS[1]}:4096:$(printf '%064d' 0)"
}

# Every block of the image in turn: the reader gets what was there, or an error.
test_a_flipped_bit_is_an_error_and_never_content() {
    local folder=$TEST_TMP/few at block=0 wrong=0 refusals=0
    mkdir "$folder"
    head -c 60000 /dev/urandom >"$folder/a"
    head -c 5000 /dev/urandom >"$folder/b"
    make_image "$folder" "$TEST_TMP/image"
    tree_behind "$TEST_TMP/image"
    for ((at = 1000; at < TREE_OPTIONS[1]; at += 4096, block++)); do
        flip_bit "$TEST_TMP/image" "$at"
        mkdir -p "$TEST_TMP/mnt"
        if SERVER_PID=$("$MOUNT_FUSE" "$SERVER" "$TEST_TMP/image" "$TEST_TMP/mnt" shared \
            --user "$TEST_SERVER_UID:$TEST_SERVER_UID" "${TREE_OPTIONS[@]}"); then
            diff -r "$folder" "$TEST_TMP/mnt" >"$TEST_TMP/diff" 2>&1 || true
            if grep -qE 'differ|Only in' "$TEST_TMP/diff"; then fail "block $block: other content: $(<"$TEST_TMP/diff")"; fi
            if grep -q 'Input/output error' "$TEST_TMP/diff"; then wrong=$((wrong + 1)); fi
            unserve "$TEST_TMP/mnt"
        else
            refusals=$((refusals + 1))
        fi
        flip_bit "$TEST_TMP/image" "$at"
    done
    ((wrong >= 14 && refusals >= 1)) || fail "$wrong I/O errors and $refusals refusals in $block blocks"
}

test_a_flipped_bit_is_named_in_the_log() {
    make_image "$TREE" "$TEST_TMP/image"
    tree_behind "$TEST_TMP/image"
    cat >"$TEST_TMP/inside" <<SH
set -e
mkdir -p "$TEST_TMP/mnt"
"$MOUNT_FUSE" "$SERVER" "$TEST_TMP/image" "$TEST_TMP/mnt" private --user "$TEST_SERVER_UID:$TEST_SERVER_UID" \
    ${TREE_OPTIONS[*]} >/dev/null
python3 - "$TEST_TMP/image" 5000 <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR); at = int(sys.argv[2]); os.pwrite(fd, bytes([os.pread(fd, 1, at)[0] ^ 1]), at)
PY
cat "$TEST_TMP"/mnt/random-* >/dev/null 2>&1 || true
umount "$TEST_TMP/mnt"
SH
    check with_syslog "$TEST_TMP/said" sh "$TEST_TMP/inside"
    check_match 'berth-fuse: .*: block 1 of the partition is not what was signed' "$(<"$TEST_TMP/said")"
}

test_ends_when_its_parent_sends_nothing() {
    SERVER_PID=$("$MOUNT_FUSE" "$SERVER" "$FILE_TMP/tree.sqfs" "$TEST_TMP" absent \
        --user "$TEST_SERVER_UID:$TEST_SERVER_UID")
    until_true 1 gone "$SERVER_PID" || fail "the server outlives a parent that wanted nothing of it"
}

test_takes_no_other_device() {
    check_status 1 "$MOUNT_FUSE" "$SERVER" "$FILE_TMP/tree.sqfs" "$TEST_TMP" null --user "$TEST_SERVER_UID:$TEST_SERVER_UID"
    check_equal "error: the parent's descriptor is not /dev/fuse" "$CAPTURED_OUT"
}

test_ends_when_the_mount_was_never_attached() {
    SERVER_PID=$("$MOUNT_FUSE" "$SERVER" "$FILE_TMP/tree.sqfs" "$TEST_TMP" detached \
        --user "$TEST_SERVER_UID:$TEST_SERVER_UID")
    until_true 1 gone "$SERVER_PID" || fail "the server outlives its detached mount"
}

test_killed_while_it_is_read() {
    local pids=() i
    serve "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt"
    for i in {1..4}; do
        (while cat "$TEST_TMP"/mnt/many/file-* "$TEST_TMP"/mnt/random-* >/dev/null 2>&1; do :; done) &
        pids+=($!)
    done
    sleep 0.3
    kill -KILL "$SERVER_PID"
    until_true 5 gone "$SERVER_PID" || fail "the killed server is still there"
    # What the kernel has cached still reads; the loop ends when it meets what is not.
    echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || kill "${pids[@]}"
    for i in "${pids[@]}"; do until_true 10 gone "$i" || fail "a reader hangs"; done
    check_fails_with 2 'not connected' ls "$TEST_TMP/mnt/empty/none"
    check umount "$TEST_TMP/mnt"
}

test_what_is_not_an_image_is_refused() {
    local image=$FILE_TMP/tree.sqfs size
    size=$(stat -c %s "$image")
    head -c 100000 /dev/urandom >"$TEST_TMP/noise"
    refused "$TEST_TMP/noise" 'not a squashfs'
    head -c 50 "$image" >"$TEST_TMP/beginning"
    refused "$TEST_TMP/beginning" 'not a squashfs'
    head -c $((size / 2)) "$image" >"$TEST_TMP/half"
    refused "$TEST_TMP/half" 'the squashfs is truncated'
    refused "$TEST_TMP/half" 'the image is truncated' --size "$size"
    refused "$image" 'the squashfs is truncated' --size $((size / 2))
    cp "$image" "$TEST_TMP/lzma"
    printf '\2\0' | dd of="$TEST_TMP/lzma" bs=1 seek=20 conv=notrunc status=none
    refused "$TEST_TMP/lzma" "squashfs compression 'lzma' is not supported"
    cp "$image" "$TEST_TMP/old"
    printf '\3\0' | dd of="$TEST_TMP/old" bs=1 seek=28 conv=notrunc status=none
    refused "$TEST_TMP/old" 'squashfs version 3.0'
}

test_root_needs_a_user() {
    mkdir "$TEST_TMP/mnt"
    check_status 1 "$MOUNT_FUSE" "$SERVER" "$FILE_TMP/tree.sqfs" "$TEST_TMP/mnt" shared
    check_match 'error: started as root' "$CAPTURED_OUT"
}

# Reading one inode walks through 40 million blocks of metadata.
test_a_request_without_end_ends_the_server() {
    local image=$TEST_TMP/slow tree=$TEST_TMP/slow-tree start
    mkdir "$tree"
    ln -s berth-slow-target "$tree/link"
    make_image "$tree" "$image" -noI -no-exports -no-xattrs
    make_slow "$image"
    serve "$image" "$TEST_TMP/mnt" --request-cpu-seconds 1
    start=$SECONDS
    check_fails_with 1 'not connected|abort' timeout 60 stat "$TEST_TMP/mnt/link"
    ((SECONDS - start < 30)) || fail "took $((SECONDS - start)) s"
    until_true 2 gone "$SERVER_PID" || fail "the server goes on"
    check umount "$TEST_TMP/mnt"
}

le64() { od -A n -t u8 -j "$2" -N 8 "$1" | tr -d ' '; }

put64() {
    local i text=''
    for ((i = 0; i < 8; i++)); do text+=$(printf '\\x%02x' $(($3 >> (8 * i) & 255))); done
    # shellcheck disable=SC2059
    printf "$text" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Makes the link's inode one of the kind whose target is skipped, the target two gigabytes long, and puts behind the
# inodes blocks that give one byte each ("stored, length 1"). Everything after the inodes moves up.
make_slow() {
    local image=$1 run=120000000 inodes directories used target ids moved
    inodes=$(le64 "$image" 64) directories=$(le64 "$image" 72) used=$(le64 "$image" 40) ids=$(le64 "$image" 48)
    target=$(grep -abo berth-slow-target "$image" | head -n 1 | cut -d: -f1)
    printf '\xff\xff\xff\x7f' | dd of="$image" bs=1 seek=$((target - 4)) conv=notrunc status=none
    printf '\x0a' | dd of="$image" bs=1 seek=$((target - 24)) conv=notrunc status=none
    {
        head -c "$used" "$image"
        tail -c +$((inodes + 1)) "$image" | head -c $((directories - inodes))
        { yes "$(printf '\x01\x80')" || true; } | head -c "$run"
        tail -c +$((directories + 1)) "$image" | head -c $((used - directories))
    } >"$image.slow"
    mv "$image.slow" "$image"
    moved=$((used - inodes + run))
    put64 "$image" 64 "$used"
    put64 "$image" 72 $((directories + moved))
    put64 "$image" 48 $((ids + moved))
    put64 "$image" $((ids + moved)) $(($(le64 "$image" "$ids") + moved))
    put64 "$image" 40 "$(stat -c %s "$image")"
}

# Damage may cost the server its life, or the reader an error; nothing may hang, and the machine goes on.
test_flipped_bits() {
    local image=$TEST_TMP/image round
    make_flip_tree
    for ((round = 0; round < ${FUSE_FLIPS:-200}; round++)); do
        cp "$TEST_TMP/good.sqfs" "$image"
        flip "$image" "$round"
        one_damaged_image "$image"
    done
}

make_flip_tree() {
    local tree=$TEST_TMP/flip i
    mkdir -p "$tree/many"
    for i in {1..300}; do printf '%s\n' "$i" >"$tree/many/$(printf 'x%.0s' {1..60})-$i"; done
    head -c 300000 "$BERTH_SOURCE/LICENSE" >"$tree/text"
    head -c 20000 /dev/urandom >"$tree/random"
    ln -s text "$tree/link"
    make_image "$tree" "$TEST_TMP/good.sqfs" -noI -noId
}

# A few bytes, half of them in the metadata at the end, by a generator that makes each round the same every time.
flip() {
    local size place i
    size=$(stat -c %s "$1")
    RANDOM=$2
    for i in 1 2 3 4; do
        place=$((((RANDOM << 15) | RANDOM) % size))
        if ((i > 2)); then place=$((size - 1 - place % (size / 3))); fi
        if (($2 % 4 == 0)); then place=$((place % 96)); fi
        # shellcheck disable=SC2059
        printf "\\x$(printf '%02x' $((RANDOM % 256)))" | dd of="$1" bs=1 seek="$place" conv=notrunc status=none
    done
}

one_damaged_image() {
    local pid status=0
    mkdir -p "$TEST_TMP/mnt"
    pid=$("$MOUNT_FUSE" "$SERVER" "$1" "$TEST_TMP/mnt" shared --user "$TEST_SERVER_UID:$TEST_SERVER_UID" \
        --request-cpu-seconds 1) || return 0
    timeout 30 find "$TEST_TMP/mnt" -maxdepth 4 -ls >/dev/null 2>&1 || status=$?
    ((status != 124)) || fail "find hangs"
    timeout 30 tar -C "$TEST_TMP/mnt" -cf - . 2>/dev/null | head -c 100000000 >/dev/null || status=$?
    ((status != 124)) || fail "tar hangs"
    umount "$TEST_TMP/mnt" || fail "cannot unmount"
    until_true 5 gone "$pid" || fail "the server outlives its mount"
}
