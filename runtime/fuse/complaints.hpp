// Where the server says which block of an image is not what was signed: the reader is only told of an I/O error.
#pragma once

#include <string>

#include "runtime/base/result.hpp"

namespace berth::fuse {

/// Connects to the machine's log (/dev/log); `name` (the image's path) begins each line. \return the descriptor, which
/// stays open, or -1 where there is no log. Before the filter, which must allow send on it.
int open_complaints(const std::string& name);

/// One line; at most kMostComplaints a server, so that a damaged image does not fill the log. Threads may call it.
void complain(const Error& error);

inline constexpr unsigned kMostComplaints = 16;

}  // namespace berth::fuse
