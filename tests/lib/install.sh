# shellcheck shell=bash
# Building the presets and installing into a temporary prefix. Sourced after common.sh.

# build_preset NAME [CMAKE_ARGUMENT…]: configures and builds into BERTH_BUILD/NAME. BUILD_TARGETS: not all, only these.
build_preset() {
    local preset=$1 folder=$BERTH_BUILD/$1 launcher=()
    shift
    say "Building the $preset preset in $folder"
    mkdir -p "$folder"
    if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    (
        cd "$BERTH_SOURCE" || exit
        quiet "$folder/configure.log" cmake --preset "$preset" -B "$folder" "${launcher[@]}" "$@"
        quiet "$folder/build.log" cmake --build "$folder" --parallel "$(nproc)" ${BUILD_TARGETS:+--target $BUILD_TARGETS}
    )
}

# install_release FOLDER [PRESET]: installs the release preset, or another one, there; sets BERTH_PREFIX. Each parent of
# FOLDER must be root's and not writable by others, or Berth rightly refuses the configuration in it.
install_release() {
    local build=$BERTH_BUILD/${2:-release}
    export BERTH_PREFIX=$1
    quiet "$build/install.log" cmake --install "$build" --prefix "$BERTH_PREFIX"
}

# new_root NAME: makes and prints a new folder that a prefix and a cluster may live in; in BERTH_TEST_PLACE (/var/lib).
new_root() {
    local folder place=${BERTH_TEST_PLACE:-/var/lib}
    mkdir -p "$place"
    folder=$(mktemp -d "$place/$1.XXXXXX")
    chmod 0755 "$folder"
    printf '%s\n' "$folder"
}

# configure_release KEY VALUE: sets a directive of the installed berth.conf, where it stands commented out or not.
configure_release() {
    local conf=$BERTH_PREFIX/etc/berth/berth.conf
    sed -i -E "s|^#? ?($1) *=.*|\\1 = $2|" "$conf"
    grep -qxF "$1 = $2" "$conf" || printf '%s = %s\n' "$1" "$2" >>"$conf"
}
