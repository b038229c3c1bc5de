// From the text of a berth.conf to what it says, line by line.
#include <algorithm>
#include <array>
#include <map>

#include "runtime/base/text.hpp"
#include "runtime/config/lines.hpp"
#include "runtime/config/site_config.hpp"
#include "runtime/config/values.hpp"

namespace berth::config {
namespace {

/// Longer names are no typing mistakes, and the search for the nearest name takes time with the length.
constexpr std::size_t kLongestGuess = 64;

std::string unknown_directive(std::string_view name) {
    std::string message = "unknown directive '" + printable(name, kLongestGuess) + "'";
    if (name.size() > kLongestGuess) return message;
    std::vector<std::string_view> known;
    for (const Directive& directive : directives()) known.push_back(directive.name);
    const auto nearest = closest(name, known);
    return nearest ? message + "; did you mean '" + *nearest + "'?" : message;
}

constexpr std::array kSectionKinds = {SectionKind::partition, SectionKind::account, SectionKind::group};

/// Turns assignments and sections into a file, one after the other. Each call says what is wrong; when nothing is, it has
/// been carried out.
class Interpreter {
public:
    Interpreter(const std::string& file, SiteFile& result) : file_(file), result_(result) {}

    std::optional<std::string> apply(const SectionHead& head) {
        lines_.clear();
        in_section_ = true;
        section_ = nullptr;
        const auto kind =
            std::ranges::find(kSectionKinds, head.kind, [](SectionKind each) { return std::string_view(to_string(each)); });
        if (kind == kSectionKinds.end())
            return "unknown section [" + printable(head.kind, kLongestGuess) + " …]; write [partition NAME], [account NAME] or [group NAME]";
        Section section{*kind, std::string(head.name), {file_, head.line}, {}};
        for (const Section& earlier : result_.sections)
            if (earlier.is_about(section.kind, section.name))
                return section.head() + " begins on line " + std::to_string(earlier.origin.line) + " already; make one section of the two";
        result_.sections.push_back(std::move(section));
        section_ = &result_.sections.back();
        return std::nullopt;
    }

    std::optional<std::string> apply(const Assignment& line) {
        const Directive* directive = find_directive(line.name);
        if (directive == nullptr) return unknown_directive(line.name);
        const std::string name(directive->name);
        const auto [earlier, is_first] = lines_.try_emplace(directive, line.line);
        if (!is_first && !directive->repeatable())
            return name + " is set on line " + std::to_string(earlier->second) + " already; remove one of the two";
        if (in_section_ && directive->place == Place::global)
            return name + " holds for the node, not for a job; write it before the first section";
        if (const auto reason = invalid_value(*directive, line.value))
            return name + " " + *reason + "; allowed: " + directive->allowed();
        if (const auto reason = refused_value(*directive, line.value)) return name + " " + *reason;
        DirectiveLine accepted{directive, std::string(line.value), {file_, line.line}};
        if (section_ != nullptr)
            section_->lines.push_back(std::move(accepted));
        else if (!in_section_)
            result_.lines.push_back(std::move(accepted));
        return std::nullopt;
    }

private:
    const std::string& file_;
    SiteFile& result_;
    bool in_section_ = false;
    Section* section_ = nullptr;                  ///< of the lines that come; none after a head that is wrong
    std::map<const Directive*, unsigned> lines_;  ///< of this section, or before the first one
};

}  // namespace

Reading read(std::string_view text, const std::string& file) {
    Reading reading;
    LineReader reader(text, file);
    Interpreter interpreter(file, reading.file);
    while (auto item = reader.next()) {
        std::optional<Problem> problem;
        if (auto* wrong = std::get_if<Problem>(&*item)) problem = std::move(*wrong);
        const auto apply = [&](const auto& line) {
            if (auto message = interpreter.apply(line)) problem = Problem{{file, line.line}, std::move(*message)};
        };
        if (const auto* line = std::get_if<Assignment>(&*item)) apply(*line);
        if (const auto* head = std::get_if<SectionHead>(&*item)) apply(*head);
        if (problem) reading.problems.push_back(std::move(*problem));
        if (reading.problems.size() + 1 == kMaxProblems) {
            reading.problems.push_back({{file, 0}, "too many problems; mend these, then check again"});
            break;
        }
    }
    reading.config = for_job(reading.file, {});
    return reading;
}

Result<SiteFile> parse_file(std::string_view text, const std::string& file) {
    Reading reading = read(text, file);
    if (!reading.problems.empty()) return reading.problems.front().error();
    return std::move(reading.file);
}

Result<SiteConfig> parse(std::string_view text, const std::string& file) {
    Reading reading = read(text, file);
    if (!reading.problems.empty()) return reading.problems.front().error();
    return std::move(reading.config);
}

}  // namespace berth::config
