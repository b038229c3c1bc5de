// mksquashfs, run without a shell, and the signals that may end it.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::tools {

/// Keeps SIGINT, SIGTERM, SIGHUP and SIGQUIT from ending the process while it lives, so that files are removed first.
/// One that came in the meantime takes effect when the object goes. For programs of one thread.
class [[nodiscard]] SignalHold {
public:
    SignalHold() noexcept;
    ~SignalHold();
    SignalHold(const SignalHold&) = delete;
    SignalHold& operator=(const SignalHold&) = delete;

    /// The mask from before, for a child.
    [[nodiscard]] const sigset_t& before() const noexcept { return before_; }
    /// True when one of the held signals waits.
    [[nodiscard]] static bool interrupted() noexcept;

private:
    sigset_t before_{};
};

struct SquashfsRequest {
    std::string folder;              ///< an absolute path, or empty: then
    int image = -1;                  ///< what is packed is the squashfs in this file, read by berth-image
    std::uint64_t image_offset = 0;  ///< where it lies in it, in bytes
    std::uint64_t image_size = 0;
    int output = -1;          ///< an empty file, open for writing; stays the caller's
    std::string compression;  ///< "zstd", "gzip", "xz" or "lz4"
    unsigned processors = 0;  ///< 0: as many as there are
    std::string memory;       ///< as mksquashfs takes it ("500M", "1G"); empty: its own choice
    std::string program;      ///< a path; empty: mksquashfs from PATH
    bool all_root = false;    ///< every file belongs to root inside, whoever owns it outside
};

/// Runs mksquashfs with the caller's environment (it honours SOURCE_DATE_EPOCH) and waits for it; what it
/// says goes to stderr, a progress bar only where that is a terminal. A held signal kills it and is Category::system
/// with EINTR. Other errors: Category::unsupported (not installed, names the package), system (it failed).
[[nodiscard]] Status make_squashfs(const SquashfsRequest& request, const SignalHold& signals);

}  // namespace berth::tools
