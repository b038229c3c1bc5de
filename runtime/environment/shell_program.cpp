#include "runtime/environment/image_scripts.hpp"

namespace berth {

// A syntax error in a sourced file ends dash whatever one does, so it is looked for first; `command` keeps a shell from
// exiting when `.` fails; a script's options must not outlive it. dash presets PS1, which images take for the user's
// own. Singularity completes PATH after the file that it makes from a Docker image.
std::string_view environment_shell_program() noexcept {
    return R"sh(unset PS1
for berth_script in /.singularity.d/env/*.sh; do
    if [ -f "$berth_script" ]; then
        /bin/sh -n "$berth_script" && command . "$berth_script"
        set +eu
        case "$berth_script" in
        */10-docker2singularity.sh | */10-docker.sh)
            for berth_path in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
                case ":${PATH-}:" in
                *":$berth_path:"*) ;;
                *) PATH="${PATH:+$PATH:}$berth_path" ;;
                esac
            done
            export PATH
            ;;
        esac
    fi
done
unset berth_script berth_path
export -p >&3
)sh";
}

}  // namespace berth
