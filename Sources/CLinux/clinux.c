#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static int identity(int directory, const char *path, int flags, struct clinux_file_identity *out) {
    struct statx found;
    if (statx(directory, path, flags | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) return -1;
    memset(out, 0, sizeof *out);
    out->device = makedev(found.stx_dev_major, found.stx_dev_minor);
    out->inode = found.stx_ino;
    if (found.stx_mask & STATX_BTIME) {
        out->birth_seconds = found.stx_btime.tv_sec;
        out->birth_nanoseconds = found.stx_btime.tv_nsec;
    }
    out->mode = found.stx_mode;
    out->uid = found.stx_uid;
    out->size = found.stx_size;
    out->links = found.stx_nlink;
    out->modified_seconds = found.stx_mtime.tv_sec;
    out->modified_nanoseconds = found.stx_mtime.tv_nsec;
    out->changed_seconds = found.stx_ctime.tv_sec;
    out->changed_nanoseconds = found.stx_ctime.tv_nsec;
    return 0;
}

int clinux_identity_of(int descriptor, struct clinux_file_identity *out) {
    return identity(descriptor, "", AT_EMPTY_PATH, out);
}

int clinux_identity_at(int directory, const char *path, int follow, struct clinux_file_identity *out) {
    return identity(directory, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, out);
}

int clinux_file_system_of(const char *path, uint32_t *magic) {
    struct statfs found;
    if (statfs(path, &found) != 0) return -1;
    *magic = (uint32_t)found.f_type;
    return 0;
}

int clinux_peer_credentials(int descriptor, uint32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
    *pid = (uint32_t)peer.pid;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}

int clinux_peer_groups(int descriptor, uint32_t *groups, int capacity) {
    _Static_assert(sizeof(gid_t) == sizeof(uint32_t), "the kernel writes gid_t");
    socklen_t length = (socklen_t)capacity * sizeof *groups;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0) return -1;
    return (int)(length / sizeof *groups);
}

int clinux_accept(int descriptor) { return accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

const uint32_t clinux_epoll_in = EPOLLIN, clinux_epoll_out = EPOLLOUT, clinux_epoll_hang_up = EPOLLHUP,
               clinux_epoll_read_hang_up = EPOLLRDHUP, clinux_epoll_error = EPOLLERR;
const int clinux_epoll_add = EPOLL_CTL_ADD, clinux_epoll_modify = EPOLL_CTL_MOD, clinux_epoll_remove = EPOLL_CTL_DEL;

int clinux_event_descriptor(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int capacity, int timeout_milliseconds) {
    struct epoll_event ready[64];
    if (capacity > 64) capacity = 64;
    int count = epoll_wait(epoll, ready, capacity, timeout_milliseconds);
    for (int index = 0; index < count; index++) {
        events[index].events = ready[index].events;
        events[index].data = ready[index].data.u64;
    }
    return count;
}

int clinux_open_at(int directory, const char *path, int flags, unsigned int mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}

pid_t clinux_thread_id(void) { return (pid_t)syscall(SYS_gettid); }

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int clinux_allocate(int descriptor, int64_t length) { return fallocate(descriptor, 0, 0, length); }

int clinux_reserve(int descriptor, int64_t length) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, length);
}
