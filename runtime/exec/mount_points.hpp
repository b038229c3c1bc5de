#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "runtime/plan/plan.hpp"

namespace berth {

/// Makes what is missing of `path` beneath the container's root, where that lies in one of the tmpfs file systems
/// (`own`: their device numbers) that Berth made for this container. Elsewhere it is an error (ENOENT): nothing is
/// ever made in the host's folders.
[[nodiscard]] Status make_in_own_tmpfs(int root, const std::set<dev_t>& own, const std::string& path, bool directory);

/// A tmpfs that is laid over an image: it holds what the image lacks (folders and empty files to mount on), and
/// copies of the modes of those folders of the image that it has to repeat. Nothing is written to the image.
class MountPointLayer {
public:
    /// `image`: O_PATH of the image's root, attached in this mount namespace at the process's root.
    static Result<MountPointLayer> create(int image);

    /// Makes sure that `path` will exist in the merged tree, as a folder or file. What is there already stays.
    /// Links are followed inside the image; a dangling one is replaced by the mount point.
    Status ensure(const std::string& path, bool directory);

    /// A new file of the layer at `path`, open for writing (the caller's), which replaces the image's.
    Result<UniqueFd> add_file(const std::string& path);

    [[nodiscard]] int mount() const noexcept { return mount_.get(); }

private:
    MountPointLayer(int image, UniqueFd mount) : image_(image), mount_(std::move(mount)) {}
    Result<UniqueFd> repeat_folders(const std::vector<std::string>& components);
    int image_;
    UniqueFd mount_;
};

}  // namespace berth
