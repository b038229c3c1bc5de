#include "runtime/exec/device_limits.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/exec/cgroups.hpp"

namespace berth {
namespace {

/// A rule, or an entry of a v1 list: "[+-] TYPE MAJOR:MINOR ACCESS".
struct Rule {
    bool allow = false;
    char type = 'a';                ///< a, b or c
    std::optional<unsigned> major;  ///< nothing: any
    std::optional<unsigned> minor;
    std::string access;  ///< of r, w and m
};

std::optional<unsigned> number(const std::string& text) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return text == "*" ? std::nullopt : std::optional(value);
}

Result<std::vector<Rule>> parse_rules(const std::string& text, bool with_sign) {
    std::vector<Rule> rules;
    for (const auto& line : split(text, '\n')) {
        if (line.empty()) continue;
        auto fields = split(line, ' ');
        if (with_sign) fields.erase(fields.begin());
        const auto numbers = fields.size() == 3 ? split(fields[1], ':') : std::vector<std::string>{};
        if (numbers.size() != 2 || fields[0].size() != 1) return Error{Category::internal, EINVAL, "device rule '" + printable(line) + "'"};
        rules.push_back({line.front() == '+', fields[0].front(), number(numbers[0]), number(numbers[1]), fields[2]});
    }
    return rules;
}

std::string text_of(const Rule& rule) {
    const auto part = [](const std::optional<unsigned>& value) { return value ? std::to_string(*value) : "*"; };
    return fmt::format("{} {}:{} {}", rule.type, part(rule.major), part(rule.minor), rule.access);
}

std::string common_access(const std::string& one, const std::string& other) {
    std::string both;
    for (const char c : one)
        if (other.find(c) != std::string::npos) both += c;
    return both;
}

/// What both have; nothing where they have no device in common.
std::optional<Rule> common(const Rule& one, const Rule& other) {
    const auto differ = [](const auto& a, const auto& b) { return a && b && *a != *b; };
    if (one.type != other.type && one.type != 'a' && other.type != 'a') return std::nullopt;
    if (differ(one.major, other.major) || differ(one.minor, other.minor)) return std::nullopt;
    Rule both{true, one.type == 'a' ? other.type : one.type, one.major ? one.major : other.major, one.minor ? one.minor : other.minor,
              common_access(one.access, other.access)};
    return both.access.empty() ? std::nullopt : std::optional(both);
}

bool covers(const Rule& wide, const Rule& narrow) {
    return (wide.type == 'a' || wide.type == narrow.type) && (!wide.major || wide.major == narrow.major) &&
           (!wide.minor || wide.minor == narrow.minor);
}

bool is_everything(const Rule& rule) { return rule.type == 'a' && !rule.major && !rule.minor && rule.access.size() == 3; }

bool is_denial_of_everything(const Rule& rule) { return !rule.allow && is_everything(rule); }

Error not_on_v1(const Rule& rule, const char* why) {
    return Error{Category::unsupported, 0, fmt::format("device rule '{}': {} on cgroup v1: deny everything first and allow what is needed",
                                                       text_of(rule), why)};
}

/// Takes what `rule` denies from the list.
Status take_away(std::vector<Rule>& list, const Rule& rule) {
    for (Rule& entry : list) {
        if (!common(entry, rule)) continue;
        if (!covers(rule, entry)) return not_on_v1(rule, "a part of what is allowed cannot be denied");
        std::erase_if(entry.access, [&](char c) { return rule.access.find(c) != std::string::npos; });
    }
    std::erase_if(list, [](const Rule& entry) { return entry.access.empty(); });
    return {};
}

}  // namespace

Result<std::vector<std::string>> device_list_after(const std::string& current, const std::string& rules) {
    BERTH_TRY(const auto before, parse_rules(current, false));
    BERTH_TRY(const auto asked, parse_rules(rules, true));
    auto list = before;
    for (const Rule& rule : asked) {
        if (!rule.allow) {
            if (is_everything(rule)) list.clear();
            else BERTH_CHECK(take_away(list, rule));
            continue;
        }
        for (const Rule& entry : before)
            if (const auto both = common(entry, rule)) list.push_back(*both);
    }
    std::vector<std::string> lines;
    for (const Rule& entry : list)
        if (std::ranges::count(lines, text_of(entry)) == 0) lines.push_back(text_of(entry));
    return lines;
}

Status write_device_rules(const std::vector<DecidedLimit>& limits, const std::string& folder, DeviceList whose) {
    BERTH_TRY(const auto current, read_cgroup_file(folder, "devices.list"));
    const bool exceptions = current == "a *:* rwm";
    std::string from_nothing;  // rules that begin with nothing
    std::vector<std::string> denials;  // those that take away, an asker's each
    std::vector<std::string> list = split(current, '\n');
    for (const DecidedLimit& limit : limits) {
        if (!is_device_rules(limit)) continue;
        BERTH_TRY(const auto rules, parse_rules(limit.setting.text, true));
        const bool begins = std::ranges::any_of(rules, is_denial_of_everything);
        if (exceptions && begins && whose == DeviceList::slurms)
            return Error{Category::unsupported, 0,
                         limit.setting.from + ": on cgroup v1 Slurm's own exceptions cannot be seen, and might be lost: deny single devices"};
        if (!begins && std::ranges::any_of(rules, [](const Rule& rule) { return !rule.allow; })) denials.push_back(limit.setting.text);
        if (!begins) continue;
        from_nothing += limit.setting.text;
        BERTH_TRY(list, device_list_after(fmt::format("{}", fmt::join(list, "\n")), limit.setting.text));
    }
    if (exceptions && from_nothing.empty()) {
        // What is allowed again after a denial stays denied: nothing is loosened.
        for (const std::string& text : denials) {
            BERTH_TRY(const auto taken, parse_rules(text, true));
            for (const Rule& rule : taken)
                if (!rule.allow) BERTH_CHECK(write_cgroup_file(folder, "devices.deny", text_of(rule)));
        }
        return {};
    }
    // One after the other: what an asker allows again is what was there before him.
    for (const std::string& text : denials) { BERTH_TRY(list, device_list_after(fmt::format("{}", fmt::join(list, "\n")), text)); }
    BERTH_CHECK(write_cgroup_file(folder, "devices.deny", "a"));
    for (const std::string& entry : list) BERTH_CHECK(write_cgroup_file(folder, "devices.allow", entry));
    return {};
}

namespace {

// Registers of the program, and what the kernel hands it: the context's fields of 32 bits each.
constexpr std::uint8_t kContext = BPF_REG_1, kType = BPF_REG_2, kAccess = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5,
                       kVerdict = BPF_REG_0, kScratch = BPF_REG_6;

bpf_insn instruction(int code, std::uint8_t destination, std::uint8_t source, std::int16_t offset, std::int32_t value) {
    bpf_insn made{};
    made.code = static_cast<std::uint8_t>(code);
    made.dst_reg = destination & 0xfU;
    made.src_reg = source & 0xfU;
    made.off = offset;
    made.imm = value;
    return made;
}

bpf_insn load_field(std::uint8_t destination, std::size_t offset) {
    return instruction(BPF_LDX | BPF_MEM | BPF_W, destination, kContext, static_cast<std::int16_t>(offset), 0);
}
bpf_insn set(std::uint8_t destination, std::int32_t value) { return instruction(BPF_ALU64 | BPF_MOV | BPF_K, destination, 0, 0, value); }
bpf_insn copy(std::uint8_t destination, std::uint8_t source) { return instruction(BPF_ALU64 | BPF_MOV | BPF_X, destination, source, 0, 0); }
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }
bpf_insn skip_unless_equal(std::uint8_t value, std::uint32_t wanted, std::size_t distance) {
    return instruction(BPF_JMP32 | BPF_JNE | BPF_K, value, 0, static_cast<std::int16_t>(distance), static_cast<std::int32_t>(wanted));
}

std::int32_t access_bits(const std::string& access) {
    std::int32_t bits = 0;
    for (const char c : access) bits |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
    return bits;
}

/// The conditions of one rule; its verdict where all hold. One that allows needs all of the access asked for, one that
/// denies any of it.
void add_rule(std::vector<bpf_insn>& program, const Rule& rule) {
    std::vector<std::pair<std::uint8_t, std::uint32_t>> equal;  // register, value
    if (rule.type != 'a') equal.emplace_back(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule.major) equal.emplace_back(kMajor, *rule.major);
    if (rule.minor) equal.emplace_back(kMinor, *rule.minor);
    const std::int32_t bits = access_bits(rule.access);
    std::vector<bpf_insn> end;
    if (rule.access.size() < 3) {
        const std::int32_t rest = rule.allow ? ~bits & (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD) : bits;
        end.push_back(copy(kScratch, kAccess));
        end.push_back(instruction(BPF_ALU64 | BPF_AND | BPF_K, kScratch, 0, 0, rest));
        // Allowing: nothing but these was asked for. Denying: one of these was.
        end.push_back(instruction(BPF_JMP32 | (rule.allow ? BPF_JNE : BPF_JEQ) | BPF_K, kScratch, 0, 2, 0));
    }
    end.push_back(set(kVerdict, rule.allow ? 1 : 0));
    end.push_back(leave());
    for (std::size_t i = 0; i < equal.size(); ++i)
        program.push_back(skip_unless_equal(equal[i].first, equal[i].second, equal.size() - i - 1 + end.size()));
    program.insert(program.end(), end.begin(), end.end());
}

}  // namespace

Result<std::vector<bpf_insn>> device_program(const std::vector<DecidedLimit>& limits) {
    std::vector<bpf_insn> program = {
        load_field(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
        copy(kAccess, kType),
        instruction(BPF_ALU64 | BPF_AND | BPF_K, kType, 0, 0, 0xffff),
        instruction(BPF_ALU64 | BPF_RSH | BPF_K, kAccess, 0, 0, 16),
        load_field(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
        load_field(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
    };
    for (const DecidedLimit& limit : limits) {
        if (!is_device_rules(limit)) continue;
        BERTH_TRY(auto rules, parse_rules(limit.setting.text, true));
        rules.insert(rules.begin(), {true, 'a', {}, {}, "rwm"});  // where no rule fits
        std::vector<bpf_insn> list;
        for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
            add_rule(list, *rule);
            if (is_everything(*rule)) break;  // the kernel refuses programs with parts that are never reached
        }
        // A list that says yes goes on to the next one: its exits lead to a test of the verdict behind it.
        for (std::size_t i = 0; i < list.size(); ++i)
            if (list[i].code == (BPF_JMP | BPF_EXIT))
                list[i] = instruction(BPF_JMP | BPF_JA, 0, 0, static_cast<std::int16_t>(list.size() - i - 1), 0);
        program.insert(program.end(), list.begin(), list.end());
        program.push_back(instruction(BPF_JMP32 | BPF_JNE | BPF_K, kVerdict, 0, 1, 0));
        program.push_back(leave());
    }
    program.push_back(set(kVerdict, 1));
    program.push_back(leave());
    return program;
}

namespace {

/// The kernel has no more on one cgroup.
constexpr std::size_t kMostPrograms = 64;

struct Programs {
    std::vector<std::uint32_t> ids;
    std::uint32_t flags = 0;  ///< with which those that are attached to the cgroup itself were attached
};

/// `query`: 0 for those that are attached to the cgroup, BPF_F_QUERY_EFFECTIVE for those that hold in it.
Result<Programs> device_programs(int cgroup, std::uint32_t query) {
    std::array<std::uint32_t, kMostPrograms> ids{};
    bpf_attr attr{};
    attr.query.target_fd = static_cast<std::uint32_t>(cgroup);
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.query_flags = query;
    attr.query.prog_ids = reinterpret_cast<std::uint64_t>(ids.data());
    attr.query.prog_cnt = kMostPrograms;
    if (::syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr) != 0) return errno_error("cannot read the programs about devices of a cgroup");
    return Programs{{ids.begin(), ids.begin() + attr.query.prog_cnt}, attr.query.attach_flags};
}

/// Beside others, and never in the place of one.
Status attach_program(int program, int cgroup) {
    bpf_attr attach{};
    attach.target_fd = static_cast<std::uint32_t>(cgroup);
    attach.attach_bpf_fd = static_cast<std::uint32_t>(program);
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) != 0) return errno_error("cannot attach rules about devices");
    return {};
}

Result<UniqueFd> load_program(const std::vector<bpf_insn>& program) {
    static constexpr std::array<char, 13> kLicence = {"BSD-3-Clause"};
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = reinterpret_cast<std::uint64_t>(program.data());
    load.insn_cnt = static_cast<std::uint32_t>(program.size());
    load.license = reinterpret_cast<std::uint64_t>(kLicence.data());
    UniqueFd loaded(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load)));
    if (!loaded) return errno_error("cannot load a BPF program for the device rules");
    return loaded;
}

Result<UniqueFd> open_program(std::uint32_t id) {
    bpf_attr open{};
    open.prog_id = id;
    UniqueFd opened(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &open, sizeof open)));
    if (!opened) return errno_error("cannot open a program about devices that holds here");
    return opened;
}

}  // namespace

Status attach_device_rules(const std::vector<DecidedLimit>& limits, const std::string& folder) {
    BERTH_TRY(const auto program, device_program(limits));
    BERTH_TRY(const UniqueFd loaded, load_program(program));
    BERTH_TRY(const UniqueFd cgroup, open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY));
    BERTH_TRY(auto own, device_programs(cgroup.get(), 0));
    if (!own.ids.empty() && (own.flags & BPF_F_ALLOW_MULTI) == 0)
        return Error{Category::unsupported, 0, folder + " has a program about devices that allows none beside it"};
    // A program further up that others may override would hold no more once this cgroup has one: it is attached here, too, first.
    BERTH_TRY(const auto held, device_programs(cgroup.get(), BPF_F_QUERY_EFFECTIVE));
    for (const std::uint32_t id : held.ids) {
        if (std::ranges::count(own.ids, id) != 0) continue;
        BERTH_TRY(const UniqueFd other, open_program(id));
        BERTH_CHECK(attach_program(other.get(), cgroup.get()));
        own.ids.push_back(id);  // several folders above may hold the same
    }
    return attach_program(loaded.get(), cgroup.get());
}

}  // namespace berth
