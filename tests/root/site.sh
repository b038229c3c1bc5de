# shellcheck shell=bash disable=SC2016
# What berth.conf sets, in containers that stand: drivers, memory file systems, terminals, the host's file systems, options
# and sections. What is decided is tested without root, in tests/unit.

setup_file() {
    fixtures_create
    fuse_for_user
    install -m 0644 "$BERTH_PREFIX/etc/berth/berth.conf" "$FILE_TMP/berth.conf.before"
}
teardown_file() {
    site_down
    fuse_as_before
}

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }

# site LINE…: the installed berth.conf with these lines in the place of its own; sections go last.
site() {
    local conf=$BERTH_PREFIX/etc/berth/berth.conf line
    cp "$FILE_TMP/berth.conf.before" "$FILE_TMP/berth.conf"
    for line in "$@"; do sed -i "/^${line%% =*} *=/d" "$FILE_TMP/berth.conf"; done
    { printf '%s\n' "$@" | sed '/^\[/,$d'; cat "$FILE_TMP/berth.conf"; printf '%s\n' "$@" | sed -n '/^\[/,$p'; } >"$FILE_TMP/berth.conf.new"
    install -m 0644 "$FILE_TMP/berth.conf.new" "$conf"
}
site_down() { install -m 0644 "$FILE_TMP/berth.conf.before" "$BERTH_PREFIX/etc/berth/berth.conf"; }

driver_of() { as_root berth exec --explain=text "$1" true | sed -n 's/^ *image driver *//p'; }

test_the_drivers() {
    local line
    for line in 'allow kernel mount = never' 'allow kernel squashfs = no' 'allow setuid-mount squashfs = no' 'max loop devices = 0'; do
        site "$line"
        check_match "FUSE.*berth.conf:1: $line" "$(driver_of "$ROOT_DEMO")"
        in_image "Berth demo" as_root berth exec "$ROOT_DEMO"
    done
    need_loop
    site 'allow kernel mount = always'
    check_match 'kernel squashfs.*allow kernel mount = always' "$(driver_of "$DEMO")"
    in_image "Berth demo" as_root berth exec "$DEMO"
    site_down
}

test_memory_file_systems() {
    local who
    for who in as_root as_user; do
        site 'sessiondir max size = 3'
        check_match 'No space left' "$("$who" berth exec --contain "$DEMO" dd if=/dev/zero of=/tmp/x bs=1M count=5 2>&1 || true)"
        check_match '^drwxrwxrwt' "$("$who" berth exec --contain "$DEMO" ls -ld /tmp)"
        site 'memory fs type = ramfs'
        check_match ' /tmp .* ramfs ' "$("$who" berth exec --contain "$DEMO" cat /proc/self/mountinfo)"
        check_status 0 "$who" berth exec --contain "$DEMO" touch /tmp/new /var/tmp/new
    done
    site_down
}

test_terminals_of_its_own() {
    local who
    for who in as_root as_user; do
        check_equal /dev/pts/ptmx "$("$who" berth exec --contain "$DEMO" sh -c 'echo /dev/pts/*')"
        check_status 0 "$who" berth exec --contain "$DEMO" sh -c ': <>/dev/ptmx'
        site 'mount devpts = no'
        check_status 0 "$who" berth exec --contain "$DEMO" test ! -e /dev/pts -a ! -e /dev/ptmx
        site_down
    done
}

test_the_hosts_file_systems() {
    local place=/berth-hostfs-$$ who
    mkdir "$place"
    trap 'umount "/berth-hostfs-$$"; rmdir "/berth-hostfs-$$"' EXIT
    mount -t tmpfs tmpfs "$place"
    echo hello >"$place/file"
    check_status 1 as_root berth exec "$DEMO" test -e "$place/file"
    site 'mount hostfs = yes'
    for who in as_root as_user; do
        check_equal hello "$("$who" berth exec "$DEMO" cat "$place/file")"
        check_status 1 "$who" berth exec --contain "$DEMO" test -e "$place/file"
    done
    site_down
}

test_options_of_the_sites() {
    site 'option default = env=SITE=default' 'option deny = bind'
    check_equal default "$(as_user berth exec "$DEMO" sh -c 'echo $SITE')"
    check_equal mine "$(as_user berth exec --env SITE=mine "$DEMO" sh -c 'echo $SITE')"
    check_refused '--bind: this site does not allow this option .*berth.conf:2: option deny = bind' as_user berth exec --bind /etc "$DEMO" true
    check_refused '--bind: this site does not allow' as_user env BERTH_BIND=/etc berth exec "$DEMO" true
    site 'option deny = bnid'
    check_refused "there is no option 'bnid'" as_user berth exec "$DEMO" true
    check_status 255 as_root berth config check
    site_down
}

test_sections() {
    local group
    group=$(id -gn "$TEST_USER")
    site "[group $group]" 'option deny = env' '[partition none]' 'option deny = bind'
    check_refused '--env: this site does not allow' as_user berth exec --env A=b "$DEMO" true
    check_equal b "$(as_root berth exec --env A=b "$DEMO" sh -c 'echo $A')"
    check_status 0 as_user berth exec --bind /etc:/mnt "$DEMO" true
    check_match 'option deny +bind' "$(as_root berth config list --group "$group" --partition none)"
    site '[group berth-no-such]' 'mount home = no'
    check_refused 'berth-no-such\]: this node knows no such group' as_root berth exec "$DEMO" true
    site_down
}

test_a_site_without_user_namespaces() {
    site 'allow user ns = no'
    check_refused 'needs a user namespace, which this site does not allow' as_user berth exec "$DEMO" true
    in_image "Berth demo" as_root berth exec "$DEMO"
    site_down
}
