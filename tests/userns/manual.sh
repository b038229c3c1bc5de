# shellcheck shell=bash
# The manual as it is installed: roff has nothing to say against it, and it knows what the programs know. Needs no user
# namespace.

setup_file() { MAN=$BERTH_PREFIX/share/man; }

# page NAME.SECTION: as a terminal shows it, in one line.
page() { (cd "$MAN" && groff -man -Tutf8 -P -c "man${1##*.}/$1") | sed 's/.\x08//g' | tr -s ' \n' ' '; }

# has PAGE WORD…: each stands in it.
has() {
    local text word
    text=$(page "$1")
    for word in "${@:2}"; do [[ $text == *"$word"* ]] || fail "$1 does not name '$word'"; done
}

test_roff_is_clean() {
    local file count=0
    cd "$MAN" || fail "$MAN is not there"
    for file in man1/* man5/*; do
        check_equal "" "$(groff -man -ww -b -z -Tutf8 "$file" 2>&1)" "$file"
        [[ $(page "${file##*/}") == *'SEE ALSO'* ]] || fail "$file is not a whole page"
        count=$((count + 1))
    done
    check_equal 8 "$count" "pages"
    check_match "Berth $(as_user berth --version | awk '{print $2}')" "$(<man1/berth.1)"
}

test_berth_names_every_command() {
    local commands
    mapfile -t commands < <(as_user berth --help | sed -n '/^Subcommands:/,$s/^  \([a-z]*\) .*/\1/p')
    ((${#commands[@]} >= 10)) || fail "berth --help lists ${#commands[@]} commands"
    has berth.1 "${commands[@]}"
}

test_berth_exec_names_every_option() {
    local options
    mapfile -t options < <(as_user berth exec --help | grep -o -E -- '--[a-z][a-z-]+' | sort -u | grep -v -x -e --help)
    ((${#options[@]} >= 10)) || fail "berth exec --help lists ${#options[@]} options"
    has berth-exec.1 "${options[@]}"
    mapfile -t options < <(as_user berth options | grep -o -E -- '--[a-z][a-z-]+' | sort -u)
    has berth-exec.1 "${options[@]}"
}

test_berth_conf_names_every_directive() {
    local directives
    mapfile -t directives < <(as_user berth config list --json | sed -n 's/.*"directive": "\(.*\)",/\1 =/p')
    ((${#directives[@]} >= 50)) || fail "berth config list has ${#directives[@]} directives"
    has berth.conf.5 "${directives[@]}"
}

test_berth_doctor_names_every_check() {
    local checks
    mapfile -t checks < <({ as_user berth doctor --json || true; } | sed -n 's/.*"check": "\(.*\)",/\1/p' | sort -u)
    ((${#checks[@]} >= 12)) || fail "berth doctor made ${#checks[@]} checks"
    has berth-doctor.1 "${checks[@]}"
}
