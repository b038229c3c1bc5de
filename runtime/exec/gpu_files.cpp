#include "runtime/exec/gpu_files.hpp"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <optional>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/elf_library.hpp"
#include "runtime/exec/linker_cache.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxFiles = 256;  // a descriptor each
constexpr std::size_t kMaxVersionFile = 4096;

/// A file of root's alone, and its path without links.
struct TrustedFile {
    UniqueFd fd;
    std::string path;
};

Result<TrustedFile> open_resolved(const std::string& path) {
    BERTH_TRY(auto fd, config::open_trusted(path));
    BERTH_TRY(auto resolved, path_of_fd(fd.get()));
    return TrustedFile{std::move(fd), std::move(resolved)};
}

/// Nothing where there is no cache: nobody has run ldconfig here.
Result<std::vector<LinkerEntry>> read_linker_cache(const std::string& path) {
    const auto fd = config::open_trusted(path);
    if (!fd && fd.error().number == ENOENT) return std::vector<LinkerEntry>();
    if (!fd) return fd.error();
    const auto bytes = read_all(fd->get(), kMaxLinkerCache, path);
    if (!bytes) return Error{Category::config, bytes.error().number, bytes.error().message};
    return parse_linker_cache(*bytes);
}

/// "libcuda.so" stands for itself and for "libcuda.so.1", not for "libcuda.socket".
bool stands_for(std::string_view wanted, std::string_view name) {
    return name.starts_with(wanted) && (name.size() == wanted.size() || name[wanted.size()] == '.');
}

class Search {
public:
    explicit Search(const GpuPlaces& places) : places_(places) {}

    Result<GpuFacts> run(const config::GpuList& list) {
        BERTH_TRY(const auto cache, read_linker_cache(places_.linker_cache));
        for (const auto& wanted : list.libraries) add_libraries(wanted.value, cache);
        for (const auto& wanted : list.programs) add_program(wanted.value);
        for (const auto& wanted : list.files) add_file(wanted.value);
        return std::move(found_);
    }

private:
    void add_libraries(const std::string& wanted, const std::vector<LinkerEntry>& cache) {
        std::optional<std::string> first;
        bool itself = false;
        for (const LinkerEntry& entry : cache) {
            if (!stands_for(wanted, entry.name)) continue;
            // Of several, ld.so takes the first.
            if (taken_.contains(destination_of(entry.name))) continue;
            const auto source = add_library(entry);
            if (!source) continue;
            itself = itself || entry.name == wanted;
            if (!first) first = source;
        }
        // Headers and links of development are rarely on a node, and programs open this name nevertheless.
        if (first && !itself && wanted.ends_with(".so")) add(GpuFile::Kind::library, *first, destination_of(wanted));
    }

    static std::string destination_of(const std::string& library) { return std::string(kContainerLibraries) + "/" + library; }

    std::optional<std::string> add_library(const LinkerEntry& entry) {
        const auto file = open_resolved(entry.path);
        if (!file) return leave_out(file.error());
        const auto library = read_elf_library(file->fd.get(), file->path);
        if (!library) return leave_out(library.error());
        found_.needs_glibc = std::max(found_.needs_glibc, library->needs);
        add(GpuFile::Kind::library, file->path, destination_of(entry.name));
        return file->path;
    }

    void add_program(const std::string& name) {
        for (const std::string& folder : places_.programs) {
            const std::string path = folder + "/" + name;
            struct stat st {};
            if (::stat(path.c_str(), &st) != 0) continue;
            const auto file = open_resolved(path);
            if (file) return add(GpuFile::Kind::program, file->path, "/usr/bin/" + name);
            leave_out(file.error());
        }
    }

    void add_file(const std::string& path) {
        struct stat st {};
        if (::stat(path.c_str(), &st) != 0) return;
        // Root reads nothing of a socket, which its server owns.
        if (S_ISSOCK(st.st_mode)) return add(GpuFile::Kind::file, path, path);
        if (!S_ISDIR(st.st_mode)) {
            const auto file = open_resolved(path);
            if (file) return add(GpuFile::Kind::file, file->path, path);
            leave_out(file.error());
            return;
        }
        const auto folder = config::open_trusted_folder(path);
        if (folder) return add(GpuFile::Kind::file, path, path);
        leave_out(folder.error());
    }

    void add(GpuFile::Kind kind, const std::string& source, const std::string& destination) {
        if (found_.files.size() == kMaxFiles || !source.starts_with('/')) return;
        if (taken_.insert(destination).second) found_.files.push_back({kind, source, destination});
    }

    std::optional<std::string> leave_out(const Error& why) {
        if (found_.left_out.size() < kMaxFiles) found_.left_out.push_back(printable(why.message, 1024));
        return std::nullopt;
    }

    const GpuPlaces& places_;
    GpuFacts found_;
    std::set<std::string> taken_;
};

std::string first_line_of(const std::string& path) {
    const auto text = read_file(path, kMaxVersionFile);
    return text ? printable(trim(split(*text, '\n').front())) : std::string();
}

bool is_there(const char* path) {
    struct stat st {};
    return ::stat(path, &st) == 0;
}

}  // namespace

Result<GpuFacts> find_gpu_files(const config::GpuList& list, const GpuPlaces& places) { return Search(places).run(list); }

Result<std::map<std::string, std::string>> library_names(const std::set<std::string>& stems, const GpuPlaces& places) {
    std::map<std::string, std::string> names;
    if (stems.empty()) return names;
    BERTH_TRY(const auto cache, read_linker_cache(places.linker_cache));
    for (const LinkerEntry& entry : cache) {
        const bool named = std::ranges::any_of(stems, [&](const std::string& stem) { return stands_for(stem, entry.name); });
        if (!named) continue;
        if (const auto file = open_resolved(entry.path)) names.emplace(file->path, entry.name);
    }
    return names;
}

Result<config::GpuList> list_of_nvidia(const std::string& output, const std::string& program) {
    std::string text;
    std::set<std::string> seen;
    for (const std::string& line : split(output, '\n')) {
        const std::string path(trim(line));
        if (path.empty()) continue;
        if (path.front() != '/') return Error{Category::config, 0, program + ": its list has a line that is no path: " + printable(path)};
        std::string entry = path.substr(path.rfind('/') + 1);
        // ld.so's cache knows the names under which a library is opened; the list has the files.
        if (const auto suffix = entry.find(".so"); suffix != std::string::npos)
            entry.resize(suffix + 3);
        else if (is_beneath(path, "/run") || is_beneath(path, "/var/run") || is_beneath(path, "/tmp"))
            entry = path;  // a socket
        if (seen.insert(entry).second) text += entry + "\n";
    }
    return config::parse_gpu_list(text, program);
}

std::string gpu_driver(config::GpuStack stack) {
    if (stack == config::GpuStack::nvidia) {
        std::string version = first_line_of("/proc/driver/nvidia/version");
        if (!version.empty()) return version;
        return first_line_of("/sys/module/nvidia/version");
    }
    if (!is_there("/sys/module/amdgpu")) return "";
    const std::string version = first_line_of("/sys/module/amdgpu/version");
    if (!version.empty()) return "amdgpu " + version;
    utsname kernel{};
    return ::uname(&kernel) == 0 ? std::string("amdgpu of Linux ") + kernel.release : "amdgpu";
}

}  // namespace berth
