// The node's image cache: copies of images that were verified, named by their content, and small records of what was
// found out. A folder of root's alone. Several processes use it at once, and any of them may be killed at any time: what
// stands under its final name is whole.
//
//     CACHEDIR.TAG     tells backup programs to leave the folder out
//     images/SHA256    copies; the one used least recently goes first
//     partial/RANDOM   copies being made; each is locked (flock(2)) by whoever makes it, and its name is used once
//     records/NAME     what was found out about NAME
//     locks/XX         one at a time works on NAMEs that begin with XX; never removed
//     lock             held while room is made and while a partial copy gets its name and its lock
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"

namespace berth {

class [[nodiscard]] ImageCache {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    /// Makes the folder (not those above it) where it is missing. `limit`: bytes that the copies may take together.
    /// Needs root. Category::config where others than root could change it.
    static Result<ImageCache> open(const std::string& folder, std::uint64_t limit);

    /// The record of that name, if it is not older than `age`. Names are lower-case hex digits, at least two.
    [[nodiscard]] std::optional<std::string> record(const std::string& name, std::chrono::seconds age) const;
    /// Replaces it as a whole. Old records go when there are too many.
    Status set_record(const std::string& name, const std::string& text) const;

    /// The copy with that digest, open for reading; an empty one where it is not there (any more). Counts as a use.
    [[nodiscard]] UniqueFd image(const std::string& digest) const;

    /// Waits until nobody else works on that name (ETIMEDOUT). The lock goes with the descriptor.
    Result<UniqueFd> lock(const std::string& name, Deadline deadline) const;

    /// A copy in the making.
    struct Place {
        UniqueFd fd;       ///< an empty file with room for the copy; open for reading and writing, and locked
        std::string path;  ///< in the cache's folder
    };
    /// Makes room for `bytes`. Category::usage (ENOSPC) when there is none, with the remedy.
    Result<Place> begin(std::uint64_t bytes, Deadline deadline) const;
    /// Keeps what stands in the place as the copy with that digest (64 hex digits). No descriptor but the place's may be
    /// open for writing.
    Status keep(const Place& place, const std::string& digest) const;
    /// Removes it, unless it was kept.
    void discard(const Place& place) const noexcept;

private:
    ImageCache(std::string path, UniqueFd folder, std::uint64_t limit)
        : path_(std::move(path)), folder_(std::move(folder)), limit_(limit) {}
    [[nodiscard]] Result<UniqueFd> locked(const std::string& relative, Deadline deadline) const;
    [[nodiscard]] Status make_room(std::uint64_t bytes) const;

    std::string path_;
    UniqueFd folder_;
    std::uint64_t limit_;
};

/// 64 lower-case hex digits.
[[nodiscard]] bool is_digest(const std::string& text) noexcept;

}  // namespace berth
