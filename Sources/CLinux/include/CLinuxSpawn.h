// Starting a program as another user, which posix_spawn(3) cannot.
#ifndef CLINUX_SPAWN_H
#define CLINUX_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

struct clinux_spawn {
    /// Absolute path; not looked up.
    const char *program;
    /// Ended by NULL; the first is the program's own name.
    char *const *arguments;
    /// `NAME=value`, ended by NULL; all that the program gets.
    char *const *environment;
    /// Where it runs; entered as its user, so that a path that this user may not enter shows here.
    const char *directory;
    /// Standard output and error; standard input is /dev/null.
    int output;
    /// Whether to become `uid` and `gid`, with no other groups (needs root).
    int changes_user;
    uint32_t uid;
    uint32_t gid;
    /// The signal that a guard sends to the program when this process ends, however it ends; 0: no guard.
    int guard_signal;
};

struct clinux_spawned {
    /// The program.
    pid_t program;
    /// The child to wait for: the program, or its guard, which ends after the program and with its status (128 + signal
    /// for one ended by a signal).
    pid_t child;
    /// Of a guarded program: the guard acts when the last copy of this descriptor closes. Close-on-exec.
    int leash;
    /// The system call that failed.
    const char *failed_call;
};

/// Starts a program in a session of its own, with all signals at their defaults and no other descriptor.
/// Returns 0 once it runs; -1 with errno and `failed_call` otherwise, and then nothing is left behind.
int clinux_spawn(const struct clinux_spawn *request, struct clinux_spawned *spawned);

#endif
