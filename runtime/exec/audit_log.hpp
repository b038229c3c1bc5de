// Where audit lines go: syslog, and the site's file.
#pragma once

#include <string>

#include "runtime/config/site_config.hpp"
#include "runtime/plan/audit.hpp"

namespace berth {

/// Now, and this node's name.
[[nodiscard]] AuditEvent audit_event(std::string asked);

/// Sends the line to syslog (facility authpriv, ident "berth") and, where the site has an `audit log` and this process is
/// root's, appends it to that file (made with mode 0600, one write, so that lines of several processes stay whole).
/// The file's folder must be root's alone, like the folders above it. Category::config where the file cannot be written
/// or is not root's: a site that wants a record gets no container without one. A syslog that is not there, or does not
/// read, is not waited for.
[[nodiscard]] Status write_audit(const config::SiteConfig& site, const std::string& line);

/// A request that came to no decision, because the site's files or the request itself are wrong: a line to syslog alone,
/// as these files say where the other one is.
void audit_failure(std::string asked, const Error& failure, const JobContext& job);

}  // namespace berth
