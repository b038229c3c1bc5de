#include <algorithm>
#include <array>
#include <vector>

#include "runtime/base/text.hpp"
#include "runtime/environment/image_scripts.hpp"
#include "runtime/environment/shell_words.hpp"

namespace berth {
namespace {

constexpr int kMaxIfs = 16;

/// In the place of a command these are grammar, most of which is not read here.
constexpr auto kReserved =
    std::to_array<std::string_view>({"case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
                                     "select", "then", "time", "until", "while", "coproc"});

/// One script. Functions return false where a real shell has to be asked.
class ScriptRun {
public:
    ScriptRun(std::string_view text, ShellVariables& variables) noexcept
        : script_{text}, variables_(variables), words_(script_, variables_) {}

    bool run() {
        std::string_view stop;
        if (script_.text.find('\0') != std::string_view::npos) return false;
        return commands(true, stop) && stop.empty();
    }

private:
    /// Commands up to the script's end, or to one of then, elif, else, fi, which `stop` then names. When not `live`
    /// they are only read. `count`, where given, gets how many there were: a shell wants at least one in a branch.
    bool commands(bool live, std::string_view& stop, int* count = nullptr);
    bool command(bool live, std::string_view first);
    bool conditional(bool live);
    bool branch(bool live, std::string_view& stop);
    bool condition(bool live, bool& holds);
    bool test(std::string_view command, bool& holds);

    bool assignments(bool live);
    bool value_for(std::string_view name, bool live, bool splits);
    bool export_command();
    bool unset_command();
    bool arguments(bool live, std::vector<std::string>* list);

    bool skip_blanks();
    void skip_separators();
    bool command_ended() const noexcept { return script_.ended() || script_.peek() == '\n' || script_.peek() == ';'; }
    bool end_command();
    bool starts_assignment() const noexcept;
    std::string_view first_word() noexcept;

    ShellText script_;
    ShellVariables& variables_;
    ShellWordReader words_;
    int depth_ = 0;
};

/// Blanks, line continuations between words, and a comment. A '#' behind a continuation is left to a shell.
bool ScriptRun::skip_blanks() {
    bool continued = false;
    while (script_.peek() == ' ' || script_.peek() == '\t' || script_.text.substr(script_.at, 2) == "\\\n") {
        const bool continuation = script_.peek() == '\\';
        continued |= continuation;
        script_.at += continuation ? 2 : 1;
    }
    if (script_.peek() != '#') return true;
    script_.at = std::min(script_.text.find('\n', script_.at), script_.text.size());
    return !continued;
}

/// The end of a simple command: a newline, one ';', or the script's end.
bool ScriptRun::end_command() {
    if (!skip_blanks() || !command_ended()) return false;
    if (script_.skip(";")) return script_.peek() != ';';
    return script_.ended() || script_.skip("\n");
}

bool ScriptRun::starts_assignment() const noexcept {
    ShellText ahead = script_;
    return !ahead.take_name().empty() && ahead.peek() == '=';
}

/// "" for one that is more than plain bytes.
std::string_view ScriptRun::first_word() noexcept {
    const std::size_t start = script_.at;
    while (is_shell_name_byte(script_.peek()) ||
           (!script_.ended() && std::string_view("/.:+-[").find(script_.peek()) != std::string_view::npos))
        ++script_.at;
    const std::string_view word = script_.text.substr(start, script_.at - start);
    if (!ends_shell_word(script_) || (word != "[" && word.find('[') != std::string_view::npos)) return {};
    return word;
}

bool ScriptRun::commands(bool live, std::string_view& stop, int* count) {
    for (;;) {
        if (!skip_blanks()) return false;
        if (script_.ended()) return true;
        if (script_.skip("\n")) continue;
        if (count != nullptr) ++*count;
        variables_.start_command();
        if (starts_assignment()) {
            if (!assignments(live) || !end_command()) return false;
            continue;
        }
        const std::string_view first = first_word();
        if (first == "then" || first == "elif" || first == "else" || first == "fi") {
            if (count != nullptr) --*count;
            stop = first;
            return true;
        }
        if (!command(live, first) || !end_command()) return false;
    }
}

bool ScriptRun::command(bool live, std::string_view first) {
    if (first == "if") return conditional(live);
    if (first.empty() || std::ranges::count(kReserved, first) != 0) return false;
    if (!live) return arguments(false, nullptr);
    if (first == "export") return export_command();
    if (first == "unset") return unset_command();
    return (first == ":" || first == "true") && arguments(true, nullptr);
}

/// Behind "if", to behind "fi".
bool ScriptRun::conditional(bool live) {
    if (++depth_ > kMaxIfs) return false;
    bool taken = false;
    std::string_view stop = "elif";
    while (stop == "elif") {
        bool holds = false;
        if (!condition(live && !taken, holds) || !branch(live && !taken && holds, stop)) return false;
        taken |= holds;
    }
    if (stop == "else" && !branch(live && !taken, stop)) return false;
    --depth_;
    return stop == "fi";
}

bool ScriptRun::branch(bool live, std::string_view& stop) {
    int count = 0;
    stop = {};
    return commands(live, stop, &count) && count > 0;
}

/// Behind "if" or "elif", to behind "then".
bool ScriptRun::condition(bool live, bool& holds) {
    std::string_view stop;
    if (!live) return branch(false, stop) && stop == "then";
    if (!skip_blanks() || !test(first_word(), holds) || !end_command()) return false;
    int more = 0;
    return commands(false, stop, &more) && more == 0 && stop == "then";
}

/// Only forms that POSIX decides by the number of arguments, with operands that no shell takes for operators.
bool ScriptRun::test(std::string_view command, bool& holds) {
    std::vector<std::string> words;
    if ((command != "[" && command != "test") || !arguments(true, &words)) return false;
    if (command == "[") {
        if (words.empty() || words.back() != "]") return false;
        words.pop_back();
    }
    const auto plain = [](const std::string& operand) {
        return operand.size() > 3 || operand.empty() || is_shell_name_byte(operand.front()) || operand.front() == '/';
    };
    if (words.size() == 2 && (words[0] == "-n" || words[0] == "-z") && plain(words[1])) {
        holds = words[1].empty() == (words[0] == "-z");
        return true;
    }
    if (words.size() != 3 || !plain(words[0]) || words[0].starts_with('-') || !plain(words[2])) return false;
    if (words[1] != "=" && words[1] != "!=") return false;
    holds = (words[0] == words[2]) == (words[1] == "=");
    return true;
}

bool ScriptRun::assignments(bool live) {
    while (starts_assignment()) {
        const std::string_view name = script_.take_name();
        if (!value_for(name, live, false) || !skip_blanks()) return false;
    }
    return command_ended();
}

/// At the '='.
bool ScriptRun::value_for(std::string_view name, bool live, bool splits) {
    ++script_.at;
    ShellWord word;
    if (!words_.read(live ? &word : nullptr)) return false;
    if (splits && word.splittable) return false;
    return !live || variables_.assign(name, std::move(word.text));
}

bool ScriptRun::export_command() {
    if (!skip_blanks() || command_ended()) return false;  // alone it prints
    while (!command_ended()) {
        const std::string_view name = script_.take_name();
        if (name.empty()) return false;
        if (script_.peek() == '=' && !value_for(name, true, true)) return false;
        if (!ends_shell_word(script_) || !variables_.mark_exported(name) || !skip_blanks()) return false;
    }
    return true;
}

bool ScriptRun::unset_command() {
    if (!skip_blanks()) return false;
    while (!command_ended()) {
        const std::string_view name = script_.take_name();
        if (name.empty() || !ends_shell_word(script_) || !variables_.unset(name) || !skip_blanks()) return false;
    }
    return true;
}

/// Words to the command's end. One that would be split has no place in a list.
bool ScriptRun::arguments(bool live, std::vector<std::string>* list) {
    if (!skip_blanks()) return false;
    while (!command_ended()) {
        ShellWord word;
        if (!words_.read(live ? &word : nullptr)) return false;
        if (list != nullptr) {
            if (word.expanded_bare) return false;
            list->push_back(std::move(word.text));
        }
        if (!skip_blanks()) return false;
    }
    return true;
}

/// The default PATH's folders that a Docker image's PATH lacks, as Singularity adds them.
bool complete_path(ShellVariables& variables) {
    const auto value = variables.read("PATH");
    if (!value) return false;
    std::string path(value->text);
    const auto present = split(path, ':');
    for (const std::string& folder : split(kDefaultPath, ':'))
        if (std::ranges::count(present, folder) == 0) path.append(path.empty() ? "" : ":").append(folder);
    return variables.spend(path.size()) && variables.assign("PATH", std::move(path)) && variables.mark_exported("PATH");
}

}  // namespace

std::optional<Variables> run_plain_scripts(std::span<const ImageScript> scripts, const Variables& start) {
    std::vector<const ImageScript*> ordered;
    std::size_t bytes = 0;
    for (const ImageScript& script : scripts) {
        if (script.text.size() > kMaxScriptBytes - bytes) return std::nullopt;
        bytes += script.text.size();
        ordered.push_back(&script);
    }
    std::ranges::sort(ordered, {}, &ImageScript::name);

    ShellVariables variables(start);
    for (const ImageScript* script : ordered) {
        if (!ScriptRun(script->text, variables).run()) return std::nullopt;
        const bool from_docker = script->name == "10-docker2singularity.sh" || script->name == "10-docker.sh";
        variables.start_command();
        if (from_docker && !complete_path(variables)) return std::nullopt;
    }
    return variables.exported();
}

}  // namespace berth
