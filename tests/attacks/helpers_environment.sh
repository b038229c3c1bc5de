# shellcheck shell=bash disable=SC2016
# What the user's environment may tell the programs that work for him: the loader, libc, shells, gpg, OpenSSL. A weaker
# runtime hands it on, so that berth-step, berth-fuse, berth-verify or gpg load his library, or take his keyring.

setup_file() {
    signing_up
    slurm_up
    EVIL=$TEST_HOME/evil.sif
    stranger eve >/dev/null
    install -o "$TEST_USER" -m 0755 "$DEMO" "$EVIL"
    sign_as eve "$EVIL"
    signed_image "$TEST_HOME/good.sif"
    LOADED=$TEST_HOME/loaded
    install -m 0666 /dev/null "$LOADED"
    evil_library
    evil_programs
    HOSTILE_ENVIRONMENT=(LD_PRELOAD="$TEST_HOME/evil/evil.so" LD_AUDIT="$TEST_HOME/evil/evil.so" LD_LIBRARY_PATH="$TEST_HOME/evil"
        GCONV_PATH="$TEST_HOME/evil" LOCPATH="$TEST_HOME/evil" NLSPATH="$TEST_HOME/evil/%N" TMPDIR="$TEST_HOME/evil" TZDIR="$TEST_HOME/evil" TZ=evil
        PATH="$TEST_HOME/evil:/usr/bin:/bin" BASH_ENV="$TEST_HOME/evil/gpg" ENV="$TEST_HOME/evil/gpg" IFS=/ HOME="$TEST_HOME/evil"
        GNUPGHOME="$TEST_HOME/eve/gnupg" BERTH_KEYSDIR="$TEST_HOME/eve" BERTH_PREFIX="$TEST_HOME/evil" BERTH_VERIFY=1 GPG_AGENT_INFO="$TEST_HOME/evil/s:1:1"
        GPGME_DEBUG="9:$TEST_HOME/evil/debug" OPENSSL_CONF="$TEST_HOME/evil/openssl.cnf" OPENSSL_MODULES="$TEST_HOME/evil"
        SSL_CERT_FILE="$TEST_HOME/evil/x" XDG_RUNTIME_DIR="$TEST_HOME/evil" MALLOC_TRACE="$TEST_HOME/evil/trace" GLIBC_TUNABLES=glibc.malloc.check=3)
}
teardown_file() {
    slurm_down
    signing_down
}

# Each process that loads it writes down whose it is.
evil_library() {
    as_user mkdir -p evil
    cat >"$FILE_TMP/evil.c" <<'C'
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void run(void) {
    FILE* log = fopen(LOG, "a");
    if (log) { fprintf(log, "%d %d\n", (int)getuid(), (int)geteuid()); fclose(log); }
}
unsigned la_version(unsigned version) { return version; }
C
    gcc -shared -fPIC -DLOG="\"$LOADED\"" -o "$TEST_HOME/evil/evil.so" "$FILE_TMP/evil.c"
    local name
    for name in libfuse3.so.3 libgpgme.so.11 libcrypto.so.3 libseccomp.so.2 gconv-modules.so; do cp "$TEST_HOME/evil/evil.so" "$TEST_HOME/evil/$name"; done
    printf 'openssl_conf = a\n[a]\nproviders = b\n[b]\nevil = c\n[c]\nmodule = %s/evil/evil.so\nactivate = 1\n' "$TEST_HOME" >"$TEST_HOME/evil/openssl.cnf"
}

evil_programs() {
    local name
    for name in gpg gpg2 gpgv gpgconf gpg-agent gpgsm fusermount3 berth-step berth-fuse berth-verify mount; do
        printf '#!/bin/sh\necho "$(id -u) $(id -u) %s" >>%s\nexit 0\n' "$name" "$LOADED" >"$TEST_HOME/evil/$name"
        chmod 0755 "$TEST_HOME/evil/$name"
    done
}

# The library was loaded where it may be, or the attack shows nothing; and nowhere else.
only_the_users_own() {
    check test -s "$LOADED"
    check_equal "" "$(awk -v uid="$TEST_UID" '$1 != uid || $2 != uid' "$LOADED")" "others that ran the user's code"
    check test ! -e "$TEST_HOME/evil/debug" -o -O "$LOADED"
    : >"$LOADED"
}

test_a_step_of_a_verified_image() {
    check_output 'NAME="Berth demo"' as_user env "${HOSTILE_ENVIRONMENT[@]}" /usr/bin/srun --quiet --container="$TEST_HOME/good.sif" /bin/grep ^NAME= /etc/os-release
    only_the_users_own
    check_clean
}

# Keys of the user's do not become the site's by a variable.
test_a_stranger_stays_one() {
    capture as_user env "${HOSTILE_ENVIRONMENT[@]}" /usr/bin/srun --quiet --container="$EVIL" /bin/grep ^NAME= /etc/os-release
    check_equal 255 "$CAPTURED_STATUS" "status; $CAPTURED_ERR"
    check_equal "" "$CAPTURED_OUT"
    only_the_users_own
    check_clean
}

# sudo keeps some of a user's variables on some sites, and root's own shell may have been made in his folder.
test_root_with_some_of_them() {
    local some
    some=(env GNUPGHOME="$TEST_HOME/eve/gnupg" BERTH_KEYSDIR="$TEST_HOME/eve" TMPDIR="$TEST_HOME/evil" HOME="$TEST_HOME/evil" XDG_RUNTIME_DIR="$TEST_HOME/evil"
        GPG_AGENT_INFO=x BERTH_PREFIX="$TEST_HOME/evil" PATH="$TEST_HOME/evil:/usr/bin:/bin" OPENSSL_CONF="$TEST_HOME/evil/openssl.cnf")
    check_output 'NAME="Berth demo"' from_evil "${some[@]}" "$BERTH_PREFIX/bin/berth" exec --verify "$TEST_HOME/good.sif" grep ^NAME= /etc/os-release
    check_refused 'not (in|known|trusted)|keyring|key' from_evil "${some[@]}" "$BERTH_PREFIX/bin/berth" exec --verify "$EVIL" true
    check_equal "" "$(cat "$LOADED")" "what of the user's ran"
    check_clean
}

from_evil() { (cd "$TEST_HOME/evil" && "$@"); }
