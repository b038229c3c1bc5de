#include "runtime/exec/elf_library.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>

#include "runtime/base/io.hpp"

using namespace berth;

namespace {

UniqueFd file_of(const std::string& bytes) {
    UniqueFd fd(::memfd_create("library", MFD_CLOEXEC));
    REQUIRE(fd);
    REQUIRE(write_all(fd.get(), bytes, "library").ok());
    return fd;
}

/// A small library that this test's program has loaded, whole.
std::string some_library() {
    for (const char* path : {"/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/usr/lib/libm.so.6"})
        if (auto bytes = read_file(path, 64U << 20)) return *std::move(bytes);
    return {};
}

}  // namespace

TEST_CASE("glibc's versions") {
    CHECK(glibc_of_symbol("GLIBC_2.34") == GlibcVersion{2, 34, 0});
    CHECK(glibc_of_symbol("GLIBC_2.2.5") == GlibcVersion{2, 2, 5});
    for (const char* other : {"GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBCXX_3.4", "GLIBC_", "GLIBC_2", "GLIBC_2.", "GLIBC_2.1.2.3", "GLIBC_2.x", "GLIBC_-1.2",
                              "GLIBC_2.99999999999", ""})
        CHECK_FALSE(glibc_of_symbol(other));
    CHECK(GlibcVersion{2, 4, 0} < GlibcVersion{2, 34, 0});
    CHECK(to_string(GlibcVersion{2, 34, 0}) == "2.34");
    CHECK(to_string(GlibcVersion{2, 2, 5}) == "2.2.5");
}

TEST_CASE("ELF library: a real one says what it needs and what it is") {
    const std::string bytes = some_library();
    if (bytes.empty()) {
        WARN("skipped: no libm.so.6 in a usual place");
        return;
    }
    const auto library = read_elf_library(file_of(bytes).get(), "libm.so.6");
    REQUIRE(library.ok());
    REQUIRE(library->needs);
    REQUIRE(library->provides);
    CHECK(library->provides->major == 2);
}

TEST_CASE("ELF library: others are refused") {
    std::string bytes = some_library();
    if (bytes.empty()) return;
    const auto refused = [](const std::string& text) {
        const auto library = read_elf_library(file_of(text).get(), "x.so");
        return !library.ok() && library.error().message.starts_with("x.so: ");
    };
    for (const auto& text : {std::string(), std::string("\x7f" "ELF"), std::string("/* GNU ld script */"), std::string(200, 'x'), bytes.substr(0, 63)}) CHECK(refused(text));
    const auto with = [&](std::size_t at, int value) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(value);
        return changed;
    };
    CHECK(refused(with(EI_CLASS, ELFCLASS32)));
    CHECK(refused(with(EI_DATA, ELFDATA2MSB)));
    CHECK(refused(with(offsetof(ElfW(Ehdr), e_machine), EM_S390)));
    CHECK(refused(with(offsetof(ElfW(Ehdr), e_type), ET_EXEC)));
}

TEST_CASE("ELF library: no change of the tables makes it read beyond them") {
    const std::string bytes = some_library();
    if (bytes.empty()) return;
    ElfW(Ehdr) header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    // Every byte of the header, and of the sections' table.
    std::vector<std::size_t> places(sizeof header);
    std::iota(places.begin(), places.end(), std::size_t{0});
    for (std::size_t at = 0; at < header.e_shnum * sizeof(ElfW(Shdr)); at += 3) places.push_back(header.e_shoff + at);
    for (const std::size_t at : places) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 0x7f);
        static_cast<void>(read_elf_library(file_of(changed).get(), "x.so"));
    }
    for (std::size_t size = 0; size < bytes.size(); size += 997) static_cast<void>(read_elf_library(file_of(bytes.substr(0, size)).get(), "x.so"));
    SUCCEED();
}
