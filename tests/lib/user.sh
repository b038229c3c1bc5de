# shellcheck shell=bash
# Users that exist only for one run: an unprivileged one, who owns the jobs, and a system user for the image server.
# Sourced after common.sh. Names carry our process id, so that two runs do not meet.

# users_create: sets TEST_USER, TEST_UID, TEST_GID, TEST_GROUP (a supplementary group), TEST_GROUP_GID, TEST_HOME and
# TEST_SERVER_USER, TEST_SERVER_UID.
users_create() {
    TEST_USER=berthu$$ TEST_GROUP=berthg$$ TEST_SERVER_USER=berthf$$ TEST_HOME=/home/berthu$$
    mkdir -p /home
    groupadd "$TEST_GROUP"
    useradd --create-home --home-dir "$TEST_HOME" --shell /bin/sh --user-group --groups "$TEST_GROUP" "$TEST_USER"
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$TEST_SERVER_USER"
    chmod 0755 "$TEST_HOME"
    TEST_UID=$(id -u "$TEST_USER")
    TEST_GID=$(id -g "$TEST_USER")
    TEST_GROUP_GID=$(getent group "$TEST_GROUP" | cut -d: -f3)
    TEST_SERVER_UID=$(id -u "$TEST_SERVER_USER")
    export TEST_USER TEST_UID TEST_GID TEST_GROUP TEST_GROUP_GID TEST_HOME TEST_SERVER_USER TEST_SERVER_UID
}

# users_remove: ends what the test user still runs, then removes what users_create made.
users_remove() {
    [[ -n ${TEST_USER:-} ]] || return 0
    users_end_processes
    other_user_down
    userdel --remove "$TEST_USER" >/dev/null 2>&1 || warn "cannot remove user $TEST_USER"
    userdel "$TEST_SERVER_USER" >/dev/null 2>&1 || warn "cannot remove user $TEST_SERVER_USER"
    groupdel "$TEST_GROUP" >/dev/null 2>&1 || warn "cannot remove group $TEST_GROUP"
    unset TEST_USER
}

# user_processes UID…: the ids of the processes that run as one of these users, zombies left out.
user_processes() {
    local uid pid
    for uid in "$@"; do
        for pid in $(pgrep -U "$uid" || true); do
            alive "$pid" && printf '%s\n' "$pid"
        done
    done
    return 0
}

# These users are ours alone, so every process of theirs is one that the tests started.
users_end_processes() {
    local pid
    for pid in $(user_processes "$TEST_UID" "$TEST_SERVER_UID"); do end_process "$pid" 1; done
}

# as_user COMMAND…: runs a command as the test user, from his home, with a small clean environment. More variables:
# as_user env NAME=VALUE COMMAND…
as_user() { (become_user "$@"); }

# become_user COMMAND…: the same in place of this shell. "(become_user COMMAND…) &" leaves the command's own id in $!.
become_user() {
    cd "$TEST_HOME" || exit
    exec ${CLUSTER_ENTER:-} env -i PATH="${BERTH_PREFIX:+$BERTH_PREFIX/bin:}/usr/local/bin:/usr/bin:/bin" HOME="$TEST_HOME" \
        USER="$TEST_USER" LOGNAME="$TEST_USER" SHELL=/bin/sh LC_ALL=C.UTF-8 \
        ${SLURM_CONF:+SLURM_CONF="$SLURM_CONF"} \
        setpriv --reuid="$TEST_UID" --regid="$TEST_GID" --init-groups -- "$@"
}

# other_user_up: makes one more user, who is not the test user's friend; for setup_file. Sets OTHER_USER, OTHER_UID,
# OTHER_GID and OTHER_HOME.
other_user_up() {
    OTHER_USER=berthv$$ OTHER_HOME=/home/berthv$$
    useradd --create-home --home-dir "$OTHER_HOME" --shell /bin/sh --user-group "$OTHER_USER"
    chmod 0755 "$OTHER_HOME"
    OTHER_UID=$(id -u "$OTHER_USER")
    OTHER_GID=$(id -g "$OTHER_USER")
}

# other_user_down: also after a run that was cut short.
other_user_down() {
    local pid uid
    uid=$(id -u "berthv$$" 2>/dev/null) || return 0
    for pid in $(user_processes "$uid"); do end_process "$pid" 1; done
    userdel --remove "berthv$$" >/dev/null 2>&1 || warn "cannot remove user berthv$$"
}

# as_other COMMAND…: as as_user, but as the other one.
as_other() { (become_other "$@"); }

become_other() {
    TEST_USER=$OTHER_USER TEST_UID=$OTHER_UID TEST_GID=$OTHER_GID TEST_HOME=$OTHER_HOME
    become_user "$@"
}
