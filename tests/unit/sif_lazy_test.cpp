// Hash trees in images: signed with their group, and what they vouch for need not be read to be verified.
#include <functional>

#include "sif/lazy_root.hpp"
#include "sif/lazy_sign.hpp"
#include "sif/verify_tasks.hpp"
#include "sif_keyring_fixture.hpp"
#include "sif_sign_fixture.hpp"

using namespace berth;
using namespace berth::sif;
using namespace berth::sif::test;
using Catch::Matchers::Contains;

namespace {

using Ids = std::vector<std::uint32_t>;

// What signing adds to plain_request(): signatures follow, of group 1 and of group 2.
constexpr std::uint32_t kPartition = 2;
constexpr std::uint32_t kTree = 4;
constexpr std::uint32_t kRoot = 5;

WriteRequest many_blocks() {
    WriteRequest request = plain_request();
    request.objects[1].bytes = std::string(200 * kHashBlock + 77, 'p');
    return request;
}

/// The image's bytes, or the error's message.
std::string sign_lazily_or_say(const std::string& image, std::string& message, SignRequest request = {},
                               const Signer& signer = test_signer()) {
    const NamedFile file(image);
    auto editor = Editor::open(file.path());
    REQUIRE(editor.ok());
    request.time = 1'700'000'001;
    const auto ids = sign_lazily(*editor, request, signer);
    message = ids ? "" : ids.error().message;
    if (!ids) CHECK(file.bytes() == image);
    return file.bytes();
}

std::string lazy_image(const std::string& image = image_of(plain_request()), const Signer& signer = test_signer()) {
    std::string message;
    std::string made = sign_lazily_or_say(image, message, {}, signer);
    INFO(message);
    REQUIRE(message.empty());
    return made;
}

std::string why_not(const std::string& image, const SignRequest& request = {}) {
    std::string message;
    sign_lazily_or_say(image, message, request);
    return message;
}

VerifyRequest lazy_request() {
    VerifyRequest request;
    request.lazy = true;
    request.threads = 1;
    return request;
}

std::optional<VerifyReport> verify_lazily(const std::string& bytes) {
    return verify_bytes(bytes, lazy_request());
}

/// What the first failure is about.
std::uint32_t culprit_of(const std::optional<VerifyReport>& report) {
    for (const auto& signature : report->signatures)
        if (signature.failure != Failure::none) return signature.culprit.value_or(0);
    return 0;
}

Descriptor object_in(const std::string& bytes, std::uint32_t id) {
    const MemoryFile file(bytes);
    const auto image = Image::open(file.fd(), "x.sif");
    REQUIRE(image.ok());
    return *image->object(id);
}

std::string content_of(const std::string& bytes, std::uint32_t id) {
    const Descriptor object = object_in(bytes, id);
    return bytes.substr(object.offset, object.size);
}

std::string flipped(std::string bytes, std::uint64_t at, unsigned bit = 0) {
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    return bytes;
}

/// Reads the whole partition as a node does.
std::string read_through_tree(const std::string& bytes, const LazyPartition& lazy) {
    const MemoryFile file(bytes);
    const auto tree = HashTree::open(file.fd(), lazy.partition, lazy.tree, lazy.root);
    REQUIRE(tree.ok());
    std::string data(lazy.partition.size, '\0');
    const Status status = tree->read(0, std::as_writable_bytes(std::span(data)));
    return status ? data : status.error().message;
}

NewObject root_object(const LazyRoot& root, std::uint32_t group = kDefaultGroup) {
    NewObject object = new_object(ObjectType::generic_json, std::string(kLazyRootName), encode(root));
    object.group = group;
    return object;
}

NewObject tree_object(std::uint32_t link = kPartition, std::uint32_t group = kDefaultGroup) {
    NewObject object = new_object(ObjectType::generic, std::string(kLazyTreeName), std::string(2 * kHashBlock, 't'));
    object.link = link;
    object.group = group;
    return object;
}

/// Signed by somebody who follows no rule: the objects as they are given, behind those of plain_request().
std::string badly_signed(std::vector<NewObject> objects) {
    SignRequest request;
    const auto root = std::ranges::find(objects, kLazyRootName, &NewObject::name);
    request.checked_root = static_cast<std::uint32_t>(4 + (root - objects.begin()));
    request.additional = std::move(objects);
    return sign_bytes(image_of(plain_request()), request);
}

}  // namespace

TEST_CASE("hash tree: signed with its group, verified without reading the partition, read through") {
    for (const WriteRequest& request : {plain_request(), many_blocks()}) {
        const std::string image = lazy_image(image_of(request));
        const auto report = verify_lazily(image);
        REQUIRE(report);
        CHECK(report->first_problem().empty());
        CHECK(report->verified == Ids{1, kPartition, kTree, kRoot});
        CHECK(report->signatures.at(0).verified == report->verified);
        REQUIRE(report->lazy);
        CHECK(report->lazy->partition.offset == object_in(image, kPartition).offset);
        CHECK(report->lazy->tree.offset == object_in(image, kTree).offset);
        CHECK(report->lazy->tree.offset % kHashBlock == 0);
        CHECK(report->lazy->tree.size == *hash_tree_size(request.objects[1].bytes.size()));
        CHECK(read_through_tree(image, *report->lazy) == request.objects[1].bytes);
        const auto whole = verify_bytes(image);  // to which both are objects as any other
        CHECK(whole->verified == Ids{1, kPartition, 3, kTree, kRoot});
        CHECK_FALSE(whole->lazy);
        CHECK(lazy_image(image_of(request)) == image);
    }
}

TEST_CASE("hash tree: signed with OpenPGP") {
    const KeysFolder folder;
    {
        auto keyring = Keyring::in_folder(folder.path());
        REQUIRE(keyring.ok());
        REQUIRE(keyring->import_keys(kPgpSecret_good).ok());
    }
    const auto signer = openpgp_signer(folder.path(), kGoodFingerprint);
    REQUIRE(signer.ok());
    const MemoryFile file(lazy_image(image_of(plain_request()), *signer));
    auto verifier = OpenPgpVerifier::open({kPgp_good});
    REQUIRE(verifier.ok());
    VerifyKeys keys{*std::move(verifier), {}};
    const auto report = verify_file(file, keys, lazy_request());
    REQUIRE(report);
    CHECK(report->all_verified());
    CHECK(report->lazy);
}

TEST_CASE("hash tree: an image without one is read wholly") {
    const std::string image = signed_image();
    const auto report = verify_lazily(image);
    CHECK(report->verified == Ids{1, kPartition});
    CHECK_FALSE(report->lazy);
    const auto changed = verify_lazily(flipped(image, object_in(image, kPartition).offset + 9));
    CHECK(failure_of(changed) == Failure::object_changed);
    CHECK(failure_of(verify_lazily(image_of(plain_request()))) == Failure::no_signature);
}

TEST_CASE("hash tree: a changed byte of the partition is found by the tree, and not before") {
    const std::string image = lazy_image();
    const Descriptor partition = object_in(image, kPartition);
    for (std::uint64_t at = 0; at < partition.size; at += 7) {
        const std::string changed = flipped(image, partition.offset + at, at % 8);
        const auto report = verify_lazily(changed);
        REQUIRE(failure_of(report) == Failure::none);
        REQUIRE(report->lazy);
        CHECK_THAT(read_through_tree(changed, *report->lazy), Contains("of the partition is not what was signed"));
        CHECK(culprit_of(verify_bytes(changed)) == kPartition);
    }
}

TEST_CASE("hash tree: a changed byte of the tree") {
    const std::string image = lazy_image(image_of(many_blocks()));
    const Descriptor tree = object_in(image, kTree);
    for (std::uint64_t at = 0; at < tree.size; at += 101) {
        const std::string changed = flipped(image, tree.offset + at, at % 8);
        const auto report = verify_lazily(changed);
        REQUIRE(failure_of(report) == Failure::none);
        if (at >= kHashBlock)  // before it the superblock, which decides nothing
            CHECK_THAT(read_through_tree(changed, *report->lazy), Contains("of the hash tree is not what was signed"));
        if (at < 1010) CHECK(culprit_of(verify_bytes(changed)) == kTree);
    }
}

TEST_CASE("hash tree: a changed byte of anything else is found at once") {
    const std::string image = lazy_image();
    for (const std::uint32_t id : {1U, kRoot}) {
        const Descriptor object = object_in(image, id);
        for (std::uint64_t at = 0; at < object.size; ++at) {
            const auto report = verify_lazily(flipped(image, object.offset + at, at % 8));
            INFO("object " << id << ", byte " << at);
            CHECK(failure_of(report) == Failure::object_changed);
            CHECK(culprit_of(report) == id);
            CHECK(report->verified.empty());
            CHECK_FALSE(report->lazy);
        }
    }
    const Descriptor signature = object_in(image, 6);
    for (std::uint64_t at = 0; at < signature.size; at += 3)
        CHECK_FALSE(verify_lazily(flipped(image, signature.offset + at, 1))->lazy);
}

TEST_CASE("hash tree: changed descriptors of its objects") {
    const std::string image = lazy_image();
    for (const std::uint32_t id : {1U, kPartition, kTree, kRoot})
        for (std::size_t field = 0; field < kDescriptorSize; ++field) {
            const auto report = verify_lazily(flipped(image, descriptor_at(id) + field, field % 8));
            const Failure failure = failure_of(report);
            INFO("object " << id << ", byte " << field);
            const bool place = field >= 17 && field < 25;  // signed by nothing: what lies there is looked at when read
            if (place && (id == kPartition || id == kTree) && report && report->lazy) continue;
            if ((field >= 33 && field < 41) || (field >= 49 && field < 57)) {  // padding, modified
                CHECK((failure == Failure::none || failure == Failure::not_checked));
            } else {
                CHECK(failure != Failure::none);
                if (report) CHECK_FALSE((report->lazy || report->covers(id)));
            }
        }
}

TEST_CASE("hash tree: a partition or tree that lies elsewhere in the file is read there, and checked there") {
    const std::string image = lazy_image();
    const auto moved = [&image](std::uint32_t id) {
        return with_descriptor(image, id, [](Descriptor& d) { d.offset -= 1; });
    };
    const std::string elsewhere =
        with_descriptor(moved(kPartition), kPartition, [](Descriptor& d) { d.size_with_padding = d.size; });
    const auto report = verify_lazily(elsewhere);
    REQUIRE(failure_of(report) == Failure::none);
    CHECK_THAT(read_through_tree(elsewhere, *report->lazy), Contains("is not what was signed"));
}

TEST_CASE("hash tree: objects added to a signed group, taken out of it, or exchanged") {
    const std::string image = lazy_image();
    WriteRequest other_request = plain_request();
    other_request.objects[1].bytes[99] = 'S';
    const std::string other = lazy_image(image_of(other_request));
    REQUIRE(content_of(image, kRoot) != content_of(other, kRoot));

    CHECK(failure_of(verify_lazily(with_object(image, root_object({1, 3, {}})))) == Failure::object_not_signed);
    CHECK(failure_of(verify_lazily(with_object(image, tree_object()))) == Failure::object_not_signed);
    for (const std::uint32_t id : {kTree, kRoot})
        for (const std::uint32_t group : {kNoGroup, kGroupMask | 2, kGroupMask | 9}) {
            const auto report = verify_lazily(with_descriptor(image, id, [&](Descriptor& d) { d.group = group; }));
            CHECK(failure_of(report) == Failure::object_missing);
            CHECK_FALSE(report->lazy);
        }

    std::string exchanged = image;
    exchanged.replace(object_in(image, kRoot).offset, content_of(image, kRoot).size(), content_of(other, kRoot));
    CHECK(failure_of(verify_lazily(exchanged)) == Failure::object_changed);
    CHECK(culprit_of(verify_lazily(exchanged)) == kRoot);
    exchanged = image;
    exchanged.replace(object_in(image, kTree).offset, content_of(image, kTree).size(), content_of(other, kTree));
    const auto report = verify_lazily(exchanged);
    REQUIRE(failure_of(report) == Failure::none);
    CHECK_THAT(read_through_tree(exchanged, *report->lazy), Contains("of the hash tree is not what was signed"));
}

TEST_CASE("hash tree: signed, and against the rules") {
    const LazyRoot good{1, 3, {}};  // the tree is object 4, the root object 5, and the group begins with object 1
    const auto failed = [](std::vector<NewObject> objects, std::uint32_t culprit, const std::string& message) {
        const std::string image = badly_signed(std::move(objects));
        const auto report = verify_lazily(image);
        REQUIRE(report);
        CHECK(failure_of(report) == Failure::malformed);
        CHECK(culprit_of(report) == culprit);
        CHECK_THAT(report->first_problem(), Contains(message));
        CHECK(report->verified.empty());
        CHECK_FALSE(report->lazy);
        CHECK(verify_bytes(image)->all_verified());  // for whom they are objects as any other
    };
    REQUIRE(verify_lazily(badly_signed({tree_object(), root_object(good)}))->lazy);
    failed({tree_object(), root_object({0, 3, {}})}, kRoot, "is about object 1, not the primary partition, object 2");
    failed({tree_object(), root_object({2, 3, {}})}, kRoot, "is about object 3");
    failed({tree_object(), root_object({1, 2, {}})}, kRoot, "names object 3 as hash tree, which is not in the group");
    failed({tree_object(), root_object({1, UINT32_MAX, {}})}, kRoot, "which is not in the group");
    failed({tree_object(), root_object({1, 0, {}})}, kRoot, "names object 1 as hash tree, which is none of object 2");
    failed({tree_object(), root_object({1, 4, {}})}, kRoot, "names object 5 as hash tree, which is none");
    failed({tree_object(1), root_object(good)}, kRoot, "which is none of object 2");
    failed({tree_object(kPartition, kGroupMask | 2), root_object(good)}, kRoot, "which is not in the group");
    failed({tree_object(), root_object(good), root_object(good)}, 6, "a second \"berth-hash-tree-root\"");
    failed({tree_object(), root_object(good), tree_object()}, 6, "a second \"berth-hash-tree\"");
    failed({root_object(good)}, 4, "names object 4 as hash tree");
    NewObject odd = tree_object();
    odd.bytes += "x";
    failed({odd, root_object(good)}, kRoot, "do not fit a partition");
    odd = tree_object();
    odd.type = ObjectType::generic_json;
    failed({odd, root_object(good)}, kRoot, "which is none");
    odd = root_object(good);
    odd.bytes += "x";
    failed({tree_object(), odd}, kRoot, "not valid JSON");
    odd.bytes = std::string(kMaxLazyRootSize + 1, ' ');
    failed({tree_object(), odd}, kRoot, "at most 1024 are read");
}

TEST_CASE("hash tree: signed unseen, by somebody who does not know it") {
    // A stranger's image: the tree is one over other bytes, which can be put into the partition's place afterwards.
    const std::string honest = lazy_image();
    std::string poisoned = image_of(plain_request());
    WriteRequest other_request = plain_request();
    other_request.objects[1].bytes[99] = 'S';
    const std::string other = lazy_image(image_of(other_request));
    NewObject tree = tree_object();
    tree.bytes = content_of(other, kTree);
    NewObject root = root_object({});
    root.bytes = content_of(other, kRoot);
    poisoned = with_object(with_object(poisoned, tree), root);
    std::string message;
    sign_lazily_or_say(poisoned, message);
    CHECK_THAT(message, Contains("remove both"));
    const std::string unseen = sign_bytes(poisoned);
    CHECK(verify_lazily(unseen)->all_verified());
    CHECK_FALSE(verify_lazily(unseen)->lazy);
    const auto swapped = verify_lazily(flipped(unseen, object_in(unseen, kPartition).offset + 99, 5));
    CHECK(failure_of(swapped) == Failure::object_changed);
    CHECK(culprit_of(swapped) == kPartition);
    // All of them must have seen it.
    const std::string second = sign_bytes(honest);
    CHECK(verify_lazily(second)->all_verified());
    CHECK_FALSE(verify_lazily(second)->lazy);
}

TEST_CASE("hash tree: every signature of the group must be good") {
    const std::string first = lazy_image();
    const std::string image = lazy_image(first, test_signer(kPrivate_P256));
    CHECK(object_in(image, kTree).offset == object_in(first, kTree).offset);  // kept
    const MemoryFile file(image);
    VerifyKeys both = test_keys({kPublic_ed25519, kPublic_P256});
    const auto report = verify_file(file, both, lazy_request());
    CHECK(report->all_verified());
    CHECK(report->signatures.size() == 2);
    CHECK(report->lazy);
    VerifyKeys one = test_keys();
    CHECK(failure_of(verify_file(file, one, lazy_request())) == Failure::unknown_key);
    CHECK_FALSE(verify_file(file, one, lazy_request())->lazy);
}

TEST_CASE("hash tree: requests that make no sense") {
    const std::string image = image_of(plain_request());
    SignRequest request;
    request.groups = {2};
    CHECK_THAT(why_not(image, request), Contains("primary partition's group 1, which is not among the groups"));
    request.groups = {1};
    CHECK(why_not(image, request).empty());
    request.groups = {1, 2};
    CHECK(why_not(image, request).empty());
    request.groups = {};
    request.objects = {kPartition};
    CHECK_THAT(why_not(image, request), Contains("not with single objects"));
    CHECK_THAT(why_not(image_of({})), Contains("no primary system partition"));
    WriteRequest ungrouped = plain_request();
    ungrouped.objects[1].group = kNoGroup;
    CHECK_THAT(why_not(image_of(ungrouped)), Contains("belongs to no group"));
    request = {};
    request.stop = [] { return true; };
    CHECK_THAT(why_not(image, request), Contains("interrupted"));

    const std::string made = lazy_image();
    VerifyRequest odd = lazy_request();
    odd.groups = {1};
    CHECK_FALSE(verify_bytes(made, odd));
    odd = lazy_request();
    odd.objects = {kPartition};
    CHECK_FALSE(verify_bytes(made, odd));
    odd = lazy_request();
    odd.legacy = true;
    CHECK_FALSE(verify_bytes(made, odd));
    CHECK_FALSE(verify_lazily(image_of({})));
    CHECK(failure_of(verify_lazily(image_of(ungrouped))) == Failure::outside_groups);
}

TEST_CASE("hash tree: signing over what is there") {
    CHECK_THAT(why_not(signed_image()), Contains("object 4 signs group 1 without a hash tree"));
    CHECK_THAT(why_not(with_object(image_of(plain_request()), tree_object())),
               Contains("object 4 is a hash tree without a root object"));
    const std::string image = lazy_image();
    const Descriptor partition = object_in(image, kPartition);
    CHECK_THAT(why_not(flipped(image, partition.offset + 8)),
               Contains("objects 4 and 5 is not that of the partition as it is now; remove both (`berth sif del ID`)"));
    CHECK_THAT(why_not(flipped(image, object_in(image, kTree).offset + 4100)), Contains("remove both"));
    const Descriptor root = object_in(image, kRoot);
    CHECK_THAT(why_not(flipped(image, root.offset)), Contains("object 5: not valid JSON (line 1); remove the old hash tree"));
    CHECK_THAT(why_not(flipped(image, root.offset + root.size - 5)), Contains("remove both"));
}

TEST_CASE("hash tree: ids that are free below the group's own") {
    WriteRequest request = plain_request();
    std::string image = image_of(request);
    const NamedFile file(image);
    {
        auto editor = Editor::open(file.path());
        REQUIRE(editor.ok());
        Changes changes;
        changes.remove = {1};
        REQUIRE(editor->apply(changes, 0).ok());
    }
    image = lazy_image(file.bytes());
    CHECK(is_lazy_tree(object_in(image, 1)));  // now the group's lowest
    const auto report = verify_lazily(image);
    REQUIRE(report->lazy);
    CHECK(read_through_tree(image, *report->lazy) == request.objects[1].bytes);
}

TEST_CASE("root object: read as it was written, and in no other form") {
    LazyRoot root{7, UINT32_MAX, {}};
    root.digest.fill(std::byte{0xa5});
    const std::string text = encode(root);
    CHECK(text == R"({"version":1,"partition":7,"tree":4294967295,"hash":"sha256","block":4096,"root":")" + [] {
        std::string hex;
        for (int i = 0; i < 32; ++i) hex += "a5";
        return hex;
    }() + "\"}");
    const auto parsed = parse_lazy_root(text, "x");
    REQUIRE(parsed.ok());
    CHECK(*parsed == root);
    CHECK(parse_lazy_root(" " + text + "\n", "x").ok());

    const auto with = [&text](std::string_view what, const std::string& other) {
        std::string changed = text;
        const std::size_t at = changed.find(what);
        REQUIRE(at != std::string::npos);
        return changed.replace(at, what.size(), other);
    };
    const auto why = [](const std::string& bad) {
        INFO(bad);
        const auto result = parse_lazy_root(bad, "x");
        REQUIRE_FALSE(result.ok());
        return result.error().message;
    };
    for (const char* name : {"version", "partition", "tree", "hash", "block", "root"}) {
        const std::string member = '"' + std::string(name) + '"';
        CHECK_THAT(why(with(member, "\"other\"")), Contains("x: " + member + " is missing"));
        CHECK_THAT(why(with(member, member + ":1," + member)), Contains("appears twice"));
    }
    CHECK_THAT(why(with("}", ",\"more\":1}")), Contains("does not know"));
    CHECK_THAT(why(with(":1,", ":2,")), Contains("version is not 1"));
    CHECK(parse_lazy_root(with(":1,", ":2,"), "x").error().category == Category::unsupported);
    for (const char* number : {"-1", "1.0", "1e0", "\"1\"", "true", "null", "[1]", "{}", "4294967296",
                               "18446744073709551616", "1000000000000000000000000000000"}) {
        why(with(":1,", ":" + std::string(number) + ","));
        why(with(":7,", ":" + std::string(number) + ","));
        why(with(":4294967295,", ":" + std::string(number) + ","));
        why(with(":4096,", ":" + std::string(number) + ","));
    }
    CHECK_THAT(why(with("4096", "1024")), Contains("block must be 4096"));
    CHECK_THAT(why(with("\"sha256\"", "\"sha1\"")), Contains("hash must be sha256"));
    CHECK_THAT(why(with("\"sha256\"", "256")), Contains("hash is no text"));
    CHECK_THAT(why(with("\"a5", "\"A5")), Contains("lower-case hex"));
    CHECK_THAT(why(with("\"a5", "\"g5")), Contains("lower-case hex"));
    CHECK_THAT(why(with("\"a5", "\"5")), Contains("hex digits"));
    CHECK_THAT(why(with("\"a5", "\"a5a5")), Contains("hex digits"));
    for (const std::string& bad :
         {std::string(), std::string("null"), "[" + text + "]", text + "x", text + text, text + std::string(1, '\0'),
          text.substr(0, text.size() - 1), "\xef\xbb\xbf{}" + text, with("a5", "\xff"),
          text + std::string(kMaxLazyRootSize, ' '),
          with(":7,", ":" + std::string(20, '[') + std::string(20, ']') + ",")})
        why(bad);
}
