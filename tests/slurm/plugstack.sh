# shellcheck shell=bash
# How a site loads the plugin: required or optional, default=, config=.

setup_file() {
    slurm_up optional
    mkdir -p "$BERTH_TEST_ROOT/conf"
}
teardown_file() { slurm_down; }

# with LINE_ARGUMENT…: the plugin's arguments from now on.
with() { cluster_set_plugstack "$(spank_line required "$*")"; }

# site LINE…: a berth.conf of its own for the next steps.
site() {
    {
        printf 'image server user = %s\n' "$TEST_SERVER_USER"
        printf '%s\n' "$@"
    } >"$BERTH_TEST_ROOT/conf/berth.conf"
    chmod 0644 "$BERTH_TEST_ROOT/conf/berth.conf"
    chown root: "$BERTH_TEST_ROOT/conf/berth.conf"
    with "config=$BERTH_TEST_ROOT/conf/berth.conf"
}

test_optional() {
    cluster_set_plugstack "$(spank_line optional)"
    in_image "Berth demo" step "$DEMO"
    check_output "$TEST_UID" as_user srun id -u
    check_refused 'missing' step /missing.sif true
    check_clean
}

test_default_image() {
    with "default=$ROOT_DEMO"
    in_image "Berth demo" as_user srun
    in_image Other step "$OTHER"
    check_output "$(readlink /proc/self/ns/mnt)" as_user srun --container=none readlink /proc/self/ns/mnt
    check_clean
}

test_a_default_image_that_is_missing() {
    with "default=/missing.sif"
    check_refused 'missing' as_user srun sh -c 'echo ran'
    check_output "$TEST_UID" as_user srun --container=none id -u
    check_clean
}

test_no_binds_for_users() {
    site 'user bind control = no'
    in_image "Berth demo" step "$DEMO"
    check_refused 'user bind control' step "$DEMO" --container-bind=/usr:/mnt true
    check_clean
}

test_formats_that_the_site_forbids() {
    site 'allow container sif = no'
    check_refused 'allow container sif' step "$DEMO" true
    site 'allow container dir = no'
    check_refused 'allow container dir' step "$FIXTURES/demo" true
    check_clean
}

test_limits_on_where_images_lie() {
    site "limit container paths = $FIXTURES"
    in_image "Berth demo" step "$ROOT_DEMO"
    check_refused 'limit container paths' step "$DEMO" true
    # By whole components, and after links are followed.
    site "limit container paths = ${TEST_HOME%?}"
    check_refused 'limit container paths' step "$DEMO" true
    ln -sf "$DEMO" "$TEST_HOME/link.sif"
    site "limit container paths = $FIXTURES"
    check_refused 'limit container paths' step "$TEST_HOME/link.sif" true
    check_clean
}

test_limits_on_who_owns_images() {
    site 'limit container owners = root'
    in_image "Berth demo" step "$ROOT_DEMO"
    check_refused 'limit container owners' step "$DEMO" true
    site "limit container groups = $TEST_USER"
    in_image "Berth demo" step "$DEMO"
    check_refused 'limit container groups' step "$ROOT_DEMO" true
    check_clean
}

test_mounts_that_the_site_leaves_out() {
    site 'mount home = no' 'mount tmp = no' 'mount dev = minimal'
    check_status 0 step "$DEMO" --chdir=/ test ! -e "$TEST_HOME/demo.sif"
    check_output $'fd\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero' step "$DEMO" --chdir=/ ls /dev
    check_match 'no \(E(ROFS|ACCES)\)' "$(step "$DEMO" --chdir=/ probe create /tmp/berth-x)"
    check_clean
}

test_options_that_the_site_sets_and_denies() {
    site 'option default = env=SITE=default' 'option default = cleanenv' 'option deny = bind'
    check_output default step "$DEMO" sh -c "echo \$SITE"
    check_output mine step "$DEMO" --container-env=SITE=mine sh -c "echo \$SITE"
    check_no_match 'LEFT=' "$(as_user env LEFT=left srun --container="$DEMO" env)"
    check_refused '--bind: this site does not allow this option .*option deny = bind' step "$DEMO" --container-bind=/etc:/mnt true
    check_refused '--bind: this site does not allow' as_user env BERTH_BIND=/etc:/mnt srun --container="$DEMO" true
    check_clean
}

test_sections_for_groups() {
    site "[group $TEST_GROUP]" 'option deny = env' '[group root]' 'option deny = bind'
    check_refused '--env: this site does not allow' step "$DEMO" --container-env=A=b true
    check_status 0 step "$DEMO" --container-bind=/etc:/mnt true
    site '[group berth-no-such]' 'mount home = no'
    check_refused 'this node knows no such group' step "$DEMO" true
    check_clean
}

test_drivers_and_memory_file_systems() {
    site 'allow kernel mount = never' 'sessiondir max size = 3'
    check_match 'FUSE.*allow kernel mount = never' "$(step "$ROOT_DEMO" --container-explain true)"
    in_image "Berth demo" step "$ROOT_DEMO"
    check_match 'No space left' "$(step "$DEMO" --container-contain dd if=/dev/zero of=/tmp/x bs=1M count=5 2>&1 || true)"
    check_clean
}

test_bind_path() {
    mkdir -p "$FIXTURES/site"
    echo site >"$FIXTURES/site/file"
    site "bind path = $FIXTURES/site:/opt/site"
    check_output site step "$DEMO" cat /opt/site/file
}

# A file that is wrong stops containers, with its line, and nothing else.
test_a_configuration_that_is_wrong() {
    site 'user bind contrl = yes'
    check_refused 'berth.conf:2' step "$DEMO" true
    site 'mount dev = sometimes'
    check_refused 'berth.conf:2' step "$DEMO" true
    check_output "$TEST_UID" as_user srun id -u
    check_clean
}

test_a_configuration_that_others_may_write() {
    site ''
    chmod 0666 "$BERTH_TEST_ROOT/conf/berth.conf"
    check_refused 'berth.conf' step "$DEMO" true
    chmod 0644 "$BERTH_TEST_ROOT/conf/berth.conf"
    chown "$TEST_USER" "$BERTH_TEST_ROOT/conf/berth.conf"
    check_refused 'berth.conf' step "$DEMO" true
    rm "$BERTH_TEST_ROOT/conf/berth.conf"
    check_refused 'berth.conf' step "$DEMO" true
    check_clean
}

# It could be a misspelt default=, so no step runs outside the image that the site wants; the node stays.
test_an_argument_that_nobody_knows() {
    with 'colour=blue'
    check_refused colour step "$DEMO" sh -c 'echo ran'
    check_clean
}
