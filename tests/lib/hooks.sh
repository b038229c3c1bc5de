# shellcheck shell=bash
# A device of made-up.org/hooks whose specification has a program run before the container begins.

# hooks_up: the folders, and berth.conf's word that the program may run. HOOK is the program, HOOK_SAYS what it may write.
hooks_up() {
    HOOK=$BERTH_TEST_ROOT/hooks/made-up-hook HOOK_SAYS=$TEST_HOME/hook-says
    mkdir -m 0755 "$BERTH_TEST_ROOT/hooks"
    configure_release 'cdi spec dirs' "$BERTH_TEST_ROOT/hooks"
    configure_release 'allow cdi hook' "$HOOK"
}

hooks_down() {
    configure_release 'cdi spec dirs' '/etc/cdi, /var/run/cdi'
    configure_release 'allow cdi hook' ''
    rm -rf "$BERTH_TEST_ROOT/hooks"
}

# hook_is [when=TIME] [timeout=SECONDS] [gid=GID]: the specification; the program is what stdin has.
hook_is() {
    local when=createContainer timeout=5 gid=''
    if (($#)); then local "$@"; fi
    cat >"$BERTH_TEST_ROOT/hooks/made-up.yaml" <<YAML
cdiVersion: "0.7.0"
kind: made-up.org/hooks
devices:
  - name: all
    containerEdits:
      additionalGids: [$gid]
      hooks:
        - hookName: $when
          path: $HOOK
          args: [called, "an argument"]
          env: [GIVEN=yes]
          timeout: $timeout
YAML
    { echo '#!/bin/sh'; cat; } >"$HOOK"
    chmod 0755 "$HOOK"
    rm -f "$HOOK_SAYS"
}
