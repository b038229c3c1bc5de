// An editor that is killed at each of its writes, and a machine that loses some of the writes that it did not sync yet:
// what is left is the old image or the new one, and the next editor can go on.
#include <sys/wait.h>

#include <functional>
#include <iterator>
#include <random>

#include "runtime/base/child.hpp"
#include "sif/storage.hpp"
#include "sif_editor_fixture.hpp"

namespace berth::sif::test {
namespace {

struct Edit {
    const char* name;
    std::string image;
    Changes changes;
};

std::vector<Edit> edits() {
    std::vector<Edit> list;
    const auto edit = [&list](const char* name) -> Changes& {
        list.push_back({name, sample_image(), {}});
        return list.back().changes;
    };
    edit("append").append = {new_object(ObjectType::generic, "new", std::string(9000, 'n'))};
    edit("append two").append = {new_object(ObjectType::generic, "tree", "t"),
                                 new_object(ObjectType::signature, "signature", "s")};
    edit("remove").remove = {3};
    Changes& wipe = edit("remove, zero and compact");
    wipe.remove = {3, 5};
    wipe.zero = wipe.compact = true;
    Changes& replace = edit("remove and append");
    replace.remove = {4};
    replace.append = {new_object(ObjectType::signature, "signature", "another")};

    WriteRequest two = sample_request();
    two.objects.push_back(new_partition(FileSystem::squashfs, PartitionKind::system, "02", "hsqs"));
    edit("set primary").primary = 6;
    list.back().image = image_of(two);

    WriteRequest full = sample_request();
    while (full.objects.size() < 48) full.objects.push_back(new_object(ObjectType::generic, "fill", "f"));
    edit("a full table").append = {new_object(ObjectType::generic, "more", "more")};
    list.back().image = image_of(full);
    return list;
}

/// What an image says, wherever its parts lie: two images of the same state are the same to every reader.
std::string state(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto image = Image::open(fd.get(), path);
    if (!image) return "broken: " + image.error().message;
    std::string text(image->header().uuid.begin(), image->header().uuid.end());
    for (Descriptor d : image->descriptors()) {
        const auto bytes = image->read_object(d, 1U << 24);
        if (!bytes) return "broken: " + bytes.error().message;
        d.offset = d.size_with_padding = 0;
        const auto encoded = encode(d);
        text.append(reinterpret_cast<const char*>(encoded.data()), encoded.size()).append(*bytes);
    }
    return text;
}

void carry_out(const std::string& path, const Changes& changes) {
    auto editor = Editor::open(path);
    if (editor) static_cast<void>(editor->apply(changes, kLater));
}

/// Observes in a child process: what `at_step` does with each step, _exit() among it.
int in_child(const std::string& path, const Changes& changes, const std::function<void(const StorageStep&)>& at_step) {
    static const std::function<void(const StorageStep&)>* observer = nullptr;
    auto child = Child::fork([&] {
        observer = &at_step;
        storage_observer = [](const StorageStep& step) { (*observer)(step); };
        carry_out(path, changes);
        return 0;
    });
    REQUIRE(child.ok());
    const auto status = child->wait(std::chrono::seconds(20));
    REQUIRE(status.ok());
    return WEXITSTATUS(*status);
}

/// The next editor finds a sound image, can edit it, and leaves it in its usual form.
void check_usable(const std::string& path) {
    auto editor = Editor::open(path);
    INFO((editor ? "" : editor.error().message));
    REQUIRE(editor.ok());
    const auto id = editor->append(new_object(ObjectType::generic, "after", "after"), kLater);
    REQUIRE(id.ok());
    CHECK(editor->image().header().descriptors_offset == 4096);
    CHECK(*editor->image().read_object(*editor->image().object(*id), 100) == "after");
}

TEST_CASE("an editor killed at each write leaves the old image or the new one", "[sif][editor][crash]") {
    constexpr int kKilled = 9;
    for (const Edit& edit : edits()) {
        const ImageFile done(edit.image);
        const std::string before = state(done.path());
        carry_out(done.path(), edit.changes);
        const std::string after = state(done.path());
        REQUIRE(before != after);
        REQUIRE_FALSE(after.starts_with("broken"));
        int last = 0;
        bool seen_old = false;
        bool seen_new = false;
        // Each step is killed before it, and within it: after half of a header, after some sectors of what is longer.
        for (int step = 1; last == 0; ++step) {
            for (const std::size_t written : {0, 64, 512, 1024, 2048, 3072, 3584, 14336}) {
                const ImageFile file(edit.image);
                int count = 0;
                const int status = in_child(file.path(), edit.changes, [&](const StorageStep& now) {
                    if (++count != step) return;
                    if (written < now.bytes.size())
                        static_cast<void>(::pwrite(now.fd, now.bytes.data(), written, static_cast<off_t>(now.offset)));
                    ::_exit(kKilled);
                });
                if (status != kKilled) last = step;
                const std::string now = state(file.path());
                INFO(edit.name << ", step " << step << ", written " << written << ": " << now.substr(0, 200));
                CHECK((now == before || now == after));
                seen_old = seen_old || now == before;
                seen_new = seen_new || now == after;
                if (step == last) CHECK(now == after);
                check_usable(file.path());
            }
        }
        INFO(edit.name << ": " << last - 1 << " steps");
        CHECK(last > 5);
        CHECK(seen_old);
        CHECK(seen_new);
    }
}

/// A step as it is kept, with bytes of its own.
struct Recorded {
    StorageStep::Kind kind;
    std::string bytes;
    std::uint64_t offset;
};

constexpr std::size_t kSector = 512;

/// A write as the sectors that the disk writes whole.
std::vector<Recorded> sectors_of(const Recorded& step) {
    if (step.kind != StorageStep::Kind::write) return {step};
    std::vector<Recorded> sectors;
    for (std::size_t done = 0; done < step.bytes.size();) {
        const std::uint64_t at = step.offset + done;
        const auto part = std::min<std::size_t>(step.bytes.size() - done, kSector - at % kSector);
        sectors.push_back({step.kind, step.bytes.substr(done, part), at});
        done += part;
    }
    return sectors;
}

void replay(std::string& image, const Recorded& step) {
    if (step.kind == StorageStep::Kind::resize) image.resize(step.offset, '\0');
    if (step.kind != StorageStep::Kind::write) return;
    if (image.size() < step.offset + step.bytes.size()) image.resize(step.offset + step.bytes.size(), '\0');
    image.replace(step.offset, step.bytes.size(), step.bytes);
}

std::vector<Recorded> record(const Edit& edit) {
    static std::vector<Recorded> steps;
    steps.clear();
    storage_observer = [](const StorageStep& step) {
        std::string bytes(reinterpret_cast<const char*>(step.bytes.data()), step.bytes.size());
        steps.push_back({step.kind, std::move(bytes), step.offset});
    };
    const ImageFile file(edit.image);
    carry_out(file.path(), edit.changes);
    storage_observer = nullptr;
    return steps;
}

TEST_CASE("a machine that fails may lose any of the sectors that are not synced", "[sif][editor][crash]") {
    std::mt19937 random(20240611);  // NOLINT(cert-msc51-cpp): the same attempts each time
    for (const Edit& edit : edits()) {
        if (std::string_view(edit.name) == "a full table") continue;  // its writes go to a file without a name
        const ImageFile done(edit.image);
        const std::string before = state(done.path());
        carry_out(done.path(), edit.changes);
        const std::string after = state(done.path());
        const auto steps = record(edit);
        std::string synced = edit.image;
        std::vector<Recorded> unsynced;
        for (const Recorded& step : steps) {
            if (step.kind != StorageStep::Kind::sync) {
                std::ranges::copy(sectors_of(step), std::back_inserter(unsynced));
                continue;
            }
            for (int attempt = 0; attempt < 60; ++attempt) {
                std::string image = synced;
                for (const Recorded& sector : unsynced)
                    if (random() % 2 == 0) replay(image, sector);
                const ImageFile file(image);
                const std::string now = state(file.path());
                INFO(edit.name << ", attempt " << attempt << ": " << now.substr(0, 200));
                CHECK((now == before || now == after));
                check_usable(file.path());
            }
            for (const Recorded& sector : unsynced) replay(synced, sector);
            unsynced.clear();
        }
    }
}

TEST_CASE("a reader sees the old image or the new one while an editor is at work", "[sif][editor][crash]") {
    const ImageFile file(sample_image());
    auto child = Child::fork([&] {
        for (int i = 0; i < 150; ++i) {
            auto editor = Editor::open(file.path());
            if (!editor) return 1;
            Changes changes;
            changes.append = {new_object(ObjectType::generic, "a", "a"), new_object(ObjectType::generic, "b", "b")};
            const auto ids = editor->apply(changes, kLater + i);
            if (!ids) return 2;
            changes.append.clear();
            changes.remove = *ids;
            changes.compact = true;
            if (!editor->apply(changes, kLater + i)) return 3;
        }
        return 0;
    });
    REQUIRE(child.ok());
    std::size_t reads = 0;
    std::set<std::size_t> seen;
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(child->pid()), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0) {
        const OpenedFile now(file.path());
        seen.insert(now.image->descriptors().size());
        ++reads;
    }
    CHECK(*child->wait(std::chrono::seconds(60)) == 0);
    CHECK(reads > 50);
    CHECK(std::ranges::includes(std::set<std::size_t>{5, 7}, seen));
}

}  // namespace
}  // namespace berth::sif::test
