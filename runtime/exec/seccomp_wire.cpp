#include "runtime/exec/seccomp_wire.hpp"

#include <linux/bpf_common.h>
#include <linux/seccomp.h>

#include <cstring>

namespace berth {

void pack(Packer& packer, const SeccompFilter& filter) {
    packer.text({reinterpret_cast<const char*>(filter.program.data()), filter.program.size() * sizeof(sock_filter)});
    packer.number(filter.flags);
}

std::optional<SeccompFilter> unpack_filter(Unpacker& unpacker) {
    const std::string bytes = unpacker.text();
    SeccompFilter filter;
    filter.flags = static_cast<unsigned>(unpacker.number());
    constexpr unsigned kKnownFlags = SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    if ((filter.flags & ~kKnownFlags) != 0) return std::nullopt;
    if (!unpacker.ok() || bytes.empty() || bytes.size() % sizeof(sock_filter) != 0 || bytes.size() / sizeof(sock_filter) > BPF_MAXINSNS)
        return std::nullopt;
    filter.program.resize(bytes.size() / sizeof(sock_filter));
    std::memcpy(filter.program.data(), bytes.data(), bytes.size());
    return filter;
}

void pack(Packer& packer, const SeccompTarget& target) {
    packer.number(target.capabilities);
    packer.text(target.architecture);
    packer.number(target.kernel.major);
    packer.number(target.kernel.minor);
}

SeccompTarget unpack_target(Unpacker& unpacker) {
    SeccompTarget target;
    target.capabilities = unpacker.number();
    target.architecture = unpacker.text();
    target.kernel.major = static_cast<unsigned>(unpacker.number());
    target.kernel.minor = static_cast<unsigned>(unpacker.number());
    return target;
}

}  // namespace berth
