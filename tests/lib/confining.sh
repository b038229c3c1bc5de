# shellcheck shell=bash
# Seccomp profiles and capability.json for tests. Sourced after fixtures.sh.

# seccomp_profile FILE ACTION CALL… [-- MORE]: a profile that allows all but these calls. MORE: members of the rule, as
# '"errnoRet": 13'.
seccomp_profile() {
    local file=$1 action=$2 names='' more=''
    shift 2
    while (($#)); do
        if [[ $1 == -- ]]; then more=", $2"; break; fi
        names+="${names:+, }\"$1\""
        shift
    done
    printf '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [%s], "action": "%s"%s}]}\n' "$names" "$action" "$more" >"$file"
    chmod 0644 "$file"
}

# capability_write JSON: the site's capability.json.
capability_write() {
    local file=$BERTH_PREFIX/etc/berth/capability.json
    printf '%s\n' "$1" >"$file.new"
    chmod 0644 "$file.new"
    mv "$file.new" "$file"
}

capability_down() { capability_write '{}'; }

# sets_of COMMAND…: the five capability sets and NoNewPrivs that the command finds, as "CapInh=… … NoNewPrivs=…".
sets_of() { "$@" grep -E '^(Cap|NoNewPrivs)' /proc/self/status | awk '{gsub(":", "="); printf "%s%s%s", sep, $1, $2; sep = " "}'; }

# all_sets HEX NO_NEW_PRIVS: what sets_of prints when each set is HEX.
all_sets() { sets_line "$1" "$1" "$2"; }

# roots_sets HEX NO_NEW_PRIVS: the same for root, whose exec needs no inheritable and ambient ones.
roots_sets() { sets_line "$1" 0 "$2"; }

# sets_line HEX INHERITED_HEX NO_NEW_PRIVS
sets_line() {
    local name
    printf 'CapInh=%016x ' "$((16#$2))"
    for name in Prm Eff Bnd; do printf 'Cap%s=%016x ' "$name" "$((16#$1))"; done
    printf 'CapAmb=%016x NoNewPrivs=%s' "$((16#$2))" "$3"
}
