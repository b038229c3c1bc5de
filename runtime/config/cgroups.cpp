#include "runtime/config/cgroups.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "runtime/base/cpu_list.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/toml.hpp"

namespace berth::config {
namespace {

constexpr std::size_t kShown = 64;
constexpr std::size_t kLongestInterface = 15;  ///< IFNAMSIZ without its NUL
constexpr std::size_t kLongestName = 63;       ///< of an RDMA device (IB_DEVICE_NAME_MAX), and enough for a file
constexpr std::size_t kLongestValue = 1024;

bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}
bool is_upper(char c) noexcept {
    return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_plain(char c) noexcept {
    return c >= ' ' && c <= '~';
}
bool is_word(char c) noexcept {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
}

/// An interface as dev_valid_name() of the kernel has it, in ASCII: what stands in a line of net_prio.ifpriomap.
bool is_interface(std::string_view name) {
    const auto fits = [](char c) { return is_plain(c) && c != ' ' && c != '/' && c != ':'; };
    return !name.empty() && name.size() <= kLongestInterface && name != "." && name != ".." &&
           std::ranges::all_of(name, fits);
}

bool is_rdma_device(std::string_view name) {
    const auto fits = [](char c) { return is_word(c) || c == '.' || c == '-'; };
    return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, fits);
}

/// CONTROLLER.NAME, of no more characters than the kernel's files have: never a path.
bool is_cgroup_file(std::string_view name) {
    const auto parts = split(name, '.');
    return name.size() <= kLongestName && parts.size() >= 2 && std::ranges::all_of(parts, [](const std::string& part) {
               return !part.empty() && std::ranges::all_of(part, is_word);
           });
}

/// As the kernel writes sizes in the names of its files: a power of two below 1024, and KB, MB or GB.
bool is_page_size(std::string_view text) {
    constexpr std::array<std::string_view, 3> kUnits = {"KB", "MB", "GB"};
    constexpr std::array<std::string_view, 10> kPowers = {"1", "2", "4", "8", "16", "32", "64", "128", "256", "512"};
    if (text.size() < 3 || std::ranges::count(kUnits, text.substr(text.size() - 2)) == 0) return false;
    return std::ranges::count(kPowers, text.substr(0, text.size() - 2)) != 0;
}

/// "rwm" without what is not in the text; nothing for a text that has another letter, one twice, or none.
std::optional<std::string> access_letters(std::string_view text) {
    std::string letters;
    for (const char each : {'r', 'w', 'm'})
        if (std::ranges::count(text, each) == 1) letters += each;
    if (letters.empty() || letters.size() != text.size()) return std::nullopt;
    return letters;
}

std::optional<DeviceType> device_type(std::string_view text) {
    if (text == "a") return DeviceType::all;
    if (text == "b") return DeviceType::block;
    if (text == "c" || text == "u") return DeviceType::character;
    return std::nullopt;
}

/// One table of the file. The schema is what its keys are listed under, the place what messages call it.
struct Section {
    const toml::table& table;
    std::string_view schema;
    std::string place;

    std::string path(std::string_view key) const {
        return place.empty() ? std::string(key) : place + "." + std::string(key);
    }
};

/// Fills a reading from the tables of one file.
class Interpreter {
public:
    Interpreter(const std::string& file, CgroupsReading& reading) : file_(file), reading_(reading) {}

    void read(const toml::table& table) {
        const Section top{table, "", ""};
        refuse_unknown(top);
        in_table(top, "memory", [this](const Section& memory) { read_memory(memory); });
        in_table(top, "cpu", [this](const Section& cpu) { read_cpu(cpu); });
        in_table(top, "blockIO", [this](const Section& block) { read_block(block); });
        in_table(top, "pids", [this](const Section& pids) { number(pids, "limit", limits().pids); });
        entries(top, "hugepageLimits", limits().hugepages, &HugepageLimit::page_size,
                [this](const Section& entry) { return hugepage(entry); });
        in_each(top, "devices", [this](const Section& entry) { add(entry, limits().devices, device_rule(entry)); });
        in_table(top, "network", [this](const Section& network) { read_network(network); });
        in_names(top, "rdma", [this](std::string_view name, const toml::node& node) { read_rdma(name, node); });
        in_names(top, "unified", [this](std::string_view name, const toml::node& node) { read_unified(name, node); });
    }

private:
    CgroupLimits& limits() { return reading_.limits; }
    static unsigned line_of(const toml::node& node) { return static_cast<unsigned>(node.source().begin.line); }
    std::string from(const toml::node& node, const std::string& path) const {
        return Origin{file_, line_of(node)}.to_string() + ": " + path;
    }
    void problem(const toml::node& node, std::string message) {
        reading_.problems.push_back({{file_, line_of(node)}, std::move(message)});
    }
    static const CgroupKey& key_of(const Section& section, std::string_view name) {
        return *std::ranges::find_if(
            cgroup_keys(), [&](const CgroupKey& key) { return key.table == section.schema && key.name == name; });
    }
    void must_be(const toml::node& node, const Section& section, std::string_view name) {
        problem(node, section.path(name) + " must be " + std::string(key_of(section, name).expected));
    }

    void refuse_unknown(const Section& section) {
        std::vector<std::string_view> known;
        for (const CgroupKey& key : cgroup_keys())
            if (key.table == section.schema) known.push_back(key.name);
        for (const auto& [key, node] : section.table) {
            const std::string_view name = key.str();
            if (std::ranges::count(known, name) > 0) continue;
            std::string message = "unknown key '" + printable(name, kShown) + "'";
            if (!section.place.empty()) message += " in " + section.place;
            if (const auto nearest = name.size() < kShown ? closest(name, known) : std::nullopt)
                message += "; did you mean '" + *nearest + "'?";
            const auto line = static_cast<unsigned>(key.source().begin.line);
            reading_.problems.push_back({{file_, line}, std::move(message)});
        }
    }

    /// The values of single keys. Each is nothing where the key is not there, or is a problem.

    std::optional<std::int64_t> integer(const Section& section, std::string_view name) {
        const toml::node* node = section.table.get(name);
        if (node == nullptr) return std::nullopt;
        const CgroupKey& key = key_of(section, name);
        if (const auto* value = node->as_integer()) {
            const std::int64_t number = value->get();
            if ((number >= key.least && number <= key.most) || (key.none && number == -1)) return number;
        }
        must_be(*node, section, name);
        return std::nullopt;
    }

    std::optional<bool> boolean(const Section& section, std::string_view name) {
        const toml::node* node = section.table.get(name);
        if (node == nullptr) return std::nullopt;
        if (const auto* value = node->as_boolean()) return value->get();
        must_be(*node, section, name);
        return std::nullopt;
    }

    /// Of a text, what `convert` makes of it.
    template <class Convert>
    auto text(const Section& section, std::string_view name, Convert convert) -> decltype(convert(std::string())) {
        const toml::node* node = section.table.get(name);
        if (node == nullptr) return std::nullopt;
        if (const auto* value = node->as_string())
            if (auto converted = convert(value->get())) return converted;
        must_be(*node, section, name);
        return std::nullopt;
    }

    std::optional<std::string> text_if(const Section& section, std::string_view name, bool (*fits)(std::string_view)) {
        return text(section, name,
                    [&](const std::string& value) { return fits(value) ? std::optional(value) : std::nullopt; });
    }

    /// Keys that an entry of a list must have. What is given back for one that is missing is never used.
    template <class T>
    T required(const Section& section, std::string_view name, std::optional<T> value) {
        if (!section.table.contains(name)) problem(section.table, section.path(name) + " is missing");
        return value.value_or(T{});
    }

    template <class T>
    void keep(const Section& section, std::string_view name, OptionalLimit<T>& into, std::optional<T> value) {
        if (value) into = Limit<T>{*std::move(value), from(*section.table.get(name), section.path(name))};
    }

    template <class T>
    void number(const Section& section, std::string_view name, OptionalLimit<T>& into) {
        if (const auto value = integer(section, name)) keep<T>(section, name, into, static_cast<T>(*value));
    }

    template <class T>
    std::optional<T> number(const Section& section, std::string_view name) {
        const auto value = integer(section, name);
        return value ? std::optional(static_cast<T>(*value)) : std::nullopt;
    }

    /// Tables, and lists of them.

    template <class Read>
    void in_table(const Section& section, std::string_view name, Read read) {
        const toml::node* node = section.table.get(name);
        if (node == nullptr) return;
        const toml::table* table = node->as_table();
        if (table == nullptr) return must_be(*node, section, name);
        const Section inner{*table, name, section.path(name)};
        refuse_unknown(inner);
        read(inner);
    }

    template <class Read>
    void in_names(const Section& section, std::string_view name, Read read) {
        const toml::node* node = section.table.get(name);
        if (node == nullptr) return;
        const toml::table* table = node->as_table();
        if (table == nullptr) return must_be(*node, section, name);
        if (table->size() > kMaxCgroupEntries) return too_many(*node, section.path(name));
        for (const auto& [key, value] : *table) read(key.str(), value);
    }

    template <class Read>
    void in_each(const Section& section, std::string_view name, Read read) {
        const toml::node* node = section.table.get(name);
        if (node == nullptr) return;
        const toml::array* list = node->as_array();
        if (list == nullptr) return must_be(*node, section, name);
        if (list->size() > kMaxCgroupEntries) return too_many(*node, section.path(name));
        const std::string path = section.path(name);
        for (const toml::node& entry : *list) {
            const toml::table* table = entry.as_table();
            if (table == nullptr) return must_be(entry, section, name);
            const Section inner{*table, path, path};
            refuse_unknown(inner);
            read(inner);
        }
    }

    void too_many(const toml::node& node, const std::string& path) {
        problem(node, path + " has more than " + std::to_string(kMaxCgroupEntries) + " entries");
    }

    template <class T>
    void add(const Section& entry, std::vector<Limit<T>>& into, T value) {
        into.push_back({std::move(value), from(entry.table, entry.place)});
    }

    /// A list in which no two entries have the same `subject`.
    template <class T, class Subject, class Read>
    void entries(const Section& section, std::string_view name, std::vector<Limit<T>>& into, Subject T::*subject,
                 Read read) {
        in_each(section, name, [&](const Section& entry) {
            T value = read(entry);
            if (std::ranges::any_of(into,
                                    [&](const Limit<T>& earlier) { return earlier.value.*subject == value.*subject; }))
                problem(entry.table, entry.place + " is about the same as an entry above it; make one of the two");
            add(entry, into, std::move(value));
        });
    }

    void read_memory(const Section& section) {
        MemoryLimits& memory = limits().memory;
        number(section, "limit", memory.limit);
        number(section, "reservation", memory.reservation);
        number(section, "swap", memory.swap);
        number(section, "kernel", memory.kernel);
        number(section, "kernelTCP", memory.kernel_tcp);
        number(section, "swappiness", memory.swappiness);
        keep(section, "disableOOMKiller", memory.disable_oom_killer, boolean(section, "disableOOMKiller"));
        keep(section, "useHierarchy", memory.use_hierarchy, boolean(section, "useHierarchy"));
        keep(section, "checkBeforeUpdate", memory.check_before_update, boolean(section, "checkBeforeUpdate"));
        not_below(section, "swap", memory.swap, "limit", memory.limit, "it counts memory and swap together");
        not_below(section, "limit", memory.limit, "reservation", memory.reservation, "it would have no effect");
    }

    /// Two numbers of one table of which `smaller` must not be above `larger`, where neither is "no limit".
    template <class A, class B>
    void not_below(const Section& section, std::string_view larger, const OptionalLimit<A>& most,
                   std::string_view smaller, const OptionalLimit<B>& least, std::string_view reason) {
        if (!most || !least || std::cmp_equal(most->value, kUnlimited)) return;
        if (!std::cmp_equal(least->value, kUnlimited) && std::cmp_less_equal(least->value, most->value)) return;
        problem(*section.table.get(larger),
                section.path(larger) + " is below " + section.path(smaller) + ": " + std::string(reason));
    }

    void read_cpu(const Section& section) {
        CpuLimits& cpu = limits().cpu;
        number(section, "shares", cpu.shares);
        number(section, "quota", cpu.quota);
        number(section, "period", cpu.period);
        number(section, "burst", cpu.burst);
        number(section, "realtimeRuntime", cpu.realtime_runtime);
        number(section, "realtimePeriod", cpu.realtime_period);
        keep(section, "cpus", cpu.cpus, list(section, "cpus"));
        keep(section, "mems", cpu.mems, list(section, "mems"));
        number(section, "idle", cpu.idle);
        not_below(section, "quota", cpu.quota, "burst", cpu.burst, "no more can be saved up than one period has");
        not_below(section, "realtimePeriod", cpu.realtime_period, "realtimeRuntime", cpu.realtime_runtime,
                  "a period has no more time than itself");
    }

    std::optional<std::vector<unsigned>> list(const Section& section, std::string_view name) {
        return text(section, name, [](const std::string& value) -> std::optional<std::vector<unsigned>> {
            auto numbers = parse_cpu_list(value);
            if (!numbers || numbers->empty()) return std::nullopt;
            return *std::move(numbers);
        });
    }

    void read_block(const Section& section) {
        BlockLimits& block = limits().block;
        number(section, "weight", block.weight);
        number(section, "leafWeight", block.leaf_weight);
        entries(section, "weightDevice", block.weight_devices, &DeviceWeight::device,
                [this](const Section& entry) { return device_weight(entry); });
        const auto rates = [&](std::string_view name, std::vector<Limit<DeviceRate>>& into) {
            entries(section, name, into, &DeviceRate::device, [this](const Section& entry) {
                return DeviceRate{block_device(entry), required(entry, "rate", number<std::uint64_t>(entry, "rate"))};
            });
        };
        rates("throttleReadBpsDevice", block.read_bytes);
        rates("throttleWriteBpsDevice", block.write_bytes);
        rates("throttleReadIOPSDevice", block.read_requests);
        rates("throttleWriteIOPSDevice", block.write_requests);
    }

    BlockDevice block_device(const Section& entry) {
        return {required(entry, "major", number<std::uint32_t>(entry, "major")),
                required(entry, "minor", number<std::uint32_t>(entry, "minor"))};
    }

    DeviceWeight device_weight(const Section& entry) {
        if (!entry.table.contains("weight") && !entry.table.contains("leafWeight"))
            problem(entry.table, entry.place + " has neither weight nor leafWeight");
        return {block_device(entry), number<std::uint64_t>(entry, "weight"),
                number<std::uint64_t>(entry, "leafWeight")};
    }

    HugepageLimit hugepage(const Section& entry) {
        return {required(entry, "pageSize", text_if(entry, "pageSize", is_page_size)),
                required(entry, "limit", number<std::uint64_t>(entry, "limit"))};
    }

    DeviceRule device_rule(const Section& entry) {
        DeviceRule rule;
        rule.allow = required(entry, "allow", boolean(entry, "allow"));
        const auto type = text(entry, "type", device_type);
        rule.type = type.value_or(DeviceType::all);
        rule.major = any_or_number(entry, "major");
        rule.minor = any_or_number(entry, "minor");
        rule.access = required(entry, "access", text(entry, "access", access_letters));
        const bool of_all = type == DeviceType::all || !entry.table.contains("type");
        if (of_all && (rule.major || rule.minor))
            problem(entry.table, R"(devices: a rule for one number needs a type, "b" or "c")");
        return rule;
    }

    std::optional<std::uint32_t> any_or_number(const Section& entry, std::string_view name) {
        const auto value = integer(entry, name);
        return value && *value >= 0 ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
    }

    void read_network(const Section& section) {
        number(section, "classID", limits().network.class_id);
        entries(section, "priorities", limits().network.priorities, &NetworkPriority::name,
                [this](const Section& entry) {
                    return NetworkPriority{required(entry, "name", text_if(entry, "name", is_interface)),
                                           required(entry, "priority", number<std::uint32_t>(entry, "priority"))};
                });
    }

    void read_rdma(std::string_view name, const toml::node& node) {
        const std::string place = "rdma." + printable(name, kShown);
        if (!is_rdma_device(name))
            return problem(node, place + ": a device's name has at most 63 letters, digits, '_', '-' and '.'");
        const toml::table* table = node.as_table();
        if (table == nullptr) return problem(node, place + " must be a table: write [" + place + "] above its keys");
        const Section section{*table, "rdma.NAME", place};
        refuse_unknown(section);
        RdmaLimit limit{std::string(name), number<std::uint32_t>(section, "hcaHandles"),
                        number<std::uint32_t>(section, "hcaObjects")};
        if (table->empty()) problem(node, place + " has neither hcaHandles nor hcaObjects");
        add(section, limits().rdma, std::move(limit));
    }

    void read_unified(std::string_view name, const toml::node& node) {
        const std::string place = "unified.\"" + printable(name, kShown) + "\"";
        if (!is_cgroup_file(name))
            return problem(node, place + ": a file's name is CONTROLLER.NAME in quotes, such as \"memory.high\"");
        const auto* value = node.as_string();
        if (value == nullptr || value->get().empty() || value->get().size() > kLongestValue ||
            !std::ranges::all_of(value->get(), is_plain))
            return problem(node, place + " must be a text in quotes: one line of at most " +
                                     std::to_string(kLongestValue) + " characters of ASCII");
        limits().unified.push_back({{std::string(name), value->get()}, from(node, place)});
    }

    const std::string& file_;
    CgroupsReading& reading_;
};

}  // namespace

CgroupsReading read_cgroups(std::string_view text, const std::string& file) {
    CgroupsReading reading;
    if (text.size() > kMaxCgroupsSize) {
        reading.problems.push_back(
            {{file, 0}, "the file is larger than " + std::to_string(kMaxCgroupsSize) + " bytes"});
        return reading;
    }
    auto parsed = parse_toml(text, file);
    if (auto* const problem = std::get_if<Problem>(&parsed)) {
        reading.problems.push_back(std::move(*problem));
        return reading;
    }
    Interpreter(file, reading).read(std::get<toml::table>(parsed));
    sort_and_cut(reading.problems, file);
    return reading;
}

Result<CgroupLimits> parse_cgroups(std::string_view text, const std::string& file) {
    CgroupsReading reading = read_cgroups(text, file);
    if (!reading.problems.empty()) return reading.problems.front().error();
    return std::move(reading.limits);
}

}  // namespace berth::config
