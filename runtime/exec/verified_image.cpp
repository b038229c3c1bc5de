#include "runtime/exec/verified_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "runtime/base/checked.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/config/site_keyring.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/container.hpp"
#include "runtime/exec/image_cache.hpp"
#include "runtime/exec/image_copy.hpp"
#include "runtime/exec/signature_check.hpp"
#include "runtime/policy/decision.hpp"
#include "sif/hash_tree.hpp"

namespace berth {
namespace {

using Clock = std::chrono::steady_clock;

// For copying and checking together. What waits for a step waits a little longer (step_client.cpp).
constexpr std::chrono::seconds kVerifyTime{35};
// A key may expire meanwhile.
constexpr std::chrono::hours kReuseTime{1};

std::string status_text(const struct stat& st) {
    Packer packer;
    for (const auto part : {static_cast<std::uint64_t>(st.st_dev), static_cast<std::uint64_t>(st.st_ino), static_cast<std::uint64_t>(st.st_size),
                            static_cast<std::uint64_t>(st.st_mtim.tv_sec), static_cast<std::uint64_t>(st.st_mtim.tv_nsec),
                            static_cast<std::uint64_t>(st.st_ctim.tv_sec), static_cast<std::uint64_t>(st.st_ctim.tv_nsec)})
        packer.number(part);
    return packer.data();
}

/// What the node keeps about an image: the answer, and the digest of the copy that it is about.
struct Record {
    SignatureAnswer answer;
    std::string copy;  ///< empty: the answer is about the file itself
};

std::string pack(const Record& record) {
    Packer packer;
    packer.text(pack(record.answer));
    packer.text(record.copy);
    return packer.data();
}

std::optional<Record> unpack_record(const std::string& data, std::uint64_t file_bytes) {
    Unpacker unpacker(data);
    auto answer = unpack_answer(unpacker.text(), file_bytes);
    std::string copy = unpacker.text();
    if (!answer || !unpacker.complete() || (!copy.empty() && (!is_digest(copy) || answer->tree))) return std::nullopt;
    return Record{std::move(answer).value(), std::move(copy)};
}

/// One verification by root: of a step, or of sudo berth.
class NodeVerification {
public:
    NodeVerification(OpenedImage& image, SignatureInfo& result, const config::SiteConfig& site, int keyring)
        : image_(image), result_(result), site_(site), keyring_(keyring), name_(printable(image.info.path, 512)) {}

    Status run() {
        BERTH_TRY(account_, image_server_account(site_));
        auto cache = open_cache();
        const std::string identity = cache ? identity_of_image() : "";
        if (!identity.empty() && use_record(*cache, identity)) return {};
        BERTH_TRY(const SignatureAnswer answer, check(image_.fd.get(), image_.info.root_controlled ? ImageReading::tree_or_whole : ImageReading::tree));
        if (answer.unread && !image_.info.root_controlled) {
            if (!cache) return std::move(cache).error();
            return verify_copy(*cache, identity);
        }
        if (answer.unread || (answer.problem.empty() && !answer.tree && !image_.info.root_controlled)) return misfit();
        use(answer, answer.tree ? Held::hash_tree : Held::unchangeable);
        if (answer.problem.empty() && !identity.empty()) remember(*cache, identity, {answer, ""});
        return {};
    }

private:
    Result<ImageCache> open_cache() const {
        const auto limit = checked_multiply(site_.image_cache_size.value, std::uint64_t{1} << 20U);
        return ImageCache::open(site_.image_cache.value, limit.value_or(UINT64_MAX / 2));
    }

    /// What is remembered only saves time.
    void remember(const ImageCache& cache, const std::string& identity, const Record& record) const {
        if (const auto done = cache.set_record(identity, pack(record)); !done) log(LogLevel::warning, done.error().message);
    }

    /// Names the file as it is now, together with the keyring, until the node is restarted. Empty for file systems that a
    /// user may serve, which can say anything of their files.
    std::string identity_of_image() const {
        struct stat image {};
        struct stat keyring {};
        struct statfs fs {};
        const auto boot = read_file("/proc/sys/kernel/random/boot_id", 64);
        if (!image_.info.site_file_system || !boot || ::fstat(image_.fd.get(), &image) != 0 || ::fstatfs(image_.fd.get(), &fs) != 0) return {};
        if (keyring_ < 0 || ::fstat(keyring_, &keyring) != 0) return {};
        Packer packer;
        packer.text(*boot);
        packer.text({reinterpret_cast<const char*>(&fs.f_fsid), sizeof fs.f_fsid});
        packer.text(status_text(image));
        packer.text(status_text(keyring));
        return hexadecimal(sif::sha256(std::as_bytes(std::span(packer.data()))));
    }

    /// A record without a copy or a tree is about the file's very bytes: only where no user can have written them since.
    bool use_record(const ImageCache& cache, const std::string& identity) {
        const auto text = cache.record(identity, kReuseTime);
        auto record = text ? unpack_record(*text, image_.info.file_bytes) : std::nullopt;
        if (!record || !record->answer.problem.empty() || record->answer.unread) return false;
        if (!record->copy.empty()) {
            if (image_.info.root_controlled) return false;  // somebody had it open for writing then
            UniqueFd copy = cache.image(record->copy);
            if (!copy) return false;
            image_.fd = std::move(copy);
            use(record->answer, Held::copy);
            result_.copy = record->copy;
            return true;
        }
        if (!record->answer.tree && !image_.info.root_controlled) return false;
        use(record->answer, record->answer.tree ? Held::hash_tree : Held::unchangeable);
        return true;
    }

    Status verify_copy(const ImageCache& cache, const std::string& identity) {
        // Its identity means nothing, and reading it may hang for ever.
        if (!image_.info.site_file_system)
            return Error{Category::usage, 0,
                         name_ + ": lies on a file system that users may serve, from which no copies are made: sign it with "
                                 "`berth sign --lazy`, or copy it to another file system"};
        if (identity.empty()) return Error{Category::system, 0, name_ + ": the file cannot be told from others"};
        BERTH_TRY(const UniqueFd alone, cache.lock(identity, deadline_));
        if (use_record(cache, identity)) return {};  // somebody else has made the copy while we waited
        BERTH_TRY(ImageCache::Place place, cache.begin(image_.info.file_bytes, deadline_));
        auto done = fill(cache, place, identity);
        cache.discard(place);
        return done;
    }

    Status fill(const ImageCache& cache, const ImageCache::Place& place, const std::string& identity) {
        BERTH_TRY(const auto digest, copy_image(image_.fd.get(), place.fd.get(), image_.info.file_bytes, account_, left(), name_));
        BERTH_TRY(UniqueFd copy, open_at(AT_FDCWD, proc_fd_path(place.fd.get()), O_RDONLY));
        BERTH_TRY(const auto answer, check(copy.get(), ImageReading::whole));
        // It is mounted without a tree: whatever the file has become since the first check, its every byte was read.
        if (answer.unread || answer.tree) return misfit();
        use(answer, Held::copy);
        if (!answer.problem.empty()) return {};
        BERTH_CHECK(cache.keep(place, digest));
        result_.copy = digest;
        image_.fd = std::move(copy);
        remember(cache, identity, {answer, digest});
        return {};
    }

    Error misfit() const {
        return Error{Category::system, EPROTO, name_ + ": the answer about its signature does not fit the question"};
    }

    Result<SignatureAnswer> check(int fd, ImageReading reading) const {
        SignatureCheck check;
        check.image = fd;
        check.image_path = image_.info.path;
        check.site_keyring = keyring_;
        check.reading = reading;
        check.run_as = account_;
        return check_signature(check, image_.info.file_bytes, left());
    }

    void use(const SignatureAnswer& answer, Held held) {
        result_.problem = answer.problem;
        result_.signers = answer.signers;
        result_.held = held;
        if (held == Held::hash_tree) result_.tree = answer.tree;
        if (!answer.problem.empty()) return;
        image_.info.offset = answer.offset;
        image_.info.bytes = answer.bytes;
    }

    std::chrono::milliseconds left() const {
        return std::max(std::chrono::milliseconds{1}, std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()));
    }

    OpenedImage& image_;
    SignatureInfo& result_;
    const config::SiteConfig& site_;
    int keyring_;
    std::string name_;
    std::pair<uid_t, gid_t> account_;
    Clock::time_point deadline_ = Clock::now() + kVerifyTime;
};

/// Nobody but the caller and root can change the bytes of the open file. A user's own file system can say anything.
bool is_callers_own(int fd, const ImageInfo& info) {
    struct stat st {};
    return info.site_file_system && ::fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == ::geteuid()) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Without privilege: by the caller, for the caller.
Status verify_as_caller(OpenedImage& image, SignatureInfo& result, const config::SitePolicy& policy, int keyring) {
    SignatureCheck check;
    check.image = image.fd.get();
    check.image_path = image.info.path;
    check.site_keyring = keyring;
    check.users_keys = !site_wants_signature(policy);
    const bool own = is_callers_own(image.fd.get(), image.info);
    check.reading = own ? ImageReading::tree_or_whole : ImageReading::tree;
    BERTH_TRY(const auto answer, check_signature(check, image.info.file_bytes, std::chrono::hours{1}));
    result.signers = answer.signers;
    if (answer.unread || (answer.problem.empty() && !answer.tree && !own))
        result.problem = printable(image.info.path, 512) + ": others could change it after a check: copy it to a file of your own, or have it signed with `berth sign --lazy`";
    else
        result.problem = answer.problem;
    if (!result.problem.empty()) return {};
    result.held = answer.tree ? Held::hash_tree : Held::unchangeable;
    result.tree = answer.tree;
    image.info.offset = answer.offset;
    image.info.bytes = answer.bytes;
    return {};
}

}  // namespace

Status verify_image(OpenedImage& image, const config::SitePolicy& policy, const JobContext& job) {
    SignatureInfo& result = image.info.signature.emplace();
    if (image.info.kind != ImageKind::sif) {
        result.problem = printable(image.info.path, 512) + ": only SIF images carry signatures";
        return {};
    }
    auto keyring = config::open_trusted(config::site_keyring_path());
    if (!keyring && keyring.error().number != ENOENT) return std::move(keyring).error();
    const int keys = keyring ? keyring->get() : -1;
    if (!job.privileged) return verify_as_caller(image, result, policy, keys);
    if (keys < 0) {
        result.problem = config::site_keyring_path() + ": the site has no keys there that an image could be signed by: as root, `berth key import --global FILE`";
        return {};
    }
    return NodeVerification(image, result, policy.conf, keys).run();
}

}  // namespace berth
