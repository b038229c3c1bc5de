// The node's image cache: copies of images that were verified, named by their content, and small records of what was
// found out. A folder of root's alone. Several processes use it at once, and any of them may be killed at any time: what
// stands under its final name is whole.
//
//     CACHEDIR.TAG      tells backup programs to leave the folder out
//     images/SHA256     copies; the one used least recently goes first
//     partial/NAME      copies being made; locked (flock(2)) while they are
//     records/NAME      what was found out about NAME
//     lock              held while room is made
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
    /// Makes the folder (not those above it) where it is missing. `limit`: bytes that the copies may take together.
    /// Needs root. Category::config where others than root could change it.
    static Result<ImageCache> open(const std::string& folder, std::uint64_t limit);

    /// The record of that name, if it is not older than `age`. Names are hex digits.
    [[nodiscard]] std::optional<std::string> record(const std::string& name, std::chrono::seconds age) const;
    /// Replaces it as a whole. Old records go when there are too many.
    Status set_record(const std::string& name, const std::string& text) const;

    /// The copy with that digest, open for reading; an empty one where it is not there (any more). Counts as a use.
    [[nodiscard]] UniqueFd image(const std::string& digest) const;

    /// A copy in the making.
    struct Place {
        UniqueFd fd;       ///< an empty file with room for it; open for reading and writing, locked
        std::string name;  ///< in partial/; empty: it has none, and is never kept
    };
    /// Makes room for `bytes`, and waits until nobody else makes a copy of that name, at most `limit` (ETIMEDOUT).
    /// Without a name: a file that goes with its descriptor. Category::usage when the cache is too small for it.
    Result<Place> begin(const std::string& name, std::uint64_t bytes, std::chrono::milliseconds limit) const;
    /// Keeps what stands in the place as the copy with that digest. No descriptor but the place's may be open for writing.
    Status keep(const Place& place, const std::string& digest) const;
    /// Removes it.
    void discard(const Place& place) const noexcept;

private:
    ImageCache(std::string path, UniqueFd folder, std::uint64_t limit)
        : path_(std::move(path)), folder_(std::move(folder)), limit_(limit) {}
    [[nodiscard]] Result<UniqueFd> locked_place(const std::string& relative, std::chrono::milliseconds limit) const;
    [[nodiscard]] Status reserve(int fd, std::uint64_t bytes) const;
    [[nodiscard]] Status make_room(std::uint64_t bytes) const;

    std::string path_;
    UniqueFd folder_;
    std::uint64_t limit_;
};

}  // namespace berth
