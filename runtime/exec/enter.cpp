#include "runtime/exec/enter.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "runtime/base/text.hpp"
#include "runtime/exec/privilege.hpp"
#include "runtime/exec/security_label.hpp"

namespace berth {
namespace {

/// The kernel names a working directory that cannot be reached from the root "(unreachable)/…".
bool working_directory_is_inside() {
    std::array<char, PATH_MAX> path{};
    const long n = ::syscall(SYS_getcwd, path.data(), path.size());
    return n > 0 && path[0] == '/';
}

Status change_directory(const effect::ChangeDirectory& e) {
    if (::chdir(e.path.c_str()) != 0) {
        if (e.required) return errno_error("working directory " + printable(e.path) + " in the container", errno, Category::usage);
        if (::chdir(e.fallback.c_str()) != 0 && ::chdir("/") != 0) return errno_error("the container's root");
    }
    if (!working_directory_is_inside()) return Error{Category::denied, 0, "the working directory lies outside the container"};
    return {};
}

bool was_meant_for_task(int fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    struct stat st {};
    return flags >= 0 && (flags & FD_CLOEXEC) == 0 && ::fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

Status check(int number, const char* what) {
    if (number != 0) return errno_error(what, number);
    return {};
}

}  // namespace

Status EntryRunner::install_filters(const effect::InstallFilters& e) {
    if (filters_.size() != e.profiles.size()) return Error{Category::internal, 0, "a seccomp filter is missing"};
    for (std::size_t i = 0; i < filters_.size(); ++i)
        if (const int failed = install_seccomp(filters_[i].program.data(), filters_[i].program.size(), filters_[i].flags); failed != 0)
            return errno_error("cannot install the seccomp filter of " + printable(e.profiles[i]), failed);
    return {};
}

Status EntryRunner::run(const Effect& effect, const Plan&) {
    if (const auto* label = std::get_if<effect::OpenLabel>(&effect)) {
        BERTH_TRY(label_, open_label(label->module));
        return {};
    }
    if (std::holds_alternative<effect::EnterNamespaces>(effect)) {
        if (::setns(ns_, CLONE_NEWNS) != 0) return errno_error("cannot enter the container's mount namespace");
        // A copy for this task alone; setns(2) moved root and working directory to the container's root.
        if (::unshare(CLONE_NEWNS) != 0) return errno_error("cannot copy the container's mount namespace");
        return {};
    }
    if (const auto* bounding = std::get_if<effect::DropBoundingSet>(&effect)) {
        BERTH_CHECK(check(limit_bounding_set(bounding->kept), "cannot limit the capability bounding set (CAP_SETPCAP is needed)"));
        return bounding->kept == 0 ? Status() : check(keep_permitted_capabilities(), "PR_SET_KEEPCAPS");
    }
    if (const auto* identity = std::get_if<effect::BecomeIdentity>(&effect)) return become_other(identity->uid, identity->gids);
    if (const auto* start = std::get_if<effect::ChangeDirectory>(&effect)) return change_directory(*start);
    if (const auto* label = std::get_if<effect::SetLabel>(&effect)) {
        BERTH_CHECK(set_label(label_.get(), label->module, label->label));
        label_.reset();
        return {};
    }
    if (const auto* drop = std::get_if<effect::DropCapabilities>(&effect)) {
        if (const int failed = limit_capabilities(drop->kept); failed != 0)
            return errno_error(drop->kept == 0 ? "cannot drop capabilities" : "cannot get the capabilities " + to_string(drop->kept), failed);
        return {};
    }
    if (std::holds_alternative<effect::NoNewPrivileges>(effect)) return check(set_no_new_privileges(), "cannot set no_new_privs");
    if (const auto* filters = std::get_if<effect::InstallFilters>(&effect)) return install_filters(*filters);
    if (std::holds_alternative<effect::CloseDescriptors>(effect)) {
        // The job's environment names them, so it might name slurmstepd's own: only a socket that was to survive exec
        // anyway is the task's.
        std::erase_if(keep_, [](int fd) { return !was_meant_for_task(fd); });
        if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return errno_error("close_range");
        for (const int fd : keep_) static_cast<void>(::fcntl(fd, F_SETFD, 0));
        return {};
    }
    return Error{Category::internal, 0, "a step of another phase"};
}

}  // namespace berth
