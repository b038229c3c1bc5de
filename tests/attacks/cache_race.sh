# shellcheck shell=bash disable=SC2016
# Two users whose images are the same bytes start them at the same moment, and one of them rewrites his meanwhile. A weaker
# runtime gives both the entry that one of them wrote, or lets him into the other's.

setup_file() {
    signing_up
    other_user_up
    slurm_up
    signed_image "$TEST_HOME/same.sif"
    SAME=$FILE_TMP/same.sif
    cp "$TEST_HOME/same.sif" "$SAME"
    install -o "$OTHER_USER" -m 0600 "$SAME" "$OTHER_HOME/same.sif"
    install -o "$TEST_USER" -m 0755 "$OTHER" "$FILE_TMP/evil.sif"
    truncate -s "$(stat -c %s "$SAME")" "$FILE_TMP/evil.sif"
    chmod -R a+rX "$FILE_TMP"
}
teardown_file() {
    slurm_down
    other_user_down
    signing_down
}

# starts AS COUNT: that many steps of his copy at once; what they saw, a line each.
starts() {
    local i
    for ((i = 0; i < $2; ++i)); do
        "$1" srun --quiet -n1 --container="$([[ $1 == as_other ]] && echo "$OTHER_HOME" || echo "$TEST_HOME")/same.sif" --container-verify \
            grep ^NAME= /etc/os-release 2>/dev/null &
    done
    wait
}

# cache_is_sound: each copy is what its name says, and only root gets near it.
cache_is_sound() {
    local copy
    for copy in "$IMAGE_CACHE"/images/*; do
        [[ ! -e $copy ]] || check_equal "${copy##*/}" "$(sha256sum <"$copy" | cut -d' ' -f1)" "a copy's digest"
    done
    check_equal "" "$(find "$IMAGE_CACHE" -mindepth 1 \( ! -uid 0 -o -perm /077 ! -name CACHEDIR.TAG \) 2>/dev/null)" "what is not root's alone"
    check_equal 'drwx------' "$(stat -c %A "$IMAGE_CACHE")"
    capture as_user ls "$IMAGE_CACHE/images"
    check test "$CAPTURED_STATUS" -ne 0
}

test_both_at_once() {
    local round out
    for round in 1 2 3 4; do
        rm -rf "$IMAGE_CACHE"/{images,records}/*
        out=$({ starts as_user 3 & starts as_other 3; wait; })
        check_equal "$(printf 'NAME="Berth demo"\n%.0s' {1..6})" "$out" "what the six steps of round $round saw"
        check_equal 1 "$(find "$IMAGE_CACHE/images" -type f | wc -l)" "copies of the same bytes"
        cache_is_sound
    done
    check_clean
}

test_while_one_rewrites_his() {
    local round out good=0
    (become_user sh -c 'while [ -e same.sif ]; do cat "$1" 1<>same.sif; cat "$2" 1<>same.sif; done' sh "$FILE_TMP/evil.sif" "$SAME") 2>/dev/null &
    REWRITER=$!
    trap 'kill "$REWRITER" 2>/dev/null || true' EXIT
    for round in {1..6}; do
        rm -rf "$IMAGE_CACHE"/{images,records}/*
        out=$({ starts as_user 3 & starts as_other 2 >"$TEST_TMP/others"; wait; })
        check_equal "$(printf 'NAME="Berth demo"\n%.0s' {1..2})" "$(<"$TEST_TMP/others")" "what the other user saw"
        check_equal "" "$(grep -v '^NAME="Berth demo"$' <<<"$out" | grep . || true)" "what the first user saw"
        [[ -z $out ]] || good=$((good + 1))
        cache_is_sound
    done
    kill "$REWRITER"
    wait "$REWRITER" 2>/dev/null || true
    printf 'in %s of 6 rounds his own image ran, too\n' "$good"
    check_clean
}

# The copy is of a private image: that it is there already gives nobody else anything.
test_a_copy_is_not_a_way_in() {
    check_output 'NAME="Berth demo"' as_other srun --quiet --container="$OTHER_HOME/same.sif" --container-verify grep ^NAME= /etc/os-release
    check_refused 'ermission' step "$OTHER_HOME/same.sif" --container-verify true
    check_refused 'ermission' step "$(find "$IMAGE_CACHE/images" -type f | head -n 1)" true
    check_clean
}
