#include "sif/digest_objects.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <system_error>
#include <thread>

namespace berth::sif {
namespace {

unsigned usable_processors() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

Status add_object(const Image& image, const Descriptor& object, Hasher& hasher, std::vector<std::byte>& buffer,
                  StopAsked stop) {
    for (std::uint64_t done = 0; done < object.size;) {
        if (stop != nullptr && stop()) return Error{Category::system, EINTR, image.name() + ": interrupted"};
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
    const auto work = [&] {
        for (std::size_t i = next++; i < order.size(); i = next++)
            results[order[i]] = digest_joined(image, {jobs[order[i]].object}, jobs[order[i]].hash, stop);
    };
    if (threads == 0) threads = usable_processors();
    threads = std::min({threads, kMaxDigestThreads, static_cast<unsigned>(jobs.size())});
    std::vector<std::jthread> helpers;
    try {
        for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
    } catch (const std::system_error&) {
        // No more threads (RLIMIT_NPROC, a seccomp filter): those that run, and this one, do all of the work.
    }
    work();
    helpers.clear();
    return results;
}

}  // namespace berth::sif
