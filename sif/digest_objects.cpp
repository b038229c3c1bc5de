#include "sif/digest_objects.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>

#include "sif/read_ahead.hpp"

namespace berth::sif {
namespace {

constexpr std::uint64_t kReadAheadFrom = 4U << 20;  // below that a thread's start is not worth it

unsigned usable_processors() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

Error interrupted(const Image& image) { return Error{Category::system, EINTR, image.name() + ": interrupted"}; }

/// With two processors for one object: one reads, one hashes.
Status add_read_ahead(ReadAhead& ahead, const Image& image, Hasher& hasher, StopAsked stop) {
    for (;;) {
        if (stop != nullptr && stop()) return interrupted(image);
        BERTH_TRY(const auto part, ahead.next());
        if (part.empty()) return {};
        BERTH_CHECK(hasher.add(part));
    }
}

Status add_object(const Image& image, const Descriptor& object, Hasher& hasher, std::vector<std::byte>& buffer,
                  StopAsked stop) {
    for (std::uint64_t done = 0; done < object.size;) {
        if (stop != nullptr && stop()) return interrupted(image);
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), object.size - done));
        BERTH_CHECK(image.read(object, done, part));
        BERTH_CHECK(hasher.add(part));
        done += part.size();
    }
    return {};
}

/// The jobs' numbers, those of the largest objects first, so that no long one is left for the end.
std::vector<std::size_t> by_size(const std::vector<DigestJob>& jobs) {
    std::vector<std::size_t> order(jobs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(), [&jobs](std::size_t i) { return jobs[i].object.size; });
    return order;
}

Result<Digest> digest_read_ahead(const Image& image, const Descriptor& object, HashKind hash, StopAsked stop) {
    std::optional<ReadAhead> ahead;
    try {
        ahead.emplace(image, object, kDigestBuffer);
    } catch (const std::system_error&) {  // no more threads
        return digest_joined(image, {object}, hash, stop);
    }
    BERTH_TRY(Hasher hasher, Hasher::start(hash));
    BERTH_CHECK(add_read_ahead(*ahead, image, hasher, stop));
    return hasher.finish();
}

}  // namespace

Result<Digest> digest_joined(const Image& image, const std::vector<Descriptor>& objects, HashKind hash,
                             StopAsked stop) {
    BERTH_TRY(Hasher hasher, Hasher::start(hash));
    std::vector<std::byte> buffer(kDigestBuffer);
    for (const Descriptor& object : objects) BERTH_CHECK(add_object(image, object, hasher, buffer, stop));
    return hasher.finish();
}

std::vector<Result<Digest>> digest_objects(const Image& image, const std::vector<DigestJob>& jobs, unsigned threads,
                                           StopAsked stop) {
    std::vector<Result<Digest>> results(jobs.size(), Error{Category::internal, 0, "not computed"});
    const auto order = by_size(jobs);
    std::atomic<std::size_t> next = 0;
    if (threads == 0) threads = usable_processors();
    // The largest object keeps its thread busy to the end when it outweighs all others: a reader beside it costs nothing.
    std::uint64_t others = 0;
    for (std::size_t i = 1; i < order.size(); ++i) others += jobs[order[i]].object.size;
    const auto read_ahead = [&](std::size_t i) {
        const std::uint64_t size = jobs[order[i]].object.size;
        return i == 0 && threads > 1 && size >= kReadAheadFrom && size / threads >= others;
    };
    const auto work = [&] {
        for (std::size_t i = next++; i < order.size(); i = next++) {
            const DigestJob& job = jobs[order[i]];
            results[order[i]] = read_ahead(i) ? digest_read_ahead(image, job.object, job.hash, stop)
                                              : digest_joined(image, {job.object}, job.hash, stop);
        }
    };
    const unsigned workers = std::min({threads, kMaxDigestThreads, static_cast<unsigned>(jobs.size())});
    std::vector<std::jthread> helpers;
    try {
        for (unsigned i = 1; i < workers; ++i) helpers.emplace_back(work);
    } catch (const std::system_error&) {
        // No more threads (RLIMIT_NPROC, a seccomp filter): those that run, and this one, do all of the work.
    }
    work();
    helpers.clear();
    return results;
}

}  // namespace berth::sif
