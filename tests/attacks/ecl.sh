# shellcheck shell=bash disable=SC2016
# A weaker runtime passes over signatures that it cannot check, so that a blacklisted image runs once it is signed anew;
# believes the fingerprint that an image claims; or takes "/data/ok2" for "/data/ok". Here the user tries each.

setup_file() {
    signing_up
    slurm_up
    DATA=$BERTH_TEST_ROOT/data
    mkdir -m 0755 "$DATA" "$DATA/ok"
    install -d -o "$TEST_USER" "$DATA/ok2" "$DATA/ok.d"
    ANN=$(signer)
    BOB=$(known_signer bob)
    stranger eve >/dev/null
    EVIL=$TEST_HOME/evil.sif
    image_by "$DATA/ok/good.sif" ann
    chown root: "$DATA/ok/good.sif"
}
teardown_file() {
    slurm_down
    signing_down
    rm -rf "$DATA"
}

refused() { check_refused "$2" step "$1" true; }
rule='ecl.toml:2: \[\[execgroup\]\]'

# signature_descriptors IMAGE: their offsets.
signature_descriptors() {
    local at end
    at=$(sif_int64 "$1" 96)
    end=$((at + 585 * $(sif_int64 "$1" 88)))
    for (( ; at < end; at += 585)); do
        [[ $(od -A n -t d4 -j "$at" -N 4 "$1" | tr -d ' ') != 16389 ]] || printf '%s\n' "$at"
    done
}

# unsign IMAGE: removes every signature, as the user.
unsign() {
    local at
    for at in $(signature_descriptors "$1"); do
        as_user berth sif del "$(od -A n -t u4 -j $((at + 5)) -N 4 "$1" | tr -d ' ')" "$1" >/dev/null
    done
    check_equal "" "$(signature_descriptors "$1")" "signatures left"
}

test_a_blacklisted_image_signed_anew() {
    ecl_up "$(ecl_group all blacklist '' "$BOB")"
    image_by "$EVIL" bob
    refused "$EVIL" "signed by $BOB"
    sign_as eve "$EVIL"
    refused "$EVIL" "$rule"
    unsign "$EVIL"
    refused "$EVIL" "it is not signed .*$rule"
    sign_as eve "$EVIL"
    refused "$EVIL" "$rule"
    in_image "Berth demo" step "$DATA/ok/good.sif"
    check_clean
}

test_a_fingerprint_that_is_only_claimed() {
    local at i claimed=''
    ecl_up "$(ecl_group all whitelist '' "$ANN")"
    image_by "$EVIL" bob
    at=$(signature_descriptors "$EVIL")
    for ((i = 0; i < 40; i += 2)); do claimed+="\\x${ANN:i:2}"; done
    sif_patch "$EVIL" $((at + 201 + 4)) "$claimed"
    check_match "$ANN" "$(od -A n -t x1 -j "$at" -N 585 "$EVIL" | tr -d ' \n' | tr a-f A-F)" "the claim"
    refused "$EVIL" "$rule"
    check_clean
}

test_folders_that_resemble() {
    ecl_up "$(ecl_group ok whitelist "$DATA/ok" "$ANN")"
    in_image "Berth demo" step "$DATA/ok/good.sif"
    local name
    for name in ok2/good.sif ok.d/good.sif; do
        install -o "$TEST_USER" -m 0755 "$DATA/ok/good.sif" "$DATA/$name"
        refused "$DATA/$name" 'this site runs no images from'
    done
    refused "$DATA/ok/../ok2/good.sif" 'this site runs no images from'
    refused "$DATA//ok/.././ok2//good.sif" 'this site runs no images from'
    as_user ln -s "$DATA/ok2/good.sif" "$TEST_HOME/link.sif"
    refused "$TEST_HOME/link.sif" 'this site runs no images from .*/ok2'
    as_user ln -s "$DATA/ok" "$TEST_HOME/ok"
    in_image "Berth demo" step "$TEST_HOME/ok/good.sif"
    # The name by which it was opened counts, and not one that it has besides.
    ln "$DATA/ok/good.sif" "$TEST_HOME/hard.sif"
    refused "$TEST_HOME/hard.sif" 'this site runs no images from'
    ecl_up "$(ecl_group ok whitelist "$DATA/ok/**" "$ANN")"
    refused "$DATA/ok2/good.sif" 'this site runs no images from'
    check_clean
}

test_the_folder_in_a_namespace_of_the_users() {
    ecl_up "$(ecl_group ok whitelist "$DATA/ok" "$ANN")" "$(ecl_group rest blacklist '' "$ANN")"
    image_by "$EVIL" bob
    in_background unshare --user --map-root-user --mount sh -c "mount -t tmpfs none $DATA/ok && cp $EVIL $DATA/ok/evil.sif && : >ready && exec sleep 60"
    local holder=$!
    until_true 10 test -e "$TEST_HOME/ready" || skip "no user namespaces here"
    rm "$TEST_HOME/ready"
    capture step "/proc/$holder/root$DATA/ok/evil.sif" grep ^NAME= /etc/os-release
    kill "$holder"
    check_equal 255 "$CAPTURED_STATUS" "status; stdout: $CAPTURED_OUT"
    check_equal "" "$CAPTURED_OUT"
    check_clean
}

# While steps start in it, the image is replaced by another one, which somebody else has signed.
test_replaced_all_the_time() {
    local round out good=0 refused=0 mine=$DATA/ok/mine
    install -d -o "$TEST_USER" "$mine"
    ecl_up "$(ecl_group mine whitelist "$mine" "$ANN")"
    install -o "$TEST_USER" "$OTHER" "$EVIL"
    sign_as eve "$EVIL"
    install -o "$TEST_USER" "$DATA/ok/good.sif" "$mine/a.sif"
    (become_user sh -c "cd $mine && while :; do for f in $EVIL $DATA/ok/good.sif; do cp \$f new && mv new a.sif; done; done") &
    MOVER=$!
    trap 'kill "$MOVER" 2>/dev/null || true' EXIT
    for ((round = 0; round < 30; round++)); do
        out=$(step "$mine/a.sif" grep ^NAME= /etc/os-release 2>/dev/null) || true
        case $out in
            'NAME="Berth demo"') good=$((good + 1)) ;;
            '') refused=$((refused + 1)) ;;
            *) fail "round $round: the container held: $out" ;;
        esac
    done
    kill "$MOVER"
    printf '%s as signed, %s refused\n' "$good" "$refused"
    ((good > 0)) || fail "never once the good image: the attack shows nothing"
    check_clean
}
