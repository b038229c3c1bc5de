# shellcheck shell=bash
# A FUSE mount of the user's whose server does not answer, as fusermount3 lets him make one. Who waits for it cannot even
# be killed. A weaker runtime waits as root, or for its child, and so keeps slurmstepd, the node and other users waiting.

setup_file() {
    slurm_up required early-check=no
    cat >"$FILE_TMP/hang.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
// hang FOLDER UID: mounts as root, as fusermount3 does, then serves as the user: the root folder, and nothing else ever.
int main(int argc, char** argv) {
    static char in[1 << 18], out[4096];
    char options[128];
    if (argc != 3) return 2;
    const int uid = atoi(argv[2]), fd = open("/dev/fuse", O_RDWR);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, uid, uid);
    if (mount("hang", argv[1], "fuse.hang", MS_NOSUID | MS_NODEV, options) != 0 || setgid(uid) != 0 || setuid(uid) != 0) return 1;
    while (read(fd, in, sizeof in) > 0) {
        const struct fuse_in_header* const asked = (const void*)in;
        struct fuse_out_header* const answer = (void*)out;
        memset(out, 0, sizeof out);
        answer->unique = asked->unique;
        answer->len = sizeof *answer;
        if (asked->opcode == FUSE_INIT) {
            struct fuse_init_out* const init = (void*)(answer + 1);
            init->major = 7, init->minor = 31, init->max_write = 4096;
            answer->len += sizeof *init;
        } else if (asked->opcode == FUSE_GETATTR) {
            struct fuse_attr_out* const attributes = (void*)(answer + 1);
            attributes->attr.ino = 1, attributes->attr.mode = 040755, attributes->attr.uid = uid, attributes->attr.nlink = 2;
            answer->len += sizeof *attributes;
        } else {
            continue;
        }
        if (write(fd, out, answer->len) < 0) return 1;
    }
    return 0;
}
C
    gcc -o "$FILE_TMP/hang" "$FILE_TMP/hang.c"
    as_user mkdir "$TEST_HOME/hangs"
    "$FILE_TMP/hang" "$TEST_HOME/hangs" "$TEST_UID" &
    HANG=$!
    until_true 5 grep -q "$TEST_HOME/hangs" /proc/self/mounts || true
}
teardown_file() {
    kill "$HANG" 2>/dev/null || true
    umount -l "$TEST_HOME/hangs" 2>/dev/null || true
    slurm_down
}

# hung_step ARGUMENT…: the step ends by itself, in time and with our message, and the node serves others meanwhile.
hung_step() {
    local begin=$SECONDS step
    as_user timeout 100 srun --quiet -n1 "$@" sh -c 'echo ran' >"$TEST_TMP/out" 2>"$TEST_TMP/err" &
    step=$!
    sleep 2
    check timeout 20 srun --quiet -n1 --overlap --chdir=/ true
    wait "$step" || true
    check test $((SECONDS - begin)) -lt 75
    check_equal "" "$(<"$TEST_TMP/out")"
    check_match 'berth: error' "$(<"$TEST_TMP/err")"
    check_clean
}

test_the_image() { hung_step --container-image="$TEST_HOME/hangs/image.sif"; }

test_a_bind_source() { hung_step --container="$DEMO" --container-bind="$TEST_HOME/hangs/x:/mnt"; }

# The user need not wait for us either.
test_the_step_can_be_cancelled() {
    in_background srun --quiet --container-image="$TEST_HOME/hangs/image.sif" true 2>/dev/null
    sleep 2
    as_user scancel --user="$TEST_USER"
    wait $! || true
    cluster_wait_idle || fail "the node is $(sinfo --noheader --format='%T (%E)')"
    until_true 75 nothing_of_ours || fail "left behind: $(pgrep -a berth-step)"
}

nothing_of_ours() { [[ -z $(leaks_new_since "$LEAKS_BEFORE" | grep '^process' || true) ]]; }
