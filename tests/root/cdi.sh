# shellcheck shell=bash disable=SC2016
# --cdi with a made-up specification: nodes, mounts, variables, libraries. As root and as a user.

setup_file() {
    fixtures_create
    fuse_for_user
    gpus_up
    SPECS=$BERTH_TEST_ROOT/cdi
    mkdir -m 0755 "$SPECS"
    configure_release 'cdi spec dirs' "$SPECS"
    echo made-up >"$GPU_TREE/etc/made-up.conf"
}
before_each() { good_specification; }
teardown_file() {
    configure_release 'cdi spec dirs' '/etc/cdi, /var/run/cdi'
    gpus_down
    fuse_as_before
    rm -rf "$SPECS"
}

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }

good_specification() {
    cat >"$SPECS/made-up.yaml" <<YAML
cdiVersion: "0.6.0"
kind: made-up.org/gpu
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - path: /dev/nvidia0
  - name: "1"
    containerEdits:
      deviceNodes:
        - path: /dev/nvidia1
  - name: hooked
    containerEdits:
      hooks:
        - hookName: createContainer
          path: /usr/bin/made-up-hook
          args: [made-up-hook]
containerEdits:
  env:
    - MADE_UP=yes
  deviceNodes:
    - path: /dev/nvidiactl
  mounts:
    - hostPath: $GPU_TREE/lib/libcuda.so.535.1
      containerPath: /opt/made-up/libcuda.so.535.1
      options: [ro, nosuid, nodev, bind]
    - hostPath: $GPU_TREE/etc/made-up.conf
      containerPath: /etc/made-up.conf
      options: [ro, noexec]
  hooks:
    - hookName: createContainer
      path: /usr/bin/nvidia-cdi-hook
      args: [nvidia-cdi-hook, update-ldcache, --folder, /opt/made-up]
YAML
    chmod 0644 "$SPECS/made-up.yaml"
}

test_what_a_device_brings() {
    local who
    for who in as_root as_user; do
        check_output 'nvidia0 nvidiactl' "$who" berth exec --contain --cdi made-up.org/gpu=0 "$DEMO" sh -c 'ls /dev | grep nvidia | xargs'
        check_output 'nvidia0 nvidia1 nvidiactl' "$who" berth exec --contain --cdi made-up.org/gpu=1,made-up.org/gpu=0 "$DEMO" sh -c 'ls /dev | grep nvidia | xargs'
        check_output yes "$who" berth exec --cdi made-up.org/gpu=0 "$DEMO" sh -c 'echo $MADE_UP'
        check_output no "$who" berth exec --env MADE_UP=no --cdi made-up.org/gpu=0 "$DEMO" sh -c 'echo $MADE_UP'
        check_output made-up "$who" berth exec --cdi made-up.org/gpu=0 "$DEMO" cat /etc/made-up.conf
        check_output 'libcuda.so.1 libcuda.so.535.1' "$who" berth exec --cdi made-up.org/gpu=0 "$DEMO" sh -c 'ls /opt/made-up | xargs'
        check_output /opt/made-up "$who" berth exec --cdi made-up.org/gpu=0 "$DEMO" sh -c 'echo $LD_LIBRARY_PATH'
        check_match 'noexec' "$("$who" berth exec --cdi made-up.org/gpu=0 "$DEMO" grep ' /etc/made-up.conf ' /proc/self/mountinfo)"
        check_output '' "$who" berth exec "$DEMO" sh -c 'ls /opt/made-up 2>/dev/null; echo $MADE_UP'
    done
}

test_what_is_refused() {
    check_refused 'made-up.org/gpu=7' as_user berth exec --cdi made-up.org/gpu=7 "$DEMO" true
    check_refused 'made-up-hook' as_user berth exec --cdi made-up.org/gpu=hooked "$DEMO" true
    check_refused "CDI device 'nonsense'" as_user berth exec --cdi nonsense "$DEMO" true
    printf '  - wrong\n' >>"$SPECS/made-up.yaml"
    check_refused 'made-up.yaml' as_user berth exec --cdi made-up.org/gpu=0 "$DEMO" true
    check_status 0 as_user berth exec "$DEMO" true
    good_specification
    chmod 0666 "$SPECS/made-up.yaml"
    check_refused 'made-up.yaml.*others than root' as_user berth exec --cdi made-up.org/gpu=0 "$DEMO" true
}

# A node that the caller may not open is left out, and that is said.
test_a_device_that_is_not_the_callers() {
    chmod 0600 /dev/nvidia1
    capture as_user berth exec --contain --cdi made-up.org/gpu=1 "$DEMO" sh -c 'ls /dev | grep nvidia | xargs'
    chmod 0666 /dev/nvidia1
    check_equal 0 "$CAPTURED_STATUS"
    check_equal nvidiactl "$CAPTURED_OUT"
    check_match "warning: .*/dev/nvidia1 is not this step's" "$CAPTURED_ERR"
}
