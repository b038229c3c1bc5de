// reader: reads files and prints the seconds that took. Runs inside the container, so that its start is not counted.
//
//   reader [--readers N] [--warm] [--shuffle] small FOLDER COUNT    the files FOLDER/dNNN/fNN, named without a listing
//   reader [--readers N] [--warm] big FILE
//
// N processes begin at the same moment and read a share each, one after the other in order (--shuffle: in any order).
// With --warm everything is read once before, in the same way.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kFilesInFolder = 100;
constexpr std::size_t kChunk = std::size_t{1} << 20U;
char buffer[kChunk];

struct Share {
    std::string path;
    off_t begin;
    off_t end;  // -1: all of it
};

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "reader: %s: %s\n", what.c_str(), std::strerror(errno));
    std::_Exit(EXIT_FAILURE);
}

double now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void read_share(const Share& share) {
    const int fd = ::open(share.path.c_str(), O_RDONLY);
    if (fd < 0) fail(share.path);
    if (share.begin != 0) ::lseek(fd, share.begin, SEEK_SET);
    for (off_t left = share.end - share.begin;;) {
        const std::size_t wanted = share.end < 0 ? kChunk : std::min(kChunk, static_cast<std::size_t>(left));
        if (wanted == 0) break;
        const ssize_t n = ::read(fd, buffer, wanted);
        if (n < 0) fail(share.path);
        if (n == 0) break;
        left -= n;
    }
    ::close(fd);
}

using Work = std::vector<std::vector<Share>>;  // by reader

Work small_files(const std::string& folder, std::size_t count, std::size_t readers, bool shuffle) {
    std::vector<Share> all;
    for (std::size_t i = 0; i < count; ++i) {
        std::array<char, 32> name{};
        std::snprintf(name.data(), name.size(), "/d%03zu/f%02zu", i / kFilesInFolder, i % kFilesInFolder);
        all.push_back(Share{folder + name.data(), 0, -1});
    }
    if (shuffle) std::shuffle(all.begin(), all.end(), std::mt19937(1));
    Work work(readers);
    for (std::size_t i = 0; i < count; ++i) work[i * readers / count].push_back(all[i]);
    return work;
}

Work big_file(const std::string& path, std::size_t readers) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) fail(path);
    const off_t share = (status.st_size + static_cast<off_t>(readers) - 1) / static_cast<off_t>(readers);
    Work work(readers);
    for (std::size_t i = 0; i < readers; ++i) {
        const off_t begin = static_cast<off_t>(i) * share;
        work[i].push_back(Share{path, begin, std::min(begin + share, status.st_size)});
    }
    return work;
}

// The readers wait at a pipe until it is closed.
double pass(const Work& work) {
    std::array<int, 2> gate{};
    if (::pipe(gate.data()) != 0) fail("pipe");
    std::vector<pid_t> children;
    for (const auto& shares : work) {
        const pid_t child = ::fork();
        if (child < 0) fail("fork");
        if (child > 0) {
            children.push_back(child);
            continue;
        }
        ::close(gate[1]);
        if (::read(gate[0], buffer, 1) != 0) fail("gate");
        for (const auto& share : shares) read_share(share);
        std::_Exit(EXIT_SUCCESS);
    }
    ::usleep(2000);  // until all of them wait
    const double begin = now();
    ::close(gate[1]);
    for (const pid_t child : children) {
        int status = 0;
        if (::waitpid(child, &status, 0) < 0 || status != 0) std::_Exit(EXIT_FAILURE);
    }
    const double seconds = now() - begin;
    ::close(gate[0]);
    return seconds;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t readers = 1;
    bool warm = false, shuffle = false;
    std::vector<std::string> words;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--warm")
            warm = true;
        else if (word == "--shuffle")
            shuffle = true;
        else if (word == "--readers" && i + 1 < argc)
            readers = std::strtoul(argv[++i], nullptr, 10);
        else
            words.push_back(word);
    }
    const bool small = words.size() == 3 && words[0] == "small";
    if (readers == 0 || (!small && (words.size() != 2 || words[0] != "big"))) {
        errno = EINVAL;
        fail("usage: reader [--readers N] [--warm] [--shuffle] small FOLDER COUNT | big FILE");
    }
    const Work work = small ? small_files(words[1], std::strtoul(words[2].c_str(), nullptr, 10), readers, shuffle)
                            : big_file(words[1], readers);
    if (warm) pass(work);
    std::printf("%.6f\n", pass(work));
    return EXIT_SUCCESS;
}
