// berth-step: slurmstepd's helper. Started by the plugin with a socket as descriptor 3; makes one step's container.
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "runtime/exec/step.hpp"

int main(int argc, char**) {
    constexpr int kSocket = 3;
    if (argc != 1 || ::getuid() != 0) {
        std::fprintf(stderr, "berth-step: started by slurmstepd's plugin only\n");
        return 2;
    }
    // slurmstepd may have the user's group in force by now: what is written for the node is root's.
    if (::setresgid(0, 0, 0) != 0) return 2;
    try {
        return berth::serve_step(kSocket);
    } catch (const std::exception&) {
        return 3;  // the plugin sees the socket close and reports it
    }
}
