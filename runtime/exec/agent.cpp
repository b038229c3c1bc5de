// The agent: the process in which UserSide runs when Berth is root. Calls and answers travel as wire messages;
// the owner believes nothing of an answer but its shape.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/exec/cgroup_wire.hpp"
#include "runtime/exec/seccomp_wire.hpp"
#include "runtime/exec/user_side.hpp"

namespace berth {
namespace {

// For all answers together: opening on a slow network file system may take long. Well below Slurm's
// UnkillableStepTimeout (60 s): a step that is cancelled meanwhile must end before Slurm gives the node up.
constexpr std::chrono::seconds kAnswerTime{30};

enum class Call : std::uint64_t { open_image = 1, open_sources, usable_devices, read_container, compile_profile, host_mounts, read_limits, image_glibc };

void pack_error(Packer& packer, const Error& error) {
    packer.number(0);
    packer.number(static_cast<std::uint64_t>(error.category));
    packer.number(static_cast<std::uint64_t>(error.number));
    packer.text(error.message);
}

/// The error that the agent reported. Its text came from a process that a user's bytes may have subverted.
Error unpack_error(Unpacker& unpacker) {
    const std::uint64_t category = unpacker.number();
    const auto number = static_cast<int>(unpacker.number() & 0xFFFF);
    std::string message = printable(unpacker.text(), 1024);
    if (!unpacker.complete() || category > static_cast<std::uint64_t>(Category::internal))
        return Error{Category::system, EPROTO, "the process that reads the image answered nonsense"};
    return Error{static_cast<Category>(category), number, std::move(message)};
}

struct Answer {
    Packer packer;
    std::vector<UniqueFd> fds;
};

Status answer_open_image(UserSide& side, Unpacker& arguments, Answer& answer) {
    BERTH_TRY(auto opened, side.open_image(arguments.text()));
    answer.packer.number(1);
    answer.packer.number(static_cast<std::uint64_t>(opened.info.kind));
    answer.packer.number(opened.info.offset);
    answer.packer.number(opened.info.bytes);
    answer.packer.text(opened.info.architecture);
    answer.fds.push_back(std::move(opened.fd));
    return {};
}

Status answer_open_sources(UserSide& side, Unpacker& arguments, Answer& answer) {
    std::vector<SourceSpec> sources;
    for (std::uint64_t count = arguments.number(); arguments.ok() && count > 0; --count) {
        const bool required = arguments.number() != 0;
        sources.push_back({arguments.text(), required});
    }
    BERTH_TRY(auto fds, side.open_sources(sources));
    answer.packer.number(1);
    for (auto& fd : fds) {
        answer.packer.number(fd ? 1 : 0);
        if (fd) answer.fds.push_back(std::move(fd));
    }
    return {};
}

Status answer_usable_devices(UserSide& side, Answer& answer) {
    BERTH_TRY(const auto names, side.usable_devices());
    answer.packer.number(1);
    answer.packer.texts(names);
    return {};
}

Status answer_host_mounts(UserSide& side, Answer& answer) {
    BERTH_TRY(const auto paths, side.host_mounts());
    answer.packer.number(1);
    answer.packer.texts(paths);
    return {};
}

Status answer_read_limits(UserSide& side, Unpacker& arguments, Answer& answer) {
    BERTH_TRY(const auto limits, side.read_limits(arguments.text()));
    answer.packer.number(1);
    pack(answer.packer, limits);
    return {};
}

Status answer_read_container(UserSide& side, Unpacker& arguments, const std::vector<UniqueFd>& fds, Answer& answer) {
    CallerEntries entries;
    entries.uid = static_cast<uid_t>(arguments.number());
    entries.user = arguments.text();
    entries.passwd_line = arguments.text();
    for (std::uint64_t count = arguments.number(); arguments.ok() && count > 0; --count) {
        const auto gid = static_cast<gid_t>(arguments.number());
        entries.groups.emplace_back(gid, arguments.text());
    }
    const bool passwd = arguments.number() != 0;
    const bool group = arguments.number() != 0;
    std::size_t next = 1;
    const int passwd_fd = passwd ? fds.at(next++).get() : -1;
    const int group_fd = group ? fds.at(next++).get() : -1;
    BERTH_TRY(const auto scripts, side.read_container(fds.at(0).get(), passwd_fd, group_fd, entries));
    answer.packer.number(1);
    answer.packer.number(scripts.size());
    for (const auto& script : scripts) {
        answer.packer.text(script.name);
        answer.packer.text(script.text);
    }
    return {};
}

Status answer_compile_profile(UserSide& side, Unpacker& arguments, Answer& answer) {
    const std::string path = arguments.text();
    BERTH_TRY(const auto filter, side.compile_profile(path, unpack_target(arguments)));
    answer.packer.number(1);
    pack(answer.packer, filter);
    answer.packer.texts(filter.skipped);
    return {};
}

Status answer_image_glibc(UserSide& side, const std::vector<UniqueFd>& fds, Answer& answer) {
    BERTH_TRY(const auto version, side.image_glibc(fds.at(0).get()));
    answer.packer.number(1);
    answer.packer.text(version ? to_string(*version) : "");
    return {};
}

Status dispatch(UserSide& side, const Message& message, Answer& answer) {
    Unpacker arguments(message.data);
    switch (static_cast<Call>(arguments.number())) {
        case Call::open_image: return answer_open_image(side, arguments, answer);
        case Call::open_sources: return answer_open_sources(side, arguments, answer);
        case Call::usable_devices: return answer_usable_devices(side, answer);
        case Call::compile_profile: return answer_compile_profile(side, arguments, answer);
        case Call::read_container: return answer_read_container(side, arguments, message.fds, answer);
        case Call::image_glibc: return answer_image_glibc(side, message.fds, answer);
        case Call::host_mounts: return answer_host_mounts(side, answer);
        case Call::read_limits: return answer_read_limits(side, arguments, answer);
    }
    return Error{Category::internal, EINVAL, "unknown call"};
}

/// The agent's life: become the user, be confined, answer until the owner's end is closed.
int serve(int socket, const Identity& identity, std::optional<uid_t> guard, int working_directory, const StepDevices* devices, pid_t owner) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto ready = [&]() -> Status {
        if (devices != nullptr) BERTH_CHECK(devices->join());
        BERTH_CHECK(close_other_fds({socket, working_directory}));
        BERTH_CHECK(become(identity, guard));
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // becoming another user cleared it
        if (::getppid() != owner) return Error{Category::system, ESRCH, "the owner is gone"};
        ::prctl(PR_SET_DUMPABLE, 0);
        if (working_directory >= 0) {
            if (::fchdir(working_directory) != 0) return errno_error("working directory");
            ::close(working_directory);
        }
        BERTH_CHECK(limit_reader_resources());
        if (const int rc = drop_to_reader_capabilities(identity.uid == 0); rc != 0) return errno_error("cannot drop capabilities", rc);
        if (const int rc = set_no_new_privileges(); rc != 0) return errno_error("no_new_privs", rc);
        return confine_reader();
    }();
    const auto side = direct_user_side();
    for (;;) {
        // No time limit: the owner's end closes when it is done, whatever the reason.
        auto message = receive_message(socket, std::chrono::hours{24});
        if (!message) return 0;
        Answer answer;
        if (auto status = ready ? dispatch(*side, *message, answer) : Status(ready.error()); !status) {
            answer = Answer{};
            pack_error(answer.packer, status.error());
        }
        std::vector<int> fds;
        for (const auto& fd : answer.fds) fds.push_back(fd.get());
        if (!send_message(socket, answer.packer.data(), fds)) return 1;
    }
}

class AgentUserSide final : public UserSide {
public:
    AgentUserSide(UniqueFd socket, Child child) : socket_(std::move(socket)), child_(std::move(child)) {}

    Result<OpenedImage> open_image(const std::string& path) override {
        Packer call = begin(Call::open_image);
        call.text(path);
        BERTH_TRY(auto answer, ask(call, {}));
        Unpacker unpacker = after_status(answer);
        OpenedImage opened;
        const std::uint64_t kind = unpacker.number();
        opened.info.offset = unpacker.number();
        opened.info.bytes = unpacker.number();
        opened.info.architecture = unpacker.text();
        if (!unpacker.complete() || kind > static_cast<std::uint64_t>(ImageKind::directory) || answer.fds.size() != 1)
            return nonsense();
        opened.info.kind = static_cast<ImageKind>(kind);
        opened.fd = std::move(answer.fds[0]);
        return opened;
    }

    Result<std::vector<UniqueFd>> open_sources(const std::vector<SourceSpec>& sources) override {
        std::vector<UniqueFd> fds;
        for (std::size_t first = 0; first < sources.size(); first += kMaxMessageFds) {
            const std::size_t count = std::min(kMaxMessageFds, sources.size() - first);
            BERTH_CHECK(open_some({sources.data() + first, count}, fds));
        }
        return fds;
    }

    Result<std::vector<std::string>> usable_devices() override {
        BERTH_TRY(const auto answer, ask(begin(Call::usable_devices), {}));
        Unpacker unpacker = after_status(answer);
        auto names = unpacker.texts();
        if (!unpacker.complete()) return nonsense();
        for (const auto& name : names)
            if (name.empty() || normal_path("/" + name) != "/" + name || std::ranges::count(name, '/') > 1 || printable(name) != name)
                return nonsense();
        return names;
    }

    Result<SeccompFilter> compile_profile(const std::string& path, const SeccompTarget& target) override {
        Packer call = begin(Call::compile_profile);
        call.text(path);
        pack(call, target);
        BERTH_TRY(const auto answer, ask(call, {}));
        Unpacker unpacker = after_status(answer);
        auto filter = unpack_filter(unpacker);
        if (!filter) return nonsense();
        filter->skipped = unpacker.texts();
        if (!unpacker.complete()) return nonsense();
        return std::move(*filter);
    }

    Result<CgroupLimits> read_limits(const std::string& path) override {
        Packer call = begin(Call::read_limits);
        call.text(path);
        BERTH_TRY(const auto answer, ask(call, {}));
        Unpacker unpacker = after_status(answer);
        auto limits = unpack_limits(unpacker);
        if (!unpacker.complete() || !limits) return nonsense();
        return std::move(*limits);
    }

    Result<std::vector<std::string>> host_mounts() override {
        BERTH_TRY(const auto answer, ask(begin(Call::host_mounts), {}));
        Unpacker unpacker = after_status(answer);
        auto paths = unpacker.texts();
        if (!unpacker.complete()) return nonsense();
        for (const auto& path : paths)
            if (!path.starts_with('/') || normal_path(path) != path || path.find('\0') != std::string::npos) return nonsense();
        return paths;
    }

    Result<std::vector<ImageScript>> read_container(int root, int passwd, int group, const CallerEntries& entries) override {
        Packer call = begin(Call::read_container);
        call.number(entries.uid);
        call.text(entries.user);
        call.text(entries.passwd_line);
        call.number(entries.groups.size());
        for (const auto& [gid, name] : entries.groups) {
            call.number(gid);
            call.text(name);
        }
        call.number(passwd >= 0 ? 1 : 0);
        call.number(group >= 0 ? 1 : 0);
        std::vector<int> fds{root};
        if (passwd >= 0) fds.push_back(passwd);
        if (group >= 0) fds.push_back(group);
        BERTH_TRY(const auto answer, ask(call, fds));
        Unpacker unpacker = after_status(answer);
        std::vector<ImageScript> scripts;
        for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
            std::string name = unpacker.text();
            scripts.push_back({std::move(name), unpacker.text()});
        }
        if (!unpacker.complete()) return nonsense();
        return scripts;
    }

    Result<std::optional<GlibcVersion>> image_glibc(int root) override {
        BERTH_TRY(const auto answer, ask(begin(Call::image_glibc), {root}));
        Unpacker unpacker = after_status(answer);
        const std::string text = unpacker.text();
        const auto version = parse_glibc_version(text);
        if (!unpacker.complete() || (!version && !text.empty())) return nonsense();
        return version;
    }

private:
    static Packer begin(Call call) {
        Packer packer;
        packer.number(static_cast<std::uint64_t>(call));
        return packer;
    }
    static Error nonsense() { return Error{Category::system, EPROTO, "the process that reads the image answered nonsense"}; }
    static Unpacker after_status(const Message& answer) {
        Unpacker unpacker(answer.data);
        static_cast<void>(unpacker.number());
        return unpacker;
    }

    Result<Message> ask(const Packer& call, const std::vector<int>& fds) {
        const auto lost = [](const Error& error) {
            return error.number == ETIMEDOUT ? Error{Category::system, ETIMEDOUT, "opening the image or a bind source took too long"}
                                             : Error{Category::image, error.number, "the process that reads the image died: the image may be crafted"};
        };
        if (auto sent = send_message(socket_.get(), call.data(), fds); !sent) return lost(sent.error());
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
        auto answer = receive_message(socket_.get(), std::max(left, std::chrono::milliseconds{0}));
        if (!answer) return lost(answer.error());
        Unpacker unpacker(answer->data);
        if (unpacker.number() == 0) return unpack_error(unpacker);
        return answer;
    }

    Status open_some(std::span<const SourceSpec> sources, std::vector<UniqueFd>& fds) {
        Packer call = begin(Call::open_sources);
        call.number(sources.size());
        for (const auto& source : sources) {
            call.number(source.required ? 1 : 0);
            call.text(source.path);
        }
        BERTH_TRY(auto answer, ask(call, {}));
        Unpacker unpacker = after_status(answer);
        std::size_t next = 0;
        for (const auto& source : sources) {
            const bool opened = unpacker.number() != 0;
            if ((!opened && source.required) || (opened && next == answer.fds.size())) return nonsense();
            fds.push_back(opened ? std::move(answer.fds[next++]) : UniqueFd());
        }
        if (!unpacker.complete() || next != answer.fds.size()) return nonsense();
        return {};
    }

    UniqueFd socket_;
    Child child_;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + kAnswerTime;
};

}  // namespace

Result<std::unique_ptr<UserSide>> agent_user_side(const Identity& identity, std::optional<uid_t> guard, int working_directory,
                                                  const StepDevices* devices) {
    BERTH_TRY(auto sockets, socket_pair());
    const int theirs = sockets.second.get();
    const pid_t owner = ::getpid();
    BERTH_TRY(auto child, Child::fork([&] { return serve(theirs, identity, guard, working_directory, devices, owner); }));
    return user_side_behind(std::move(sockets.first), std::move(child));
}

std::unique_ptr<UserSide> user_side_behind(UniqueFd socket, Child process) {
    return std::make_unique<AgentUserSide>(std::move(socket), std::move(process));
}

}  // namespace berth
