#include "runtime/fuse/block_cache.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <new>
#include <thread>

using berth::fuse::Block;
using berth::fuse::BlockCache;

namespace {

Block block_of(std::size_t size) {
    auto block = std::make_shared<sqfs_block>();
    block->size = size;
    return block;
}

// Asks for a block and says whether it had to be loaded.
bool loads(BlockCache& cache, std::uint64_t position, BlockCache::Keep keep = BlockCache::Keep::yes,
           std::size_t size = 100) {
    bool loaded = false;
    const auto block = cache.get(position, keep, [&] {
        loaded = true;
        return block_of(size);
    });
    REQUIRE(block);
    return loaded;
}

}  // namespace

TEST_CASE("block cache: keeps what fits, drops what was used longest ago", "[fuse]") {
    BlockCache cache(300);
    CHECK(loads(cache, 1));
    CHECK(loads(cache, 2));
    CHECK(loads(cache, 3));
    CHECK(!loads(cache, 1));
    CHECK(loads(cache, 4));  // drops 2
    CHECK(!loads(cache, 1));
    CHECK(!loads(cache, 3));
    CHECK(loads(cache, 2));
}

TEST_CASE("block cache: a block larger than all of it is kept alone", "[fuse]") {
    BlockCache cache(300);
    CHECK(loads(cache, 1));
    CHECK(loads(cache, 2, BlockCache::Keep::yes, 1000));
    CHECK(!loads(cache, 2));
    CHECK(loads(cache, 1));
}

TEST_CASE("block cache: what need not be kept is not", "[fuse]") {
    BlockCache cache(300);
    CHECK(loads(cache, 1, BlockCache::Keep::no));
    CHECK(loads(cache, 1));
    CHECK(!loads(cache, 1, BlockCache::Keep::no));
}

TEST_CASE("block cache: a failure is not remembered", "[fuse]") {
    BlockCache cache(300);
    CHECK(!cache.get(1, BlockCache::Keep::yes, [] { return Block{}; }));
    CHECK(!cache.get(1, BlockCache::Keep::yes, []() -> Block { throw std::bad_alloc(); }));
    CHECK(loads(cache, 1));
}

TEST_CASE("block cache: threads that want one block unpack it once", "[fuse]") {
    BlockCache cache(300);
    std::atomic<int> calls{0};
    std::atomic<int> got{0};
    const auto ask = [&] {
        const auto block = cache.get(7, BlockCache::Keep::yes, [&] {
            ++calls;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            return block_of(10);
        });
        if (block && block->size == 10) ++got;
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(ask);
    for (auto& thread : threads) thread.join();
    CHECK(calls == 1);
    CHECK(got == 4);
}
