# shellcheck shell=bash
# berth build and berth inspect, as a user without privilege. Only what runs an image needs a user namespace.

setup_file() {
    fixtures_create
    WORK=$TEST_HOME/build
}
before_each() {
    rm -rf "$WORK"
    install -d -o "$TEST_USER" "$WORK"
    ROOT=$WORK/root OUT=$WORK/out.sif
    as_user mkdir -p "$ROOT/.singularity.d/env" "$ROOT/bin" "$ROOT/scif/apps/foo/scif"
    as_user sh -c "cd $ROOT
        cp /bin/busybox bin; ln -s busybox bin/sh; ln bin/busybox bin/again; echo text >file
        echo '{\"org.label\": \"x\", \"number\": 1}' >.singularity.d/labels.json
        echo 'Bootstrap: scratch' >.singularity.d/Singularity
        echo 'echo ran' >.singularity.d/runscript; echo 'how to' >.singularity.d/runscript.help
        echo 'export A=1' >.singularity.d/env/90-environment.sh
        echo 'echo foo' >scif/apps/foo/scif/runscript"
}

build() { as_user berth build "$@"; }
sif() { as_user berth sif "$@"; }
inspect() { as_user berth inspect "$@"; }

# compression IMAGE: of its primary partition.
compression() {
    sif dump "$(sif list "$1" | awk -F'|' '/\*System/ {print $1 + 0}')" "$1" >"$TEST_TMP/partition"
    unsquashfs -s "$TEST_TMP/partition" | sed -n 's/^Compression //p'
}

# no_leftovers: nothing but what is named lies in the work folder.
no_leftovers() { check_equal "$*" "$(cd "$WORK" && find . -maxdepth 1 -mindepth 1 -printf '%f\n' | sort | xargs)"; }

# tree IMAGE: names, modes, owners and link targets.
tree() {
    sif dump "$(sif list "$1" | awk -F'|' '/\*System/ {print $1 + 0}')" "$1" >"$TEST_TMP/partition"
    unsquashfs -lln -n -d / "$TEST_TMP/partition" | sort -k 6
}

test_a_folder() {
    check_output '' build "$OUT" "$ROOT"
    check_equal 'Def.FILE JSON.Labels FS' "$(sif list "$OUT" | awk -F'|' '/^[0-9]/ {split($5, a, " "); print a[1]}' | xargs)"
    check_output 'Bootstrap: scratch' sif dump 1 "$OUT"
    check_equal zstd "$(compression "$OUT")"
    check_equal 755 "$(stat -c %a "$OUT")"
    no_leftovers out.sif root
}

test_an_image_runs() {
    local reason
    reason=$(no_userns_reason)
    [[ -z $reason ]] || skip "$reason"
    build "$OUT" "$ROOT"
    check_output text as_user berth exec "$OUT" /bin/busybox cat /file
}

test_compressions() {
    local kind
    for kind in gzip zstd xz lz4; do
        build --force --compression "$kind" "$OUT" "$ROOT"
        check_equal "$kind" "$(compression "$OUT")"
    done
    check_fails_with 255 compression build --force --compression lzma "$OUT" "$ROOT"
}

test_a_squashfs_file() {
    quiet "$TEST_TMP/log" mksquashfs "$ROOT" "$WORK/root.sqfs" -noappend -comp gzip
    chmod a+r "$WORK/root.sqfs"
    build "$OUT" "$WORK/root.sqfs"
    sif dump 1 "$OUT" | cmp - "$WORK/root.sqfs"
    build --force --compression xz "$OUT" "$WORK/root.sqfs"
    check_equal xz "$(compression "$OUT")"
}

test_a_sif_keeps_everything() {
    build "$OUT" "$ROOT"
    sif add "$OUT" "$ROOT/file" --datatype 7 --groupid 5 --link 3 --filename extra
    build "$WORK/copy.sif" "$OUT"
    sif list "$OUT" >"$TEST_TMP/list"
    sif list "$WORK/copy.sif" | diff "$TEST_TMP/list" -
    check_equal "$(sif header "$OUT" | grep ^ID)" "$(sif header "$WORK/copy.sif" | grep ^ID)"
    check_refused 'leave --arch out' build --force --arch arm64 "$WORK/copy.sif" "$OUT"
}

test_a_sif_is_packed_anew() {
    build "$OUT" "$ROOT"
    sif add "$OUT" "$ROOT/file" --datatype 7 --groupid 5
    sif add "$OUT" "$ROOT/file" --datatype 5 --signhash 1 --link 4 --signentity 433FE984155206BD962725E20E8713472A879943
    sif add "$OUT" "$ROOT/file" --datatype 5 --signhash 1 --link 3 --signentity 433FE984155206BD962725E20E8713472A879943
    check_match 'signature 6 is left out' "$(build --compression gzip "$WORK/new.sif" "$OUT" 2>&1)"
    check_equal gzip "$(compression "$WORK/new.sif")"
    check_equal '1 2 3 4 5' "$(sif list "$WORK/new.sif" | awk -F'|' '/^[0-9]/ {print $1 + 0}' | xargs)"
    check_equal "$(tree "$OUT")" "$(tree "$WORK/new.sif")"
    no_leftovers new.sif out.sif root
}

test_packed_anew_with_names_that_look_like_commands() {
    as_user sh -c "cd $ROOT; ln -s 'a
evil f 777 0 0 touch $WORK/ran' link; touch 'x
evil f 777 0 0 touch ran'"
    build "$OUT" "$ROOT"
    build --compression gzip "$WORK/new.sif" "$OUT"
    no_leftovers new.sif out.sif root
    [[ ! -e $TEST_HOME/ran ]] || fail "a file's name was run as a command"
}

test_signatures_survive_a_copy() {
    local image
    need_corpus
    for image in "$BERTH_TEST_CORPUS"/sif/images/*.sif; do
        build --force "$OUT" "$image"
        sif list "$image" | cut -d'|' -f 1-3,5 >"$TEST_TMP/list"
        sif list "$OUT" | cut -d'|' -f 1-3,5 | diff "$TEST_TMP/list" -
    done
}

test_source_date_epoch() {
    local kind
    for kind in zstd gzip xz lz4; do
        as_user env SOURCE_DATE_EPOCH=1700000000 berth build --force --compression "$kind" "$WORK/1.sif" "$ROOT"
        touch "$ROOT/file" "$ROOT/bin"
        as_user env SOURCE_DATE_EPOCH=1700000000 berth build --force --compression "$kind" "$WORK/2.sif" "$ROOT"
        cmp "$WORK/1.sif" "$WORK/2.sif"
    done
    for kind in 3 4; do
        as_user env SOURCE_DATE_EPOCH=1700000000 berth build --compression gzip "$WORK/$kind.sif" "$WORK/1.sif"
    done
    cmp "$WORK/3.sif" "$WORK/4.sif"
}

test_an_existing_file() {
    local before
    echo mine >"$OUT"
    chown "$TEST_USER:" "$OUT"
    check_refused 'out.sif: exists; --force replaces it' build "$OUT" "$ROOT"
    check_equal mine "$(cat "$OUT")"
    build "$OUT" "$ROOT" --force
    before=$(stat -c %i "$OUT")
    check_refused 'neither a folder nor' build --force "$OUT" "$ROOT/file"
    check_equal "$before" "$(stat -c %i "$OUT")"
    as_user mkdir "$WORK/folder"
    check_refused 'not a regular file' build --force "$WORK/folder" "$ROOT"
    check_refused 'lies inside' build "$ROOT/out.sif" "$ROOT"
}

test_no_progress_bar_without_a_terminal() {
    capture build "$OUT" "$ROOT"
    check_equal '' "$CAPTURED_ERR$CAPTURED_OUT"
}

test_a_progress_bar_on_a_terminal() {
    as_user sh -c "head -c 10000000 /dev/urandom >$ROOT/big"
    check_match '100%' "$(as_user script -qec "stty cols 80 </dev/tty; berth build $OUT $ROOT" /dev/null)"
}

# The output folder is full: a file system of 300 KiB, in a mount namespace of its own.
test_no_space() {
    unshare --mount bash -c "
        mount -t tmpfs -o size=300k,uid=$TEST_UID tmpfs '$WORK' 2>/dev/null || exit 77
        status=0
        setpriv --reuid=$TEST_UID --regid=$TEST_GID --init-groups '$BERTH_PREFIX/bin/berth' build '$WORK/full.sif' '$FIXTURES/demo' 2>'$TEST_TMP/err' || status=\$?
        ls -A '$WORK' >'$TEST_TMP/left'
        exit \$status" && fail "it was built" || status=$?
    ((status != 77)) || skip 'cannot mount a tmpfs'
    check_equal 255 "$status"
    check_match 'berth: ' "$(cat "$TEST_TMP/err")"
    check_equal '' "$(cat "$TEST_TMP/left")"
}

test_interrupted() {
    local i signal
    as_user sh -c "head -c 40000000 /dev/urandom >$ROOT/big"
    for ((i = 0; i < 12; ++i)); do
        for signal in TERM INT KILL; do
            (become_user berth build "$OUT" "$ROOT") >"$TEST_TMP/log" 2>&1 &
            sleep "0.$(printf '%02d' $((i * 5)))"
            kill -"$signal" $! 2>/dev/null || true
            wait $! 2>/dev/null || true
            [[ ! -e $OUT ]] || check sif list "$OUT" >"$TEST_TMP/list"
            rm -f "$OUT"
            until_true 5 no_builders || fail "mksquashfs still runs"
            no_leftovers root
        done
    done
}
no_builders() { ! pgrep -U "$TEST_UID" mksquashfs >/dev/null; }

test_inspect() {
    build "$OUT" "$ROOT"
    check_output $'number: 1\norg.label: x' inspect "$OUT"
    check_output 'echo ran' inspect -r "$OUT"
    check_output 'how to' inspect -H "$OUT"
    check_output 'Bootstrap: scratch' inspect --deffile "$OUT"
    check_output $'=== /.singularity.d/env/90-environment.sh ===\nexport A=1' inspect -e "$OUT"
    check_output foo inspect --list-apps "$OUT"
    check_output 'echo foo' inspect --app foo --runscript "$OUT"
    check_refused 'no app "bar"' inspect --app bar "$OUT"
    sif dump 3 "$OUT" >"$WORK/root.sqfs"
    check_output 'echo ran' inspect -r "$WORK/root.sqfs"
}

test_inspect_json() {
    build "$OUT" "$ROOT"
    check_equal 'x echo ran foo' "$(inspect --all "$OUT" | python3 -c '
import json, sys
document = json.load(sys.stdin)
at = document["data"]["attributes"]
assert document["type"] == "container"
assert at["environment"] == {"/.singularity.d/env/90-environment.sh": "export A=1\n"}
print(at["labels"]["org.label"], at["runscript"].strip(), *at["apps"])')"
    check_equal '{"data":{"attributes":{"helpfile":"howto\n"}},"type":"container"}' \
        "$(inspect --json -H "$OUT" | tr -d ' \n')"
}

test_inspect_refuses() {
    check_refused 'IMAGE is required' inspect
    check_refused 'No such file' inspect "$WORK/none"
    check_refused 'a folder' inspect "$ROOT"
    check_refused 'not a SIF image' inspect "$ROOT/file"
    as_user berth sif new "$OUT"
    check_refused 'no primary system partition' inspect "$OUT"
}

# Links lead nowhere, what is too large or no JSON is refused, and control characters do not reach a terminal.
test_inspect_hostile() {
    as_user sh -c "cd $ROOT/.singularity.d
        ln -sf /etc/passwd runscript; ln -sf ../../../../../etc/passwd env/10.sh; mkfifo startscript
        head -c 2000000 /dev/zero >test; printf '\033[31mred' >runscript.help"
    build "$OUT" "$ROOT"
    check_refused 'test: larger than' inspect -t "$OUT"
    as_user rm "$ROOT/.singularity.d/test"
    build --force "$OUT" "$ROOT"
    check_output '' inspect -r -s "$OUT"
    check_no_match 'root:x' "$(inspect -e "$OUT")"
    check_match '\\x1b\[31mred' "$(as_user script -qec "berth inspect -H $OUT" /dev/null)"
    as_user sh -c "head -c 900000 /dev/zero | tr '\0' '[' >$ROOT/.singularity.d/labels.json"
    build --force "$OUT" "$ROOT"
    check_refused 'labels.json: not a JSON object' inspect "$OUT"
}

# Every error that a damaged squashfs can cause is one line and 255.
test_inspect_damaged() {
    local i at size
    build "$OUT" "$ROOT"
    size=$(stat -c %s "$OUT")
    for ((i = 0; i < 40; ++i)); do
        cp "$OUT" "$WORK/damaged.sif"
        # Metadata is at the end; the superblock at the partition's begin.
        at=$((i < 20 ? 32768 + i * 5 : size - 400 - i * 37))
        sif_patch "$WORK/damaged.sif" "$at" '\377\377\377\377'
        capture inspect --all "$WORK/damaged.sif"
        [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] ||
            fail "byte $at: status $CAPTURED_STATUS: $CAPTURED_ERR"
    done
}
