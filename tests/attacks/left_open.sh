# shellcheck shell=bash disable=SC2016,SC2034
# runc's CVE-2024-21626: a working directory named as /proc/self/fd/N is a folder of the host that the runtime forgot to
# close, and from there ../../.. leads out. A weaker runtime changes to it as root, or leaves the command there.

setup_file() {
    slurm_up required early-check=no
    HOST=$(grep ^NAME= /etc/os-release)
}
teardown_file() { slurm_down; }

# Some start nowhere, but a test in which nothing ran shows nothing.
before_each() {
    LEAKS_BEFORE=$(leaks_state)
    RAN=0
}

LOOK='pwd -P; cat etc/os-release ../../../../../../../../etc/os-release /proc/self/cwd/etc/os-release; ls -d lost+found boot; echo evil >etc/evil'

# stays_inside COMMAND…: where the command starts is no place of the host's.
stays_inside() {
    capture "$@" sh -c "$LOOK"
    if [[ $CAPTURED_OUT == *'Berth demo'* ]]; then RAN=$((RAN + 1)); fi
    check_no_match "$HOST" "$CAPTURED_OUT"
    check_no_match 'boot|unreachable' "$CAPTURED_OUT"
}

test_the_working_directory_that_the_user_names() {
    local place fd
    for place in /proc/self/cwd /proc/1/cwd /proc/self/root /proc/1/root /proc/thread-self/root /proc/self/task/1/root; do
        stays_inside step "$DEMO" --quiet --container-pwd="$place"
        stays_inside step "$DEMO" --quiet --chdir="$place"
    done
    for fd in {3..16}; do
        stays_inside step "$DEMO" --quiet --container-pwd="/proc/self/fd/$fd"
        stays_inside step "$ROOT_DEMO" --quiet --container-pwd="/proc/self/fd/$fd/../.."
        stays_inside step "$DEMO" --quiet --chdir="/proc/self/fd/$fd"
    done
    check test ! -e /etc/evil
    check test "$RAN" -gt 5
    check_clean
}

test_on_the_command_line_as_root() {
    local fd image
    for image in "$DEMO" "$ROOT_DEMO"; do
        for fd in {1..3}; do stays_inside from_root "$BERTH_PREFIX/bin/berth" exec --pwd / "$image"; done
        for fd in {3..20}; do stays_inside from_root "$BERTH_PREFIX/bin/berth" exec --pwd "/proc/self/fd/$fd" "$image"; done
    done
    check test ! -e /etc/evil
    check test "$RAN" -gt 5
    check_clean
}

# Descriptors that the caller has open on the host are not handed on, whatever their number.
from_root() { (cd / && exec 3</ 4</etc 5</root 11</ 20</etc && "$@"); }

test_descriptors_of_the_callers() {
    check_output "" from_root "$BERTH_PREFIX/bin/berth" exec "$DEMO" probe descriptors
    check_output "" as_user sh -c "exec 3</ 4</etc 9</ && exec srun --quiet --container=$DEMO probe descriptors"
    check_clean
}

# The folder is replaced by a link while steps start in it. What it leads to then may be bound there, as the user could have
# asked for by an option; the way up leads to the image all the same, and nothing in it works that must not.
test_a_working_directory_that_moves() {
    local mover i
    local LOOK='pwd -P; cat ../../../../../../../../etc/os-release; echo evil >etc/evil; awk "\$6 !~ /nosuid/ {print \"boot\", \$5}" /proc/self/mountinfo'
    as_user mkdir -p place/inner
    in_background sh -c 'while [ -e place ]; do mv -T place/inner place/x; ln -s / place/inner; rm place/inner; ln -s /proc/1/root place/inner; rm place/inner; mv -T place/x place/inner; done' 2>/dev/null
    mover=$!
    for ((i = 0; i < 20; ++i)); do stays_inside step "$DEMO" --quiet --chdir="$TEST_HOME/place/inner" --no-container-home; done
    mv "$TEST_HOME/place" "$TEST_HOME/place.done"
    wait "$mover" || true
    check test ! -e /etc/evil
    check test "$RAN" -gt 5
    check_clean
}
