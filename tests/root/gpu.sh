# shellcheck shell=bash disable=SC2016
# --nv with a made-up driver: what is found, from where, and where the container has it. As root and as a user.

setup_file() {
    fixtures_create
    fuse_for_user
    gpus_up
    install -m 0644 "$BERTH_PREFIX/etc/berth/berth.conf" "$FILE_TMP/berth.conf.before"
}
teardown_file() {
    install -m 0644 "$FILE_TMP/berth.conf.before" "$BERTH_PREFIX/etc/berth/berth.conf"
    gpus_down
    fuse_as_before
}

as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }

# conf LINE…: berth.conf with these lines in the place of its own.
conf() {
    local line
    cp "$FILE_TMP/berth.conf.before" "$FILE_TMP/berth.conf"
    for line in "$@"; do sed -i "s|^${line%% =*} *=.*|$line|" "$FILE_TMP/berth.conf"; done
    install -m 0644 "$FILE_TMP/berth.conf" "$BERTH_PREFIX/etc/berth/berth.conf"
}

libraries='libcuda.so libcuda.so.1 libnvidia-glcore.so libnvidia-glcore.so.535.1 libnvidia-ml.so libnvidia-ml.so.1'

test_what_is_found() {
    local who
    for who in as_root as_user; do
        check_output "$libraries" "$who" berth exec --nv "$DEMO" sh -c 'echo $(ls /.singularity.d/libs)'
        check_output 'libnvidia-opencl.so.1' "$who" berth exec --nv "$DEMO" cat "$GPU_TREE/etc/nvidia.icd"
        check_output /usr/bin/nvidia-smi "$who" berth exec --nv "$DEMO" sh -c 'command -v nvidia-smi'
        check_output /.singularity.d/libs "$who" berth exec --nv "$DEMO" sh -c 'echo $LD_LIBRARY_PATH'
        check_output /a:/.singularity.d/libs "$who" berth exec --nv --env LD_LIBRARY_PATH=/a "$DEMO" sh -c 'echo $LD_LIBRARY_PATH'
        check_status 1 "$who" berth exec --nv "$DEMO" sh -c 'echo x >/.singularity.d/libs/libcuda.so.1'
        # Without the option there is nothing, and beside it a bind of the user's own works.
        check_output '' "$who" berth exec "$DEMO" sh -c 'ls /.singularity.d/libs 2>/dev/null; echo $LD_LIBRARY_PATH'
        check_output libcuda.so.535.1 "$who" berth exec --nv --bind "$GPU_TREE/lib:/mnt" "$DEMO" sh -c 'cd /mnt && ls libcuda.so.535.1'
        check_output "$libraries mine own/x" "$who" berth exec --nv --bind "/etc/hostname:/.singularity.d/libs/mine,/etc/hostname:/.singularity.d/libs/own/x" \
            "$DEMO" sh -c 'cd /.singularity.d/libs && echo $(ls -d *.* mine own/*)'
        check_output "$(cat /etc/hostname)" "$who" berth exec --nv --bind /etc/hostname:/.singularity.d/libs/libcuda.so.1 "$DEMO" cat /.singularity.d/libs/libcuda.so.1
    done
}

test_the_same_bytes() {
    check_output "$(sha256sum <"$GPU_TREE/lib/libcuda.so.535.1")" as_user berth exec --nv "$DEMO" \
        sh -c 'sha256sum </.singularity.d/libs/libcuda.so.1'
}

# Another architecture's library and one that others may change are left out, and that is said.
test_what_is_left_out() {
    capture as_user berth exec --nv "$DEMO" true
    check_equal 0 "$CAPTURED_STATUS"
    check_match '2 files are left out' "$CAPTURED_ERR"
    capture as_user berth gpu list
    check_match 'left out .*libnvcuvid.so.535.1: a library of another architecture' "$CAPTURED_OUT"
    check_match 'left out .*libnvidia-encode.so.535.1: others than root can write' "$CAPTURED_OUT"
}

test_devices() {
    check_output 'nvidia-caps nvidia0 nvidia1 nvidia2 nvidiactl' as_user berth exec --nv --contain "$DEMO" sh -c 'ls /dev | grep nvidia | xargs'
    # Of a folder only the nodes that the caller may open; root may open all of them.
    check_output nvidia-cap2 as_user berth exec --nv --contain "$DEMO" ls /dev/nvidia-caps
    check_output nvidia-cap2 as_user berth exec "$DEMO" ls /dev/nvidia-caps
    check_output '' as_user berth exec --contain "$DEMO" sh -c 'ls /dev | grep nvidia || true'
    check_match 'No such device or address' "$(as_user berth exec --nv "$DEMO" sh -c ': </dev/nvidia1' 2>&1)"
}

# root's record serves users, and is void as soon as ld.so's cache or the list changes.
test_the_record() {
    local before
    rm -rf /run/berth/gpu
    as_user berth exec --nv "$DEMO" true
    [[ ! -e /run/berth/gpu ]] || fail 'a user wrote a record'
    as_root berth exec --nv "$DEMO" true
    check_equal 'root 644' "$(stat -c '%U %a' /run/berth/gpu/nvidia)"
    check_equal '/run/berth/gpu/nvidia' "$(find /run/berth/gpu -type f)"
    before=$(stat -c %i /run/berth/gpu/nvidia)
    as_root berth exec --nv "$DEMO" true
    check_equal "$before" "$(stat -c %i /run/berth/gpu/nvidia)"
    # A user believes root's record alone.
    sed -i 's/libcuda.so.535.1/libcuda.so.999.1/g' /run/berth/gpu/nvidia
    check_output "${libraries#libcuda.so libcuda.so.1 }" as_user berth exec --nv "$DEMO" sh -c 'echo $(ls /.singularity.d/libs)'
    chown "$TEST_USER" /run/berth/gpu/nvidia
    check_output "$libraries" as_user berth exec --nv "$DEMO" sh -c 'echo $(ls /.singularity.d/libs)'
    rm -rf /run/berth/gpu
    as_root berth exec --nv "$DEMO" true
    gpus_library libnvoptix.so.1 libnvoptix.so.535.1 'int optix;'
    ldconfig -X -C "$GPU_TREE/ld.so.cache.new" -f "$GPU_TREE/ld.so.conf"
    cat "$GPU_TREE/ld.so.cache.new" >"$GPU_TREE/ld.so.cache"
    check_match 'libnvoptix.so.1' "$(as_root berth exec --nv "$DEMO" ls /.singularity.d/libs)"
    echo libcuda.so >"$GPU_LIST"
    check_output 'libcuda.so libcuda.so.1' as_root berth exec --nv "$DEMO" sh -c 'echo $(ls /.singularity.d/libs)'
    { cat "$GPU_TREE/nvliblist.before"; echo "$GPU_TREE/etc/nvidia.icd"; } >"$GPU_LIST"
    rm "$GPU_TREE/lib"/libnvoptix*
    ldconfig -X -C "$GPU_TREE/ld.so.cache.new" -f "$GPU_TREE/ld.so.conf"
    cat "$GPU_TREE/ld.so.cache.new" >"$GPU_TREE/ld.so.cache"
}

# driver_version VERSION: what the driver says of itself, in a made-up /proc/driver.
driver_version() { printf 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s\nGCC version: none\n' "$1" >/proc/driver/nvidia/version; }

# Another version of the driver, with all its files as they were, makes the record void.
test_another_driver() {
    local first
    [[ -d /proc/driver ]] || skip "no /proc/driver here"
    mount -t tmpfs berth-test-driver /proc/driver
    mkdir /proc/driver/nvidia
    driver_version 535.1
    rm -rf /run/berth/gpu
    as_root berth exec --nv "$DEMO" true
    first=$(stat -c %i /run/berth/gpu/nvidia)
    as_root berth exec --nv "$DEMO" true
    check_equal "$first" "$(stat -c %i /run/berth/gpu/nvidia)"
    check grep -q 'Module  535.1' /run/berth/gpu/nvidia
    driver_version 550.2
    check_match 'Module  550.2' "$(as_user berth gpu list)"
    as_root berth exec --nv "$DEMO" true
    check grep -q 'Module  550.2' /run/berth/gpu/nvidia
    check_no_match "^$first\$" "$(stat -c %i /run/berth/gpu/nvidia)"
    umount /proc/driver
    rm -rf /run/berth/gpu
}

test_the_sites_word() {
    conf 'always use nv = yes'
    capture as_user berth exec "$DEMO" ls /.singularity.d/libs
    check_match 'libcuda.so.1' "$CAPTURED_OUT"
    check_equal '' "$CAPTURED_ERR"
    conf 'option deny = nv'
    check_refused 'does not allow this option' as_user berth exec --nv "$DEMO" true
    conf 'always use rocm = no'
}

test_a_list_that_is_wrong() {
    local text
    for text in 'libcuda*.so' '../x.so' '/etc/../x' 'two names'; do
        { cat "$GPU_TREE/nvliblist.before"; echo "$text"; } >"$GPU_LIST"
        check_refused "nvliblist.conf:$(wc -l <"$GPU_LIST")" as_user berth exec --nv "$DEMO" true
    done
    install -m 0664 "$GPU_TREE/nvliblist.before" "$GPU_LIST"
    check_refused 'others than root can write' as_user berth exec --nv "$DEMO" true
    rm "$GPU_LIST"
    check_refused 'nvliblist.conf: does not exist' as_user berth exec --nv "$DEMO" true
    check_status 0 as_user berth exec "$DEMO" true
    { cat "$GPU_TREE/nvliblist.before"; echo "$GPU_TREE/etc/nvidia.icd"; } >"$GPU_LIST"
    chmod 0644 "$GPU_LIST"
}

# NVIDIA's program, made up: it names what the driver has.
test_nvidia_container_cli() {
    local program=$GPU_TREE/nvidia-container-cli
    printf '#!/bin/sh\ntest "$*" = "list --libraries --binaries --ipcs" || exit 1\necho %s\n' "$GPU_TREE/lib/libcuda.so.535.1" >"$program"
    chmod 0755 "$program"
    conf 'use nvidia-container-cli = yes' "nvidia-container-cli path = $program"
    check_output 'libcuda.so libcuda.so.1' as_user berth exec --nv "$DEMO" sh -c 'echo $(ls /.singularity.d/libs)'
    check_output 'libcuda.so libcuda.so.1' as_root berth exec --nv "$DEMO" sh -c 'echo $(ls /.singularity.d/libs)'
    chmod g+w "$program"
    check_refused 'nvidia-container-cli path.*others than root' as_user berth exec --nv "$DEMO" true
    conf 'use nvidia-container-cli = yes'
    check_refused 'use nvidia-container-cli = yes: there is no such program' as_user berth exec --nv "$DEMO" true
    conf 'always use rocm = no'
}

# glibc: the image has none; it has one that is too old; it has the host's own.
test_the_images_glibc() {
    local folder=$TEST_HOME/old
    capture as_user berth exec --nv "$DEMO" true
    check_match 'no glibc was found in the image' "$CAPTURED_ERR"
    cp -a "$FIXTURES/demo" "$folder"
    mkdir -p "$folder/lib64"
    printf 'GLIBC_2.0 { global: *; };\n' >"$GPU_TREE/map"
    echo 'int made_up;' | gcc -shared -fPIC -nostdlib -Wl,-soname,libc.so.6,--version-script="$GPU_TREE/map" -o "$folder/lib64/libc.so.6" -x c -
    capture as_user berth exec --nv "$folder" true
    check_match "need glibc 2\\.[0-9.]+ and the image has 2\\.0" "$CAPTURED_ERR"
    cp "$(ldd /bin/ls | awk '/libc.so.6/ {print $3}')" "$folder/lib64/libc.so.6"
    capture as_user berth exec --nv "$folder" true
    check_no_match glibc "$CAPTURED_ERR"
}

test_a_node_without_gpus() {
    capture as_user berth exec --rocm "$DEMO" true
    check_equal 0 "$CAPTURED_STATUS"
    check_match '--rocm: this node has no AMD driver: the container gets no GPU' "$CAPTURED_ERR"
}

test_gpu_list() {
    capture as_user berth gpu list --json
    check_equal 0 "$CAPTURED_STATUS"
    check_equal "$GPU_TREE/lib/libcuda.so.535.1" "$(python3 -c '
import json, sys
stack = json.load(sys.stdin)[0]
print(next(f["source"] for f in stack["files"] if f["destination"] == "/.singularity.d/libs/libcuda.so.1"))' <<<"$CAPTURED_OUT")"
    check_match 'library +.*/libcuda.so.535.1 at /.singularity.d/libs/libcuda.so.1' "$(as_user berth gpu list)"
}
