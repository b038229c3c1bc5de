#include "runtime/exec/gpu_cache.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/program_output.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/gpu_files.hpp"

namespace berth {
namespace {

using config::GpuStack;
using config::SitePolicy;

constexpr std::size_t kMaxRecord = 1U << 20;
constexpr std::uint64_t kForm = 1;  // of the record; a change of it makes older records void
constexpr std::chrono::seconds kProgramTime{20};

const char* file_name(GpuStack stack) { return stack == GpuStack::nvidia ? "nvidia" : "rocm"; }

void pack(Packer& packer, const GpuFacts& facts) {
    packer.text(facts.driver);
    packer.number(facts.files.size());
    for (const GpuFile& file : facts.files) {
        packer.number(static_cast<std::uint64_t>(file.kind));
        packer.text(file.source);
        packer.text(file.destination);
    }
    packer.text(facts.needs_glibc ? to_string(*facts.needs_glibc) : "");
    packer.texts(facts.left_out);
}

GpuFacts unpack_facts(Unpacker& unpacker) {
    GpuFacts facts;
    facts.driver = unpacker.text();
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        const auto kind = static_cast<GpuFile::Kind>(unpacker.number());
        std::string source = unpacker.text();
        facts.files.push_back({kind, std::move(source), unpacker.text()});
    }
    facts.needs_glibc = parse_glibc_version(unpacker.text());
    facts.left_out = unpacker.texts();
    return facts;
}

Result<UniqueFd> make_folder(const std::string& folder) {
    const std::string above = folder.substr(0, folder.rfind('/'));
    for (const std::string& each : {above, folder}) {
        const bool made = ::mkdir(each.c_str(), 0755) == 0;
        if (!made && errno != EEXIST) return errno_error(each);
        // Whatever the umask is: others read the records.
        if (made && ::chmod(each.c_str(), 0755) != 0) return errno_error(each);
    }
    return config::open_trusted_folder(folder);
}

/// A file that is not yet in its place; one at a time, whoever is killed meanwhile. EBUSY while another process has it.
Result<UniqueFd> open_unfinished(int folder, const std::string& name) {
    UniqueFd file(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return errno_error(name);
    struct stat ours {};
    struct stat named {};
    if (::fstat(file.get(), &ours) != 0 || ::fstatat(folder, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) return errno_error(name);
    if (ours.st_ino != named.st_ino) return errno_error(name, EBUSY);  // finished by another process before we locked it
    if (::ftruncate(file.get(), 0) != 0 || ::fchmod(file.get(), 0644) != 0) return errno_error(name);
    return file;
}

/// Where nvidia-container-cli is; Category::config where it is nowhere, or not root's alone.
Result<std::string> nvidia_program(const config::SiteConfig& site) {
    const auto& setting = site.nvidia_container_cli_path;
    const std::string where = setting.value.empty() ? site.use_nvidia_container_cli.origin.to_string() + ": use nvidia-container-cli = yes"
                                                    : setting.origin.to_string() + ": nvidia-container-cli path";
    std::vector<std::string> candidates{setting.value};
    if (setting.value.empty()) candidates = {"/usr/local/bin/nvidia-container-cli", "/usr/bin/nvidia-container-cli", "/bin/nvidia-container-cli"};
    for (const std::string& path : candidates) {
        const auto file = config::open_trusted(path);
        if (file) return path;
        if (file.error().number != ENOENT || !setting.value.empty()) return Error(file.error()).within(where);
    }
    return Error{Category::config, ENOENT, where + ": there is no such program on this node: install it, or write no"};
}

/// The files that say what the stack consists of.
struct ListSource {
    std::string path;
    bool program = false;
};

Result<ListSource> list_source(GpuStack stack, const SitePolicy& policy) {
    if (stack == GpuStack::nvidia && policy.conf.use_nvidia_container_cli.value) {
        BERTH_TRY(auto program, nvidia_program(policy.conf));
        return ListSource{std::move(program), true};
    }
    return ListSource{config::gpu_list_path(policy.berth_conf, stack), false};
}

Result<config::GpuList> read_list(const ListSource& source) {
    if (source.program) {
        auto output = program_output(source.path, {"list", "--libraries", "--binaries", "--ipcs"}, kProgramTime);
        if (!output) return Error{Category::config, output.error().number, output.error().message};
        return list_of_nvidia(*output, source.path);
    }
    BERTH_TRY(const UniqueFd file, config::open_trusted(source.path));
    return config::read_gpu_list(file.get(), source.path);
}

Result<GpuFacts> find(GpuStack stack, const ListSource& source) {
    BERTH_TRY(const auto list, read_list(source));
    BERTH_TRY(auto facts, find_gpu_files(list));
    facts.driver = gpu_driver(stack);
    return facts;
}

GpuRecordKey key_of(GpuStack stack, const ListSource& source) {
    return {{source.path, file_identity(source.path), file_identity(GpuPlaces{}.linker_cache), gpu_driver(stack)}};
}

}  // namespace

std::string file_identity(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return "";
    std::string text;
    for (const auto part : {static_cast<std::uint64_t>(st.st_dev), static_cast<std::uint64_t>(st.st_ino), static_cast<std::uint64_t>(st.st_size),
                            static_cast<std::uint64_t>(st.st_mtim.tv_sec), static_cast<std::uint64_t>(st.st_mtim.tv_nsec),
                            static_cast<std::uint64_t>(st.st_ctim.tv_sec), static_cast<std::uint64_t>(st.st_ctim.tv_nsec)})
        text += std::to_string(part) + " ";
    return text;
}

std::optional<GpuFacts> read_gpu_record(const std::string& folder, GpuStack stack, const GpuRecordKey& key) {
    const std::string path = folder + "/" + file_name(stack);
    const auto file = config::open_trusted(path);
    if (!file) return std::nullopt;
    const auto bytes = read_all(file->get(), kMaxRecord, path);
    if (!bytes) return std::nullopt;
    Unpacker unpacker(*bytes);
    if (unpacker.number() != kForm || GpuRecordKey{unpacker.texts()} != key) return std::nullopt;
    auto facts = unpack_facts(unpacker);
    return unpacker.complete() ? std::optional(std::move(facts)) : std::nullopt;
}

Status write_gpu_record(const std::string& folder, GpuStack stack, const GpuRecordKey& key, const GpuFacts& found) {
    BERTH_TRY(const UniqueFd place, make_folder(folder));
    Packer packer;
    packer.number(kForm);
    packer.texts(key.parts);
    pack(packer, found);
    const std::string unfinished = std::string(file_name(stack)) + ".new";
    BERTH_TRY(const UniqueFd file, open_unfinished(place.get(), unfinished));
    BERTH_CHECK(write_all(file.get(), packer.data(), folder));
    if (::renameat(place.get(), unfinished.c_str(), place.get(), file_name(stack)) != 0) return errno_error(folder);
    return {};
}

Result<GpuFacts> find_gpu_facts(GpuStack stack, const SitePolicy& policy) {
    BERTH_TRY(const auto source, list_source(stack, policy));
    return find(stack, source);
}

Result<GpuFacts> gpu_facts(GpuStack stack, const SitePolicy& policy) {
    BERTH_TRY(const auto source, list_source(stack, policy));
    // Before the look, so that a change meanwhile makes the record void.
    const GpuRecordKey key = key_of(stack, source);
    if (auto kept = read_gpu_record(kGpuRecords, stack, key)) return std::move(*kept);
    BERTH_TRY(auto facts, find(stack, source));
    if (::geteuid() == 0)
        if (const auto written = write_gpu_record(kGpuRecords, stack, key, facts); !written) log(LogLevel::debug, written.error().message);
    return facts;
}

}  // namespace berth
