// What the tests of the editor share: an image in a folder of its own.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>

#include "runtime/base/io.hpp"
#include "sif/editor.hpp"
#include "sif_fixture.hpp"

namespace berth::sif::test {

inline constexpr std::int64_t kLater = 1'800'000'000;

/// image.sif with these bytes, in a new folder that goes with the object.
class ImageFile {
public:
    explicit ImageFile(const std::string& bytes) {
        // In memory where that is possible: the editor waits for the disk at each of its steps.
        const bool shared_memory = ::access("/dev/shm", W_OK) == 0;
        std::string folder =
            (shared_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
            "berth-editor-XXXXXX";
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        folder_ = folder;
        replace(bytes);
    }
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;
    ~ImageFile() { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path() const { return folder_ + "/image.sif"; }
    [[nodiscard]] std::string bytes() const { return *read_file(path(), 1U << 26); }
    [[nodiscard]] std::ptrdiff_t entries() const {
        return std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator());
    }
    [[nodiscard]] Editor editor() const {
        auto editor = Editor::open(path());
        INFO((editor ? "" : editor.error().message));
        REQUIRE(editor.ok());
        return std::move(editor).value();
    }
    /// A new file under the same name.
    void replace(const std::string& bytes) const {
        std::filesystem::remove(path());
        const UniqueFd fd(::open(path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        REQUIRE(write_all(fd.get(), bytes, "image").ok());
    }

private:
    std::string folder_;
};

/// An image opened for reading.
struct OpenedFile {
    explicit OpenedFile(const std::string& path)
        : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), image(Image::open(fd.get(), path)) {
        INFO((image ? "" : image.error().message));
        REQUIRE(image.ok());
    }
    UniqueFd fd;
    Result<Image> image;
};

/// Whether launch line, UUID and all objects but those of `except` are the same in both, whatever their places.
inline bool others_kept(const std::string& before, const std::string& after, const std::set<std::uint32_t>& except) {
    const MemoryFile files[] = {MemoryFile(before), MemoryFile(after)};
    const auto old_image = Image::open(files[0].fd(), "old");
    const auto new_image = Image::open(files[1].fd(), "new");
    REQUIRE(old_image.ok());
    REQUIRE(new_image.ok());
    if (before.substr(0, 45) != after.substr(0, 45) || old_image->header().uuid != new_image->header().uuid)
        return false;
    std::size_t same = 0;
    for (const Descriptor& was : old_image->descriptors()) {
        if (except.contains(was.id)) continue;
        auto is = new_image->object(was.id);
        if (!is || *old_image->read_object(was, 1U << 24) != *new_image->read_object(*is, 1U << 24)) return false;
        is->offset = was.offset;
        is->size_with_padding = was.size_with_padding;
        if (encode(*is) != encode(was)) return false;
        ++same;
    }
    const auto others = [&](const Image& image) {
        return static_cast<std::size_t>(
            std::ranges::count_if(image.descriptors(), [&](const auto& d) { return !except.contains(d.id); }));
    };
    return same == others(*new_image);
}

}  // namespace berth::sif::test
