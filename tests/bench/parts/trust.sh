# shellcheck shell=bash
# shellcheck disable=SC2034  # COMMANDS_AS is table.sh's
# Verifying, starting in a signed image, reading through the hash tree, and building. Sourced by run.

measure_trust() {
    local mib=${BENCH_MIB:-1024}
    if [[ -n $SHORT ]]; then mib=${BENCH_MIB:-64}; fi
    TRUST=$TEST_HOME/bench/trust
    mkdir -p "$TRUST"
    trust_images "$mib"
    trust_verify "$mib"
    trust_verify_peer
    trust_start "$mib"
    trust_read "$mib"
    trust_build
    rm -rf "$TRUST" "$BENCH_ROOT/trust" "$BENCH_ROOT/cache" "$BERTH_PREFIX/etc/berth/global-pgp-public"
}

# The same image unsigned, signed, and signed with a hash tree; and one whose bytes are in four objects.
trust_images() {
    local tree=$BENCH_ROOT/trust/tree part
    demo_folder "$tree"
    mkdir "$tree/bench"
    head -c "$(($1 * 1048576))" /dev/urandom >"$tree/bench/incompressible"
    "$BENCH_ROOT/filler" big "$tree/bench/big" $(($1 / 4))
    install -m 0755 "$BENCH_ROOT/reader" "$tree/bench/reader"
    build_image "$TRUST/plain.sif" "$tree"
    build_image "$TRUST/parts.sif" "$BENCH_ROOT/trust/tree/etc"
    for part in 1 2 3 4; do
        head -c $(($1 * 1048576 / 4)) /dev/urandom >"$BENCH_ROOT/trust/part"
        "$BERTH_PREFIX/bin/berth" sif add --datatype 6 --groupid 1 "$TRUST/parts.sif" "$BENCH_ROOT/trust/part" >/dev/null
    done
    cp "$TRUST/plain.sif" "$TRUST/signed.sif"
    cp "$TRUST/plain.sif" "$TRUST/lazy.sif"
    chown -R "$TEST_USER:" "$TRUST"
    as_user "$BERTH_PREFIX/bin/berth" key newpair --algorithm ed25519 --name Ann --email a@example.org --password '' >/dev/null
    as_user "$BERTH_PREFIX/bin/berth" key export --armor - >"$BERTH_PREFIX/etc/berth/global-pgp-public"
    for part in signed parts; do as_user "$BERTH_PREFIX/bin/berth" sign "$TRUST/$part.sif" >/dev/null; done
    as_user "$BERTH_PREFIX/bin/berth" sign --lazy "$TRUST/lazy.sif" >/dev/null
    sed -i -E '/^ *image cache *=/d' "$BENCH_ROOT/berth.conf"
    printf 'image cache = %s\n' "$BENCH_ROOT/cache" >>"$BENCH_ROOT/berth.conf"
}

trust_verify() {
    local COMMANDS_AS=as_user berth=$BERTH_PREFIX/bin/berth
    heading "verifying $(($(stat -c %s "$TRUST/signed.sif") >> 20)) MiB, in the page cache (ms)"
    cat "$TRUST"/*.sif >/dev/null
    commands_begin
    command_add "openssl dgst -sha256, one processor" taskset -c 0 openssl dgst -sha256 "$TRUST/signed.sif"
    command_add "berth verify, one processor" taskset -c 0 "$berth" verify "$TRUST/signed.sif"
    command_add "berth verify, five objects, one processor" taskset -c 0 "$berth" verify "$TRUST/parts.sif"
    command_add "berth verify, five objects" "$berth" verify "$TRUST/parts.sif"
    TABLE='-v memory=1' commands_run "openssl dgst -sha256, one processor" --rounds "$(rounds 7 2)" --warm-up 1
}

# Apptainer as the tests' peer tier has it, and Berth, each with what it takes to become the user.
trust_verify_peer() {
    local berth=(setpriv --reuid "$TEST_UID" --regid "$TEST_GID" --clear-groups env HOME="$TEST_HOME" "$BERTH_PREFIX/bin/berth")
    if ! peer_open || [[ -n $PEER_MISSING ]]; then
        say "  not measured: apptainer verify: ${PEER_MISSING:-it could not be fetched}"
        return 0
    fi
    "${berth[@]}" key export --armor - >"$TRUST/ann.asc"
    peer apptainer key import "$TRUST/ann.asc" >/dev/null 2>&1
    { declare -p PEER TEST_HOME TEST_USER TEST_UID TEST_GID TEST_GROUP_GID; declare -f peer; echo 'peer "$@"'; } >"$BENCH_ROOT/peer-command"
    say
    commands_begin
    command_add "berth verify" "${berth[@]}" verify "$TRUST/signed.sif"
    command_add "apptainer verify" bash "$BENCH_ROOT/peer-command" apptainer verify "$TRUST/signed.sif"
    TABLE='-v memory=1' commands_run "berth verify" --rounds "$(rounds 7 2)" --warm-up 1
    peer_close
}

trust_start() {
    local berth=("$BERTH_PREFIX/bin/berth" exec --config "$BENCH_ROOT/berth.conf")
    heading "exec /bin/true in an image of $1 MiB, as root (ms)"
    commands_begin
    command_add "unsigned" "${berth[@]}" "$TRUST/plain.sif" /bin/true
    command_add "signed --lazy, verified" "${berth[@]}" --verify "$TRUST/lazy.sif" /bin/true
    command_add "signed, verified, from the image cache" "${berth[@]}" --verify "$TRUST/signed.sif" /bin/true
    commands_run "unsigned" --rounds "$(rounds 50 5)" --warm-up 3 --pause-ms 20
    say
    say "  for the first time on a node: nothing is known of the image"
    commands_begin
    command_list "signed --lazy" sh -c "rm -rf '$BENCH_ROOT/cache'; exec \"\$@\"" sh "${berth[@]}" --verify "$TRUST/lazy.sif" /bin/true
    command_list "signed" sh -c "rm -rf '$BENCH_ROOT/cache'; exec \"\$@\"" sh "${berth[@]}" --verify "$TRUST/signed.sif" /bin/true
    commands_run "signed --lazy" --rounds "$(rounds 3 1)" --warm-up 0 --pause-ms 20
}

trust_read() {
    local berth=("$BERTH_PREFIX/bin/berth" exec --config "$BENCH_ROOT/berth.conf") readers file
    heading "reading a file through FUSE, unchecked and checked (s): words of $(($1 / 4)) MiB, and $1 MiB that do not compress"
    for file in big incompressible; do
        for readers in 1 2; do
            commands_begin
            command_list "$file, unchecked, $readers" "${berth[@]}" "$TRUST/lazy.sif" /bench/reader --readers "$readers" big "/bench/$file"
            command_list "$file, checked, $readers" "${berth[@]}" --verify "$TRUST/lazy.sif" /bench/reader --readers "$readers" big "/bench/$file"
            TABLE='-v unit=s' commands_run "$file, unchecked, $readers" --figure --rounds "$(rounds 5 1)" --warm-up 1
        done
    done
}

trust_build() {
    local tree=$BENCH_ROOT/trust/root mib=200 options=(-noappend -no-progress -quiet -comp gzip -processors "$(nproc)")
    [[ -z $SHORT ]] || mib=20
    rm -rf "$BENCH_ROOT/trust/tree"
    demo_folder "$tree"
    "$BENCH_ROOT/filler" small "$tree/small" $((mib * 10))
    "$BENCH_ROOT/filler" big "$tree/big" $((mib - mib / 10))
    heading "building an image of a root folder of $(du -sm "$tree" | cut -f1) MiB (ms)"
    commands_begin
    command_list "mksquashfs" sh -c "rm -f '$BENCH_ROOT/trust/out'; exec \"\$@\"" sh \
        mksquashfs "$tree" "$BENCH_ROOT/trust/out" "${options[@]}"
    command_list "berth build" "$BERTH_PREFIX/bin/berth" build --force --compression gzip "$BENCH_ROOT/trust/out.sif" "$tree"
    commands_run "mksquashfs" --rounds "$(rounds 7 1)" --warm-up 1
}
