# shellcheck shell=bash disable=SC2016
# What one of Berth and Apptainer builds, the other reads and runs.

skip_file() { printf '%s' "$PEER_MISSING"; }

setup_file() {
    fixtures_create
    WORK=$TEST_HOME/peer ROOT=$TEST_HOME/peer/root
    as_user mkdir "$WORK"
    cp -R "$FIXTURES/demo" "$ROOT"
    chown -R "$TEST_USER:" "$ROOT"
    THEIRS=$WORK/theirs.sif
    definition >"$WORK/theirs.def"
    their_build "$THEIRS" "$WORK/theirs.def"
    CANNOT_RUN=$(no_userns_reason)
    THEY_CANNOT_RUN=${CANNOT_RUN:-$(why_they_cannot_run)}
}

# Whatever Apptainer does not run here of its own is no fault of Berth's.
why_they_cannot_run() {
    peer apptainer exec "$THEIRS" true >/dev/null 2>"$FILE_TMP/why" ||
        printf 'Apptainer cannot run an image of its own here: %s' "$(tail -n 1 "$FILE_TMP/why")"
}

need_us() { [[ -z $CANNOT_RUN ]] || skip "$CANNOT_RUN"; }
need_them() { [[ -z $THEY_CANNOT_RUN ]] || skip "$THEY_CANNOT_RUN"; }

definition() {
    cat <<DEF
Bootstrap: scratch
%files
    $ROOT/bin/busybox /bin/busybox
    $ROOT/bin/busybox /bin/sh
    $ROOT/bin/busybox /bin/grep
    $ROOT/bin/busybox /bin/true
    $ROOT/etc/passwd /etc/passwd
    $ROOT/etc/group /etc/group
    $ROOT/etc/os-release /etc/os-release
%environment
    export GREETING="hello from them"
%runscript
    echo "ran: \$GREETING; arguments: \$*"
%labels
    org.example.peer one
%help
    how to use it
%apprun foo
    echo "app foo: \$SCIF_APPNAME"
DEF
}

# Apptainer's notes on its progress are on its standard error.
theirs() { peer apptainer "$@"; }
their_build() { theirs build --force "$@" >"$FILE_TMP/build" 2>&1 || fail "apptainer build $*: $(tail -n 5 "$FILE_TMP/build")"; }
ours() { as_user berth "$@"; }

test_their_image_runs_here() {
    need_us
    check_output 'NAME="Berth demo"' ours exec "$THEIRS" grep ^NAME= /etc/os-release
    check_output 'hello from them' ours exec "$THEIRS" sh -c 'echo "$GREETING"'
    check_output 'ran: hello from them; arguments: 1 2' ours run "$THEIRS" 1 2
    check_status 42 ours exec "$THEIRS" sh -c 'exit 42'
}

test_our_image_runs_there() {
    need_them
    ours build "$WORK/ours.sif" "$ROOT"
    check_output 'NAME="Berth demo"' theirs exec "$WORK/ours.sif" grep ^NAME= /etc/os-release
    check_output 'runscript: hello from the image; arguments: 1 2' theirs run "$WORK/ours.sif" 1 2
    check_status 42 theirs exec "$WORK/ours.sif" sh -c 'exit 42'
}

# Their image packed anew by us, and then by them once more, is still the same image.
test_images_go_round() {
    need_us
    need_them
    ours build --compression gzip "$WORK/round.sif" "$THEIRS"
    check_output 'ran: hello from them; arguments: 1' theirs run "$WORK/round.sif" 1
    check_output 'app foo: foo' theirs run --app foo "$WORK/round.sif"
    their_build "$WORK/again.sif" "$WORK/round.sif"
    check_output 'ran: hello from them; arguments: 1' ours run "$WORK/again.sif" 1
}

test_both_tell_the_same_of_an_image() {
    local image
    ours build --force "$WORK/copy.sif" "$THEIRS"
    for image in "$THEIRS" "$WORK/copy.sif"; do
        check_equal "$(theirs inspect --runscript "$image" 2>/dev/null)" "$(ours inspect --runscript "$image")" runscript
        check_equal "$(theirs inspect --helpfile "$image" 2>/dev/null)" "$(ours inspect --helpfile "$image")" help
        check_equal "$(theirs inspect --deffile "$image" 2>/dev/null)" "$(ours inspect --deffile "$image")" definition
        check_equal "$(theirs inspect --labels "$image" 2>/dev/null | sort)" "$(ours inspect --labels "$image" | sort)" labels
        check_equal foo "$(theirs inspect --list-apps "$image" 2>/dev/null)" apps
        check_equal foo "$(ours inspect --list-apps "$image")" apps
        check_match 'hello from them' "$(ours inspect --environment "$image")"
    done
}

test_their_compressions_run_here() {
    need_us
    local kind
    for kind in gzip zstd lz4 xz; do
        their_build --mksquashfs-args "-comp $kind" "$WORK/$kind.sif" "$ROOT"
        check_output "$kind" compression "$WORK/$kind.sif"
        check_output 'NAME="Berth demo"' ours exec "$WORK/$kind.sif" grep ^NAME= /etc/os-release
    done
}

test_our_compressions_run_there() {
    need_them
    local kind
    for kind in gzip zstd lz4 xz; do
        ours build --force --compression "$kind" "$WORK/$kind.sif" "$ROOT"
        check_output "$kind" compression "$WORK/$kind.sif"
        check_output 'NAME="Berth demo"' theirs exec "$WORK/$kind.sif" grep ^NAME= /etc/os-release
    done
}

# compression IMAGE: of its primary partition.
compression() {
    ours sif dump "$(ours sif list "$1" | awk -F '|' '/\*System/ {print $1 + 0}')" "$1" >"$TEST_TMP/partition"
    unsquashfs -s "$TEST_TMP/partition" | sed -n 's/^Compression //p'
}

# An image that is signed and carries what Berth alone knows is still one that they run.
test_signed_images_run_on_both() {
    need_us
    need_them
    ours build --force "$WORK/signed.sif" "$ROOT"
    openssl genpkey -algorithm ed25519 -out "$WORK/key.pem"
    chown "$TEST_USER:" "$WORK/key.pem"
    check_status 0 ours sign --key "$WORK/key.pem" "$WORK/signed.sif"
    check_status 0 theirs sign --key "$WORK/key.pem" "$WORK/signed.sif"
    check_output 'NAME="Berth demo"' theirs exec "$WORK/signed.sif" grep ^NAME= /etc/os-release
    check_output 'NAME="Berth demo"' ours exec "$WORK/signed.sif" grep ^NAME= /etc/os-release
}
