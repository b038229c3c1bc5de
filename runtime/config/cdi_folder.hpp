// The folders in which a node's CDI specification files lie.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/config/cdi_spec.hpp"

namespace berth::config {

/// A file, or a folder as a whole, that could not be read.
struct BrokenCdiFile {
    std::string file;
    std::size_t folder = 0;           ///< as CdiSpec::folder
    std::optional<std::string> kind;  ///< what it seems to be about; nothing: it may define any device
    Error error;                      ///< Category::config; names the file
};

/// What all folders hold, in their order, by names of files within each.
struct CdiSpecs {
    std::vector<CdiSpec> specs;
    std::vector<BrokenCdiFile> broken;
};

/// Most specification files that one folder may hold.
inline constexpr std::size_t kMaxCdiFiles = 256;

/// Reads every *.json and *.yaml directly in these folders (absolute paths), each opened by open_trusted(): the folder,
/// those above it and the file must be root's, and nobody else may write to them. A folder that is not there has no
/// files. Never fails: what cannot be read is told beside the rest. Needs no privilege beyond that of reading them.
/// Source: the CDI specification's own reading of its default folders, /etc/cdi and /var/run/cdi.
[[nodiscard]] CdiSpecs load_cdi_specs(std::span<const std::string> folders);

}  // namespace berth::config
