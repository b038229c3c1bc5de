#include "sif/gpgme_home.hpp"

#include <fcntl.h>
#include <gpgme.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "runtime/base/io.hpp"

namespace berth::sif {
namespace {

// The folder is ours alone, so that locking is for nothing.
constexpr std::string_view kOffline =
    "no-autostart\ndisable-dirmngr\nno-auto-key-retrieve\nno-auto-key-locate\nno-auto-check-trustdb\n"
    "trust-model always\nno-random-seed-file\nlock-never\nno-greeting\n";

constexpr int kAgentEndMs = 2000;

/// Anybody can set the variable: the folder must be the caller's alone.
bool is_private(const char* folder) {
    struct stat st {};
    return folder != nullptr && folder[0] == '/' && ::stat(folder, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == ::geteuid() && (st.st_mode & 0077) == 0;
}

/// An agent serves its own machine, while a home folder may be shared by many.
std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

/// Made where it is missing. Open for writing, since NFS locks no other file exclusively.
Result<UniqueFd> locked_file(const std::string& path, int operation) {
    BERTH_TRY(UniqueFd file, open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    // A file system without locks serves one command at a time just as well.
    if (::flock(file.get(), operation) != 0 && errno == EINTR) return errno_error(path);
    return file;
}

/// Asks the agent for its pid and its end. \return what it answered: "D PID", "OK", …; nothing where none runs.
std::string stop_agent(const std::string& home) {
    gpgme_ctx_t context = nullptr;
    gpgme_data_t answer = nullptr;
    std::string text;
    if (gpgme_new(&context) == 0 && gpgme_set_protocol(context, GPGME_PROTOCOL_SPAWN) == 0 &&
        gpgme_data_new(&answer) == 0) {
        std::array<const char*, 8> arguments{"gpg-connect-agent", "--homedir", home.c_str(), "--no-autostart",
                                             "GETINFO pid",       "KILLAGENT", "/bye",       nullptr};
        gpgme_op_spawn(context, "/usr/bin/gpg-connect-agent", arguments.data(), nullptr, answer, nullptr, 0);
        std::array<char, 256> buffer{};
        gpgme_data_seek(answer, 0, SEEK_SET);
        if (const auto n = gpgme_data_read(answer, buffer.data(), buffer.size()); n > 0)
            text.assign(buffer.data(), static_cast<std::size_t>(n));
    }
    gpgme_data_release(answer);
    gpgme_release(context);
    return text;
}

/// The agent answers before it has ended.
void wait_for_end(std::string_view answer) {
    pid_t pid = 0;
    if (!answer.starts_with("D ")) return;
    answer.remove_prefix(2);
    if (std::from_chars(answer.data(), answer.data() + answer.size(), pid).ec != std::errc{} || pid <= 0) return;
    const UniqueFd agent(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    pollfd ended{agent.get(), POLLIN, 0};
    if (agent) static_cast<void>(::poll(&ended, 1, kAgentEndMs));
}

}  // namespace

Result<TemporaryHome> TemporaryHome::create() {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::string path = std::string(is_private(runtime) ? runtime : "/tmp") + "/berth-keys-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return errno_error(path + ": cannot create a temporary folder");
    TemporaryHome home(std::move(path));
    BERTH_CHECK(home.write("gpg.conf", kOffline));
    return home;
}

TemporaryHome::~TemporaryHome() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Status TemporaryHome::write(const std::string& name, std::string_view bytes) const {
    const std::string path = path_ + "/" + name;
    BERTH_TRY(const UniqueFd file, open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    return write_all(file.get(), bytes, path);
}

Result<UniqueFd> lock_keys(const std::string& home, KeyUse use) {
    auto file = locked_file(home + "/.berth-lock", use == KeyUse::read ? LOCK_SH : LOCK_EX);
    // Who can only read the folder is served without: a change at that very moment may hide a key, never add one.
    if (!file && use == KeyUse::read && (file.error().number == EROFS || file.error().number == EACCES))
        return UniqueFd();
    return file;
}

Result<AgentOfHome> AgentOfHome::share(const std::string& home) {
    const std::string path = home + "/.berth-agent-" + host_name();
    for (;;) {
        BERTH_TRY(UniqueFd lock, locked_file(path, LOCK_SH));
        struct stat st {};
        if (::fstat(lock.get(), &st) != 0) return errno_error(path);
        if (st.st_nlink > 0)
            return AgentOfHome(home, path, std::move(lock));  // else its last owner has just removed it
    }
}

AgentOfHome::~AgentOfHome() {
    if (!lock_) return;
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return;
    wait_for_end(stop_agent(home_));
    ::unlink(path_.c_str());
}

}  // namespace berth::sif
