# shellcheck shell=bash disable=SC2016
# siftool and "berth sif" on the same images: what one makes and edits, the other lists, dumps and edits.

skip_file() { printf '%s' "$PEER_MISSING"; }

setup_file() {
    fixtures_create
    WORK=$TEST_HOME/sif
    as_user mkdir "$WORK"
    case $(dpkg --print-architecture) in amd64) ARCH=2 ;; arm64) ARCH=4 ;; riscv64) ARCH=12 ;; *) ARCH=1 ;; esac
}

before_each() {
    IMAGE=$WORK/image.sif
    rm -rf "${WORK:?}"/*
    echo hello >"$WORK/hello"
    quiet "$TEST_TMP/log" mksquashfs "$FIXTURES/demo" "$WORK/root.sqfs" -noappend -comp gzip
}

ours() { as_user berth sif "$@"; }
theirs() { peer siftool "$@"; }

# make SIF: an image with a definition, a partition, a thing of each other kind, links, and a second group.
# SIF is "ours" or "theirs".
make() {
    local sif=$1 kind
    "$sif" new "$IMAGE"
    "$sif" add --datatype 1 --groupid 1 "$IMAGE" "$WORK/hello"
    "$sif" add --datatype 4 --groupid 1 --parttype 2 --partfs 1 --partarch "$ARCH" "$IMAGE" "$WORK/root.sqfs"
    for kind in 2 3 6 7 10 11; do "$sif" add --datatype "$kind" --groupid 1 --filename "kind $kind" "$IMAGE" "$WORK/hello"; done
    "$sif" add --datatype 9 --sbomformat spdx-json --link 2 "$IMAGE" "$WORK/hello"
    "$sif" add --datatype 5 --signhash 3 --signentity 433FE984155206BD962725E20E8713472A879943 --link 2 "$IMAGE" "$WORK/hello"
    "$sif" add --datatype 4 --groupid 2 --parttype 4 --partfs 2 --partarch "$ARCH" --filename overlay "$IMAGE" "$WORK/hello"
}

# Both tell the same of the image, object for object, and give the same bytes.
same_for_both() {
    local id
    check_equal "$(theirs list "$IMAGE")" "$(ours list "$IMAGE")" "the list"
    check_equal "$(theirs header "$IMAGE" | comparable)" "$(ours header "$IMAGE" | comparable)" "the header"
    for id in $(ours list "$IMAGE" | awk -F '|' '/^[0-9]/ {print $1 + 0}'); do
        check_equal "$(theirs info "$id" "$IMAGE" | comparable)" "$(ours info "$id" "$IMAGE" | comparable)" "object $id"
        cmp <(theirs dump "$id" "$IMAGE") <(ours dump "$id" "$IMAGE") || fail "object $id differs"
    done
}

# What both tell, in one form. siftool rounds sizes, which the list tells exactly, and writes the type in other lines.
comparable() {
    sed -E 's/^ +//; s/ +/ /g; s/ $//; s/^Group ID:/Group:/; s/^Linked ID:/Link:/
        s/^([A-Za-z]+ At: .*) ([0-9:]+) \+0000 UTC$/\1T\2Z/' |
        grep -vx 'Primary Architecture: unknown' |
        grep -E '^(Version|Primary Architecture|ID|Group|Link|Descriptors (Free|Total|Offset)|(Data )?Offset|Created At|Modified At|Name): '
}

test_an_image_of_theirs() {
    make theirs
    check_equal 11 "$(ours list "$IMAGE" | grep -c '^[0-9]')"
    same_for_both
    ours dump 2 "$IMAGE" | cmp - "$WORK/root.sqfs"
}

test_an_image_of_ours() {
    make ours
    check_equal 11 "$(theirs list "$IMAGE" | grep -c '^[0-9]')"
    same_for_both
    theirs dump 2 "$IMAGE" | cmp - "$WORK/root.sqfs"
}

test_both_images_run() {
    local reason program
    reason=$(no_userns_reason)
    [[ -z $reason ]] || skip "$reason"
    for program in ours theirs; do
        rm -f "$IMAGE"
        make "$program"
        check_output 'NAME="Berth demo"' as_user berth exec "$IMAGE" grep ^NAME= /etc/os-release
        check_output 'NAME="Berth demo"' peer apptainer exec "$IMAGE" grep ^NAME= /etc/os-release
        check_match 'runscript: ' "$(as_user berth inspect --runscript "$IMAGE")"
    done
}

# Each deletes and adds in what the other made, in turns, and the free descriptors are the same ones for both.
test_edits_in_turns() {
    local first second
    for first in ours theirs; do
        second=$([[ $first == ours ]] && echo theirs || echo ours)
        rm -f "$IMAGE"
        make "$first"
        "$second" del 3 "$IMAGE"
        same_for_both
        "$second" add --datatype 7 --groupid 3 --filename again "$IMAGE" "$WORK/hello"
        same_for_both
        "$first" del 11 "$IMAGE"
        "$first" add --datatype 4 --groupid 1 --parttype 1 --partfs 1 --partarch "$ARCH" "$IMAGE" "$WORK/root.sqfs"
        same_for_both
        "$second" setprim "$("$first" list "$IMAGE" | awk -F '|' '/FS .*\/System/ {print $1 + 0}')" "$IMAGE"
        same_for_both
    done
}

# Both refuse the same requests.
test_refusals() {
    local program
    printf 'not an image' >"$WORK/text.sif"
    for program in ours theirs; do
        rm -f "$IMAGE"
        make "$program"
        for sif in ours theirs; do
            capture "$sif" new "$IMAGE"
            [[ $sif == theirs ]] || check_equal 255 "$CAPTURED_STATUS"
            for request in 'info 77' 'dump 77' 'del 77' 'setprim 77' 'setprim 1'; do
                # shellcheck disable=SC2086
                capture "$sif" $request "$IMAGE"
                check test "$CAPTURED_STATUS" != 0
            done
            capture "$sif" list "$WORK/text.sif"
            check test "$CAPTURED_STATUS" != 0
        done
    done
}

# Signatures link to a group, which siftool itself cannot make.
test_a_signed_image() {
    make ours
    openssl genpkey -algorithm ed25519 -out "$WORK/key.pem"
    chown "$TEST_USER:" "$WORK/key.pem"
    check_status 0 peer apptainer sign --group-id 1 --key "$WORK/key.pem" "$IMAGE"
    check_status 0 as_user berth sign --group-id 2 --key "$WORK/key.pem" "$IMAGE"
    same_for_both
}

test_oci_objects_of_theirs() {
    local kind
    theirs new "$IMAGE"
    for kind in 10 11; do theirs add --datatype "$kind" --groupid 1 "$IMAGE" "$WORK/hello"; done
    same_for_both
    check_match "Digest: +sha256:$(sha256sum "$WORK/hello" | cut -d ' ' -f 1)" "$(ours info 2 "$IMAGE")"
}
