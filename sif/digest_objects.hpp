// Digests of whole objects: streamed, several at once.
#pragma once

#include <vector>

#include "sif/digest.hpp"
#include "sif/image.hpp"

namespace berth::sif {

/// What one thread reads at a time, and how many threads there are at most: 8 MiB of buffers for any image.
inline constexpr std::size_t kDigestBuffer = 256U << 10;
inline constexpr unsigned kMaxDigestThreads = 32;

struct DigestJob {
    Descriptor object;
    HashKind hash = HashKind::sha256;
};

/// Asked by every thread before each buffer; true ends the work with Category::system, EINTR. May be null.
using StopAsked = bool (*)();

/// The digests of the objects' bytes (without padding), in the jobs' order, the largest object first begun.
/// `threads`: at most so many, 0 for one a processor that this process may use; never more than kMaxDigestThreads.
/// Each job fails for itself: Category::system (read error), image (the file became shorter), unsupported (hash).
[[nodiscard]] std::vector<Result<Digest>> digest_objects(const Image& image, const std::vector<DigestJob>& jobs,
                                                         unsigned threads = 0, StopAsked stop = nullptr);

/// The digest of several objects' bytes, one after another.
[[nodiscard]] Result<Digest> digest_joined(const Image& image, const std::vector<Descriptor>& objects, HashKind hash,
                                           StopAsked stop = nullptr);

}  // namespace berth::sif
