# shellcheck shell=bash
# Reading many small files and a large one through each driver. Sourced by run.
#
#   cold    the page cache is emptied and the image mounted anew before each pass
#   fresh   the image mounted anew, its bytes in the page cache
#   warm    the same files were read once before in the same container

measure_read() {
    local files=${BENCH_FILES:-10000} mib=${BENCH_MIB:-1024} readers compression
    if [[ -n $SHORT ]]; then files=${BENCH_FILES:-1000} mib=${BENCH_MIB:-64}; fi
    read_files "$files" "$mib"
    for compression in zstd gzip; do read_image "$compression"; done
    sync
    heading "reading $files small files and one of $mib MiB, as root (s)"
    say "  ratios are to the kernel's squashfs of the same compression; cold: $(read_how_cold)"
    READ_COMPRESSIONS='zstd gzip'
    for readers in 1 2 8; do
        read_part "$readers" "cold fresh warm" "$files small files" "$(rounds 5 2)" small /bench/small "$files"
    done
    for readers in 1 8; do
        read_part "$readers" fresh "$((files / 10)) small files in any order" "$(rounds 5 2)" \
            --shuffle small /bench/small "$((files / 10))"
    done
    READ_COMPRESSIONS=zstd  # unpacking is all there is to it, and the ratios are the same
    for readers in 1 2 8; do
        read_part "$readers" "cold fresh warm" "$mib MiB" "$(rounds 3 1)" big /bench/big
    done
    read_memory "$files"
    rm -rf "$BENCH_ROOT/read" "$TEST_HOME/bench/read"
}

read_files() {
    READ=$BENCH_ROOT/read/tree/bench
    demo_folder "$BENCH_ROOT/read/tree"
    "$BENCH_ROOT/filler" small "$READ/small" "$1"
    "$BENCH_ROOT/filler" big "$READ/big" "$2"
    install -m 0755 "$BENCH_ROOT/reader" "$READ/reader"
    mkdir -p "$TEST_HOME/bench/read"
}

# The same image twice: one that only root can change, for the kernel, and one of the user's, for our server.
read_image() {
    local image=$BENCH_ROOT/read/$1.sif
    "$BERTH_PREFIX/bin/berth" build --compression "$1" "$image" "$BENCH_ROOT/read/tree" >/dev/null
    install -m 0644 -o "$TEST_USER" "$image" "$TEST_HOME/bench/read/$1.sif"
}

read_how_cold() {
    if [[ -w /proc/sys/vm/drop_caches ]]; then
        say "the machine's page cache is emptied (drop_caches)"
    else
        say "the images' pages are dropped (POSIX_FADV_DONTNEED)"
    fi
}

# read_part READERS STATES WHAT ROUNDS READER_ARGUMENT…
read_part() {
    local readers=$1 states=$2 what=$3 rounds=$4 state plural=s
    shift 4
    [[ $readers != 1 ]] || plural=''
    for state in $states; do
        say
        say "  $what, $state, $readers reader$plural"
        read_in_state "$state" "$rounds" --readers "$readers" "$@"
    done
}

# read_in_state STATE ROUNDS READER_ARGUMENT…
read_in_state() {
    local state=$1 options=(--figure --rounds "$2")
    shift 2
    case $state in
        cold)
            if [[ -w /proc/sys/vm/drop_caches ]]; then
                options+=(--warm-up 0 --drop-caches)
            else
                options+=(--warm-up 0 --forget "$BENCH_ROOT/read" --forget "$TEST_HOME/bench/read")
            fi ;;
        fresh) options+=(--warm-up 1) ;;
        warm)
            options+=(--warm-up 0)
            set -- --warm "$@" ;;
    esac
    read_commands "$@"
    TABLE='-v unit=s' commands_run "kernel squashfs, *" "${options[@]}"
}

# read_commands READER_ARGUMENT…
read_commands() {
    local berth=("$BERTH_PREFIX/bin/berth" exec --config "$BENCH_ROOT/berth.conf") image
    commands_begin
    for image in $READ_COMPRESSIONS; do
        command_list "kernel squashfs, $image" "${berth[@]}" "$BENCH_ROOT/read/$image.sif" /bench/reader "$@"
        command_list "FUSE, $image" "${berth[@]}" "$TEST_HOME/bench/read/$image.sif" /bench/reader "$@"
    done
    command_list "folder" "${berth[@]}" "$BENCH_ROOT/read/tree" /bench/reader "$@"
    if command -v squashfuse_ll >/dev/null; then
        command_list "squashfuse_ll, zstd" "$BENCH/parts/with-squashfuse" "$BENCH_ROOT/read/zstd.sif" \
            "$(read_offset "$BENCH_ROOT/read/zstd.sif")" "$BENCH_ROOT/read/mount" bench/reader "$@"
    fi
}

# Where the squashfs begins in a SIF image: a descriptor's offset field is 17 bytes into it.
read_offset() { sif_int64 "$1" $(($(sif_primary_descriptor "$1") + 17)); }

read_memory() {
    local image=$TEST_HOME/bench/read/zstd.sif
    say
    say "  the image server's peak after 8 readers read all: $(
        server_peak "$TEST_SERVER_UID" "$BERTH_PREFIX/bin/berth" exec --config "$BENCH_ROOT/berth.conf" "$image" \
            sh -c "/bench/reader --readers 8 small /bench/small $1; /bench/reader --readers 8 big /bench/big; sleep 1"
    ) MiB"
}
