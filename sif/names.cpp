#include "sif/names.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <bit>
#include <type_traits>

namespace berth::sif {
namespace {

/// The name at the value's place in a list that begins with the value `first`.
template <typename Kind, std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& names, Kind kind, Kind first) noexcept {
    const auto index = static_cast<std::int64_t>(kind) - static_cast<std::int64_t>(first);
    return index < 0 || index >= static_cast<std::int64_t>(N) ? "Unknown" : names[static_cast<std::size_t>(index)];
}

struct Architecture {
    std::string_view code;
    std::string_view name;
    std::string_view machine;  // as uname(2) has it
};

constexpr std::array<Architecture, 13> kArchitectures{{{"01", "386", "i686"},
                                                       {"02", "amd64", "x86_64"},
                                                       {"03", "arm", "armv7l"},
                                                       {"04", "arm64", "aarch64"},
                                                       {"05", "ppc64", "ppc64"},
                                                       {"06", "ppc64le", "ppc64le"},
                                                       {"07", "mips", "mips"},
                                                       {"08", "mipsle", "mips"},
                                                       {"09", "mips64", "mips64"},
                                                       {"10", "mips64le", "mips64"},
                                                       {"11", "s390x", "s390x"},
                                                       {"12", "riscv64", "riscv64"},
                                                       {"13", "loong64", "loongarch64"}}};

}  // namespace

std::string_view name_of(ObjectType type) noexcept {
    static constexpr std::array<std::string_view, 11> kNames{
        "Def.FILE",  "Env.Vars",      "JSON.Labels", "FS",
        "Signature", "JSON.Generic",  "Generic/Raw", "Cryptographic Message",
        "SBOM",      "OCI.RootIndex", "OCI.Blob"};
    return pick(kNames, type, ObjectType::definition_file);
}

std::string_view name_of(FileSystem file_system) noexcept {
    static constexpr std::array<std::string_view, 6> kNames{
        "Squashfs", "Ext3", "Archive", "Raw", "Encrypted squashfs", "Gocryptfs squashfs"};
    return pick(kNames, file_system, FileSystem::squashfs);
}

std::string_view name_of(PartitionKind kind) noexcept {
    static constexpr std::array<std::string_view, 4> kNames{"System", "*System", "Data", "Overlay"};
    return pick(kNames, kind, PartitionKind::system);
}

std::string_view name_of(HashKind hash) noexcept {
    static constexpr std::array<std::string_view, 5> kNames{"SHA-256", "SHA-384", "SHA-512", "BLAKE2s-256",
                                                            "BLAKE2b-256"};
    return pick(kNames, hash, HashKind::sha256);
}

std::string_view name_of(MessageFormat format) noexcept {
    static constexpr std::array<std::string_view, 2> kNames{"OpenPGP", "PEM"};
    return pick(kNames, format, MessageFormat::openpgp);
}

std::string_view name_of(MessageKind kind) noexcept {
    if (kind == MessageKind::clear_signature) return "Clear Signature";
    return kind == MessageKind::rsa_oaep ? "RSA-OAEP" : "Unknown";
}

std::string_view name_of(SbomFormat format) noexcept {
    static constexpr std::array<std::string_view, 8> kNames{"cyclonedx-json", "cyclonedx-xml", "github-json",
                                                            "spdx-json",      "spdx-rdf",      "spdx-tag-value",
                                                            "spdx-yaml",      "syft-json"};
    return pick(kNames, format, SbomFormat::cyclonedx_json);
}

std::string_view architecture_name(const ArchitectureCode& code) noexcept {
    if (code[2] != '\0') return "unknown";
    const auto found = std::ranges::find(kArchitectures, std::string_view(code.data(), 2), &Architecture::code);
    return found == kArchitectures.end() ? "unknown" : found->name;
}

std::optional<ArchitectureCode> architecture_code(std::string_view name) noexcept {
    const auto found = std::ranges::find(kArchitectures, name, &Architecture::name);
    if (found == kArchitectures.end()) return std::nullopt;
    return ArchitectureCode{found->code[0], found->code[1], '\0'};
}

std::optional<std::string_view> architecture_of_machine(std::string_view machine) noexcept {
    if (machine.size() == 4 && machine[0] == 'i' && machine.ends_with("86")) return "386";
    if (machine == "armv8l" || machine.starts_with("armv5") || machine.starts_with("armv6")) return "arm";
    if (std::endian::native == std::endian::little && machine == "mips") return "mipsle";
    if (std::endian::native == std::endian::little && machine == "mips64") return "mips64le";
    const auto found = std::ranges::find(kArchitectures, machine, &Architecture::machine);
    if (found == kArchitectures.end()) return std::nullopt;
    return found->name;
}

std::string_view host_architecture() {
    utsname host{};
    if (::uname(&host) != 0) return "unknown";
    return architecture_of_machine(host.machine).value_or("unknown");
}

std::string launch_text(const Header& header) {
    const std::string_view launch(header.launch.data(), header.launch.size());
    const std::string_view line = launch.substr(0, launch.find('\0'));
    return std::string(line.substr(0, line.find('\n')));
}

std::string hex_text(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02X}", byte);
    return text;
}

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid) {
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", uuid[i]);
    }
    return text;
}

}  // namespace berth::sif
