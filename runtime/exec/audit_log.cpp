#include "runtime/exec/audit_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
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

/// syslog(3) would keep a descriptor open that the command must not get.
void send_to_syslog(const std::string& line) {
    ::openlog("berth", LOG_PID, LOG_AUTHPRIV);
    ::syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", line.c_str());
    ::closelog();
}

Status append(const config::Setting<std::string>& log, const std::string& line) {
    const std::string what = log.origin.to_string() + ": audit log " + log.value;
    const auto slash = log.value.rfind('/');
    const auto failed = [&](int number) { return errno_error(what + ": no container runs without a record", number, Category::config); };
    BERTH_TRY(const UniqueFd folder, config::open_trusted_folder(slash == 0 ? "/" : log.value.substr(0, slash)));
    const std::string name = log.value.substr(slash + 1);
    const UniqueFd file(::openat(folder.get(), name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0) return failed(errno);
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error{Category::config, 0, what + ": must be a file of root's that nobody else can write to"};
    const std::string whole = line + "\n";
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
    send_to_syslog(line);
    if (site.audit_log.value.empty() || ::geteuid() != 0) return {};
    return append(site.audit_log, line);
}

}  // namespace berth
