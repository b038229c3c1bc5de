// Errors as values: every fallible function of Berth returns Result<T>; nothing of ours throws.
#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace berth {

/// Who has to act on a failure. A caller may branch on it; a message may not be parsed.
enum class Category {
    usage,        ///< the user's arguments or options
    denied,       ///< the site's configuration, or the system's permissions, refuse it
    config,       ///< a site file is missing, malformed or not root's
    image,        ///< the image's bytes are not what they must be
    unsupported,  ///< this kernel, this Slurm or this version of Berth lacks it
    system,       ///< a system call failed
    internal      ///< a defect of Berth
};

/// The category's name as logs and JSON print it ("usage", "denied", …).
[[nodiscard]] const char* to_string(Category category) noexcept;

/// One failure: what failed, on which object, and (in the message) what to change.
/// `number` is an errno value, or 0 where none applies.
struct Error {
    Category category = Category::internal;
    int number = 0;
    std::string message;

    /// The same error with "prefix: " before its message, for context added on the way up.
    [[nodiscard]] Error within(const std::string& prefix) && {
        message.insert(0, prefix + ": ");
        return std::move(*this);
    }
};

/// An error made from errno: "WHAT: No such file or directory".
[[nodiscard]] Error errno_error(std::string what, int number = errno, Category category = Category::system);

/// A value or an Error. Accessing the one that is not there is a defect and ends the process.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    [[nodiscard]] T& value() & { return std::get<0>(state_); }
    [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
    [[nodiscard]] T value() && { return std::get<0>(std::move(state_)); }
    [[nodiscard]] T& operator*() & { return value(); }
    [[nodiscard]] const T& operator*() const& { return value(); }
    [[nodiscard]] T operator*() && { return std::move(*this).value(); }
    [[nodiscard]] T* operator->() { return &value(); }
    [[nodiscard]] const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
    [[nodiscard]] Error error() && { return std::get<1>(std::move(state_)); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] const Error& error() const& { return *error_; }
    [[nodiscard]] Error error() && { return *std::move(error_); }

private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace berth

#define BERTH_CONCAT_(a, b) a##b
#define BERTH_CONCAT(a, b) BERTH_CONCAT_(a, b)

/// `BERTH_CHECK(call());` returns the call's error from the enclosing function, or goes on.
#define BERTH_CHECK(expression)                                          \
    do {                                                                 \
        if (auto berth_status = (expression); !berth_status)             \
            return std::move(berth_status).error();                      \
    } while (false)

/// `BERTH_TRY(auto fd, open_it());` binds the value, or returns the error from the enclosing function.
#define BERTH_TRY(declaration, expression) BERTH_TRY_IMPL_(BERTH_CONCAT(berth_result_, __LINE__), declaration, expression)
#define BERTH_TRY_IMPL_(result, declaration, expression) \
    auto result = (expression);                          \
    if (!result)                                         \
        return std::move(result).error();                \
    declaration = std::move(result).value()
