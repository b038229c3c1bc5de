// toml++ as Berth uses it. Only what reads a TOML file includes this: the header is large.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/config/problem.hpp"

// What our files need nests four deep: a table, its list of tables, one of them, its values.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 8
// Its assertions end the process for a file that is merely wrong ("[[[" in 3.3, mended by tomlplusplus pull request
// 301), and with NDEBUG and clang are promises to the compiler instead. The parser itself refuses such a file.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace berth::config {

/// Longest line of a TOML file, in bytes: keys of thousands of parts nest as deep, and toml++ takes them apart by
/// recursion.
inline constexpr std::size_t kLongestTomlLine = 4096;

/// The file's tables, or the one problem of a text that toml++ cannot read, or must not be given. `file` is only
/// named in messages.
[[nodiscard]] std::variant<toml::table, Problem> parse_toml(std::string_view text, const std::string& file);

/// Puts what was found table by table into the order of the lines, and keeps kMaxProblems, of which the last then says
/// so.
void sort_and_cut(std::vector<Problem>& problems, const std::string& file);

}  // namespace berth::config
