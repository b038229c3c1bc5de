// The frame of clear-signed text: one message, nothing outside of it, nothing ambiguous in it.
#include <catch2/catch.hpp>

#include "sif/openpgp_cleartext.hpp"

using namespace berth;
using namespace berth::sif;

namespace {

const std::string kHead = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
const std::string kTail = "-----BEGIN PGP SIGNATURE-----\n\nwsBz\n=aIKA\n-----END PGP SIGNATURE-----\n";

std::string framed(const std::string& text) {
    return kHead + text + "\n" + kTail;
}

Result<Cleartext> parse(const std::string& message) {
    return parse_cleartext(message, "x.sif");
}

std::string refusal(const std::string& message) {
    const auto parsed = parse(message);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().category == Category::image);
    return parsed.error().message;
}

}  // namespace

TEST_CASE("clear-signed text as it is written") {
    const auto parsed = parse(framed("one\n- --two\n\nthree"));
    REQUIRE(parsed.ok());
    CHECK(parsed->text == "one\n--two\n\nthree");
    CHECK(parsed->hashes == std::vector<std::string>{"SHA256"});
    CHECK(parse(framed("")).ok());
    CHECK(parse(framed("x").substr(0, framed("x").size() - 1)).ok());  // without the last newline
}

TEST_CASE("header lines, the checksum and padding may be there or not") {
    const std::string text = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    const std::string end = "-----END PGP SIGNATURE-----";
    CHECK(parse(text + "\nx\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n" + end).ok());
    CHECK(parse(text +
                "Hash: SHA256, SHA512\nHash: SHA384\n\nx\n-----BEGIN PGP SIGNATURE-----\nVersion: 1\nComment: a "
                "b\n\nAA==\n" +
                end)
              ->hashes.size() == 3);
}

TEST_CASE("nothing stands before or after the one message") {
    const std::string good = framed("x");
    for (const std::string& bad :
         {" " + good, "\n" + good, "text\n" + good, good + "\n", good + "x", good + good, good + " ",
          good + std::string(1, '\0'), std::string(), std::string("x"), kHead, kTail})
        refusal(bad);
    CHECK(refusal(good + good).find("something follows") != std::string::npos);
}

TEST_CASE("text that two readers could understand differently") {
    for (const char* text :
         {"-dash", "-----BEGIN PGP SIGNED MESSAGE-----", "-", "blank ", "tab\t", "a\rb", "cr\r", "nul\x01", "\x7f",
          "\xc3\xa9", "-----END PGP SIGNATURE-----", "-----BEGIN PGP SIGNATURE----- "})
        refusal(framed(text));
    refusal(framed(std::string(1, '\0')));
    CHECK(parse(framed("- -dash"))->text == "-dash");
    CHECK(parse(framed("- - x"))->text == "- x");
}

TEST_CASE("other header lines than Hash are refused") {
    const std::string begin = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    for (const char* header : {"Comment: x\n\n", "Hash SHA256\n\n", "hash: SHA256\n\n", "x\n"})
        refusal(begin + header + "x\n" + kTail);
    std::string many;
    for (std::size_t i = 0; i <= kMaxArmorHeaders; ++i) many += "Hash: SHA256\n";
    refusal(begin + many + "\nx\n" + kTail);
}

TEST_CASE("the armour: base64, in lines, with an end") {
    const std::string begin = kHead + "x\n-----BEGIN PGP SIGNATURE-----\n\n";
    const std::string end = "-----END PGP SIGNATURE-----\n";
    for (const char* body : {"", "=aIKA\n", "A*AA\n", "A A\n", "AA===\n", "=\n", "AA==\nAAAA\n", "AAAA\n=abc\n",
                             "AAAA\n=abcde\n", "AAAA\n=aIKA\nAAAA\n", "AAAA\n\nAAAA\n", "AA=A\n"})
        refusal(begin + body + end);
    refusal(begin + std::string(kMaxArmorLine + 1, 'A') + "\n" + end);
    std::string lines;
    for (std::size_t i = 0; i <= kMaxArmorLines; ++i) lines += "AAAA\n";
    refusal(begin + lines + end);
    CHECK(parse(begin + lines.substr(5) + end).ok());
    refusal(begin + "AAAA\n");
    refusal(begin + "AAAA\n-----END PGP MESSAGE-----\n");
}

TEST_CASE("the message's size and its lines are bounded") {
    CHECK(parse(framed(std::string(kMaxCleartextLine, 'x'))).ok());
    CHECK(refusal(framed(std::string(kMaxCleartextLine + 1, 'x'))).find("line 4") != std::string::npos);
    std::string large;
    while (large.size() < kMaxCleartextSize) large += "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
    refusal(framed(large));
}

TEST_CASE("no byte string makes the parser say yes to a cut or changed frame") {
    const std::string good = framed("one\n- --two");
    for (std::size_t size = 0; size + 1 < good.size(); ++size) CHECK_FALSE(parse(good.substr(0, size)).ok());
    for (std::size_t i = 0; i < good.size(); ++i)
        for (const char c : {'\0', '\n', '-', ' ', 'A', '\xff'}) {
            std::string changed = good;
            changed[i] = c;
            const auto parsed = parse(changed);
            if (parsed) CHECK(parsed->text.size() <= good.size());
        }
}
