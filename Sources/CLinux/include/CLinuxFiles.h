// Calls of Linux about files that Swift's Glibc module does not show.
#ifndef CLINUX_FILES_H
#define CLINUX_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// renameat2(2) with RENAME_EXCHANGE: the two names change places in one step. 0, or -1 with errno set.
int berth_exchange(const char *first, const char *second);
// fallocate(2) with PUNCH_HOLE and KEEP_SIZE: the bytes are given back to the file system and read as zeros. 0, or -1
// with errno set.
int berth_punch_hole(int descriptor, int64_t offset, int64_t length);
// Where data lies at or after `offset`, and where it ends (lseek(2), SEEK_DATA and SEEK_HOLE); -1 with errno set, ENXIO
// where none follows.
int64_t berth_next_data(int descriptor, int64_t offset);
int64_t berth_next_hole(int descriptor, int64_t offset);
// The calling thread lets others go first: to the disk (ioprio_set(2), best effort, level 7) and to the processors
// (setpriority(2), 10 more).
void berth_yield_to_jobs(void);
// Of the calling thread alone, for good: files are reached with the rights of this user, and no others (setfsuid(2)).
// 0, or -1 where the caller may not.
int berth_act_as(uid_t user, gid_t group, const gid_t *groups, size_t count);

#endif
