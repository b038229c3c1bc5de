#include "runtime/exec/elf_library.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/io.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxSections = 4096;
constexpr std::size_t kMaxTable = std::size_t{4} << 20;
constexpr std::size_t kMaxVersions = 4096;
constexpr std::size_t kLongestVersion = 64;

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#elif defined(__powerpc64__)
constexpr unsigned kMachine = EM_PPC64;
#elif defined(__riscv)
constexpr unsigned kMachine = EM_RISCV;
#elif defined(__s390x__)
constexpr unsigned kMachine = EM_S390;
#elif defined(__i386__)
constexpr unsigned kMachine = EM_386;
#else
constexpr unsigned kMachine = EM_NONE;
#endif
constexpr unsigned kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr unsigned kOrder = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Bytes = std::vector<std::byte>;

Error not_loadable(const std::string& what, const std::string& why) { return Error{Category::image, ENOEXEC, what + ": " + why}; }

Result<Bytes> read_bytes(int fd, std::uint64_t offset, std::uint64_t size, std::size_t limit, const std::string& what) {
    if (size > limit) return not_loadable(what, "a table in it is too large");
    Bytes bytes(static_cast<std::size_t>(size));
    BERTH_CHECK(pread_exact(fd, bytes, offset, what));
    return bytes;
}

template <typename T>
std::optional<T> at(const Bytes& bytes, std::size_t offset) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

Result<Header> read_header(int fd, const std::string& what) {
    BERTH_TRY(const Bytes bytes, read_bytes(fd, 0, sizeof(Header), sizeof(Header), what));
    const Header header = *at<Header>(bytes, 0);
    if (std::memcmp(&header.e_ident, ELFMAG, SELFMAG) != 0) return not_loadable(what, "not a library");
    if (header.e_ident[EI_CLASS] != kClass || header.e_ident[EI_DATA] != kOrder || header.e_machine != kMachine)
        return not_loadable(what, "a library of another architecture");
    if (header.e_type != ET_DYN) return not_loadable(what, "not a shared library");
    return header;
}

Result<std::vector<Section>> read_sections(int fd, const Header& header, const std::string& what) {
    if (header.e_shnum == 0) return std::vector<Section>();
    if (header.e_shentsize != sizeof(Section) || header.e_shnum > kMaxSections) return not_loadable(what, "its table of sections is odd");
    BERTH_TRY(const Bytes bytes, read_bytes(fd, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Section), kMaxTable, what));
    std::vector<Section> sections;
    for (std::size_t i = 0; i < header.e_shnum; ++i) sections.push_back(*at<Section>(bytes, i * sizeof(Section)));
    return sections;
}

/// A version's name in the string table.
std::string_view name_at(const Bytes& strings, std::size_t offset) {
    if (offset >= strings.size()) return {};
    const std::string_view rest(reinterpret_cast<const char*>(strings.data()) + offset, std::min(strings.size() - offset, kLongestVersion));
    const auto end = rest.find('\0');
    return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

/// Walks one of the two tables and keeps the newest of glibc's versions.
class Versions {
public:
    Versions(const Bytes& table, const Bytes& strings) : table_(table), strings_(strings) {}

    std::optional<GlibcVersion> needed() {
        walk<ElfW(Verneed), ElfW(Vernaux)>([](const auto& need) { return std::pair(need.vn_aux, need.vn_next); },
                                           [](const auto& aux) { return std::pair(aux.vna_name, aux.vna_next); });
        return newest_;
    }
    std::optional<GlibcVersion> defined() {
        walk<ElfW(Verdef), ElfW(Verdaux)>([](const auto& definition) { return std::pair(definition.vd_aux, definition.vd_next); },
                                          [](const auto& aux) { return std::pair(aux.vda_name, std::uint32_t{0}); });
        return newest_;
    }

private:
    /// Entries lead to the next by offsets from themselves, each with auxiliary ones that do the same.
    template <typename Entry, typename Auxiliary>
    void walk(auto links, auto names) {
        std::size_t left = kMaxVersions;
        for (std::size_t here = 0; left > 0; --left) {
            const auto entry = at<Entry>(table_, here);
            if (!entry) return;
            const auto [first, next] = links(*entry);
            for (std::size_t inner = here + first; left > 0; --left) {
                const auto auxiliary = at<Auxiliary>(table_, inner);
                if (!auxiliary) break;
                const auto [name, further] = names(*auxiliary);
                note(name_at(strings_, name));
                if (further == 0) break;
                inner += further;
            }
            if (next == 0 || left == 0) return;
            here += next;
        }
    }

    void note(std::string_view name) {
        const auto version = glibc_of_symbol(name);
        if (version && (!newest_ || *newest_ < *version)) newest_ = version;
    }

    const Bytes& table_;
    const Bytes& strings_;
    std::optional<GlibcVersion> newest_;
};

}  // namespace

Result<ElfLibrary> read_elf_library(int fd, const std::string& what) {
    BERTH_TRY(const Header header, read_header(fd, what));
    BERTH_TRY(const auto sections, read_sections(fd, header, what));
    ElfLibrary library;
    bool seen_needs = false;
    bool seen_provides = false;
    for (const Section& section : sections) {
        const bool needs = section.sh_type == SHT_GNU_verneed;
        if (!needs && section.sh_type != SHT_GNU_verdef) continue;
        bool& seen = needs ? seen_needs : seen_provides;
        if (std::exchange(seen, true)) return not_loadable(what, "it has two tables of versions");
        if (section.sh_link >= sections.size()) return not_loadable(what, "its table of sections is odd");
        const Section& names = sections[section.sh_link];
        BERTH_TRY(const Bytes table, read_bytes(fd, section.sh_offset, section.sh_size, kMaxTable, what));
        BERTH_TRY(const Bytes strings, read_bytes(fd, names.sh_offset, names.sh_size, kMaxTable, what));
        Versions versions(table, strings);
        (needs ? library.needs : library.provides) = needs ? versions.needed() : versions.defined();
    }
    return library;
}

}  // namespace berth
