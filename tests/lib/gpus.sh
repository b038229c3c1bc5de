# shellcheck shell=bash
# A made-up GPU: a driver's libraries, programs and files, an ld.so cache that knows them, and character devices without a
# driver behind them. In the mount namespace of this run only. Sourced after common.sh and check.sh.
#
#   GPU_TREE   the folder of the driver's files; root's alone, but for what gpus_up says
#   GPU_LIST   nvliblist.conf, of the installation unless it is set; gets what is made up here

# gpus_up: makes it all, with the libraries GPU_MORE ("libname …") beside its own, and GPU_NODES (3) devices /dev/nvidia0…; opening one is ENXIO, or EPERM where a cgroup forbids it.
gpus_up() {
    local name
    GPU_TREE=$BERTH_TEST_ROOT/gpu
    : "${GPU_LIST:=$BERTH_PREFIX/etc/berth/nvliblist.conf}"
    mkdir -p "$GPU_TREE/lib" "$GPU_TREE/etc"
    gpus_library libcuda.so.1 libcuda.so.535.1 \
        'void *dlsym(void *, const char *); int cuInit(void) { return dlsym(0, "made_up") != 0; }'
    gpus_library libnvidia-ml.so.1 libnvidia-ml.so.535.1 'int nvmlInit(void) { return 0; }'
    gpus_library libnvidia-glcore.so.535.1 libnvidia-glcore.so.535.1 'int glcore;'
    # Another architecture's, where ld.so's cache has one of this; and one that a group may write. Neither may be used.
    gpus_library libnvcuvid.so.1 libnvcuvid.so.535.1 'int nvcuvid;'
    gpus_library libnvidia-encode.so.1 libnvidia-encode.so.535.1 'int encode;'
    chmod g+w "$GPU_TREE/lib/libnvidia-encode.so.535.1"
    for name in ${GPU_MORE:-}; do gpus_library "$name.so.1" "$name.so.535.1" 'int more;'; done
    printf '%s\n' "$GPU_TREE/lib" >"$GPU_TREE/ld.so.conf"
    ldconfig -X -C "$GPU_TREE/ld.so.cache" -f "$GPU_TREE/ld.so.conf"
    printf '\267' | dd of="$GPU_TREE/lib/libnvcuvid.so.535.1" bs=1 seek=18 conv=notrunc status=none
    mount --bind "$GPU_TREE/ld.so.cache" /etc/ld.so.cache
    mount -t tmpfs -o mode=0755 berth-test-programs /usr/local/sbin
    install -m 0755 "${GPU_PROGRAM:-$FIXTURES/probe}" /usr/local/sbin/nvidia-smi
    echo libnvidia-opencl.so.1 >"$GPU_TREE/etc/nvidia.icd"
    cp -p "$GPU_LIST" "$GPU_TREE/nvliblist.before"
    printf '%s\n' "$GPU_TREE/etc/nvidia.icd" >>"$GPU_LIST"
    gpus_devices
}

# gpus_library SONAME FILE C_TEXT
gpus_library() {
    printf '%s\n' "$3" | gcc -shared -fPIC -O1 -Wl,-soname,"$1" -o "$GPU_TREE/lib/$2" -x c -
    [[ $1 == "$2" ]] || ln -s "$2" "$GPU_TREE/lib/$1"
}

# A /dev of our own with what the machine's has, and the GPUs.
gpus_devices() {
    local dev=$GPU_TREE/dev node name
    mkdir "$dev"
    mount -t tmpfs -o mode=0755,nosuid berth-test-gpus "$dev"
    for node in /dev/*; do
        name=${node##*/}
        if [[ -L $node || -c $node ]]; then
            cp -a "$node" "$dev/$name"
        elif [[ -d $node ]]; then
            mkdir "$dev/$name"
            mount --rbind "$node" "$dev/$name"
        fi
    done
    for ((node = 0; node < ${GPU_NODES:-3}; node++)); do mknod -m 0666 "$dev/nvidia$node" c 195 "$node"; done
    mknod -m 0666 "$dev/nvidiactl" c 195 255
    mkdir "$dev/nvidia-caps"
    mknod -m 0666 "$dev/nvidia-caps/nvidia-cap2" c 195 200
    mknod -m 0600 "$dev/nvidia-caps/nvidia-cap1" c 195 201
    mount --rbind "$dev" /dev
}

# gpus_missing: why they cannot be Slurm's generic resources here; nothing when they can. For skip_file.
gpus_missing() {
    [[ $CLUSTER_PROCTRACK == cgroup ]] || echo 'no devices cgroup here'
    mknod "$BERTH_TEST_ROOT/.probe" c 195 0 2>/dev/null || echo 'device nodes cannot be made here'
    rm -f "$BERTH_TEST_ROOT/.probe"
}

# gpus_slurm_up: a Slurm that gives them to steps.
gpus_slurm_up() { CLUSTER_GRES=gpu:3 CLUSTER_GRES_CONF='Name=gpu File=/dev/nvidia[0-2]' slurm_up required; }

gpus_down() {
    umount -l /dev /etc/ld.so.cache /usr/local/sbin
    umount -l "$GPU_TREE/dev"
    install -m 0644 "$GPU_TREE/nvliblist.before" "$GPU_LIST"
    rm -rf --one-file-system "$GPU_TREE" /run/berth/gpu
}

# gpu_names: of the names that it reads, those of GPUs' nodes, in one line.
gpu_names() { tr ' ' '\n' | grep -E '^nvidia' | sort | paste -sd ' '; }
