// A machine for the kernel's classic BPF, so that a filter can be asked about calls that this processor has not.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstring>
#include <span>
#include <stdexcept>

namespace berth {

/// What the filter returns for the call. Throws for a program that the kernel would not take.
inline std::uint32_t filter_result(std::span<const sock_filter> program, const seccomp_data& data) {
    std::uint32_t a = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const sock_filter& step = program[at];
        const auto branch = [&](bool holds) { at += holds ? step.jt : step.jf; };
        switch (step.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (step.k % 4 != 0 || step.k + 4 > sizeof data) throw std::runtime_error("load");
                std::memcpy(&a, reinterpret_cast<const char*>(&data) + step.k, 4);
                break;
            case BPF_ALU | BPF_AND | BPF_K: a &= step.k; break;
            case BPF_JMP | BPF_JA: at += step.k; break;
            case BPF_JMP | BPF_JEQ | BPF_K: branch(a == step.k); break;
            case BPF_JMP | BPF_JGT | BPF_K: branch(a > step.k); break;
            case BPF_JMP | BPF_JGE | BPF_K: branch(a >= step.k); break;
            case BPF_JMP | BPF_JSET | BPF_K: branch((a & step.k) != 0); break;
            case BPF_RET | BPF_K: return step.k;
            default: throw std::runtime_error("instruction");
        }
    }
    throw std::runtime_error("end");
}

}  // namespace berth
