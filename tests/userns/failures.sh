# shellcheck shell=bash
# Images that cannot work: one line says why, and the status is 255.

skip_file() { no_userns_reason; }
setup_file() {
    fixtures_create
    LEAKS_BEFORE=$(leaks_state)
}

# refused NAME REGEX
refused() {
    check_refused "$2" as_user berth exec "$1" echo ran
    check_match "$1" "$CAPTURED_ERR" "a message that names the image"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" 5)"
}

test_missing() { refused missing.sif 'No such file|not exist'; }

test_unreadable() {
    install -m 0600 "$DEMO" "$TEST_HOME/unreadable.sif"
    refused unreadable.sif 'ermission|denied'
}

test_not_an_image() {
    : >"$TEST_HOME/empty.sif"
    refused empty.sif .
    echo 'just a text' >"$TEST_HOME/text.sif"
    refused text.sif .
    head -c 100000 /dev/urandom >"$TEST_HOME/noise.sif"
    refused noise.sif .
}

test_cut() {
    local bytes
    for bytes in 1 31 100 127 128 4096 5000 $(($(stat -c %s "$DEMO") / 2)) $(($(stat -c %s "$DEMO") - 1)); do
        head -c "$bytes" "$DEMO" >"$TEST_HOME/cut.sif"
        refused cut.sif .
    done
}

test_wrong_architecture() {
    local other=04
    [[ $(uname -m) != aarch64 ]] || other=02
    cp "$DEMO" "$TEST_HOME/foreign.sif"
    sif_set_arch "$TEST_HOME/foreign.sif" $other
    refused foreign.sif 'a(rm|md)64.*a(rm|md)64'
}

test_broken_file_system() {
    local descriptor offset
    cp "$DEMO" "$TEST_HOME/broken.sif"
    descriptor=$(sif_primary_descriptor "$TEST_HOME/broken.sif")
    offset=$(sif_int64 "$TEST_HOME/broken.sif" $((descriptor + 17)))
    head -c 4096 /dev/urandom | dd of="$TEST_HOME/broken.sif" bs=1 seek="$offset" conv=notrunc status=none
    refused broken.sif .
}

test_what_is_no_file() {
    mkfifo -m 0666 "$TEST_HOME/fifo.sif"
    refused fifo.sif .
    ln -s loop.sif "$TEST_HOME/loop.sif"
    refused loop.sif .
    check_refused . as_user berth exec /dev/zero true
    check_refused . as_user berth exec /proc/self/mem true
}

test_an_empty_folder() { as_user mkdir void; check_status 255 as_user berth exec void true; }

test_names_with_control_characters_are_shown_safely() {
    capture as_user berth exec $'no\e[2Jsuch\nimage' true
    check_equal 255 "$CAPTURED_STATUS"
    check_no_match $'\e' "$CAPTURED_ERR"
}

# --- the site's word ------------------------------------------------------------------------------------------------

# with_conf LINE COMMAND…: runs it while berth.conf ends in that line.
with_conf() {
    local conf=$BERTH_PREFIX/etc/berth/berth.conf line=$1 key=${1%% = *}
    shift
    cp -p "$conf" "$FILE_TMP/berth.conf"
    sed -i "/^$key *=/d" "$conf"
    printf '%s\n' "$line" >>"$conf"
    ("$@") || { cp -p "$FILE_TMP/berth.conf" "$conf"; exit 1; }
    cp -p "$FILE_TMP/berth.conf" "$conf"
}

test_what_the_site_forbids() {
    with_conf 'allow container sif = no' check_refused 'allow container sif' as_user berth exec "$DEMO" true
    with_conf 'user bind control = no' check_refused 'user bind control' as_user berth exec --bind /usr:/mnt "$DEMO" true
    with_conf 'limit container owners = root' check_refused 'limit container owners' as_user berth exec "$DEMO" true
    with_conf 'limit container paths = /nowhere' check_refused 'limit container paths' as_user berth exec "$DEMO" true
}

test_a_wrong_configuration() {
    with_conf 'user bind contrl = yes' check_refused 'berth.conf:[0-9]+' as_user berth exec "$DEMO" true
    with_conf 'oci mode = yes' check_refused 'berth.conf:[0-9]+' as_user berth exec "$DEMO" true
}

test_a_configuration_that_others_may_write() {
    local conf=$BERTH_PREFIX/etc/berth/berth.conf
    chmod 0666 "$conf"
    capture as_user berth exec "$DEMO" true
    chmod 0644 "$conf"
    check_equal 255 "$CAPTURED_STATUS"
    check_match 'berth.conf' "$CAPTURED_ERR"
}

# Out of descriptors at any moment: an error, and an end.
test_few_descriptors() {
    local limit
    for limit in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 18 20 24 30 40; do
        capture as_user timeout 20 sh -c "ulimit -n $limit && exec berth exec $DEMO echo ran"
        check test "$CAPTURED_STATUS" -ne 124
        [[ $CAPTURED_STATUS -eq 0 && $CAPTURED_OUT == ran || -z $CAPTURED_OUT ]] ||
            fail "with $limit descriptors: status $CAPTURED_STATUS, output $CAPTURED_OUT"
    done
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" 5)"
}
