// Messages between Berth's processes, as they are and as a liar would send them.
#include "runtime/base/wire.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <limits>

using namespace berth;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

struct Values {
    std::uint64_t number = 0;
    std::string text;
    Strings texts;
    std::uint64_t last = 0;
    bool operator==(const Values&) const = default;
};

const Values kSample{kLargest, std::string("a\0b\xff", 4), {"", "one", std::string(300, 'x')}, 7};

std::string packed(const Values& values) {
    Packer packer;
    packer.number(values.number);
    packer.text(values.text);
    packer.texts(values.texts);
    packer.number(values.last);
    return packer.data();
}

std::pair<Values, bool> unpacked(std::string_view data) {
    Unpacker unpacker(data);
    Values values;
    values.number = unpacker.number();
    values.text = unpacker.text();
    values.texts = unpacker.texts();
    values.last = unpacker.number();
    return {values, unpacker.complete()};
}

std::string with_number_at(std::string data, std::size_t at, std::uint64_t number) {
    std::memcpy(data.data() + at, &number, sizeof number);
    return data;
}

std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

struct Pair {
    UniqueFd ours, theirs;
    Pair() {
        auto made = socket_pair();
        REQUIRE(made.ok());
        std::tie(ours, theirs) = std::move(made).value();
    }
};

}  // namespace

TEST_CASE("wire: what is packed comes back") {
    for (const Values& values :
         {Values{}, kSample, Values{1, "", {}, 0}, Values{0, "x", Strings(1000, "y"), kLargest}}) {
        const auto [back, complete] = unpacked(packed(values));
        CHECK(complete);
        CHECK(back == values);
    }
}

TEST_CASE("wire: a message cut at any byte is not complete, and what is missing is empty") {
    const std::string data = packed(kSample);
    for (std::size_t length = 0; length < data.size(); ++length) {
        INFO(length << " of " << data.size() << " bytes");
        const std::string cut(data, 0, length);  // on the heap, so that a sanitizer sees one byte too many
        const auto [back, complete] = unpacked(cut);
        CHECK_FALSE(complete);
        CHECK(back.last == 0);
    }
    CHECK_FALSE(unpacked(data + '\0').second);
}

TEST_CASE("wire: lengths and counts that lie are found before memory is spent on them") {
    const std::string data = packed(kSample);
    const std::size_t text_length = 8;
    const std::size_t count = text_length + 8 + kSample.text.size();
    // Among them those whose product with the size of a length wraps around.
    for (const std::uint64_t lie : {kLargest, kLargest / 2, kLargest / 8 + 1, kLargest / 8 + 4, std::uint64_t{1} << 61,
                                    std::uint64_t{1} << 32, std::uint64_t{data.size()}}) {
        INFO(lie);
        for (const std::size_t at : {text_length, count, count + 8})
            CHECK_FALSE(unpacked(with_number_at(data, at, lie)).second);
    }
    for (std::size_t at = 0; at < data.size(); ++at) {
        std::string damaged = data;
        damaged[at] = static_cast<char>(~damaged[at]);
        const auto [back, complete] = unpacked(damaged);
        CHECK_FALSE((complete && back == kSample));
    }
}

TEST_CASE("wire: after the first value that is not there, none is") {
    Packer packer;
    packer.number(100);  // taken for a length
    packer.number(42);
    Unpacker unpacker(packer.data());
    CHECK(unpacker.text().empty());
    CHECK_FALSE(unpacker.ok());
    CHECK(unpacker.number() == 0);
    CHECK(unpacker.texts().empty());
    CHECK_FALSE(unpacker.complete());
    CHECK(Unpacker("").complete());
}

TEST_CASE("wire: a message arrives whole, with its descriptors, which are the receiver's") {
    Pair pair;
    const auto before = open_descriptors();
    {
        const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        REQUIRE(send_message(pair.ours.get(), "first", {null.get(), pair.ours.get()}).ok());
        REQUIRE(send_message(pair.ours.get(), "second").ok());
        const auto first = receive_message(pair.theirs.get(), 5s);
        REQUIRE(first.ok());
        CHECK(first->data == "first");
        REQUIRE(first->fds.size() == 2);
        struct stat sent {
        }, received{};
        REQUIRE(::fstat(null.get(), &sent) == 0);
        REQUIRE(::fstat(first->fds[0].get(), &received) == 0);
        CHECK(sent.st_rdev == received.st_rdev);
        CHECK(::fcntl(null.get(), F_GETFD) >= 0);
        for (const auto& fd : first->fds) CHECK(::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC);
        const auto second = receive_message(pair.theirs.get(), 5s);
        REQUIRE(second.ok());
        CHECK(second->data == "second");
        CHECK(second->fds.empty());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("wire: the most that one message may hold") {
    Pair pair;
    const std::vector<int> most(kMaxMessageFds, pair.ours.get());
    REQUIRE(send_message(pair.ours.get(), "fds", most).ok());
    const auto received = receive_message(pair.theirs.get(), 5s);
    REQUIRE(received.ok());
    CHECK(received->fds.size() == kMaxMessageFds);

    auto status = send_message(pair.ours.get(), "fds", std::vector<int>(kMaxMessageFds + 1, pair.ours.get()));
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().number == EMSGSIZE);
    status = send_message(pair.ours.get(), std::string(kMaxMessageBytes + 1, 'x'));
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().number == EMSGSIZE);

    // Without privilege the kernel's own bound on socket buffers may be lower: then sending says so.
    const std::string large(kMaxMessageBytes, 'x');
    status = send_message(pair.ours.get(), large);
    if (status) {
        const auto whole = receive_message(pair.theirs.get(), 5s);
        REQUIRE(whole.ok());
        CHECK(whole->data == large);
    } else {
        CHECK(status.error().number == EMSGSIZE);
    }
}

TEST_CASE("wire: a sender who breaks the bounds is refused, and none of his descriptors stays") {
    Pair pair;
    const auto before = open_descriptors();
    std::vector<int> many(kMaxMessageFds + 8, pair.ours.get());
    std::vector<char> control(CMSG_SPACE(many.size() * sizeof(int)));
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(many.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), many.data(), many.size() * sizeof(int));
    REQUIRE(::sendmsg(pair.ours.get(), &header, MSG_NOSIGNAL) == 1);
    const auto refused = receive_message(pair.theirs.get(), 5s);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().number == EMSGSIZE);
    CHECK(open_descriptors() == before);

    const std::string large(kMaxMessageBytes + 1, 'x');
    if (::send(pair.ours.get(), large.data(), large.size(), MSG_NOSIGNAL) > 0) {
        const auto too_large = receive_message(pair.theirs.get(), 5s);
        REQUIRE_FALSE(too_large.ok());
        CHECK(too_large.error().number == EMSGSIZE);
    }
}

TEST_CASE("wire: the other end's silence and its death are different errors") {
    Pair pair;
    const auto start = std::chrono::steady_clock::now();
    const auto silent = receive_message(pair.theirs.get(), 60ms);
    REQUIRE_FALSE(silent.ok());
    CHECK(silent.error().number == ETIMEDOUT);
    CHECK(std::chrono::steady_clock::now() - start >= 60ms);
    CHECK(std::chrono::steady_clock::now() - start < 10s);

    REQUIRE(send_message(pair.ours.get(), "last words").ok());
    pair.ours.reset();
    const auto last = receive_message(pair.theirs.get(), 5s);
    REQUIRE(last.ok());
    CHECK(last->data == "last words");
    const auto dead = receive_message(pair.theirs.get(), 5s);
    REQUIRE_FALSE(dead.ok());
    CHECK(dead.error().number == ECONNRESET);
    CHECK(dead.error().category == Category::system);
    const auto status = send_message(pair.theirs.get(), "anybody?");  // and no SIGPIPE
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().number == EPIPE);
}

TEST_CASE("wire: last words are heard although the other end left ours unread") {
    Pair pair;
    REQUIRE(send_message(pair.theirs.get(), "a question").ok());
    REQUIRE(send_message(pair.ours.get(), "an answer to something else").ok());
    pair.ours.reset();
    const auto last = receive_message(pair.theirs.get(), 5s);
    REQUIRE(last.ok());
    CHECK(last->data == "an answer to something else");
    CHECK_FALSE(receive_message(pair.theirs.get(), 5s).ok());
}

TEST_CASE("wire: what is no socket is an error") {
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    CHECK_FALSE(receive_message(null.get(), 1s).ok());
    CHECK_FALSE(send_message(null.get(), "x").ok());
    CHECK_FALSE(receive_message(-1, 10ms).ok());
}
