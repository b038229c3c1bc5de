# shellcheck shell=bash disable=SC2016
# A weaker runtime checks a signature, and then opens, or reads again, what the user has changed meanwhile. Here a signed
# image is rewritten all the time, in place, through a mapping, and by rename, while steps start in it: each of them
# sees what was signed, or nothing.

: "${SWAP_ROUNDS:=250}"  # of each of the four

setup_file() {
    signing_up

    make_evil good
    make_evil lazy --lazy
    chmod -R a+rX "$FILE_TMP"
}
teardown_file() { signing_down; }
before_each() { LEAKS_BEFORE=$(leaks_state); }

# make_evil KIND [--lazy]: KIND.sif is signed; KIND-evil.sif is the same but for what its partition holds.
make_evil() {
    local good=$FILE_TMP/$1.sif evil=$FILE_TMP/$1-evil.sif at size
    signed_image "$TEST_HOME/$1.sif" "${@:2}"
    cp "$TEST_HOME/$1.sif" "$good"
    cp "$good" "$evil"
    at=$(partition_at "$good")
    size=$(sif_int64 "$good" $(($(sif_primary_descriptor "$good") + 25)))
    if [[ ! -e $FILE_TMP/evil.sqfs ]]; then
        cp -a "$FIXTURES/demo" "$FILE_TMP/evil"
        printf 'NAME="Evil"\n' >"$FILE_TMP/evil/etc/os-release"
        rm "$FILE_TMP/evil/bin/probe"
        mksquashfs "$FILE_TMP/evil" "$FILE_TMP/evil.sqfs" -noappend -quiet -no-progress -comp zstd >/dev/null
    fi
    (($(stat -c %s "$FILE_TMP/evil.sqfs") <= size)) || fail "the evil file system does not fit"
    dd if="$FILE_TMP/evil.sqfs" of="$evil" bs=64k seek="$at" oflag=seek_bytes conv=notrunc status=none
}

# rewriting HOW FILE GOOD EVIL: changes FILE between the two for as long as it lives.
rewriting() {
    (become_user python3 -c '
import mmap, os, random, sys, time
how, path, good, evil = sys.argv[1:]
texts = [open(good, "rb").read(), open(evil, "rb").read()]
turn = 0
while True:
    turn += 1
    text = texts[turn % 2]
    if how == "rename":
        with open(path + ".new", "wb") as file: file.write(text)
        os.rename(path + ".new", path)
    else:
        with open(path, "r+b") as file:
            if how == "mapped":
                with mmap.mmap(file.fileno(), 0) as memory: memory[:] = text
            else:
                file.write(text)
    time.sleep(random.random() / 50)
' "$@") &
    REWRITER=$!
}

# The premise: without a check the evil content does run.
test_the_evil_image_runs_unchecked() {
    check_output 'NAME="Evil"' env PATH="$BERTH_PREFIX/bin:$PATH" berth exec "$FILE_TMP/good-evil.sif" grep ^NAME= /etc/os-release
    check_output 'NAME="Evil"' env PATH="$BERTH_PREFIX/bin:$PATH" berth exec "$FILE_TMP/lazy-evil.sif" grep ^NAME= /etc/os-release
    check_refused 'is not what was signed' env PATH="$BERTH_PREFIX/bin:$PATH" berth exec --verify "$FILE_TMP/good-evil.sif" true
}

# attack HOW KIND
attack() {
    local image=$TEST_HOME/target.sif round good=0 refused=0 out
    install -o "$TEST_USER" -m 0755 "$FILE_TMP/$2.sif" "$image"
    rewriting "$1" "$image" "$FILE_TMP/$2.sif" "$FILE_TMP/$2-evil.sif"
    trap 'kill "$REWRITER" 2>/dev/null || true' EXIT
    for ((round = 0; round < SWAP_ROUNDS; round++)); do
        out=$(cd / && "$BERTH_PREFIX/bin/berth" exec --verify "$image" grep ^NAME= /etc/os-release 2>/dev/null) || true
        case $out in
            'NAME="Berth demo"') good=$((good + 1)) ;;
            '') refused=$((refused + 1)) ;;
            *) fail "round $round: the container held: $out" ;;
        esac
    done
    kill "$REWRITER"
    printf '%s, %s: %s as signed, %s refused\n' "$1" "$2" "$good" "$refused"
    ((good > 0)) || fail "never once as it was signed: the attack shows nothing"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" || true)" "left behind"
}

test_rewritten_in_place_and_copied() { attack direct good; }
test_rewritten_through_a_mapping_and_copied() { attack mapped good; }
test_rewritten_in_place_with_a_hash_tree() { attack direct lazy; }
test_rewritten_through_a_mapping_with_a_hash_tree() { attack mapped lazy; }
# While it is looked at for the first time it is signed as a whole, and the copy that is made of it holds a hash tree, which
# vouches for a partition that nobody has read.
test_swapped_for_one_with_a_hash_tree() {
    local image=$TEST_HOME/target.sif round out good=0
    install -o "$TEST_USER" -m 0755 "$FILE_TMP/good.sif" "$image"
    rewriting direct "$image" "$FILE_TMP/good.sif" "$FILE_TMP/lazy-evil.sif"
    trap 'kill "$REWRITER" 2>/dev/null || true' EXIT
    for ((round = 0; round < SWAP_ROUNDS; round++)); do
        out=$(cd / && "$BERTH_PREFIX/bin/berth" exec --verify "$image" grep ^NAME= /etc/os-release 2>/dev/null) || true
        [[ $out != *Evil* ]] || fail "round $round: $out"
        [[ $out != *demo* ]] || good=$((good + 1))
    done
    kill "$REWRITER"
    ((good > 0)) || fail "never once as it was signed: the attack shows nothing"
}

test_replaced_by_rename() {
    SWAP_ROUNDS=$((SWAP_ROUNDS / 2))
    attack rename good
    attack rename lazy
}

# Steps of the same image at once, many of them killed while they copy, and the image rewritten all the time: what is
# kept under a digest is what was verified.
test_killed_while_others_copy() {
    local image=$TEST_HOME/target.sif round pids=() pid out good=0
    install -o "$TEST_USER" -m 0755 "$FILE_TMP/good.sif" "$image"
    rewriting direct "$image" "$FILE_TMP/good.sif" "$FILE_TMP/good-evil.sif"
    trap 'kill "$REWRITER" 2>/dev/null || true' EXIT
    for ((round = 0; round < SWAP_ROUNDS / 5; round++)); do
        pids=()
        for ((pid = 0; pid < 4; pid++)); do
            (cd / && exec timeout -s KILL "0.0$((RANDOM % 9 + 1))" "$BERTH_PREFIX/bin/berth" exec --verify "$image" true) >/dev/null 2>&1 &
            pids+=($!)
        done
        out=$(cd / && "$BERTH_PREFIX/bin/berth" exec --verify "$image" grep ^NAME= /etc/os-release 2>/dev/null) || true
        [[ $out != *Evil* ]] || fail "round $round: $out"
        [[ $out != *demo* ]] || good=$((good + 1))
        for pid in "${pids[@]}"; do wait "$pid" || true; done
    done
    kill "$REWRITER"
    ((good > 0)) || fail "never once as it was signed: the attack shows nothing"
    for out in "$IMAGE_CACHE"/images/*; do
        [[ -e $out ]] || continue
        check_equal "${out##*/}" "$(sha256sum <"$out" | cut -d' ' -f1)" "a copy's digest"
    done
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" || true)" "left behind"
}
