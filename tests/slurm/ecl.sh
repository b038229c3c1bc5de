# shellcheck shell=bash disable=SC2016,SC2034
# The execution control list under Slurm: the file beside the berth.conf that config= names.

setup_file() {
    signing_up
    SITE=$BERTH_TEST_ROOT/site APPS=$BERTH_TEST_ROOT/apps
    mkdir -m 0755 "$SITE" "$APPS"
    install -m 0644 "$BERTH_PREFIX/etc/berth/berth.conf" "$SITE/berth.conf"
    ECL=$SITE/ecl.toml
    slurm_up required "config=$SITE/berth.conf"
    ANN=$(signer)
    BOB=$(known_signer bob)
    stranger eve >/dev/null
    image_by "$APPS/ann.sif" ann
    image_by "$APPS/both.sif" ann bob
    image_by "$APPS/eve.sif" eve
}
teardown_file() {
    slurm_down
    signing_down
    rm -rf "$SITE" "$APPS"
}

refused() { check_refused "$2" step "$1" true; }

test_each_mode() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    in_image "Berth demo" step "$APPS/ann.sif"
    refused "$APPS/eve.sif" 'ecl.toml:2: \[\[execgroup\]\] apps'
    ecl_up "$(ecl_group apps whitestrict "$APPS" "$ANN" "$BOB")"
    in_image "Berth demo" step "$APPS/both.sif"
    refused "$APPS/ann.sif" "have it signed with $BOB, too .*ecl.toml:2: \[\[execgroup\]\] apps"
    ecl_up "$(ecl_group apps blacklist "$APPS" "$BOB")"
    in_image "Berth demo" step "$APPS/ann.sif"
    refused "$APPS/both.sif" "signed by $BOB .*does not run"
    refused "$APPS/eve.sif" 'ecl.toml:2: \[\[execgroup\]\] apps'
    check_clean
}

test_an_image_elsewhere_or_without_signature() {
    ecl_up "$(ecl_group apps blacklist "$APPS" "$BOB")"
    refused "$DEMO" 'this site runs no images from .*ecl.toml:1: activated = true'
    ecl_up "$(ecl_group all blacklist '' "$BOB")"
    refused "$DEMO" 'it is not signed .*ecl.toml:2: \[\[execgroup\]\] all'
    refused "$FIXTURES/demo" 'only SIF images carry signatures'
    check_clean
}

test_root_is_bound_too() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    check_refused 'this site runs no images from' srun --container="$ROOT_DEMO" true
    check_clean
}

test_a_wrong_file_stops_steps_and_not_the_node() {
    ecl_write 'activated = true' '[[execgroup]]' 'mode = "graylist"' "keyfp = [\"$ANN\"]"
    refused "$APPS/ann.sif" "ecl.toml:3: mode 'graylist' is unknown"
    check_status 0 as_user srun true
    check_clean
}

test_explained() {
    ecl_up "$(ecl_group apps whitelist "$APPS" "$ANN")"
    check_match "execution control +on the whitelist: $ANN .*ecl.toml:2: \[\[execgroup\]\] apps" \
        "$(as_user srun --container="$APPS/ann.sif" --container-explain=text true 2>&1)"
    check_clean
}
