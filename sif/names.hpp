// Names of SIF's kinds as Singularity's and Apptainer's siftool print them, and names of architectures.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sif/format.hpp"

namespace berth::sif {

/// "Def.FILE", "FS", "Signature", …; "Unknown" for a value that has no name.
[[nodiscard]] std::string_view name_of(ObjectType type) noexcept;
[[nodiscard]] std::string_view name_of(FileSystem file_system) noexcept;
[[nodiscard]] std::string_view name_of(PartitionKind kind) noexcept;
[[nodiscard]] std::string_view name_of(HashKind hash) noexcept;
[[nodiscard]] std::string_view name_of(MessageFormat format) noexcept;
[[nodiscard]] std::string_view name_of(MessageKind kind) noexcept;
[[nodiscard]] std::string_view name_of(SbomFormat format) noexcept;

/// Go's name of the architecture ("amd64"), as image tools use it; "unknown" for a code that has no name.
[[nodiscard]] std::string_view architecture_name(const ArchitectureCode& code) noexcept;
/// The code of a Go name.
[[nodiscard]] std::optional<ArchitectureCode> architecture_code(std::string_view name) noexcept;
/// Go's name of what uname(2) calls `machine` ("x86_64" → "amd64"). MIPS takes its byte order from this build.
[[nodiscard]] std::optional<std::string_view> architecture_of_machine(std::string_view machine) noexcept;
/// Go's name of this machine's architecture; "unknown" where it has no code in SIF.
[[nodiscard]] std::string_view host_architecture();

/// The launch line without its newline. Anyone's bytes: show it through printable().
[[nodiscard]] std::string launch_text(const Header& header);
/// "4f307b4c-58a8-4753-9c0f-21dceefed4a6".
[[nodiscard]] std::string uuid_text(const std::array<std::uint8_t, 16>& uuid);
/// Upper-case hex without separators, as fingerprints are written.
[[nodiscard]] std::string hex_text(std::span<const std::uint8_t> bytes);

}  // namespace berth::sif
