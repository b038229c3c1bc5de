#include "runtime/base/program_output.hpp"

#include <unistd.h>

#include "runtime/base/child.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxOutput = 16U << 20;

Result<std::string> contents(const UniqueFd& file, const std::string& program) {
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return errno_error(program + ": lseek");
    return read_all(file.get(), kMaxOutput, "the output of " + program);
}

}  // namespace

Result<std::string> program_output(const std::string& program, const std::vector<std::string>& arguments,
                                   std::chrono::milliseconds limit) {
    BERTH_TRY(const UniqueFd output, memory_file(program));
    BERTH_TRY(const UniqueFd errors, memory_file(program));
    // A Child has /dev/null for its first three descriptors; the shell puts ours in their place.
    std::vector<std::string> words{"-c", R"(exec "$0" "$@" >&3 2>&4)", program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    BERTH_TRY(auto child, Child::spawn("/bin/sh", words, {output.get(), errors.get()}));
    BERTH_TRY(const int status, child.wait(limit));
    if (status == 0) return contents(output, program);
    BERTH_TRY(std::string message, contents(errors, program));
    message.erase(message.find_last_not_of('\n') + 1);
    return Error{Category::system, 0, printable(program) + ": " + (message.empty() ? "failed" : printable(message, 1024))};
}

}  // namespace berth
