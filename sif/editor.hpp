// The editor of SIF images: changes one that exists, so that it is the old image or the new one at every moment.
// docs/sif-format.md tells how. writer.hpp makes new images.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/unique_fd.hpp"
#include "sif/format.hpp"
#include "sif/image.hpp"
#include "sif/temporary_file.hpp"
#include "sif/writer.hpp"

namespace berth::sif {

struct EditPlan;

/// One edit: all of it takes place, or nothing.
struct Changes {
    std::vector<std::uint32_t> remove;     ///< objects by their ids
    std::vector<NewObject> append;         ///< in new places at the end of the data
    std::optional<std::uint32_t> primary;  ///< this system partition becomes the primary one, the other a system one
    bool zero = false;                     ///< what was removed is overwritten with zeros, after the edit took place
    bool compact = false;                  ///< the file ends with its last object: frees the room of removed last ones
    bool (*stop)() = nullptr;              ///< asked between parts of a copied file; true ends the edit with EINTR
};

/// An image opened for changes. Holds an exclusive lock (flock(2)) on the file from open() to its end, so that two
/// editors wait for each other; a program that ignores the lock and changes the image meanwhile makes the edit fail.
/// For one thread.
class [[nodiscard]] Editor {
public:
    /// How long open() waits for another editor. Every reader can hold a lock: for ever would be too long.
    static constexpr std::chrono::seconds kLockWait{10};

    /// Opens for reading and writing, with the caller's own rights; follows links. An edit that was cut off behind its
    /// point of no return is finished here. Errors: those of Image::open; Category::system (EWOULDBLOCK when it stays
    /// locked).
    static Result<Editor> open(const std::string& path);

    /// The image as it is now. Read anew by every edit: hold no reference.
    [[nodiscard]] const Image& image() const noexcept { return image_; }
    /// The file, open for reading; stays the editor's, and a later edit may replace it by another one.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// A file beside the image, as TemporaryFile::create_at() makes it: for an object's bytes that are made first.
    [[nodiscard]] Result<TemporaryFile> temporary_file() const;

    /// The descriptors that apply() would give to Changes::append, in its order: what a signature of theirs must cover.
    /// Writes nothing. Errors as those of apply().
    [[nodiscard]] Result<std::vector<Descriptor>> preview(const Changes& changes, std::int64_t time) const;

    /// Carries the edit out. `time` (seconds since 1970) becomes `modified` of what changes and `created` of what is
    /// new. \return the ids of Changes::append, in its order: the smallest that no object had and no link names. In
    /// place, where the table has room; else as a whole new image that replaces the file under its name, with its mode,
    /// owner and ACL (other hard links keep the old one). What the edit does not name survives byte for byte. Errors:
    /// Category::usage (an id that is not there, a second primary partition, what the format cannot hold); system (no
    /// space: the file is as before; EBUSY: somebody else changed the image meanwhile).
    Result<std::vector<std::uint32_t>> apply(const Changes& changes, std::int64_t time);

    /// apply() with one new object. \return its id.
    Result<std::uint32_t> append(NewObject object, std::int64_t time);

private:
    Editor(UniqueFd folder, std::string file_name, UniqueFd fd, Image image, std::string head)
        : folder_(std::move(folder)),
          file_name_(std::move(file_name)),
          fd_(std::move(fd)),
          image_(std::move(image)),
          head_(std::move(head)) {}
    [[nodiscard]] Result<EditPlan> plan(const Changes& changes, std::int64_t time) const;
    Status finish_cut_off();
    Status reload();
    Status check_unchanged() const;
    Status edit_in_place(const EditPlan& plan, const Changes& changes);
    Status prepare(const EditPlan& plan, const std::string& table, std::uint64_t aside, const Changes& changes);
    Status settle(const Header& header, const std::string& table);
    Status tidy(const EditPlan& plan, const Changes& changes);
    Status rewrite(const EditPlan& plan, const Changes& changes);

    UniqueFd folder_;        ///< the image's, as open() found it: its path may lead elsewhere by now
    std::string file_name_;  ///< the image's name there
    UniqueFd fd_;
    Image image_;
    std::string head_;  ///< the bytes of header and table that image_ was read from
};

}  // namespace berth::sif
