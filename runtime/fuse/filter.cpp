#include "runtime/fuse/filter.hpp"

#include <seccomp.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <memory>

namespace berth::fuse {
namespace {

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

template <typename... Comparisons>
int allow(const Filter& filter, int number, Comparisons... comparisons) {
    const std::array<scmp_arg_cmp, sizeof...(comparisons)> list{comparisons...};
    return ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number, sizeof...(comparisons), list.data());
}

scmp_arg_cmp argument_is(unsigned index, std::uint64_t value) {
    return scmp_arg_cmp{index, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp argument_masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
    return scmp_arg_cmp{index, SCMP_CMP_MASKED_EQ, mask, value};
}

int allow_descriptors(const Filter& filter, const Options& options, int fuse_fd, int log_fd) {
    const auto fuse = static_cast<std::uint64_t>(fuse_fd);
    int failed = allow(filter, SCMP_SYS(read), argument_is(0, fuse));
    failed |= allow(filter, SCMP_SYS(writev), argument_is(0, fuse));
    failed |= allow(filter, SCMP_SYS(pread64), argument_is(0, static_cast<std::uint64_t>(options.image_fd)));
    const auto parent = static_cast<std::uint64_t>(options.parent_fd);
    failed |= allow(filter, SCMP_SYS(sendto), argument_is(0, parent), argument_is(4, 0));
    failed |= allow(filter, SCMP_SYS(close), argument_is(0, parent));
    if (log_fd >= 0)
        failed |= allow(filter, SCMP_SYS(sendto), argument_is(0, static_cast<std::uint64_t>(log_fd)), argument_is(4, 0));
    return failed;
}

// Memory that is anonymous and never executable.
int allow_memory(const Filter& filter) {
    int failed = allow(filter, SCMP_SYS(brk));
    failed |= allow(filter, SCMP_SYS(mmap), argument_masked(2, PROT_EXEC, 0),
                    argument_masked(3, MAP_ANONYMOUS, MAP_ANONYMOUS));
    failed |= allow(filter, SCMP_SYS(mprotect), argument_masked(2, PROT_EXEC, 0));
    failed |= allow(filter, SCMP_SYS(mremap));
    failed |= allow(filter, SCMP_SYS(munmap));
    failed |= allow(filter, SCMP_SYS(madvise));
    return failed;
}

}  // namespace

Status install_filter(const Options& options, int fuse_fd, int log_fd) {
    const Filter filter(::seccomp_init(SCMP_ACT_KILL_PROCESS), &::seccomp_release);
    if (!filter) return errno_error("seccomp_init", ENOMEM);
    int failed = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    failed |= ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    failed |= allow_descriptors(filter, options, fuse_fd, log_fd);
    failed |= allow_memory(filter);
    for (const int number : {SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(sched_yield), SCMP_SYS(rt_sigreturn),
                             SCMP_SYS(restart_syscall), SCMP_SYS(exit_group)})
        failed |= allow(filter, number);
    if (failed != 0) return Error{Category::system, EINVAL, "libseccomp refused a rule"};
    if (const int error = ::seccomp_load(filter.get()); error != 0)
        return errno_error("seccomp_load (the kernel needs CONFIG_SECCOMP_FILTER)", -error);
    return {};
}

}  // namespace berth::fuse
