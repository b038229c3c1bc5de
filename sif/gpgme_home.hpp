// The folders that GnuPG works in, and the agent that it starts there. For gpgme_context.cpp.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth::sif {

/// A GnuPG home (0700) for public keys, with a gpg.conf that forbids the agent and the network. Removed with the
/// object. It lies in the user's own runtime folder where there is one ($XDG_RUNTIME_DIR), else in /tmp.
class [[nodiscard]] TemporaryHome {
public:
    static Result<TemporaryHome> create();
    TemporaryHome(TemporaryHome&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryHome& operator=(TemporaryHome&&) = delete;
    ~TemporaryHome();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Writes a file of mode 0600 into it.
    [[nodiscard]] Status write(const std::string& name, std::string_view bytes) const;

private:
    explicit TemporaryHome(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

enum class KeyUse { read, change };

/// GnuPG 2.2 moves a keyring away before it puts the changed one in its place: whoever reads at that moment finds no
/// key, and a second change can be lost. So each use of a home folder's keys takes this lock first; it is held as long
/// as the descriptor is open. Who asks for a passphrase meanwhile keeps others from changing keys, not from reading
/// them. Reading goes on without (an empty descriptor) where nothing can be written: EROFS, EACCES. Category::system
/// with EINTR when a signal came while it waited.
[[nodiscard]] Result<UniqueFd> lock_keys(const std::string& home, KeyUse use);

/// A share in the gpg-agent of a home folder: the last one to go, in any process of this machine, ends it. Kept by
/// flock(2) on a file in the folder, removed with the agent; where the file system cannot lock, everyone is the last.
class [[nodiscard]] AgentOfHome {
public:
    /// Waits while another process is ending the agent.
    static Result<AgentOfHome> share(const std::string& home);
    AgentOfHome(AgentOfHome&&) noexcept = default;
    AgentOfHome& operator=(AgentOfHome&&) = delete;
    ~AgentOfHome();

private:
    AgentOfHome(std::string home, std::string path, UniqueFd lock)
        : home_(std::move(home)), path_(std::move(path)), lock_(std::move(lock)) {}
    std::string home_;
    std::string path_;  ///< of the file that is locked
    UniqueFd lock_;
};

}  // namespace berth::sif
