// Only in the sanitizer's builds: what its runtime may do in programs that confine themselves with seccomp. At its end a
// program is not looked through for leaks, and threads get no signal stacks of their own.
extern "C" [[gnu::used, gnu::visibility("default")]] const char* __asan_default_options();

const char* __asan_default_options() {
    return "detect_leaks=0:use_sigaltstack=0:abort_on_error=1:handle_abort=0";
}
