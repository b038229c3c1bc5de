# shellcheck shell=bash disable=SC2016
# Signed images as root: what was verified is what is mounted, and what is kept in the node's image cache.

setup_file() { signing_up; }
teardown_file() { signing_down; }

before_each() {
    LEAKS_BEFORE=$(leaks_state)
    IMAGE=$TEST_HOME/signed.sif
    rm -f "$IMAGE" "$TEST_HOME/other-signed.sif"
}

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }
verified() { as_root berth exec --verify "$@"; }
explain() { as_root berth exec --verify --explain=text "$1" true; }
copies() { find "$IMAGE_CACHE/images" -type f | wc -l; }
left_over() { find "$IMAGE_CACHE/partial" -type f | wc -l; }

check_clean() {
    local left
    left=$(leaks_since "$LEAKS_BEFORE") || fail "left behind: $left"
    check_equal 0 "$(left_over)" "copies left half-made"
    check_equal "" "$(find /tmp -maxdepth 1 -name 'berth-keys-??????' -newer "$FILE_TMP/ann.asc")" "temporary keyrings"
}

test_an_unsigned_image() {
    check_refused 'it is not signed.*--verify' verified "$DEMO" true
    check_refused 'only SIF images carry signatures' verified "$FIXTURES/demo" true
    check_clean
}

test_a_users_image_is_copied() {
    signed_image "$IMAGE"
    in_image "Berth demo" verified "$IMAGE"
    check_match 'a copy that only root could change' "$(explain "$IMAGE")"
    check_match "signature +by [0-9A-F]{40} \(Ann <ann@example.org>\)" "$(explain "$IMAGE")"
    check_match 'FUSE' "$(explain "$IMAGE" | grep 'image driver')"
    check_equal 1 "$(copies)" "copies"
    check_equal "root 700" "$(stat -c '%U %a' "$IMAGE_CACHE")"
    check_equal "$(sha256sum <"$IMAGE" | cut -d' ' -f1)" "$(ls "$IMAGE_CACHE/images")"
    check_clean
}

test_a_changed_image() {
    signed_image "$IMAGE"
    in_image "Berth demo" verified "$IMAGE"
    flip "$IMAGE" $(($(partition_at "$IMAGE") + 5000))
    check_refused 'is not what was signed' verified "$IMAGE" true
    flip "$IMAGE" $(($(partition_at "$IMAGE") + 5000))
    in_image "Berth demo" verified "$IMAGE"
    check_clean
}

test_a_key_that_the_site_does_not_have() {
    signed_image "$IMAGE"
    rm "$SITE_KEYRING"
    check_refused 'the site has no keys' verified "$IMAGE" true
    as_user env BERTH_KEYSDIR="$TEST_HOME/bob" berth key newpair --algorithm ed25519 --name Bob --email b@example.org --password '' >/dev/null
    as_user env BERTH_KEYSDIR="$TEST_HOME/bob" berth key export --armor - >"$SITE_KEYRING"
    check_refused 'unknown|no key|not in' verified "$IMAGE" true
    site_keyring_up
    in_image "Berth demo" verified "$IMAGE"
    chmod 0666 "$SITE_KEYRING"
    check_refused 'others than root can write' verified "$IMAGE" true
    rm "$SITE_KEYRING"
    site_keyring_up
    check_clean
}

test_what_only_root_can_change_is_not_copied() {
    need_loop
    local before
    signed_image "$IMAGE"
    install -m 0644 "$IMAGE" "$FIXTURES/signed.sif"
    before=$(copies)
    in_image "Berth demo" verified "$FIXTURES/signed.sif"
    check_match 'kernel squashfs' "$(explain "$FIXTURES/signed.sif")"
    check_match 'nobody else could change the file' "$(explain "$FIXTURES/signed.sif")"
    check_equal "$before" "$(copies)" "copies"
    # Found once, and used again: a damaged helper shows it.
    mv "$BERTH_PREFIX/libexec/berth/berth-verify" "$BERTH_PREFIX/libexec/berth/gone"
    capture verified "$FIXTURES/signed.sif" true
    mv "$BERTH_PREFIX/libexec/berth/gone" "$BERTH_PREFIX/libexec/berth/berth-verify"
    check_equal 0 "$CAPTURED_STATUS" "status with what was found before"
    touch "$FIXTURES/signed.sif"
    in_image "Berth demo" verified "$FIXTURES/signed.sif"
    rm "$FIXTURES/signed.sif"
    check_clean
}

test_a_hash_tree_is_read_through() {
    local before at
    signed_image "$IMAGE" --lazy
    before=$(copies)
    in_image "Berth demo" verified "$IMAGE"
    check_match 'each block is checked when it is read' "$(explain "$IMAGE")"
    check_match 'start the image server:.*checked against the hash tree at' "$(explain "$IMAGE")"
    check_equal "$before" "$(copies)" "copies"
    # Somewhere in the middle, where the program's bytes are.
    at=$(($(partition_at "$IMAGE") + $(sif_int64 "$IMAGE" $(($(sif_primary_descriptor "$IMAGE") + 25))) / 2))
    flip "$IMAGE" "$at"
    capture verified "$IMAGE" cat /bin/busybox
    [[ $CAPTURED_STATUS -ne 0 ]] || fail "a changed block was read"
    flip "$IMAGE" "$at"
    in_image "Berth demo" verified "$IMAGE"
    check_clean
}

test_require_signature() {
    signed_image "$IMAGE"
    configure_release 'require signature' yes
    capture as_root berth exec "$DEMO" true
    local unsigned=$CAPTURED_STATUS message=$CAPTURED_ERR
    capture as_root berth exec "$IMAGE" true
    configure_release 'require signature' no
    check_equal 255 "$unsigned" "status of an unsigned image"
    check_match 'it is not signed.*berth.conf:[0-9]+: require signature = yes' "$message"
    check_equal 0 "$CAPTURED_STATUS" "status of a signed image"
}

test_the_cache_is_bounded() {
    local mib=$(($(stat -c %s "$DEMO") / 1048576 + 1)) i
    configure_release 'image cache size' $((2 * mib + 1))
    for i in 1 2 3; do
        signed_image "$TEST_HOME/image-$i.sif"
        # Of one size, and each of its own content.
        truncate -s "${mib}M" "$TEST_HOME/image-$i.sif"
        sif_patch "$TEST_HOME/image-$i.sif" $((mib * 1048576 - 1)) "$i"
        in_image "Berth demo" verified "$TEST_HOME/image-$i.sif"
    done
    check_equal 2 "$(copies)" "copies"
    [[ ! -e $IMAGE_CACHE/images/$(sha256sum <"$TEST_HOME/image-1.sif" | cut -d' ' -f1) ]] || fail "the oldest copy stayed"
    in_image "Berth demo" verified "$TEST_HOME/image-1.sif"
    configure_release 'image cache size' 1
    truncate -s 3M "$TEST_HOME/image-2.sif"
    check_refused 'no room for an image.*--lazy' verified "$TEST_HOME/image-2.sif" true
    configure_release 'image cache size' 20480
    check_clean
}

test_many_at_once_make_one_copy() {
    local pids=() pid i
    signed_image "$IMAGE"
    rm -rf "${IMAGE_CACHE:?}"
    for i in 1 2 3 4 5 6; do
        verified "$IMAGE" true &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || fail "one of $i failed"; done
    check_equal 1 "$(copies)" "copies"
    check_clean
}

test_killed_while_it_copies() {
    local delay
    signed_image "$IMAGE"
    for delay in 0.002 0.005 0.01 0.02 0.03 0.05 0.08; do
        rm -rf "${IMAGE_CACHE:?}/records" "${IMAGE_CACHE:?}/images"
        (cd / && PATH="$BERTH_PREFIX/bin:$PATH" timeout -s KILL "$delay" berth exec --verify "$IMAGE" true) 2>/dev/null || true
    done
    in_image "Berth demo" verified "$IMAGE"
    check_equal 1 "$(copies)" "copies"
    check_clean
}

# Whose program looked at no hash tree has signed the image's bytes, not the tree: everything is read.
test_a_hash_tree_that_not_every_signer_vouches_for() {
    signed_image "$IMAGE" --lazy
    as_user berth sign "$IMAGE" >/dev/null
    in_image "Berth demo" verified "$IMAGE"
    check_match 'a copy that only root could change' "$(explain "$IMAGE")"
    check_clean
}

test_strangers_do_not_empty_the_cache() {
    local before
    signed_image "$IMAGE"
    in_image "Berth demo" verified "$IMAGE"
    before=$(ls "$IMAGE_CACHE/images")
    # Signed by a key that the site does not know, and as large as the cache.
    install -o "$TEST_USER" -m 0755 "$DEMO" "$TEST_HOME/stranger.sif"
    as_user env BERTH_KEYSDIR="$TEST_HOME/eve" berth key newpair --algorithm ed25519 --name Eve --email e@example.org --password '' >/dev/null
    as_user env BERTH_KEYSDIR="$TEST_HOME/eve" berth sign "$TEST_HOME/stranger.sif" >/dev/null
    truncate -s 19G "$TEST_HOME/stranger.sif"
    check_refused '[Uu]nknown|no key|not among' verified "$TEST_HOME/stranger.sif" true
    check_equal "$before" "$(ls "$IMAGE_CACHE/images")" "copies"
    rm "$TEST_HOME/stranger.sif"
    check_clean
}

# A former owner who still has it open for writing can change what "only root can change".
test_a_writer_that_is_still_there() {
    signed_image "$IMAGE"
    install -m 0644 "$IMAGE" "$FIXTURES/signed.sif"
    exec 9<>"$FIXTURES/signed.sif"
    check_match 'a copy that only root could change' "$(explain "$FIXTURES/signed.sif")"
    exec 9>&-
    check_match 'nobody else could change the file' "$(explain "$FIXTURES/signed.sif")"
    rm "$FIXTURES/signed.sif"
}

test_without_a_cache_only_copies_are_refused() {
    signed_image "$IMAGE"
    signed_image "$TEST_HOME/lazy.sif" --lazy
    configure_release 'image cache' /nonexistent/cache
    capture verified "$IMAGE" true
    local status=$CAPTURED_STATUS message=$CAPTURED_ERR
    capture verified "$TEST_HOME/lazy.sif" true
    configure_release 'image cache' "$IMAGE_CACHE"
    check_equal 255 "$status"
    check_match 'image cache /nonexistent/cache' "$message"
    check_equal 0 "$CAPTURED_STATUS" "status of an image with a hash tree"
}

test_a_cache_that_others_can_write_is_refused() {
    signed_image "$IMAGE"
    install -d -m 0777 "$BERTH_TEST_ROOT/open-cache"
    configure_release 'image cache' "$BERTH_TEST_ROOT/open-cache"
    capture verified "$IMAGE" true
    configure_release 'image cache' "$IMAGE_CACHE"
    check_equal 255 "$CAPTURED_STATUS"
    check_match 'others than root can write' "$CAPTURED_ERR"
    rm -rf "$BERTH_TEST_ROOT/open-cache"
}
