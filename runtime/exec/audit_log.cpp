#include "runtime/exec/audit_log.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <ctime>

#include "runtime/base/io.hpp"
#include "runtime/config/trusted_file.hpp"

namespace berth {
namespace {

std::string now() {
    const std::time_t seconds = std::time(nullptr);
    std::tm parts{};
    std::array<char, 32> text{};
    const std::size_t length = ::gmtime_r(&seconds, &parts) != nullptr ? std::strftime(text.data(), text.size(), "%FT%TZ", &parts) : 0;
    return {text.data(), length};
}

/// Not syslog(3), which waits as long as the daemon does not read.
void send_to_syslog(const std::string& line) {
    constexpr sockaddr_un kLog{AF_UNIX, "/dev/log"};
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&kLog), sizeof kLog) != 0) return;
    const std::string message = "<" + std::to_string(LOG_AUTHPRIV | LOG_NOTICE) + ">berth[" + std::to_string(::getpid()) + "]: " + line;
    static_cast<void>(::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL));
}

/// A write that was cut short by a full disk: the next line must not continue it.
bool ends_within_a_line(int file, off_t size) {
    char last = '\n';
    return size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

Status append(const config::Setting<std::string>& log, const std::string& line) {
    const std::string what = log.origin.to_string() + ": audit log " + log.value;
    const auto slash = log.value.rfind('/');
    const auto failed = [&](int number) { return errno_error(what + ": no container runs without a record", number, Category::config); };
    BERTH_TRY(const UniqueFd folder, config::open_trusted_folder(slash == 0 ? "/" : log.value.substr(0, slash)));
    const std::string name = log.value.substr(slash + 1);
    const UniqueFd file(::openat(folder.get(), name.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0) return failed(errno);
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error{Category::config, 0, what + ": must be a file of root's that nobody else can write to"};
    const std::string whole = (ends_within_a_line(file.get(), st.st_size) ? "\n" : "") + line + "\n";
    const ssize_t written = ::write(file.get(), whole.data(), whole.size());
    return written == static_cast<ssize_t>(whole.size()) ? Status() : Status(failed(written < 0 ? errno : ENOSPC));
}

}  // namespace

AuditEvent audit_event(std::string asked) {
    AuditEvent event;
    event.time = now();
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) event.node = name.data();
    event.asked = std::move(asked);
    return event;
}

Status write_audit(const config::SiteConfig& site, const std::string& line) {
    Status written = site.audit_log.value.empty() || ::geteuid() != 0 ? Status() : append(site.audit_log, line);
    send_to_syslog(line);
    return written;
}

void audit_failure(std::string asked, const Error& failure, const JobContext& job) {
    AuditEvent event = audit_event(std::move(asked));
    event.failure = failure;
    send_to_syslog(audit_line(event, job));
}

}  // namespace berth
