// Where the site's files name runtime options: `option default`, `option deny`, and `options` of an execgroup.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/ecl.hpp"
#include "runtime/config/problem.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/request/request.hpp"

namespace berth {

/// What is wrong with a name in a list of options, in one line; nothing when there is such an option.
[[nodiscard]] std::optional<std::string> unknown_option(std::string_view name);

/// The request before the user has said anything: the site's defaults, none of them in Request::given. Category::config
/// with file and line for one that no user could give, for `image` (the question is who gets a container at all), and for
/// `explain`, with which nothing would ever run.
[[nodiscard]] Result<Request> starting_request(const config::StringList& option_default);

/// What is wrong with the options that the file names, in sections too; in the order of the lines.
[[nodiscard]] std::vector<config::Problem> option_problems(const config::SiteFile& file);
[[nodiscard]] std::vector<config::Problem> option_problems(const config::Ecl& ecl);

/// Why a site's list of options cannot be carried out: a name that there is none of would forbid or allow nothing.
[[nodiscard]] std::optional<std::string> unusable_options(const std::vector<std::string>& names);

}  // namespace berth
