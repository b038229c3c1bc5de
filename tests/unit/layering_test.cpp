// The layers of docs/ARCHITECTURE.md: who includes whom, and who may call what. Reads the sources.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

using namespace berth;

namespace {

using Names = std::set<std::string, std::less<>>;

const Names kRuntime = {"runtime/base", "runtime/config", "runtime/environment", "runtime/exec",
                        "runtime/fuse", "runtime/plan",   "runtime/policy",      "runtime/request"};

/// What each layer may include, besides itself.
const std::map<std::string, Names, std::less<>> kMayInclude = {
    {"runtime/base", {}},
    {"sif", {"runtime/base"}},
    {"runtime/config", {"runtime/base"}},
    {"runtime/request", {"runtime/base"}},
    {"runtime/environment", {"runtime/request", "runtime/base"}},
    {"runtime/policy", {"runtime/request", "runtime/config", "runtime/base"}},
    {"runtime/plan", {"runtime/policy", "runtime/request", "runtime/base"}},
    {"runtime/fuse", {"runtime/base", "sif"}},
    {"runtime/exec",
     {"runtime/base", "runtime/config", "runtime/environment", "runtime/plan", "runtime/policy", "runtime/request",
      "sif"}},
    {"spank", kRuntime},
    {"tools",
     {"runtime/base", "runtime/config", "runtime/environment", "runtime/exec", "runtime/fuse", "runtime/plan",
      "runtime/policy", "runtime/request", "sif"}},
};

/// Headers of the system, and calls, that only these layers or files may have.
struct Reserved {
    Names words;
    Names places;
};
const std::vector<Reserved> kReservedHeaders = {
    {{"slurm/"}, {"spank"}},
    {{"sys/mount.h", "linux/mount.h", "linux/loop.h", "seccomp.h"}, {"runtime/exec", "runtime/fuse"}},
};
const std::vector<Reserved> kReservedCalls = {
    {{"::mount",       "umount",       "umount2",     "unshare",        "setns",         "pivot_root",
      "fsopen",        "fsconfig",     "fsmount",     "fspick",         "move_mount",    "open_tree",
      "mount_setattr", "SYS_mount",    "SYS_umount2", "SYS_unshare",    "SYS_setns",     "SYS_pivot_root",
      "SYS_fsopen",    "SYS_fsconfig", "SYS_fsmount", "SYS_move_mount", "SYS_open_tree", "SYS_mount_setattr",
      "SYS_seccomp",   "seccomp_*",    "LOOP_*"},
     {"runtime/exec", "runtime/fuse"}},
    {{"fork", "vfork", "clone", "clone3", "SYS_fork", "SYS_vfork", "SYS_clone", "SYS_clone3", "daemon", "::system",
      "popen"},
     {"runtime/base/child.cpp", "runtime/base/child.hpp"}},
    // berth build starts mksquashfs as the user who called it.
    {{"posix_spawn", "posix_spawnp"}, {"runtime/base/child.cpp", "tools/squashfs_program.cpp"}},
};

std::string layer_of(std::string_view path) {
    const auto parts = split(path, '/');
    return parts[0] == "runtime" && parts.size() > 1 ? parts[0] + "/" + parts[1] : parts[0];
}

bool is_one_of(const Names& places, const std::string& file) {
    return places.contains(file) || places.contains(layer_of(file));
}

bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// The code without comments and without what is between quotes.
std::string bare_code(std::string_view text) {
    std::string code;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == "//") {
            while (i < text.size() && text[i] != '\n') ++i;
            code += '\n';
        } else if (text.substr(i, 2) == "/*") {
            i = std::min(text.find("*/", i + 2), text.size() - 2) + 1;
            code += ' ';
        } else if (text[i] == '"' || (text[i] == '\'' && (i == 0 || !is_word(text[i - 1])))) {
            const char quote = text[i];
            for (++i; i < text.size() && text[i] != quote; ++i)
                if (text[i] == '\\') ++i;
            code += ' ';
        } else {
            code += text[i];
        }
    }
    return code;
}

/// The words of a text, with "::" before those that are named in the global namespace; members and other classes'
/// names are left out. `called`: the word is followed by "(".
struct Word {
    std::string name;
    bool called = false;
};
std::vector<Word> words_of(std::string_view code) {
    std::vector<Word> words;
    for (std::size_t i = 0; i < code.size();) {
        if (!is_word(code[i])) {
            ++i;
            continue;
        }
        const std::size_t begin = i;
        while (i < code.size() && is_word(code[i])) ++i;
        const std::string name(code.substr(begin, i - begin));
        const std::string_view before = code.substr(0, begin);
        const bool member = before.ends_with('.') || before.ends_with("->");
        const bool qualified = before.ends_with("::");
        const bool global = qualified && (before.size() == 2 ||
                                          (!is_word(before[before.size() - 3]) && before[before.size() - 3] != '>'));
        if (member || (qualified && !global)) continue;
        const std::size_t next = code.find_first_not_of(" \n\t", i);
        words.push_back({(global ? "::" : "") + name, next != std::string_view::npos && code[next] == '('});
    }
    return words;
}

/// "fork" is any spelling that is not another class's, "::mount" the global one only, "seccomp_*" every word so begun.
bool matches(const Word& word, std::string_view pattern) {
    const std::string_view plain =
        word.name.starts_with("::") ? std::string_view(word.name).substr(2) : std::string_view(word.name);
    // Of a library, its functions (a directive may be called "seccomp profile"); of a header of the kernel's, its constants.
    const bool functions = pattern.front() >= 'a';
    if (pattern.ends_with('*')) return (word.called || !functions) && plain.starts_with(pattern.substr(0, pattern.size() - 1));
    if (pattern.starts_with("SYS_")) return plain == pattern;
    if (!word.called) return false;
    return pattern.starts_with("::") ? word.name == pattern : plain == pattern;
}

std::vector<std::string> broken_includes(const std::string& file, std::string_view text) {
    std::vector<std::string> broken;
    const std::string layer = layer_of(file);
    for (const auto& line : split(text, '\n')) {
        std::string_view rest = trim(line);
        if (!rest.starts_with('#')) continue;
        rest = trim(rest.substr(1));
        if (!rest.starts_with("include")) continue;
        rest = trim(rest.substr(7));
        const std::string header(rest.substr(1, rest.find_first_of("\">", 1) - 1));
        if (rest.front() == '"') {
            const std::string theirs = layer_of(header);
            if (theirs != layer && !kMayInclude.at(layer).contains(theirs))
                broken.push_back(file + " includes " + header);
        }
        for (const auto& [words, places] : kReservedHeaders)
            for (const auto& word : words)
                if (header.starts_with(word) && !is_one_of(places, file))
                    broken.push_back(file + " includes " + header);
    }
    return broken;
}

std::vector<std::string> broken_calls(const std::string& file, std::string_view text) {
    std::vector<std::string> broken;
    for (const Word& word : words_of(bare_code(text)))
        for (const auto& [patterns, places] : kReservedCalls)
            for (const auto& pattern : patterns)
                if (matches(word, pattern) && !is_one_of(places, file)) broken.push_back(file + " calls " + word.name);
    return broken;
}

std::map<std::string, std::string> sources() {
    const std::filesystem::path root = BERTH_SOURCE_DIR;
    std::map<std::string, std::string> found;
    for (const char* top : {"runtime", "sif", "spank", "tools"}) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root / top)) {
            const auto extension = entry.path().extension();
            if (extension != ".cpp" && extension != ".hpp" && extension != ".h" && extension != ".c") continue;
            auto text = read_file(entry.path().string(), 1U << 20);
            REQUIRE(text.ok());
            found[entry.path().lexically_relative(root).string()] = *text;
        }
    }
    return found;
}

}  // namespace

TEST_CASE("layering: no source includes what its layer may not") {
    const auto all = sources();
    CHECK(all.size() > 80);
    std::set<std::string> seen;
    for (const auto& [file, text] : all) {
        seen.insert(layer_of(file));
        if (!kMayInclude.contains(layer_of(file))) {
            FAIL_CHECK(file + " belongs to no layer of the table");
            continue;
        }
        for (const auto& broken : broken_includes(file, text)) FAIL_CHECK(broken);
    }
    for (const auto& [layer, ignored] : kMayInclude) CHECK(seen.contains(layer));
}

TEST_CASE(
    "layering: mounts, namespaces, loop devices and seccomp are runtime/exec's and runtime/fuse's; forks are Child's") {
    std::size_t forks = 0;
    for (const auto& [file, text] : sources()) {
        for (const auto& broken : broken_calls(file, text)) FAIL_CHECK(broken);
        for (const Word& word : words_of(bare_code(text))) forks += word.name == "::fork" && word.called;
    }
    CHECK(forks == 2);  // Child::fork(), and the process within the one of Child::spawn_apart()
}

TEST_CASE("layering: the table has no circle") {
    // Removing layers that include nothing any more ends with none left.
    auto left = kMayInclude;
    for (bool changed = true; changed;) {
        changed = false;
        for (auto at = left.begin(); at != left.end();) {
            const bool leaf = std::ranges::none_of(
                at->second, [&](const auto& name) { return name != at->first && left.contains(name); });
            changed = changed || leaf;
            at = leaf ? left.erase(at) : std::next(at);
        }
    }
    CHECK(left.empty());
}

TEST_CASE("layering: this test sees what it looks for") {
    struct Case {
        std::string file, text;
        std::size_t includes, calls;
    };
    const std::vector<Case> cases = {
        {"runtime/base/x.cpp", "#include \"runtime/base/io.hpp\"\n#include <string>\n", 0, 0},
        {"runtime/base/x.cpp", "#include \"runtime/plan/plan.hpp\"\n", 1, 0},
        {"runtime/base/x.cpp", "  #  include   \"sif/image.hpp\"\n", 1, 0},
        {"sif/x.hpp", "#include \"runtime/request/request.hpp\"\n", 1, 0},
        {"runtime/config/x.hpp", "#include \"sif/image.hpp\"\n#include \"runtime/policy/inputs.hpp\"\n", 2, 0},
        {"runtime/plan/x.cpp", "#include \"runtime/exec/mounts.hpp\"\n#include \"runtime/policy/decision.hpp\"\n", 1,
         0},
        {"runtime/exec/x.cpp",
         "#include \"tools/commands.hpp\"\n#include \"spank/slurm.hpp\"\n#include \"runtime/fuse/options.hpp\"\n", 3,
         0},
        {"tools/x.cpp", "#include <slurm/spank.h>\n#include \"spank/slurm.hpp\"\n", 2, 0},
        {"spank/x.cpp", "#include <slurm/spank.h>\n#include \"sif/image.hpp\"\n#include \"runtime/exec/step.hpp\"\n", 1,
         0},
        {"runtime/policy/x.cpp", "#include <sys/mount.h>\n", 1, 0},
        {"runtime/exec/x.cpp",
         "#include <sys/mount.h>\n#include <seccomp.h>\n::mount(a); unshare(b); fsopen(c); ::syscall(SYS_pivot_root);",
         0, 0},
        {"tools/x.cpp",
         "::mount(a); ::umount2(b, c); unshare(d); ::setns (e); seccomp_load(f); ioctl(g, LOOP_CONFIGURE); "
         "syscall(SYS_move_mount);",
         0, 7},
        {"tools/x.cpp",
         "// ::unshare(a)\n/* setns(b) */ const char* text = \"unshare(c) \\\" fork(d)\"; char q = '\"'; "
         "layer.mount(e); Child::fork(f); x->clone(g);",
         0, 0},
        {"tools/x.cpp",
         "if (::fork() == 0) vfork(); const auto x = 1'000'000; clone3(y); ::system(z); std::system_error(w); "
         "popen(v);",
         0, 5},
        {"runtime/base/child.cpp", "::fork(); ::posix_spawn(a);", 0, 0},
        {"runtime/base/io.cpp", "::fork(); ::posix_spawn(a);", 0, 2},
        {"runtime/exec/x.cpp", "::fork(); posix_spawnp(a);", 0, 2},
    };
    for (const auto& each : cases) {
        INFO(each.file << ": " << each.text);
        CHECK(broken_includes(each.file, each.text).size() == each.includes);
        CHECK(broken_calls(each.file, each.text).size() == each.calls);
    }
}
