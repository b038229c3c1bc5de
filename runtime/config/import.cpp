#include "runtime/config/import.hpp"

#include <algorithm>
#include <map>

#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {
namespace {

using Found = std::map<unsigned, ImportedLine>;

void add_accepted(const std::vector<DirectiveLine>& lines, Found& found) {
    for (const DirectiveLine& line : lines) {
        const Directive& directive = *line.directive;
        const bool same = directive.difference.empty() || (!directive.differs_at.empty() && line.value != directive.differs_at);
        const Verdict verdict = directive.standing == Standing::holds ? Verdict::holds : same ? Verdict::same : Verdict::differs;
        found[line.origin.line] = {line.origin.line, "", verdict, std::string(verdict == Verdict::same ? "" : directive.difference)};
    }
}

/// "NAME = VALUE is refused: WHY" beside a line and its verdict says both twice.
std::string without_verdict(const std::string& message) {
    constexpr std::string_view kVerdict = " is refused: ";
    const auto at = message.find(kVerdict);
    return at == std::string::npos ? message : message.substr(at + kVerdict.size());
}

Found verdicts(const Reading& reading) {
    Found found;
    add_accepted(reading.file.lines, found);
    for (const Section& section : reading.file.sections) {
        found[section.origin.line] = {section.origin.line, "", Verdict::differs, "Berth's own: a section."};
        add_accepted(section.lines, found);
    }
    for (const Problem& problem : reading.problems)
        found[problem.where.line] = {problem.where.line, "", Verdict::refused, without_verdict(problem.message)};
    return found;
}

bool says_something(std::string_view line) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
    line = trim(line);
    return !line.empty() && !line.starts_with('#');
}

}  // namespace

const char* to_string(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::same: return "same";
        case Verdict::differs: return "differs";
        case Verdict::holds: return "holds anyway";
        case Verdict::refused: return "refused";
    }
    return "?";
}

bool Import::accepted() const noexcept {
    return std::ranges::none_of(lines, [](const ImportedLine& line) { return line.verdict == Verdict::refused; });
}

Result<Import> import_conf(std::string_view text, const std::string& file) {
    const Reading reading = read(text, file);
    const Problem* const stopped = reading.problems.empty() || reading.problems.back().where.line != 0 ? nullptr : &reading.problems.back();
    if (stopped != nullptr) return stopped->error();
    Found found = verdicts(reading);
    Import result;
    unsigned number = 0;
    for (std::string& line : split(text, '\n')) {
        ++number;
        // What was read and is nowhere stands below a head that is wrong: without the head it would hold for every job.
        if (says_something(line) && !found.contains(number))
            found[number] = {number, "", Verdict::refused, "it belongs to the section above, which is refused"};
        if (const auto at = found.find(number); at != found.end()) {
            ImportedLine& imported = at->second;
            imported.text = trim(line);
            // What is shown of it has no control characters, which not even a comment may hold.
            if (imported.verdict == Verdict::refused)
                line = "# Refused by Berth: " + imported.explanation + "\n# " + printable(imported.text, line.size() + 1);
            result.lines.push_back(std::move(imported));
        }
        result.berth_conf += line + "\n";
    }
    if (text.empty() || text.ends_with('\n')) result.berth_conf.pop_back();
    if (const auto again = parse_file(result.berth_conf, file); !again) return again.error();
    return result;
}

}  // namespace berth::config
