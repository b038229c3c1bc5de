# shellcheck shell=bash
# berth sif new|add|del|setprim|header|list|info|dump, as a user without privilege. Needs no user namespace.

setup_file() {
    fixtures_create
    WORK=$TEST_HOME/sif
    install -d -o "$TEST_USER" "$WORK"
}
before_each() {
    IMAGE=$WORK/image.sif
    rm -rf "${WORK:?}"/*
    as_user sh -c "echo hello >$WORK/hello; mkdir $WORK/root; echo root >$WORK/root/file"
    quiet "$TEST_TMP/mksquashfs" mksquashfs "$WORK/root" "$WORK/root.sqfs" -noappend
    chmod a+r "$WORK/root.sqfs"
}

sif() { as_user berth sif "$@"; }
refused() { check_refused "$@"; }

# ids IMAGE: the objects' ids, in one line.
ids() { sif list "$1" | awk -F'|' '/^[0-9]/ {gsub(" ", "", $1); printf "%s ", $1}'; }
# types IMAGE: what the list says of each object.
types() { sif list "$1" | awk -F'|' '/^[0-9]/ {print $1 $5}' | tr -s ' '; }

add_partition() { sif add "$IMAGE" "$WORK/root.sqfs" --datatype 4 --parttype "$1" --partfs 1 --partarch "$2"; }

test_usage() {
    refused 'subcommand is required' as_user berth sif
    refused 'IMAGE is required' sif list
    refused 'FILE is required' sif add "$IMAGE"
    refused 'datatype is required' sif add "$IMAGE" "$WORK/hello"
    refused 'IMAGE is required' sif del 1
    refused 'no-such.sif: No such file' sif add "$WORK/no-such.sif" "$WORK/hello" --datatype 7
    refused 'hello: not a SIF image' sif del 1 "$WORK/hello"
}

test_new_does_not_replace() {
    check_output '' sif new "$IMAGE"
    check_match 'Descriptors Free: +48' "$(sif header "$IMAGE")"
    check_equal 755 "$(stat -c %a "$IMAGE")"
    refused 'image.sif: File exists' sif new "$IMAGE"
    check_output '' ids "$IMAGE"
}

test_add_and_dump() {
    sif new "$IMAGE"
    check_output '' sif add "$IMAGE" "$WORK/hello" --datatype 7 --groupid 2 --filename greeting
    check_output '' sif add --datatype 6 --link 1 "$IMAGE" "$WORK/hello"
    check_output hello sif dump 1 "$IMAGE"
    check_match 'Name: +greeting' "$(sif info 1 "$IMAGE")"
    check_match 'Group: +2' "$(sif info 1 "$IMAGE")"
    check_match 'Name: +hello' "$(sif info 2 "$IMAGE")"
    check_match 'Group: +NONE' "$(sif info 2 "$IMAGE")"
    check_match 'Link: +1' "$(sif info 2 "$IMAGE")"
    refused 'no object with id 3; it has 1, 2' sif dump 3 "$IMAGE"
}

test_every_datatype() {
    local type
    sif new "$IMAGE"
    for type in 1 2 3 6 7 8 10 11; do sif add "$IMAGE" "$WORK/hello" --datatype "$type"; done
    sif add "$IMAGE" "$WORK/hello" --datatype 9 --sbomformat spdx-json
    sif add "$IMAGE" "$WORK/hello" --datatype 5 --signhash 2 --signentity 433FE984155206BD962725E20E8713472A879943
    check_equal '1 2 3 4 5 6 7 8 9 10 ' "$(ids "$IMAGE")"
    check_match 'SBOM \(spdx-json\)' "$(types "$IMAGE")"
    check_match 'Fingerprint: +433FE984155206BD962725E20E8713472A879943' "$(sif info 10 "$IMAGE")"
    refused 'partition needs --parttype' sif add "$IMAGE" "$WORK/hello" --datatype 4
    refused 'signature needs --signhash' sif add "$IMAGE" "$WORK/hello" --datatype 5
    refused '40 hexadecimal' sif add "$IMAGE" "$WORK/hello" --datatype 5 --signhash 1 --signentity xyz
    refused 'datatype' sif add "$IMAGE" "$WORK/hello" --datatype 12
}

test_only_regular_files_are_added() {
    sif new "$IMAGE"
    as_user mkfifo "$WORK/fifo"
    refused 'fifo: not a regular file' sif add "$IMAGE" "$WORK/fifo" --datatype 7
    refused 'root: not a regular file' sif add "$IMAGE" "$WORK/root" --datatype 7
}

test_partitions_and_setprim() {
    sif new "$IMAGE"
    add_partition 2 2
    add_partition 1 4
    check_equal $'1 FS (Squashfs/*System/amd64)\n2 FS (Squashfs/System/arm64)' "$(types "$IMAGE")"
    refused 'object 1 is the primary partition already' add_partition 2 2
    check_output '' sif setprim 2 "$IMAGE"
    check_equal $'1 FS (Squashfs/System/amd64)\n2 FS (Squashfs/*System/arm64)' "$(types "$IMAGE")"
    check_match 'Primary Architecture: arm64' "$(sif header "$IMAGE")"
    sif add "$IMAGE" "$WORK/hello" --datatype 7
    refused 'object 3 is not a system partition' sif setprim 3 "$IMAGE"
    sif setprim 1 "$IMAGE"
    sif dump 1 "$IMAGE" | cmp - "$WORK/root.sqfs"
}

test_del() {
    local size
    sif new "$IMAGE"
    for _ in 1 2 3; do sif add "$IMAGE" "$WORK/hello" --datatype 7; done
    size=$(stat -c %s "$IMAGE")
    check_output '' sif del 2 "$IMAGE"
    check_equal '1 3 ' "$(ids "$IMAGE")"
    check_equal "$size" "$(stat -c %s "$IMAGE")"
    refused 'no object with id 2; it has 1, 3' sif del 2 "$IMAGE"
    check_output '' sif del --zero --compact 3 "$IMAGE"
    check_equal "$((size - 12))" "$(stat -c %s "$IMAGE")"
    check_output hello sif dump 1 "$IMAGE"
}

test_zeroed() {
    sif new "$IMAGE"
    sif add "$IMAGE" "$WORK/hello" --datatype 7
    sif add "$IMAGE" "$WORK/root.sqfs" --datatype 7
    sif del 1 "$IMAGE" --zero
    check_no_match hello "$(strings "$IMAGE")"
    sif dump 2 "$IMAGE" | cmp - "$WORK/root.sqfs"
}

# siftool refuses the 49th object; here the image is written anew with room for more.
test_a_full_table() {
    local i
    sif new "$IMAGE"
    chmod 0640 "$IMAGE"
    for ((i = 0; i < 48; ++i)); do sif add "$IMAGE" "$WORK/hello" --datatype 7; done
    check_match 'Descriptors Free: +0' "$(sif header "$IMAGE")"
    check_output '' sif add "$IMAGE" "$WORK/root.sqfs" --datatype 7
    check_match 'Descriptors Total: +96' "$(sif header "$IMAGE")"
    check_output hello sif dump 48 "$IMAGE"
    sif dump 49 "$IMAGE" | cmp - "$WORK/root.sqfs"
    check_equal "640 $TEST_USER" "$(stat -c '%a %U' "$IMAGE")"
    check_equal "" "$(find "$WORK" -name '.berth*')"
}

test_two_writers() {
    local i pids=()
    sif new "$IMAGE"
    for i in {1..12}; do
        sif add "$IMAGE" "$WORK/hello" --datatype 7 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    check_equal '1 2 3 4 5 6 7 8 9 10 11 12 ' "$(ids "$IMAGE")"
}

test_killed_writers() {
    local i
    sif new "$IMAGE"
    as_user sh -c "head -c 30000000 /dev/zero >$WORK/big"
    for ((i = 0; i < 30; ++i)); do
        (become_user berth sif add "$IMAGE" "$WORK/big" --datatype 7) &
        sleep "0.$(printf '%03d' $((i * 2)))"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        check sif list "$IMAGE" >"$TEST_TMP/list"
    done
    sif add "$IMAGE" "$WORK/hello" --datatype 7
    check_match 'Descriptors Offset: +4096' "$(sif header "$IMAGE")"
}

test_what_may_not_be_written() {
    sif new "$IMAGE"
    chmod 0444 "$IMAGE"
    refused 'image.sif: Permission denied' sif add "$IMAGE" "$WORK/hello" --datatype 7
    refused 'Permission denied' sif new /berth.sif
}

test_reproducible() {
    local name
    for name in a b; do
        as_user env SOURCE_DATE_EPOCH=1700000000 sh -c "berth sif new $WORK/$name.sif
            berth sif add $WORK/$name.sif $WORK/hello --datatype 7"
    done
    cmp "$WORK/a.sif" "$WORK/b.sif"
    refused 'SOURCE_DATE_EPOCH' as_user env SOURCE_DATE_EPOCH=x berth sif new "$WORK/c.sif"
}

test_images_that_others_made() {
    local image copy=$WORK/copy.sif
    need_corpus
    for image in "$BERTH_TEST_CORPUS"/sif/images/*.sif; do
        install -m 0644 -o "$TEST_USER" "$image" "$copy"
        sif list "$copy" >"$TEST_TMP/before"
        sif add "$copy" "$WORK/hello" --datatype 7
        sif del --compact "$(ids "$copy" | awk '{print $NF}')" "$copy"
        sif list "$copy" | diff "$TEST_TMP/before" -
    done
}

# build_example NAME PACKAGE: as a stranger would, against what is installed.
build_example() {
    local flags=() pc
    pc=$(find "$BERTH_PREFIX/lib" -name "$2.pc" -printf '%h')
    read -ra flags <<<"$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs --static "$2")"
    g++ -std=c++20 -O1 -Wall -Wextra -o "$BERTH_TEST_ROOT/${1//_/-}" "$BERTH_SOURCE/examples/$1.cpp" "${flags[@]}"
    chmod 0755 "$BERTH_TEST_ROOT/${1//_/-}"
}

test_signing_with_the_library_that_is_installed() {
    build_example sif_vouch berth-sif-sign
    openssl genpkey -algorithm ed25519 -out "$FILE_TMP/vouch.key"
    openssl pkey -in "$FILE_TMP/vouch.key" -pubout -out "$FILE_TMP/vouch.pub"
    chown "$TEST_USER:" "$FILE_TMP/vouch.key"
    install -o "$TEST_USER" -m 0755 "$DEMO" "$TEST_HOME/vouched.sif"
    check_status 1 as_user "$BERTH_TEST_ROOT/sif-vouch" verify "$TEST_HOME/vouched.sif" "$FILE_TMP/vouch.pub"
    check_output 'signed by 1 object(s)' as_user "$BERTH_TEST_ROOT/sif-vouch" sign "$TEST_HOME/vouched.sif" "$FILE_TMP/vouch.key"
    check_match '^verified: ' "$(as_user "$BERTH_TEST_ROOT/sif-vouch" verify "$TEST_HOME/vouched.sif" "$FILE_TMP/vouch.pub")"
    check_status 0 as_user berth verify --key "$FILE_TMP/vouch.pub" "$TEST_HOME/vouched.sif"
}

test_the_library_that_is_installed() {
    build_example sif_notes berth-sif
    check_output 'added as object 1' as_user "$BERTH_TEST_ROOT/sif-notes" "$IMAGE" 'first note'
    check_output 'added as object 2' as_user "$BERTH_TEST_ROOT/sif-notes" "$IMAGE" second
    check_output $'1: Generic/Raw, 10 bytes: first note\n2: Generic/Raw, 6 bytes: second' \
        as_user "$BERTH_TEST_ROOT/sif-notes" "$IMAGE"
    check_output 'first note' sif dump 1 "$IMAGE"
    check_status 1 as_user "$BERTH_TEST_ROOT/sif-notes" "$WORK/hello"
}
