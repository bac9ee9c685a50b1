#define _GNU_SOURCE
#include "CLinux.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

int clinux_pass_credentials(int descriptor) {
    int on = 1;
    return setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

enum { MOST = 64 };

// Room for the credentials alone: descriptors that a sender passes along do not fit, so the kernel closes them.
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(struct ucred))];
};

int clinux_receive_datagrams(int descriptor, void *buffer, size_t stride, size_t room, int capacity,
                             struct clinux_datagram *out) {
    struct mmsghdr messages[MOST];
    struct iovec places[MOST];
    union control controls[MOST];
    if (capacity > MOST) capacity = MOST;
    memset(messages, 0, sizeof messages);
    for (int index = 0; index < capacity; index++) {
        places[index].iov_base = (char *)buffer + (size_t)index * stride;
        places[index].iov_len = room;
        messages[index].msg_hdr.msg_iov = &places[index];
        messages[index].msg_hdr.msg_iovlen = 1;
        messages[index].msg_hdr.msg_control = &controls[index];
        messages[index].msg_hdr.msg_controllen = sizeof controls[index];
    }
    int count = recvmmsg(descriptor, messages, (unsigned)capacity, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC, NULL);
    for (int index = 0; index < count; index++) {
        struct msghdr *header = &messages[index].msg_hdr;
        memset(&out[index], 0, sizeof out[index]);
        out[index].length = messages[index].msg_len;
        for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
            if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(part), sizeof sender);
            out[index].pid = (uint32_t)sender.pid;
            out[index].uid = sender.uid;
            out[index].gid = sender.gid;
        }
    }
    return count;
}
