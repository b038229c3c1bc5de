# shellcheck shell=bash
# A small test framework. A test file defines functions test_*. Each test
# runs in a subshell under "set -euo pipefail", with its own empty folder in TEST_TMP, and fails when a check does or any
# command that it does not guard. Sourced after common.sh and results.sh.

: "${TEST_TIMEOUT:=$(patient 120)}"

# --- what tests use -------------------------------------------------------------------------------------------------

# fail MESSAGE…: ends the test.
fail() {
    local depth=1
    # The line of the test that asked, not that of the helper.
    while [[ ${BASH_SOURCE[depth]:-} == */tests/lib/* ]]; do depth=$((depth + 1)); done
    printf 'FAILED at %s:%s: %s\n' "${BASH_SOURCE[depth]:-?}" "${BASH_LINENO[depth - 1]:-?}" "$*" >&2
    exit 1
}

# skip REASON…: ends the test as skipped. The reason is shown, and compared with the list of expected skips.
skip() {
    printf '%s\n' "$*" >"$CHECK_SKIP_REASON"
    exit 77
}

# check COMMAND…: the command must succeed.
check() { "$@" || fail "exit status $? from: $*"; }

# check_equal EXPECTED GOT [WHAT]
check_equal() { [[ $1 == "$2" ]] || fail "${3:-value}: expected '$1', got '$2'"; }

# check_match REGEX TEXT [WHAT]: an extended regular expression somewhere in TEXT.
check_match() { [[ $2 =~ $1 ]] || fail "${3:-text} does not match /$1/: $2"; }

# check_no_match REGEX TEXT [WHAT]
check_no_match() { [[ ! $2 =~ $1 ]] || fail "${3:-text} must not match /$1/: $2"; }

# capture COMMAND…: runs it and sets CAPTURED_STATUS, CAPTURED_OUT and CAPTURED_ERR. Never fails itself.
capture() {
    CAPTURED_STATUS=0
    "$@" >"$TEST_TMP/.out" 2>"$TEST_TMP/.err" || CAPTURED_STATUS=$?
    CAPTURED_OUT=$(tr -d '\0' <"$TEST_TMP/.out")
    CAPTURED_ERR=$(tr -d '\0' <"$TEST_TMP/.err")
}

# check_output EXPECTED COMMAND…: succeeds, and its standard output is exactly this.
check_output() {
    local expected=$1
    shift
    capture "$@"
    [[ $CAPTURED_STATUS -eq 0 ]] || fail "exit status $CAPTURED_STATUS from: $*; stderr: $CAPTURED_ERR"
    check_equal "$expected" "$CAPTURED_OUT" "output of: $*"
}

# check_status STATUS COMMAND…: ends with exactly this exit status.
check_status() {
    local expected=$1
    shift
    capture "$@"
    [[ $CAPTURED_STATUS -eq $expected ]] ||
        fail "expected exit status $expected, got $CAPTURED_STATUS from: $*; stdout: $CAPTURED_OUT; stderr: $CAPTURED_ERR"
}

# check_fails_with STATUS REGEX COMMAND…: ends with this status, and its standard error matches.
check_fails_with() {
    local expected=$1 regex=$2
    shift 2
    check_status "$expected" "$@"
    check_match "$regex" "$CAPTURED_ERR" "stderr of: $*"
}

# --- the runner -----------------------------------------------------------------------------------------------------

# check_tests_of FILE: the names of its tests, in the file's order.
check_tests_of() { sed -n 's/^\(test_[A-Za-z0-9_]*\) *().*/\1/p' "$1"; }

# check_run_file TIER FILE [PATTERN]: runs the tests of a file whose names match PATTERN, and records each result.
# A file may define setup_file, teardown_file, before_each (runs in the test's own subshell), and skip_file: what that
# prints is why none of its tests can run here.
check_run_file() {
    local tier=$1 file=$2 status work
    local id=$tier/${file##*/}
    mapfile -t CHECK_NAMES < <(check_tests_of "$file" | grep -E -- "${3:-}" || true)
    ((${#CHECK_NAMES[@]})) || return 0
    work=$(mktemp -d "$BERTH_TEST_ROOT/check.XXXXXX")
    chmod 0755 "$work"
    # Not "( … ) || status=$?": that would switch -e off inside.
    set +e
    (
        set -euo pipefail
        FILE_TMP=$work/file
        mkdir "$FILE_TMP"
        # shellcheck disable=SC1090
        . "$file"
        check_with_file "$id" "$work"
    )
    status=$?
    set -e
    ((status == 0)) || result_record fail "$id" 0 "the file's setup, teardown or runner ended with status $status"
    rm -rf --one-file-system "$work"
}

defined() { declare -F "$1" >/dev/null; }

# Runs in the subshell of one file, after the file was read.
check_with_file() {
    local id=$1 work=$2 name reason=
    if defined skip_file; then reason=$(skip_file); fi
    if [[ -n $reason ]]; then
        for name in "${CHECK_NAMES[@]}"; do result_record skip "$id:$name" 0 "$reason"; done
        return 0
    fi
    if defined teardown_file; then trap teardown_file EXIT; fi
    if defined setup_file; then setup_file; fi
    for name in "${CHECK_NAMES[@]}"; do check_run_test "$id:$name" "$name" "$work"; done
}

# check_run_test ID FUNCTION WORK
check_run_test() {
    local id=$1 name=$2 work=$3 pid status=0 begin end seconds log
    log=$work/log CHECK_SKIP_REASON=$work/skip TEST_TMP=$work/$name
    rm -f "$CHECK_SKIP_REASON"
    mkdir "$TEST_TMP"
    begin=${EPOCHREALTIME/./}
    # Job control gives the test a process group of its own, so that a test that hangs can be ended as a whole.
    set -m
    (
        set +m
        set -Eeuo pipefail
        trap 'printf "FAILED at %s:%s: exit status %s from: %s\n" "${BASH_SOURCE[0]}" "$LINENO" "$?" "$BASH_COMMAND" >&2' ERR
        if defined before_each; then before_each; fi
        "$name"
    ) >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    timeout "$TEST_TIMEOUT" tail --pid="$pid" -s 0.02 -f /dev/null || check_end_group "$pid" "$log"
    wait "$pid" 2>/dev/null || status=$?
    end=${EPOCHREALTIME/./}
    seconds=$(((end - begin) / 1000))
    seconds=$((seconds / 1000)).$(printf '%03d' $((seconds % 1000)))
    case $status in
        0) result_record pass "$id" "$seconds" ;;
        77) result_record skip "$id" "$seconds" "$(cat "$CHECK_SKIP_REASON" 2>/dev/null || echo 'no reason given')" ;;
        *)
            result_record fail "$id" "$seconds" "exit status $status"
            sed 's/^/    | /' "$log"
            ;;
    esac
    rm -rf --one-file-system "$TEST_TMP"
}

check_end_group() {
    printf 'FAILED: still running after %s s; ended\n' "$TEST_TIMEOUT" >>"$2"
    kill -TERM -- "-$1" 2>/dev/null || true
    sleep 1
    kill -KILL -- "-$1" 2>/dev/null || true
}
