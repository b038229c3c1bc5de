// An example of the library: notes kept in a SIF image.
//   sif-notes IMAGE          lists the image's objects
//   sif-notes IMAGE TEXT     adds TEXT as an object; makes the image where there is none
// Builds against an installed Berth:
//   g++ -std=c++20 examples/sif_notes.cpp $(pkg-config --cflags --libs --static berth-sif) -o sif-notes
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>

#include "sif/editor.hpp"
#include "sif/image.hpp"
#include "sif/names.hpp"
#include "sif/temporary_file.hpp"
#include "sif/writer.hpp"

namespace sif = berth::sif;

namespace {

/// A new image appears under its name only when it is whole.
berth::Status make_image(const std::string& path) {
    sif::WriteRequest request;
    request.time = std::time(nullptr);
    const auto folder = std::filesystem::absolute(path).parent_path();
    BERTH_TRY(sif::TemporaryFile file, sif::TemporaryFile::create_in(folder));
    BERTH_CHECK(sif::create(file.fd(), request, path));
    return file.publish(path, 0644, sif::Existing::refuse);
}

berth::Status add_note(const std::string& path, const std::string& text) {
    BERTH_TRY(sif::Editor editor, sif::Editor::open(path));
    sif::NewObject note;
    note.type = sif::ObjectType::generic;
    note.name = "note";
    note.bytes = text;
    BERTH_TRY(const auto id, editor.append(note, std::time(nullptr)));
    std::printf("added as object %u\n", id);
    return {};
}

berth::Status list(const std::string& path) {
    const berth::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return berth::errno_error(path);
    BERTH_TRY(const sif::Image image, sif::Image::open(fd.get(), path));
    for (const sif::Descriptor& object : image.descriptors()) {
        std::printf("%u: %s, %llu bytes", object.id, std::string(sif::name_of(object.type)).c_str(),
                    static_cast<unsigned long long>(object.size));
        if (object.type == sif::ObjectType::generic && object.name() == "note") {
            BERTH_TRY(const std::string text, image.read_object(object, 4096));
            std::printf(": %s", text.c_str());
        }
        std::printf("\n");
    }
    return {};
}

berth::Status run(const std::string& path, const char* text) {
    if (text == nullptr) return list(path);
    if (::access(path.c_str(), F_OK) != 0) BERTH_CHECK(make_image(path));
    return add_note(path, text);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: sif-notes IMAGE [TEXT]\n");
        return 2;
    }
    const berth::Status done = run(argv[1], argc == 3 ? argv[2] : nullptr);
    if (!done) std::fprintf(stderr, "sif-notes: %s\n", done.error().message.c_str());
    return done ? 0 : 1;
}
