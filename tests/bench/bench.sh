# shellcheck shell=bash
# The tier bench of ./run-tests: the measurements in their short form, shown as they come. What is tested is only that
# each of them has figures; the figures themselves are for the reader.

setup_file() {
    heading "tests/bench/run --short"
    "$BERTH_SOURCE/tests/bench/run" --short | tee "$FILE_TMP/tables"
}

# rows PATTERN: the commands that were run at least once.
rows() { grep -E "^  $1.* [0-9]+\$" "$FILE_TMP/tables" || true; }

# check_rows PATTERN LEAST
check_rows() {
    local got
    got=$(rows "$1" | wc -l)
    check test "$got" -ge "$2"
}

test_exec() {
    check_rows 'bwrap, folder ' 2
    check_rows 'berth, ' 5
}

test_step() {
    check_rows '[0-9]+ tasks?, no container ' 4
    check_rows '[0-9]+ tasks?, (image|folder)' 12
}

test_trust() {
    check_rows 'berth verify' 4
    check_rows 'signed' 4
    check_rows '.*(un)?checked, ' 8
    check_rows '(mksquashfs|berth build)' 2
}

test_deciding() {
    check_equal 4 "$(grep -cE '^  (reading the site|decision and plan|seccomp filter|all) .* [0-9.]+$' "$FILE_TMP/tables")"
    check_rows '(ours|libseccomp|none) ' 3
}

test_read() {
    check_rows 'kernel squashfs, ' 20
    check_rows 'FUSE, ' 20
}
