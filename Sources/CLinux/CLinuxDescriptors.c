#define _GNU_SOURCE
#include "include/CLinuxDescriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

long berth_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(8 * sizeof(int))];
  } control;
  if (descriptor_count == 0 || descriptor_count > 8) {
    errno = EINVAL;
    return -1;
  }
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1,
      .msg_control = control.room, .msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int))};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
  memcpy(CMSG_DATA(header), descriptors, descriptor_count * sizeof(int));
  long sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

int berth_peer(int socket, unsigned *user, int *process) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *user = peer.uid;
  *process = peer.pid;
  return 0;
}

long berth_send(int socket, const void *bytes, size_t count) {
  long sent;
  do sent = send(socket, bytes, count, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

int berth_message_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

long berth_receive_descriptor(int socket, void *bytes, size_t room, int *descriptor) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = bytes, .iov_len = room};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  long received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  *descriptor = -1;
  struct cmsghdr *header = received > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof(int));
  return received;
}
