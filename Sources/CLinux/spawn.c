#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Between fork and exec of a process with threads only async-signal-safe calls are allowed: no malloc, no stdio.

enum step { STARTED, FORK, SETSID, OUTPUT, SETGROUPS, SETGID, SETUID, CHDIR, EXEC };
static const char *const step_names[] = {"", "fork", "setsid", "dup2", "setgroups", "setgid", "setuid", "chdir", "execve"};

// What a child tells its parent through a pipe: the program's pid (STARTED), or an errno. A pipe that closes without
// an error says that exec succeeded.
struct report {
    int32_t step;
    int32_t value;
};

static void tell(int descriptor, enum step step, int value) {
    struct report report = {.step = step, .value = value};
    (void)!write(descriptor, &report, sizeof report);
}

static void fail(int descriptor, enum step step) {
    tell(descriptor, step, errno);
    _exit(127);
}

static void reset_signals(void) {
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Closes everything from `first` on, except two descriptors.
static void close_from(unsigned first, int keep, int keep_too) {
    if (keep > keep_too) {
        int larger = keep;
        keep = keep_too;
        keep_too = larger;
    }
    if (keep >= (int)first) {
        if ((unsigned)keep > first) syscall(SYS_close_range, first, (unsigned)keep - 1, 0);
        first = (unsigned)keep + 1;
    }
    if (keep_too >= (int)first) {
        if ((unsigned)keep_too > first) syscall(SYS_close_range, first, (unsigned)keep_too - 1, 0);
        first = (unsigned)keep_too + 1;
    }
    syscall(SYS_close_range, first, ~0U, 0);
}

static void become_program(const struct clinux_spawn *request, int report) {
    if (request->changes_user) {
        gid_t group = request->gid;
        if (setgroups(1, &group) != 0) fail(report, SETGROUPS);
        if (setresgid(request->gid, request->gid, request->gid) != 0) fail(report, SETGID);
        if (setresuid(request->uid, request->uid, request->uid) != 0) fail(report, SETUID);
    }
    if (chdir(request->directory) != 0) fail(report, CHDIR);
    close_from(3, report, -1);
    execve(request->program, request->arguments, request->environment);
    fail(report, EXEC);
}

// The guard: waits until the program ends, or until the leash is let go, then ends the program, and ends with it.
static void guard(const struct clinux_spawn *request, int leash, int report) {
    // Blocked before the fork, so that no end of the program is missed; ppoll lets it through.
    sigset_t child_ended, none;
    sigemptyset(&none);
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, NULL);

    pid_t program = fork();
    if (program < 0) fail(report, FORK);
    if (program == 0) {
        reset_signals();
        become_program(request, report);
    }
    tell(report, STARTED, program);
    close_from(0, leash, -1);

    for (int is_held = 1;;) {
        int status;
        pid_t ended = waitpid(program, &status, is_held ? WNOHANG : 0);
        if (ended == program) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        if (!is_held) continue;
        struct pollfd held = {.fd = leash, .events = POLLIN};
        if (ppoll(&held, 1, NULL, &none) > 0) {
            is_held = 0;
            kill(program, request->guard_signal);
        }
    }
}

static void ignore(int signal) { (void)signal; }

int clinux_spawn(const struct clinux_spawn *request, struct clinux_spawned *spawned) {
    int report[2] = {-1, -1}, leash[2] = {-1, -1};
    memset(spawned, 0, sizeof *spawned);
    spawned->leash = -1;
    spawned->failed_call = "pipe";
    if (pipe2(report, O_CLOEXEC) != 0) return -1;
    if (request->guard_signal != 0 && pipe2(leash, O_CLOEXEC) != 0) {
        int code = errno;
        close(report[0]);
        close(report[1]);
        errno = code;
        return -1;
    }

    // No handler of this process may run in the child before it has reset them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        reset_signals();
        // A session of its own: Ctrl-C at the terminal is for this process, which then ends the program in order.
        if (setsid() < 0) fail(report[1], SETSID);
        int input = open("/dev/null", O_RDONLY);
        if (input < 0 || dup2(input, 0) < 0 || dup2(request->output, 1) < 0 || dup2(request->output, 2) < 0)
            fail(report[1], OUTPUT);
        if (request->guard_signal == 0) become_program(request, report[1]);
        struct sigaction interrupting;
        memset(&interrupting, 0, sizeof interrupting);
        interrupting.sa_handler = ignore;
        sigaction(SIGCHLD, &interrupting, NULL);
        close(leash[1]);
        guard(request, leash[0], report[1]);
    }
    int fork_code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (leash[0] >= 0) close(leash[0]);

    enum step failed = child < 0 ? FORK : STARTED;
    int code = fork_code;
    spawned->child = spawned->program = child;
    struct report told;
    while (failed == STARTED) {
        ssize_t count = read(report[0], &told, sizeof told);
        if (count < 0 && errno == EINTR) continue;
        if (count != sizeof told) break;
        if (told.step == STARTED) {
            spawned->program = told.value;
        } else {
            failed = (enum step)told.step;
            code = told.value;
        }
    }
    close(report[0]);
    if (failed == STARTED) {
        spawned->leash = leash[1];
        return 0;
    }
    if (leash[1] >= 0) close(leash[1]);
    if (child > 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    spawned->failed_call = step_names[failed];
    errno = code;
    return -1;
}
