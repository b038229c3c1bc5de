#include "runtime/exec/hook_bundle.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "runtime/base/install_paths.hpp"
#include "runtime/base/io.hpp"
#include "runtime/exec/mounts.hpp"

namespace berth {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOciVersion = "1.2.0";
constexpr int kMostCovers = 3;  // image, layer and overlay

std::string config_text(const HookCaller& caller) {
    const uid_t uid = caller.identity ? caller.identity->uid : ::getuid();
    const gid_t gid = caller.identity ? caller.identity->gid : ::getgid();
    return Json{{"ociVersion", kOciVersion},
                {"process", {{"user", {{"uid", uid}, {"gid", gid}}}, {"cwd", "/"}}},
                {"root", {{"path", hook_bundle_path() + "/rootfs"}, {"readonly", true}}}}
        .dump();
}

Result<std::uint64_t> mount_at(const char* path) {
    struct statx info {};
    if (::statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_MNT_ID, &info) != 0 || (info.stx_mask & STATX_MNT_ID) == 0)
        return errno_error(path);
    return info.stx_mnt_id;
}

}  // namespace

std::string hook_bundle_path() { return install_paths().libexec + "/bundle"; }

std::string hook_state(const effect::RunHook& hook, const HookCaller& caller) {
    return Json{{"ociVersion", kOciVersion},
                {"id", caller.container},
                {"status", hook.hook.name == "createContainer" ? "created" : "creating"},
                {"pid", ::getpid()},
                {"bundle", hook_bundle_path()},
                {"annotations", Json::object()}}
        .dump();
}

Status mount_hook_bundle(const HookCaller& caller, int root) {
    const std::string path = hook_bundle_path();
    BERTH_TRY(const UniqueFd bundle, new_filesystem("tmpfs", {{"source", "berth"}, {"mode", "755"}, {"size", "1m"}}, Access::read_write));
    BERTH_TRY(const UniqueFd config, open_at(bundle.get(), "config.json", O_WRONLY | O_CREAT | O_EXCL, 0644));
    BERTH_CHECK(write_all(config.get(), config_text(caller), path + "/config.json"));
    if (::mkdirat(bundle.get(), "rootfs", 0755) != 0) return errno_error(path);
    BERTH_TRY(const UniqueFd place, open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY));
    BERTH_CHECK(attach_mount(bundle.get(), place.get(), path));
    BERTH_TRY(const UniqueFd rootfs, open_at(AT_FDCWD, path + "/rootfs", O_PATH | O_DIRECTORY));
    // A link of the image's leads a program to the host's file of that name, which root owns without any capability.
    if (caller.identity && caller.identity->uid == 0) BERTH_CHECK(refuse_links(root, path + "/rootfs"));
    return attach_mount(root, rootfs.get(), path + "/rootfs");
}

Status uncover_host_root() {
    BERTH_TRY(const std::uint64_t wanted, mount_at("/"));
    for (int covers = 0;; ++covers) {
        BERTH_TRY(const std::uint64_t found, mount_at("/.."));
        if (found == wanted) return {};
        if (covers == kMostCovers) return Error{Category::internal, 0, "the host's root stays covered"};
        if (::umount2("/..", MNT_DETACH) != 0) return errno_error("cannot uncover the host's root");
    }
}

}  // namespace berth
