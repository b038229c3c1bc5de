// Giving up power, for good, and reading back that it is gone.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/result.hpp"

namespace berth {

struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// Becomes `identity` in every id of this process, and reads the ids back. Needs CAP_SETUID and CAP_SETGID, or to be
/// that identity already. Only for processes of one thread.
/// With `guard`, the user ids become that uid instead, but for the file system's: the process acts on files as `identity`,
/// and processes of that user can neither signal nor stop it, nor set its priority, scheduler or processors. It is left
/// without capabilities, and `identity` must not be root.
[[nodiscard]] Status become(const Identity& identity, std::optional<uid_t> guard = std::nullopt);

/// Leaves only `kept` in the bounding set and reads that back. Needs CAP_SETPCAP (or nothing to drop).
/// No allocation: may run between fork and exec of a threaded process. \return 0 or an errno value.
[[nodiscard]] int limit_bounding_set(CapabilitySet kept) noexcept;

/// Permitted capabilities outlast a change from root to another user, until the next exec. No allocation.
[[nodiscard]] int keep_permitted_capabilities() noexcept;

/// Makes the effective and permitted sets `kept`, and for others than root the inheritable and ambient ones, which else are
/// empty; reads them back. EPERM where this process lacks one of them. What a kernel does not know is left out. No allocation.
[[nodiscard]] int limit_capabilities(CapabilitySet kept) noexcept;

/// Other ids and groups for a process of root's, read back; see effect::BecomeIdentity.
[[nodiscard]] Status become_other(std::optional<uid_t> uid, const std::vector<gid_t>& gids);

/// The same for the process that opens files for root; where the files are root's own to open (`reads_as_root`), it
/// keeps CAP_DAC_READ_SEARCH, without which root could not read what root may.
[[nodiscard]] int drop_to_reader_capabilities(bool reads_as_root) noexcept;

/// The permitted set of this process.
[[nodiscard]] CapabilitySet permitted_capabilities() noexcept;

/// True when CAP_SYS_ADMIN is effective.
[[nodiscard]] bool may_administer_system() noexcept;

/// Sets no_new_privs and reads it back. No allocation.
[[nodiscard]] int set_no_new_privileges() noexcept;

/// Bounds what the process that reads images may use from here on: 256 MiB more memory than it has, 30 s of processor
/// time, files of 4 MiB, 256 descriptors, no core, no further process. Whoever crafted an image stops himself.
[[nodiscard]] Status limit_reader_resources();

/// The seccomp filter of the process that reads images and opens paths for root: file reading, memory, and messages
/// on descriptors it has. Everything else kills it. Needs no_new_privs.
[[nodiscard]] Status confine_reader();

/// The seccomp filter of berth-verify and of the gpg that it starts: files, memory, processes, and sockets on this machine.
/// No mounts, namespaces, tracing, keys, bpf, io_uring or devices' set-up; the rest is ENOSYS. Needs no_new_privs.
[[nodiscard]] Status confine_checker();

}  // namespace berth
