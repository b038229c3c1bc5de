#include "runtime/fuse/workers.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#ifndef sigev_notify_thread_id  // older C libraries have the field without its documented name: timer_create(2)
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace berth::fuse {
namespace {

constexpr int kWatchSignal = SIGPROF;
constexpr std::size_t kStackBytes = std::size_t{256} << 10;

std::mutex gate_mutex;
std::condition_variable gate_changed;

// Of one thread: requests begun plus requests ended, so odd while one is being answered.
thread_local std::atomic<std::uint64_t> request_edge{0};
thread_local std::uint64_t edge_at_last_tick = 0;

// Runs in the thread whose own CPU clock has advanced by the limit. The same request at two ticks in a row has used at
// least that much. A thread that waits gets no ticks, so an idle server never wakes.
void on_tick(int) {
    const auto edge = request_edge.load(std::memory_order_relaxed);
    if (edge % 2 == 1 && edge == edge_at_last_tick) ::_exit(EXIT_FAILURE);
    edge_at_last_tick = edge;
}

int arm_watch(unsigned seconds) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = kWatchSignal;
    event.sigev_notify_thread_id = ::gettid();
    timer_t timer{};
    if (::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) return errno;
    itimerspec every{};
    every.it_value.tv_sec = every.it_interval.tv_sec = static_cast<time_t>(seconds);
    return ::timer_settime(timer, 0, &every, nullptr) == 0 ? 0 : errno;
}

Status catch_ticks() {
    struct sigaction action {};
    action.sa_handler = on_tick;
    action.sa_flags = SA_RESTART;
    if (::sigaction(kWatchSignal, &action, nullptr) != 0) return errno_error("sigaction");
    return {};
}

}  // namespace

Status Workers::start(unsigned count) {
    BERTH_CHECK(catch_ticks());
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStackBytes);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (unsigned i = 1; i < count; ++i) {
        pthread_t thread{};
        if (const int error = ::pthread_create(&thread, &attributes, &Workers::thread_main, this); error != 0)
            return errno_error("pthread_create", error);
    }
    ::pthread_attr_destroy(&attributes);

    const int own_error = arm_watch(request_cpu_seconds_);
    std::unique_lock lock(gate_mutex);
    gate_changed.wait(lock, [&] { return arrived_ == count - 1; });
    const int error = own_error != 0 ? own_error : start_error_;
    if (error != 0) return errno_error("timer_create", error);
    return {};
}

void* Workers::thread_main(void* self) {
    auto& workers = *static_cast<Workers*>(self);
    const int error = arm_watch(workers.request_cpu_seconds_);
    {
        std::unique_lock lock(gate_mutex);
        if (error != 0) workers.start_error_ = error;
        ++workers.arrived_;
        gate_changed.notify_all();
        gate_changed.wait(lock, [&] { return workers.open_; });
    }
    workers.take_requests();
}

void Workers::serve(fuse_session* session) {
    {
        const std::lock_guard lock(gate_mutex);
        session_ = session;
        open_ = true;
        gate_changed.notify_all();
    }
    take_requests();
}

void Workers::take_requests() {
    fuse_buf buffer{};
    for (;;) {
        const int received = fuse_session_receive_buf(session_, &buffer);
        if (received == -EINTR || received == -EAGAIN) continue;
        if (received <= 0) ::_exit(received == 0 ? EXIT_SUCCESS : EXIT_FAILURE);  // 0: ENODEV, the mount is gone
        request_edge.fetch_add(1, std::memory_order_relaxed);
        fuse_session_process_buf(session_, &buffer);
        request_edge.fetch_add(1, std::memory_order_relaxed);
    }
}

unsigned thread_count(unsigned wanted) {
    if (wanted != 0) return wanted;
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    // EINVAL: more CPUs than the set has room for, hence more than enough
    if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return kMaxThreads;
    return std::clamp(static_cast<unsigned>(CPU_COUNT(&allowed)), 1U, kMaxThreads);
}

}  // namespace berth::fuse
