// Descriptors that go from one process to another.
#ifndef CLINUX_DESCRIPTORS_H
#define CLINUX_DESCRIPTORS_H

#include <stddef.h>

// Sends bytes on a Unix socket, with these descriptors beside the first of them (unix(7), SCM_RIGHTS): how many bytes
// went, or -1 with errno set. At most 8 descriptors.
long berth_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);
// The user and the process at the other end of a Unix socket, as they were when it was connected or began to listen
// (SO_PEERCRED): 0, or -1 with errno set.
int berth_peer(int socket, unsigned *user, int *process);

// Two ends of a connection that keeps messages apart (SOCK_SEQPACKET, unix(7)): 0, or -1 with errno set.
int berth_message_pair(int ends[2]);
// send(2), which raises no signal where nobody is left to hear it.
long berth_send(int socket, const void *bytes, size_t count);
// Waits for a message, and for the descriptor beside it, which is -1 where none came: how many bytes came, 0 after the
// other end has hung up, or -1 with errno set.
long berth_receive_descriptor(int socket, void *bytes, size_t room, int *descriptor);

#endif
