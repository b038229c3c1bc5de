#include "runtime/config/capability_file.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

#include "runtime/base/text.hpp"
#include "runtime/config/site_config.hpp"

namespace berth::config {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShown = 96;
constexpr std::size_t kLongestAccount = 256;
constexpr std::array<std::string_view, 2> kSections = {"users", "groups"};

/// How far the parser has read. A newline belongs to the line that it ends.
class Cursor {
public:
    explicit Cursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
    [[nodiscard]] char peek() const noexcept { return *at_; }
    [[nodiscard]] unsigned line() const noexcept { return line_; }
    void advance() noexcept {
        if (ended_line_) ++line_;
        ended_line_ = *at_++ == '\n';
    }

private:
    const char* at_;
    const char* end_;
    unsigned line_ = 1;
    bool ended_line_ = false;
};

/// What the parser reads from: it copies its iterators, so that the place is kept outside of them.
class CursorIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;

    explicit CursorIterator(Cursor* cursor = nullptr) : cursor_(cursor) {}
    char operator*() const noexcept { return cursor_->peek(); }
    CursorIterator& operator++() noexcept {
        cursor_->advance();
        return *this;
    }
    /// Only ever asked whether the first iterator has reached the last.
    bool operator!=(const CursorIterator& other) const noexcept { return !(*this == other); }
    bool operator==(const CursorIterator&) const noexcept { return cursor_ == nullptr || cursor_->at_end(); }

private:
    Cursor* cursor_;
};

/// Fills a reading from the parser's events: an object of sections, each an object of accounts, each a list of names.
/// A value that is none of these is a problem, and passed over with all that it holds.
class Events {
public:
    Events(const Cursor& cursor, CapabilityReading& reading) : cursor_(cursor), reading_(reading) {}

    void see(Json::parse_event_t event, const Json& parsed) {
        if (reading_.problems.size() >= kMaxProblems) return;
        switch (event) {
            case Json::parse_event_t::object_start: return open(depth_ < kInSection);
            case Json::parse_event_t::array_start: return open(depth_ == kInSection);
            case Json::parse_event_t::object_end:
            case Json::parse_event_t::array_end: return close();
            case Json::parse_event_t::key: return read_key(parsed.get_ref<const std::string&>());
            case Json::parse_event_t::value: return read_value(parsed);
        }
    }

    void fail(const char* what) {
        std::string_view reason = what;
        if (const auto place = reason.find(", column "); place != std::string_view::npos)
            if (const auto colon = reason.find(": ", place); colon != std::string_view::npos)
                reason.remove_prefix(colon + 2);
        problem("not JSON: " + printable(reason, 300));
    }

private:
    static constexpr int kInFile = 1, kInSection = 2, kInList = 3;

    void problem(std::string message) {
        reading_.problems.push_back({{reading_.grants.file, cursor_.line()}, std::move(message)});
    }
    [[nodiscard]] bool passing_over() const { return passed_over_ > 0 || pass_over_next_; }

    void open(bool expected) {
        if (passing_over() || !expected) {
            if (!passing_over()) wrong_type();
            pass_over_next_ = false;
            ++passed_over_;
            return;
        }
        ++depth_;
        index_ = 0;
    }

    void close() {
        --(passed_over_ > 0 ? passed_over_ : depth_);
        if (passed_over_ == 0) ++index_;
    }

    void read_key(const std::string& name) {
        if (passed_over_ > 0) return;
        if (depth_ == kInFile)
            read_section(name);
        else
            read_account(name);
    }

    /// Neither an object nor a list.
    void read_value(const Json& value) {
        if (passed_over_ > 0) return;
        if (!pass_over_next_ && depth_ == kInList && value.is_string())
            read_capability(value.get_ref<const std::string&>());
        else if (!pass_over_next_)
            wrong_type();
        pass_over_next_ = false;
        ++index_;
    }

    [[nodiscard]] std::string place() const {
        std::string text(section_);
        if (depth_ >= kInSection) text += "." + printable(account_, kShown);
        if (depth_ == kInList) text += "[" + std::to_string(index_) + "]";
        return text;
    }

    void wrong_type() {
        switch (depth_) {
            case 0: return problem(R"(the file must hold an object, {"users": {}, "groups": {}})");
            case kInFile: return problem(place() + R"( must be an object, {"NAME": ["CAP_NET_RAW"]})");
            case kInSection: return problem(place() + R"( must be a list, ["CAP_NET_RAW"])");
            default: return problem(place() + R"( must be a capability's name, "CAP_NET_RAW")");
        }
    }

    /// Of two that have a name, the second is passed over.
    void refuse(std::string message) {
        problem(std::move(message));
        pass_over_next_ = true;
    }

    void read_section(const std::string& name) {
        const auto known = std::ranges::find(kSections, name);
        if (known == kSections.end()) {
            const auto nearest = name.size() < kShown ? closest(name, kSections) : std::nullopt;
            return refuse("unknown key '" + printable(name, kShown) + "'" +
                          (nearest ? "; did you mean '" + *nearest + "'?" : "; expected users and groups"));
        }
        section_ = *known;
        unsigned& earlier = section_lines_[static_cast<std::size_t>(known - kSections.begin())];
        if (earlier > 0)
            return refuse(name + " stands on line " + std::to_string(earlier) + " already; make one of the two");
        earlier = cursor_.line();
        accounts_ = name == "users" ? &reading_.grants.users : &reading_.grants.groups;
    }

    void read_account(const std::string& name) {
        account_ = name;
        if (!is_account_name(name)) return refuse(place() + ": this cannot be a name in " + std::string(section_));
        const auto [entry, is_new] = accounts_->try_emplace(name);
        if (!is_new)
            return refuse(place() + " stands on line " + std::to_string(entry->second.origin.line) +
                          " already; make one list of the two");
        entry->second.origin = {reading_.grants.file, cursor_.line()};
        granted_ = &entry->second.value;
    }

    void read_capability(const std::string& name) {
        const auto number = capability_number(name);
        if (!number) {
            const auto unknown = parse_capabilities(name);
            return problem(place() + ": " + (unknown ? "'" + printable(name, kShown) + "' is not the name of one capability"
                                                     : unknown.error().message));
        }
        const std::string known(capability_name(*number));
        if (known != name) return problem(place() + ": write '" + known + "' instead of '" + printable(name, kShown) + "'");
        const CapabilitySet bit = capability_bit(*number);
        if ((*granted_ & bit) != 0) return problem(place() + ": " + known + " stands in this list already");
        *granted_ |= bit;
    }

    const Cursor& cursor_;
    CapabilityReading& reading_;
    int depth_ = 0;          ///< objects and lists that are open, without those passed over
    int passed_over_ = 0;    ///< of those that are
    bool pass_over_next_ = false;
    std::size_t index_ = 0;  ///< in the list
    std::string_view section_;
    std::array<unsigned, 2> section_lines_{};
    std::string account_;
    CapabilityAccounts* accounts_ = nullptr;
    CapabilitySet* granted_ = nullptr;
};

Json to_json(const CapabilityAccounts& accounts) {
    Json json = Json::object();
    for (const auto& [name, granted] : accounts)
        for (int number = 0; number < kCapabilityCount; ++number)
            if ((granted.value & capability_bit(number)) != 0) json[name].push_back(capability_name(number));
    return json;
}

}  // namespace

bool is_account_name(std::string_view name) {
    return !name.empty() && name.size() <= kLongestAccount && name.find_first_of(":/") == std::string_view::npos &&
           name.front() != ' ' && name.back() != ' ' && printable(name, 2 * kLongestAccount) == name;
}

CapabilityReading read_capability_file(std::string_view text, const std::string& file) {
    CapabilityReading reading;
    reading.grants.file = file;
    if (text.empty()) return reading;
    // The parser takes a NUL for the text's end, and would not look at what follows.
    if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
        const auto line = 1 + std::ranges::count(text.substr(0, nul), '\n');
        reading.problems.push_back({{file, static_cast<unsigned>(line)}, "not JSON: a NUL byte"});
        return reading;
    }
    Cursor cursor(text);
    Events events(cursor, reading);
    try {
        // Not sax_parse(): it brings the parsers of CBOR and its kin along, and with them libm.
        [[maybe_unused]] const Json whole = Json::parse(CursorIterator(&cursor), CursorIterator(),
                                                        [&events](int, Json::parse_event_t event, const Json& parsed) {
                                                            events.see(event, parsed);
                                                            return true;
                                                        });
    } catch (const Json::exception& error) {
        events.fail(error.what());
    }
    if (reading.problems.size() >= kMaxProblems) {
        reading.problems.resize(kMaxProblems);
        reading.problems.back() = {{file, 0}, "too many problems; mend these, then check again"};
    }
    return reading;
}

Result<CapabilityGrants> parse_capability_file(std::string_view text, const std::string& file) {
    CapabilityReading reading = read_capability_file(text, file);
    if (!reading.problems.empty()) return reading.problems.front().error();
    return std::move(reading.grants);
}

std::string to_text(const CapabilityGrants& grants) {
    Json json = Json::object();
    if (Json users = to_json(grants.users); !users.empty()) json["users"] = std::move(users);
    if (Json groups = to_json(grants.groups); !groups.empty()) json["groups"] = std::move(groups);
    return json.dump(1, '\t', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace berth::config
