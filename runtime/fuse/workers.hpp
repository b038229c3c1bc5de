// The threads that take requests, and the watch over the time one request may use.
#pragma once

#include <cstdint>

#include "runtime/base/result.hpp"
#include "runtime/fuse/operations.hpp"

namespace berth::fuse {

/// Threads that exist before the filter and take their first request when told to.
class Workers {
public:
    explicit Workers(unsigned request_cpu_seconds) : request_cpu_seconds_(request_cpu_seconds) {}

    /// Makes `count` - 1 threads (the caller is the last one) and returns when each has finished its own start-up, so
    /// that a system call filter installed afterwards meets none of it. They wait at the gate.
    [[nodiscard]] Status start(unsigned count);

    /// Opens the gate and takes requests in this thread as well. Ends the process: status 0 once the file system is
    /// gone, 1 when the descriptor fails, killed when a request has used its CPU time up.
    /// The session must outlive the process: workers end by ending it.
    [[noreturn]] void serve(fuse_session* session);

private:
    static void* thread_main(void* self);
    [[noreturn]] void take_requests();

    fuse_session* session_ = nullptr;
    unsigned request_cpu_seconds_;
    int start_error_ = 0;
    unsigned arrived_ = 0;
    bool open_ = false;
};

/// One thread a CPU that this process may run on, at most kMaxThreads; or `wanted`, where that is not 0.
[[nodiscard]] unsigned thread_count(unsigned wanted);

}  // namespace berth::fuse
