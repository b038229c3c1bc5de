# shellcheck shell=bash
# Limits of control groups: what tests of several tiers share.

# site_limits LINE…: the site's cgroups.toml; without lines there is none.
site_limits() {
    local file=$BERTH_PREFIX/etc/berth/cgroups.toml
    rm -f "$file"
    (($#)) || return 0
    printf '%s\n' "$@" >"$file"
    chmod 0644 "$file"
}

# limits_file FILE LINE…: a cgroups.toml of the test user's.
limits_file() {
    local file=$1
    shift
    printf '%s\n' "$@" >"$file"
    chown "$TEST_USER:" "$file"
}

# v1_folder CONTROLLER [PID]: the folder of a process's cgroup.
v1_folder() {
    local path
    path=$(awk -F: -v controller="$1" '{n = split($2, all, ","); for (i = 1; i <= n; ++i) if (all[i] == controller) print $3}' "/proc/${2:-self}/cgroup")
    printf '%s%s\n' "$(awk -v controller="$1" '$3 == "cgroup" && $4 ~ "(^|,)" controller "(,|$)" {print $2; exit}' /proc/self/mounts)" "$path"
}

has_v1() { [[ $(stat -f -c %T /sys/fs/cgroup 2>/dev/null) != cgroup2fs && -d $(v1_folder "$1") ]]; }
