#include "sif/editor.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include "sif/storage.hpp"
#include "sif/temporary_file.hpp"
#include "sif_editor_fixture.hpp"

namespace berth::sif::test {
namespace {

std::string text_of(const Image& image, std::uint32_t id) {
    auto object = image.object(id);
    REQUIRE(object.ok());
    return *image.read_object(*object, 1U << 24);
}

/// Leads the path of a folder to another one as soon as a new file's bytes go to the disk, as whoever may write to the
/// folder above can; leads it back at its end.
class SwappedFolder {
public:
    SwappedFolder(const std::string& folder, const std::string& other) {
        folder_ = folder;
        other_ = other;
        storage_observer = [](const StorageStep& step) {
            if (step.kind != StorageStep::Kind::sync || std::filesystem::is_symlink(folder_)) return;
            std::filesystem::rename(folder_, folder_ + "-moved");
            std::filesystem::create_directory_symlink(other_, folder_);
        };
    }
    SwappedFolder(const SwappedFolder&) = delete;
    SwappedFolder& operator=(const SwappedFolder&) = delete;
    ~SwappedFolder() {
        storage_observer = nullptr;
        std::filesystem::remove(folder_);
        std::filesystem::rename(folder_ + "-moved", folder_);
    }

private:
    static inline std::string folder_;
    static inline std::string other_;
};

std::string folder_of(const ImageFile& file) {
    return std::filesystem::path(file.path()).parent_path();
}

TEST_CASE("an object is appended behind the data", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    NewObject object = new_object(ObjectType::generic, "note", "abc");
    object.group = kGroupMask | 3;
    object.link = 2;
    object.uid = 7;
    const auto id = editor.append(object, kLater);
    REQUIRE(id.ok());
    CHECK(*id == 6);
    const OpenedFile now(file.path());
    const Descriptor added = *now.image->object(6);
    CHECK(added.name() == "note");
    CHECK(added.group_number() == 3);
    CHECK(added.linked_object() == 2);
    CHECK(added.uid == 7);
    CHECK(added.created == kLater);
    CHECK(text_of(*now.image, 6) == "abc");
    CHECK(now.image->header().descriptors_free == 42);
    CHECK(now.image->header().descriptors_offset == 4096);
    CHECK(now.image->header().modified == kLater);
    CHECK(now.image->header().data_offset + now.image->header().data_size == now.image->file_size());
    CHECK(others_kept(sample_image(), file.bytes(), {6}));
}

TEST_CASE("a partition begins on a page, and alignment may be asked for", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    REQUIRE(editor.append(new_partition(FileSystem::ext3, PartitionKind::data, "02", "data"), kLater).ok());
    NewObject object = new_object(ObjectType::generic, "aligned", "x");
    object.alignment = 512;
    REQUIRE(editor.append(object, kLater).ok());
    CHECK(editor.image().object(6)->offset % 4096 == 0);
    CHECK(editor.image().object(7)->offset % 512 == 0);
    const Descriptor last = *editor.image().object(7);
    CHECK(last.size_with_padding - last.size == last.offset - (editor.image().object(6)->offset + 4));
}

TEST_CASE("what is previewed is what is made", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    Changes changes;
    changes.remove = {4};
    changes.append = {new_object(ObjectType::generic, "tree", "0123"), new_object(ObjectType::signature, "sig", "s")};
    const auto before = file.bytes();
    const auto planned = editor.preview(changes, kLater);
    REQUIRE(planned.ok());
    CHECK(file.bytes() == before);
    const auto ids = editor.apply(changes, kLater);
    REQUIRE(ids.ok());
    REQUIRE(ids->size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(encode((*planned)[i]) == encode(*editor.image().object((*ids)[i])));
}

TEST_CASE("new ids are none that an object had or a link names", "[sif][editor]") {
    WriteRequest request = sample_request();
    request.objects.resize(3);
    request.objects[0].link = 4;  // of an object that is gone
    const ImageFile file(image_of(request));
    Editor editor = file.editor();
    Changes changes;
    changes.remove = {3};
    changes.append = {new_object(ObjectType::generic, "new", "n")};
    CHECK(*editor.apply(changes, kLater) == std::vector<std::uint32_t>{5});
    CHECK(*editor.append(new_object(ObjectType::generic, "newer", "n"), kLater) == 3);
}

TEST_CASE("objects are removed", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    const Descriptor gone = *editor.image().object(3);
    Changes changes;
    changes.remove = {3};
    REQUIRE(editor.apply(changes, kLater).ok());
    CHECK_FALSE(editor.image().object(3).ok());
    CHECK(editor.image().header().descriptors_free == 44);
    CHECK(file.bytes().substr(gone.offset, gone.size) == std::string(300, 'e'));
    CHECK(file.bytes().size() == sample_image().size());
    CHECK(others_kept(sample_image(), file.bytes(), {3}));
    CHECK(editor.apply(changes, kLater).error().message == file.path() + ": no object with id 3; it has 1, 2, 4, 5");
}

TEST_CASE("what is removed can be zeroed, and the file end with its last object", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    const Descriptor middle = *editor.image().object(3);
    Changes changes;
    changes.remove = {3, 5};
    changes.zero = changes.compact = true;
    REQUIRE(editor.apply(changes, kLater).ok());
    const Descriptor last = *editor.image().object(4);
    CHECK(file.bytes().size() == last.offset + last.size);
    CHECK(file.bytes().substr(middle.offset, middle.size) == std::string(300, '\0'));
    CHECK(others_kept(sample_image(), file.bytes(), {3, 5}));
    changes.remove = {1, 2, 4};
    REQUIRE(editor.apply(changes, kLater).ok());
    CHECK(file.bytes().size() == 32176);
    CHECK(editor.image().header().data_size == 0);
    CHECK(std::string(editor.image().header().architecture.data()) == "00");
    CHECK(editor.append(new_object(ObjectType::generic, "again", "x"), kLater).ok());
}

TEST_CASE("another system partition becomes the primary one", "[sif][editor]") {
    WriteRequest request = sample_request();
    request.objects.push_back(new_partition(FileSystem::squashfs, PartitionKind::system, "04", "hsqs"));
    request.objects.back().extra[300] = std::byte{9};  // what a later version may keep there
    const std::string before = image_of(request);
    const ImageFile file(before);
    Editor editor = file.editor();
    Changes changes;
    changes.primary = 6;
    REQUIRE(editor.apply(changes, kLater).ok());
    CHECK(editor.image().primary_partition()->descriptor.id == 6);
    CHECK(partition_extra(*editor.image().object(2))->kind == PartitionKind::system);
    CHECK(*editor.image().architecture() == "arm64");
    CHECK(std::string(editor.image().header().architecture.data()) == "04");
    CHECK(editor.image().object(6)->extra[300] == std::byte{9});
    CHECK(editor.image().object(6)->modified == kLater);
    CHECK(others_kept(before, file.bytes(), {2, 6}));
    CHECK(editor.apply(changes, kLater).ok());  // once more changes nothing
    changes.primary = 3;
    CHECK(editor.apply(changes, kLater).error().message ==
          file.path() + ": object 3 is not a system partition, so it cannot be the primary one");
}

TEST_CASE("edits that are refused leave the image alone", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    const auto refused = [&](const Changes& changes) {
        const auto done = editor.apply(changes, kLater);
        REQUIRE_FALSE(done.ok());
        CHECK(done.error().category == Category::usage);
        CHECK(file.bytes() == sample_image());
    };
    Changes second_primary;
    second_primary.append = {new_partition(FileSystem::squashfs, PartitionKind::primary_system, "02", "hsqs")};
    refused(second_primary);
    Changes twice;
    twice.remove = {3, 3};
    refused(twice);
    Changes removed_primary;
    removed_primary.remove = {2};
    removed_primary.primary = 2;
    refused(removed_primary);
    Changes long_name;
    long_name.append = {new_object(ObjectType::generic, std::string(128, 'n'), "")};
    refused(long_name);
    Changes link;
    link.append = {new_object(ObjectType::generic, "self", "")};
    link.append[0].link = 6;
    refused(link);
    link.append[0].link = kNoLink;
    link.append[0].group = 1;
    refused(link);
}

TEST_CASE("an edit that cannot be finished leaves the file as it was", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    const MemoryFile shorter("12");
    NewObject object = new_object(ObjectType::generic, "cut", "");
    object.fd = shorter.fd();
    object.fd_size = 3;
    CHECK_FALSE(editor.append(object, kLater).ok());
    CHECK(file.bytes() == sample_image());
    Changes stopped;
    object.fd_size = 2;
    stopped.append = {object};
    stopped.stop = [] { return true; };
    CHECK(editor.apply(stopped, kLater).error().number == EINTR);
    CHECK(file.bytes() == sample_image());
}

TEST_CASE("a full table makes a new file, with everything in it", "[sif][editor]") {
    WriteRequest request = sample_request();
    while (request.objects.size() < 48) request.objects.push_back(new_object(ObjectType::generic, "fill", "f"));
    const std::string before = image_of(request);
    const ImageFile file(before);
    REQUIRE(::chmod(file.path().c_str(), 0640) == 0);
    Editor editor = file.editor();
    const auto id = editor.append(new_object(ObjectType::generic, "one more", "more"), kLater);
    INFO((id ? "" : id.error().message));
    REQUIRE(id.ok());
    CHECK(*id == 49);
    CHECK(editor.image().header().descriptors_total == 96);
    CHECK(editor.image().header().descriptors_free == 47);
    CHECK(text_of(editor.image(), 49) == "more");
    CHECK(editor.image().object(2)->offset % 4096 == 0);
    CHECK(others_kept(before, file.bytes(), {49}));
    struct stat status {};
    REQUIRE(::stat(file.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    CHECK(file.entries() == 1);
    CHECK(editor.append(new_object(ObjectType::generic, "in place now", "x"), kLater).ok());
}

TEST_CASE("a new file goes to the folder that was opened, wherever its path leads by then", "[sif][editor]") {
    WriteRequest request = sample_request();
    while (request.objects.size() < 48) request.objects.push_back(new_object(ObjectType::generic, "fill", "f"));
    const ImageFile file(image_of(request));
    const ImageFile other("theirs");

    SECTION("an edited image") {
        {
            Editor editor = file.editor();
            const SwappedFolder swapped(folder_of(file), folder_of(other));
            CHECK(editor.append(new_object(ObjectType::generic, "one more", "more"), kLater).ok());
        }
        CHECK(file.editor().image().descriptors().size() == 49);
    }
    SECTION("one that is replaced under its name") {
        for (const Existing existing : {Existing::replace, Existing::refuse}) {
            const bool replaces = existing == Existing::replace;
            const std::string path = replaces ? file.path() : folder_of(file) + "/new";
            auto created = TemporaryFile::create_in(folder_of(file));
            REQUIRE(created.ok());
            const SwappedFolder swapped(folder_of(file), folder_of(other));
            CHECK(created->publish(path, 0600, existing).ok());
        }
        CHECK(file.bytes().empty());
        CHECK(file.entries() == 2);
    }
    CHECK(other.bytes() == "theirs");
    CHECK(other.entries() == 1);
}

TEST_CASE("a file that took the place of the edited one stays", "[sif][editor]") {
    const ImageFile file("old");
    const UniqueFd old(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
    auto created = TemporaryFile::create_in(folder_of(file));
    REQUIRE(created.ok());
    std::filesystem::rename(file.path(), file.path() + "-old");
    std::filesystem::create_symlink(file.path() + "-old", file.path());
    CHECK(created->replace(old.get(), file.path(), 0600).error().number == EBUSY);
    CHECK(std::filesystem::is_symlink(file.path()));
    CHECK(file.bytes() == "old");
}

TEST_CASE("a second editor waits, and an image that was changed meanwhile is not edited", "[sif][editor]") {
    const ImageFile file(sample_image());
    Editor editor = file.editor();
    const UniqueFd other(::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
    CHECK(::flock(other.get(), LOCK_EX | LOCK_NB) != 0);

    SECTION("by a program that ignores the lock") {
        const char uuid = 'u';
        REQUIRE(::pwrite(other.get(), &uuid, 1, 50) == 1);
        const auto done = editor.append(new_object(ObjectType::generic, "late", "x"), kLater);
        CHECK(done.error().number == EBUSY);
        CHECK(file.bytes().size() == sample_image().size());
    }
    SECTION("by another file of its name") {
        file.replace(sample_image());
        CHECK(editor.append(new_object(ObjectType::generic, "late", "x"), kLater).error().number == EBUSY);
        CHECK(file.bytes() == sample_image());
        CHECK(Editor::open(file.path()).ok());  // the lock was the old file's
    }
}

TEST_CASE("what is no image is not edited", "[sif][editor]") {
    const ImageFile file("no image");
    CHECK(Editor::open(file.path()).error().category == Category::image);
    CHECK(Editor::open("/nonexistent/x.sif").error().number == ENOENT);
    CHECK_FALSE(Editor::open("/dev/null").ok());
}

TEST_CASE("images that others made survive edits", "[sif][editor]") {
    const auto folder = corpus();
    if (!folder) return;
    for (const char* name : {"one-group-signed-pgp", "two-groups-signed-dsse", "one-object-oci-blob", "empty",
                             "one-object-crypt-message", "two-groups-signed-legacy"}) {
        INFO(name);
        const std::string before = *read_file(*folder + "/sif/images/" + name + ".sif", 1U << 24);
        const ImageFile file(before);
        Editor editor = file.editor();
        const auto id = editor.append(new_object(ObjectType::generic, "added", "added"), kLater);
        REQUIRE(id.ok());
        CHECK(others_kept(before, file.bytes(), {*id}));
        Changes changes;
        changes.remove = {*id};
        changes.compact = true;
        REQUIRE(editor.apply(changes, kLater).ok());
        CHECK(others_kept(before, file.bytes(), {}));
    }
}

}  // namespace
}  // namespace berth::sif::test
