// filler: makes the files that reader reads, the same bytes each time: words, which compress about as programs do.
//
//   filler small FOLDER COUNT    FOLDER/dNNN/fNN, of 256 bytes to 16 KiB, 4.5 KiB on the average
//   filler big FILE MIB
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

namespace {

constexpr std::size_t kFilesInFolder = 100;
constexpr std::size_t kMiB = std::size_t{1} << 20U;

class Words {
public:
    Words() {
        for (auto& word : words_) {
            for (auto length = 2 + random_() % 9; length > 0; --length)
                word.push_back(static_cast<char>('a' + random_() % 26));
            word.push_back(' ');
        }
    }
    // Every fourth word is new to the compressor, or nearly so.
    std::string text(std::size_t size) {
        std::string text;
        while (text.size() < size) {
            const auto chance = random_();
            text += chance % 4 == 0 ? std::to_string(chance) : words_[chance / 4 % words_.size()];
        }
        text.resize(size);
        return text;
    }
    std::size_t small_size() { return std::size_t{256} << (random_() % 7); }

private:
    std::mt19937 random_{7};
    std::array<std::string, 2048> words_;
};

bool small_files(Words& words, const std::string& folder, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        std::array<char, 32> name{};
        std::snprintf(name.data(), name.size(), "/d%03zu", i / kFilesInFolder);
        const std::string place = folder + name.data();
        if (i % kFilesInFolder == 0) std::filesystem::create_directories(place);
        std::snprintf(name.data(), name.size(), "/f%02zu", i % kFilesInFolder);
        if (!(std::ofstream(place + name.data(), std::ios::binary) << words.text(words.small_size()))) return false;
    }
    return true;
}

bool big_file(Words& words, const std::string& path, std::size_t mib) {
    std::ofstream out(path, std::ios::binary);
    for (; mib > 0; --mib) out << words.text(kMiB);
    return static_cast<bool>(out.flush());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return EXIT_FAILURE;
    const std::string kind = argv[1];
    Words words;
    const auto number = std::strtoul(argv[3], nullptr, 10);
    const bool made = kind == "small" ? small_files(words, argv[2], number) : big_file(words, argv[2], number);
    if (!made) std::perror(argv[2]);
    return made ? EXIT_SUCCESS : EXIT_FAILURE;
}
