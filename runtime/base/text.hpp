// Small helpers on strings that more than one layer needs.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

/// Without leading and trailing blanks and tabs (and carriage returns).
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// The pieces between separators; "" gives one empty piece.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

/// Splits at unescaped separators; `\SEPARATOR` and `\\` stand for themselves.
[[nodiscard]] std::vector<std::string> split_escaped(std::string_view text, char separator);

/// The candidate nearest to `word` (edit distance at most a third of its length, at least 1), for "did you mean".
[[nodiscard]] std::optional<std::string> closest(std::string_view word, std::span<const std::string_view> candidates);

/// Lexically normal absolute path: no "//", no "." and ".." (".." stops at "/"), no trailing slash.
/// Follows no link: for paths that are resolved elsewhere, or for display.
[[nodiscard]] std::string normal_path(std::string_view path);

/// True when `path` is `prefix` or lies beneath it, compared by components: "/data2" is not beneath "/data".
/// Both must be normal.
[[nodiscard]] bool is_beneath(std::string_view path, std::string_view prefix) noexcept;

/// Lower-case hex digits, two a byte.
[[nodiscard]] std::string hexadecimal(std::span<const std::byte> bytes);

/// Length of the UTF-8 sequence that begins `text`, which is not empty; 0 when it is none (overlong forms and surrogates
/// included).
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

/// Text for one line of a terminal or log: control characters and bytes that are not UTF-8 as \xNN,
/// longer than `limit` bytes cut with "…".
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 256);

}  // namespace berth
