# shellcheck shell=bash
# Images and options that cannot work: one line says why, the step ends with 255 outside no container and in none, the
# node stays idle, nothing is left.

setup_file() { slurm_up required; }
teardown_file() { slurm_down; }

# refused NAME REGEX: the image of the test user's home of this name.
refused() {
    check_refused "$2" step "$TEST_HOME/$1" sh -c 'echo ran'
    check_match "$1" "$CAPTURED_ERR" "a message that names the image"
    check_clean
}

own() { chown -h "$TEST_USER:" "$TEST_HOME/$1"; }

test_missing() { refused missing.sif 'No such file|not exist'; }

test_unreadable() {
    install -m 0600 -o root "$DEMO" "$TEST_HOME/unreadable.sif"
    refused unreadable.sif 'ermission|denied'
}

test_in_a_folder_that_is_closed() {
    mkdir -m 0700 "$TEST_HOME/closed"
    install -m 0644 "$DEMO" "$TEST_HOME/closed/a.sif"
    refused closed/a.sif 'ermission|denied'
}

test_empty() {
    : >"$TEST_HOME/empty.sif"
    refused empty.sif '.'
}

test_not_an_image() {
    echo 'just a text' >"$TEST_HOME/text.sif"
    refused text.sif '.'
    head -c 100000 /dev/urandom >"$TEST_HOME/noise.sif"
    refused noise.sif '.'
}

test_cut_in_the_header() {
    head -c 100 "$DEMO" >"$TEST_HOME/cut-header.sif"
    refused cut-header.sif '.'
}

test_cut_in_the_descriptors() {
    head -c 5000 "$DEMO" >"$TEST_HOME/cut-table.sif"
    refused cut-table.sif '.'
}

test_cut_in_the_data() {
    head -c $(($(stat -c %s "$DEMO") / 2)) "$DEMO" >"$TEST_HOME/cut-data.sif"
    refused cut-data.sif '.'
}

test_wrong_architecture() {
    local other=04
    [[ $(uname -m) != aarch64 ]] || other=02
    cp "$DEMO" "$TEST_HOME/foreign.sif"
    sif_set_arch "$TEST_HOME/foreign.sif" $other
    refused foreign.sif 'a(rm|md)64.*a(rm|md)64'
}

test_wrong_architecture_of_the_corpus() {
    need_corpus
    [[ $(uname -m) == x86_64 ]] || skip "BERTH_TEST_CORPUS has no image that is foreign to $(uname -m)"
    install -m 0644 "$BERTH_TEST_CORPUS/busybox_arm64.sif" "$TEST_HOME/arm64.sif"
    refused arm64.sif 'arm64.*amd64|amd64.*arm64'
}

# A SIF that is sound on the outside, with a file system that is not.
test_broken_file_system() {
    local descriptor offset
    cp "$DEMO" "$TEST_HOME/broken.sif"
    descriptor=$(sif_primary_descriptor "$TEST_HOME/broken.sif")
    offset=$(sif_int64 "$TEST_HOME/broken.sif" $((descriptor + 17)))
    head -c 4096 /dev/urandom | dd of="$TEST_HOME/broken.sif" bs=1 seek="$offset" conv=notrunc status=none
    refused broken.sif '.'
}

# Opening these must neither block nor do anything.
test_what_is_no_file() {
    mkfifo -m 0666 "$TEST_HOME/fifo.sif"
    refused fifo.sif '.'
    ln -s loop.sif "$TEST_HOME/loop.sif"
    refused loop.sif '.'
    check_refused '.' step /dev/zero true
    check_refused '.' step /proc/self/mem true
    check_refused '.' step /etc/passwd/x true
    check_clean
}

test_a_very_long_path() {
    check_refused '.' step "/$(printf 'x%.0s' {1..3000})" true
    check_refused '.' step "/$(printf 'x%.0s' {1..6000})" true
    check_clean
}

test_names_with_control_characters_are_shown_safely() {
    capture step $'/no\e[2Jsuch\nimage' true
    check_equal 255 "$CAPTURED_STATUS"
    check_no_match $'\e' "$CAPTURED_ERR"
    check_clean
}

test_options_that_are_nonsense() {
    local option
    for option in bind= bind=: bind=/:/:/:/ pwd= pwd=relative home=relative explain=loudly env==; do
        check_refused . step "$DEMO" "--container-$option" sh -c 'echo ran'
    done
    check_clean
}

test_every_task_of_many_fails_alike() {
    check_status 255 as_user srun -n8 --container="$TEST_HOME/empty-8.sif" true
    check_clean
}

# slurmstepd must fail the step, not its node, when the account of the image server is gone.
test_no_account_for_the_server() {
    local conf=$BERTH_PREFIX/etc/berth/berth.conf
    cp -p "$conf" "$FILE_TMP/berth.conf"
    configure_release 'image server user' no-such-account
    capture step "$DEMO" true
    cp -p "$FILE_TMP/berth.conf" "$conf"
    check_equal 255 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_match 'no-such-account' "$CAPTURED_ERR"
    check_clean
}

test_a_good_step_still_runs() { in_image "Berth demo" step "$DEMO"; }
