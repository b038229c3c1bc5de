# shellcheck shell=bash disable=SC2016
# The execution control list, as root: it binds everybody.

setup_file() {
    signing_up
    ANN=$(signer)
    BOB=$(known_signer bob)
    stranger eve >/dev/null
    APPS=$BERTH_TEST_ROOT/apps
    mkdir -m 0755 "$APPS" "$APPS/sub" "$BERTH_TEST_ROOT/apps2"
    image_by "$APPS/ann.sif" ann
    image_by "$APPS/bob.sif" bob
    image_by "$APPS/both.sif" ann bob
    image_by "$APPS/eve.sif" eve
    image_by "$APPS/ann-eve.sif" ann eve
    image_by "$APPS/unsigned.sif"
}
teardown_file() {
    rm -rf "$APPS" "$BERTH_TEST_ROOT/apps2"
    signing_down
}
before_each() {
    LEAKS_BEFORE=$(leaks_state)
    ecl_down
}

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }
runs() { in_image "Berth demo" as_root berth exec "$1"; }
refused() { check_refused "$2" as_root berth exec "$1" true; }
explain() { as_root berth exec --explain=text "$1" true; }

# only NAME…: of the images, these and no others run.
only() {
    local name rule='ecl.toml:2: \[\[execgroup\]\] apps'
    for name in ann bob both eve ann-eve unsigned; do
        if [[ " $* " == *" $name "* ]]; then runs "$APPS/$name.sif"; else refused "$APPS/$name.sif" "$rule"; fi
    done
}

test_not_activated() {
    ecl_down
    runs "$APPS/unsigned.sif"
    rm "$BERTH_PREFIX/etc/berth/ecl.toml"
    runs "$APPS/unsigned.sif"
}

test_whitelist() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    only ann both
    check_match "execution control +on the whitelist: $ANN \(Ann .*ecl.toml:2: \[\[execgroup\]\] apps" "$(explain "$APPS/ann.sif")"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" || true)" "left behind"
}

test_whitestrict() {
    ecl_up "$(ecl_group apps whitestrict "$APPS" "$ANN" "$BOB")"
    only both
}

test_blacklist() {
    ecl_up "$(ecl_group apps blacklist "$APPS" "$BOB")"
    only ann
}

test_folders() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    install -m 0644 "$APPS/ann.sif" "$APPS/sub/ann.sif"
    install -m 0644 "$APPS/ann.sif" "$BERTH_TEST_ROOT/apps2/ann.sif"
    refused "$APPS/sub/ann.sif" 'this site runs no images from .*/apps/sub; they belong into .*ecl.toml:1: activated = true'
    refused "$BERTH_TEST_ROOT/apps2/ann.sif" 'this site runs no images from'
    ecl_up "$(ecl_group apps whitelist "$APPS/**" "$ANN")"
    runs "$APPS/sub/ann.sif"
    refused "$BERTH_TEST_ROOT/apps2/ann.sif" 'this site runs no images from'
    ecl_up "$(ecl_group apps whitelist "$APPS/**" "$ANN")" "$(ecl_group sub whitelist "$APPS/sub" "$BOB")" "$(ecl_group rest blacklist "" "$BOB")"
    refused "$APPS/sub/ann.sif" '\[\[execgroup\]\] sub'
    runs "$APPS/ann.sif"
    runs "$BERTH_TEST_ROOT/apps2/ann.sif"
    ln -s "$APPS" "$BERTH_TEST_ROOT/apps2/link"
    ecl_up "$(ecl_group apps whitelist "$BERTH_TEST_ROOT/apps2/link" "$ANN")"
    runs "$APPS/ann.sif"
    runs "$BERTH_TEST_ROOT/apps2/link/ann.sif"
    ecl_up
    refused "$APPS/ann.sif" 'there is no folder for them'
}

test_what_carries_no_signature() {
    ecl_up "$(ecl_group all blacklist '' "$BOB")"
    refused "$FIXTURES/demo" 'only SIF images carry signatures'
    mksquashfs "$FIXTURES/demo" "$APPS/bare.sqfs" -quiet -no-progress >/dev/null
    refused "$APPS/bare.sqfs" 'only SIF images carry signatures'
}

test_a_key_that_the_site_gave_up() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$BOB")"
    runs "$APPS/bob.sif"
    site_keyring_up
    capture as_root berth exec "$APPS/bob.sif" true
    "$BERTH_PREFIX/bin/berth" key import --global "$FILE_TMP/bob.asc" >/dev/null
    check_equal 255 "$CAPTURED_STATUS"
    runs "$APPS/bob.sif"
}

test_an_image_that_was_changed() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    image_by "$APPS/changed.sif" ann
    flip "$APPS/changed.sif" $(($(partition_at "$APPS/changed.sif") + 5000))
    refused "$APPS/changed.sif" 'is not what was signed.*\[\[execgroup\]\] apps'
}

test_a_wrong_file_stops_everything() {
    local ecl=$BERTH_PREFIX/etc/berth/ecl.toml
    ecl_write 'activated = false' 'activate = true'
    refused "$APPS/ann.sif" "ecl.toml:2: unknown key 'activate'"
    check_match "ecl.toml:2: unknown key" "$(as_root berth config check || true)"
    check_status 255 as_root berth config check
    ecl_write 'activated = fals'
    refused "$APPS/ann.sif" 'ecl.toml:1: '
    ecl_write 'legacyinsecure = true'
    refused "$APPS/ann.sif" 'ecl.toml:1: legacyinsecure = true: legacy signatures let no image run'
    ecl_down
    chmod 0666 "$ecl"
    refused "$APPS/ann.sif" 'ecl.toml: others than root can write to it'
    rm "$ecl"
    ln -s nowhere.toml "$ecl"
    refused "$APPS/ann.sif" 'ecl.toml: leads nowhere'
    rm "$ecl"
    mkdir "$ecl"
    refused "$APPS/ann.sif" 'ecl.toml'
    rmdir "$ecl"
    runs "$APPS/ann.sif"
}

test_config_check_and_another_configuration() {
    local other=$BERTH_TEST_ROOT/apps2/site
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    check_match 'ecl.toml: ok \(activated, 1 group\)' "$(as_root berth config check)"
    mkdir -m 0755 "$other"
    install -m 0644 "$BERTH_PREFIX/etc/berth/berth.conf" "$other/berth.conf"
    check_no_match 'ecl.toml' "$(as_root berth config check --config "$other/berth.conf")"
    in_image "Berth demo" as_root berth exec --config "$other/berth.conf" "$APPS/unsigned.sif"
    refused "$APPS/unsigned.sif" 'it is not signed'
    ecl_down
    printf 'activated = true\n' >"$other/ecl.toml"
    check_match 'without an execgroup no image may run' "$(as_root berth config check --config "$other/berth.conf")"
    check_refused 'apps2/site/ecl.toml:1: activated = true' as_root berth exec --config "$other/berth.conf" "$APPS/ann.sif" true
    runs "$APPS/unsigned.sif"
}
