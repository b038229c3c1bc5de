# shellcheck shell=bash disable=SC2016
# berth exec --verify as a user: with the site's keys and the user's own.

skip_file() { no_userns_reason; }
setup_file() { signing_up; }
teardown_file() { signing_down; }
before_each() { IMAGE=$TEST_HOME/signed.sif; }

verified() { as_user berth exec --verify "$@"; }

test_signed_and_unsigned() {
    check_refused 'it is not signed' verified "$DEMO" true
    signed_image "$IMAGE"
    in_image "Berth demo" verified "$IMAGE"
    in_image "Berth demo" as_user env BERTH_VERIFY=1 berth exec "$IMAGE"
    flip "$IMAGE" $(($(partition_at "$IMAGE") + 5000))
    check_refused 'is not what was signed' verified "$IMAGE" true
}

test_the_users_own_keys_count_unless_the_site_requires_its_own() {
    signed_image "$IMAGE"
    rm "$SITE_KEYRING"
    in_image "Berth demo" verified "$IMAGE"
    configure_release 'require signature' yes
    capture as_user berth exec "$IMAGE" true
    configure_release 'require signature' no
    site_keyring_up
    check_equal 255 "$CAPTURED_STATUS"
    check_match 'there are no keys here' "$CAPTURED_ERR"
}

test_with_a_list_only_the_sites_keys_count() {
    signed_image "$IMAGE"
    ecl_up "$(ecl_group all whitelist '' "$(signer)")"
    capture as_user berth exec "$IMAGE" true
    local status=$CAPTURED_STATUS
    rm "$SITE_KEYRING"
    capture as_user berth exec "$IMAGE" true
    ecl_down
    site_keyring_up
    check_equal 0 "$status" "with the site's key: $CAPTURED_ERR"
    check_equal 255 "$CAPTURED_STATUS"
    check_match 'there are no keys here.*ecl.toml:2: \[\[execgroup\]\] all' "$CAPTURED_ERR"
}

test_what_others_can_change_needs_a_hash_tree() {
    signed_image "$IMAGE"
    chmod 0666 "$IMAGE"
    check_refused 'others could change it after a check' verified "$IMAGE" true
    signed_image "$TEST_HOME/lazy.sif" --lazy
    chmod 0666 "$TEST_HOME/lazy.sif"
    in_image "Berth demo" verified "$TEST_HOME/lazy.sif"
    check_match 'each block is checked' "$(as_user berth exec --verify --explain=text "$TEST_HOME/lazy.sif" true)"
}
