#include "runtime/exec/linker_cache.hpp"

#include <catch2/catch.hpp>
#include <cstdint>

#include "runtime/base/io.hpp"

using namespace berth;

namespace {

#if defined(__aarch64__)
constexpr std::uint32_t kOwn = 0x0a03;
#else
constexpr std::uint32_t kOwn = 0x0303;
#endif
constexpr std::uint32_t kOther = 0x0803;  // x32

void put(std::string& bytes, std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
}

struct Entry {
    std::uint32_t flags = kOwn;
    std::string name, path;
    std::uint64_t processors = 0;
};

/// As ldconfig writes it, on a little-endian machine.
std::string cache_of(const std::vector<Entry>& entries, unsigned char order = 2) {
    std::string head = "glibc-ld.so.cache1.1";
    std::string table;
    std::string strings;
    const std::size_t start = 48 + 24 * entries.size();
    for (const Entry& each : entries) {
        put(table, each.flags, 4);
        put(table, start + strings.size(), 4);
        strings += each.name + '\0';
        put(table, start + strings.size(), 4);
        strings += each.path + '\0';
        put(table, 0, 4);
        put(table, each.processors, 8);
    }
    put(head, entries.size(), 4);
    put(head, strings.size(), 4);
    head += static_cast<char>(order);
    head.resize(48);
    return head + table + strings;
}

/// Behind the old format, of whose entries nothing is read.
std::string behind_old(const std::string& cache, unsigned entries) {
    std::string old = "ld.so-1.7.0";
    old += '\0';
    put(old, entries, 4);
    old.resize((16 + 12 * std::size_t{entries} + 7) / 8 * 8);
    return old + cache;
}

const std::vector<Entry> kSome = {{kOwn, "libcuda.so.1", "/usr/lib/libcuda.so.1"},
                                  {kOther, "libcuda.so.1", "/usr/libx32/libcuda.so.1"},
                                  {kOwn, "libfast.so", "/usr/lib/glibc-hwcaps/x86-64-v3/libfast.so", std::uint64_t{1} << 62},
                                  {kOwn, "libfast.so", "/usr/lib/libfast.so"}};
const std::vector<LinkerEntry> kFound = {{"libcuda.so.1", "/usr/lib/libcuda.so.1"}, {"libfast.so", "/usr/lib/libfast.so"}};

}  // namespace

TEST_CASE("ld.so cache: this architecture's entries, in both formats") {
    for (const std::string& bytes : {cache_of(kSome), cache_of(kSome, 0), behind_old(cache_of(kSome), 0), behind_old(cache_of(kSome), 1),
                                     behind_old(cache_of(kSome), 2)}) {
        const auto entries = parse_linker_cache(bytes);
        REQUIRE(entries.ok());
        CHECK(*entries == kFound);
    }
    CHECK(parse_linker_cache(cache_of({}))->empty());
}

TEST_CASE("ld.so cache: what is not one is refused") {
    const std::string good = cache_of(kSome);
    std::string odd_count = good;
    odd_count[20] = '\xff';
    std::string odd_name = good;
    odd_name[48 + 4 + 2] = '\x7f';
    for (const std::string& bytes :
         {std::string(), std::string("ld.so-1.7.0"), std::string("glibc-ld.so.cache1.1"), std::string(100, '\0'), good.substr(0, 47), good.substr(0, 100),
          good.substr(0, good.size() - 1), behind_old("", 0), behind_old(good, 1).substr(0, 30), cache_of(kSome, 3), odd_count, odd_name,
          cache_of({{kOwn, "a/b.so", "/lib/b.so"}}), cache_of({{kOwn, "libx.so", "lib/x.so"}}), cache_of({{kOwn, "", "/lib/x.so"}}),
          cache_of({{kOwn, "..", "/lib/x.so"}}), cache_of({{kOwn, "lib\nx.so", "/lib/x.so"}})}) {
        const auto entries = parse_linker_cache(bytes);
        REQUIRE_FALSE(entries.ok());
        CHECK(entries.error().category == Category::config);
        CHECK(entries.error().message.find("ldconfig") != std::string::npos);
    }
}

TEST_CASE("ld.so cache: cut at every byte, and each byte changed") {
    const std::string good = behind_old(cache_of(kSome), 1);
    for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_linker_cache(good.substr(0, size)).ok());
    for (std::size_t at = 0; at < good.size(); ++at)
        for (const int change : {1, 0x80, 0xff}) {
            std::string bytes = good;
            bytes[at] = static_cast<char>(bytes[at] ^ change);
            const auto entries = parse_linker_cache(bytes);
            if (!entries) continue;
            for (const auto& entry : *entries) CHECK(entry.path.starts_with('/'));
        }
}

TEST_CASE("ld.so cache: this machine's own has the C library") {
    const auto bytes = read_file("/etc/ld.so.cache", kMaxLinkerCache);
    if (!bytes) {
        WARN("skipped: no /etc/ld.so.cache");
        return;
    }
    const auto entries = parse_linker_cache(*bytes);
    REQUIRE(entries.ok());
    CHECK(std::count_if(entries->begin(), entries->end(), [](const LinkerEntry& entry) { return entry.name == "libc.so.6"; }) == 1);
}
